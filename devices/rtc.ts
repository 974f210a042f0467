// Goldfish RTC, the real-time clock of QEMU's virt board (docs/GOLDFISH-VIRTUAL-HARDWARE.TXT, "Goldfish timer", with the
// ALARM_STATUS register that QEMU 5.0 added): nanoseconds since 1970 as a 64-bit number in two halves, and one alarm.
import type { Clock, IrqLine, MmioRegion } from './ports.ts';

const register = {
  timeLow: 0x00,
  timeHigh: 0x04,
  alarmLow: 0x08,
  alarmHigh: 0x0c,
  irqEnabled: 0x10,
  clearAlarm: 0x14,
  alarmStatus: 0x18,
  clearInterrupt: 0x1c,
} as const;

/** The machine's timebase is 10 MHz. */
const nanosecondsPerTick = 100n;
const low32 = 0xffff_ffffn;

export interface RtcState {
  /** Nanoseconds that the guest's clock is ahead of the host's. */
  offset: bigint;
  /** High half of the time at the last read of TIME_LOW. */
  timeHigh: number;
  /** High half for the alarm that the next write of ALARM_LOW sets. */
  alarmHigh: number;
  /** Nanoseconds since 1970. */
  alarm: bigint;
  alarmRunning: boolean;
  interruptEnabled: boolean;
  interruptPending: boolean;
}

export interface RtcOptions {
  clock: Clock;
  irq: IrqLine;
}

export class Rtc implements MmioRegion {
  readonly name = 'rtc';
  readonly size = 0x1000;
  readonly #state: RtcState = {
    offset: 0n,
    timeHigh: 0,
    alarmHigh: 0,
    alarm: 0n,
    alarmRunning: false,
    interruptEnabled: false,
    interruptPending: false,
  };
  readonly #clock: Clock;
  readonly #irq: IrqLine;

  constructor({ clock, irq }: RtcOptions) {
    this.#clock = clock;
    this.#irq = irq;
  }

  /** The record for a snapshot, copied. */
  get state(): RtcState {
    return { ...this.#state };
  }

  set state(state: RtcState) {
    Object.assign(this.#state, state);
    this.#drive();
  }

  /** The clock's tick at which the alarm goes off, Infinity when none is set. */
  nextEvent(): number {
    if (!this.#state.alarmRunning) return Infinity;
    const remaining = this.#state.alarm - this.#now();
    const ticks = Number((remaining + nanosecondsPerTick - 1n) / nanosecondsPerTick);
    return this.#clock.ticks() + Math.max(ticks, 0);
  }

  /** Sets off an alarm whose time has come. The machine calls it whenever `nextEvent` may have passed. */
  update(): void {
    const state = this.#state;
    if (!state.alarmRunning || this.#now() < state.alarm) return;
    state.alarmRunning = false;
    state.interruptPending = true;
    this.#drive();
  }

  read(offset: number, size: 1 | 2 | 4): number {
    if (size !== 4) return 0;
    const state = this.#state;
    switch (offset) {
      case register.timeLow: {
        // Reading the low half holds the high half, so that the pair is one time.
        const now = this.#now();
        state.timeHigh = Number(BigInt.asUintN(32, now >> 32n));
        return Number(now & low32);
      }
      case register.timeHigh:
        return state.timeHigh;
      case register.alarmLow:
        return Number(state.alarm & low32);
      case register.alarmHigh:
        return Number(BigInt.asUintN(32, state.alarm >> 32n));
      case register.irqEnabled:
        return Number(state.interruptEnabled);
      case register.alarmStatus:
        return Number(state.alarmRunning);
      default:
        return 0;
    }
  }

  write(offset: number, size: 1 | 2 | 4, value: number): void {
    if (size !== 4) return;
    const state = this.#state;
    switch (offset) {
      case register.timeLow:
        this.#setTime((now) => (now & ~low32) | BigInt(value));
        break;
      case register.timeHigh:
        this.#setTime((now) => (now & low32) | (BigInt(value) << 32n));
        break;
      case register.alarmLow:
        state.alarm = (BigInt(state.alarmHigh) << 32n) | BigInt(value);
        state.alarmRunning = true;
        this.update();
        break;
      case register.alarmHigh:
        state.alarmHigh = value;
        break;
      case register.irqEnabled:
        state.interruptEnabled = (value & 1) !== 0;
        this.#drive();
        break;
      case register.clearAlarm:
        state.alarmRunning = false;
        break;
      case register.clearInterrupt:
        state.interruptPending = false;
        this.#drive();
        break;
      default: // ALARM_STATUS is for reading
    }
  }

  #now(): bigint {
    return this.#clock.wallNanoseconds() + this.#state.offset;
  }

  #setTime(changed: (now: bigint) => bigint): void {
    const now = this.#now();
    this.#state.offset += changed(now) - now;
    this.update();
  }

  #drive(): void {
    this.#irq.set(this.#state.interruptPending && this.#state.interruptEnabled);
  }
}
