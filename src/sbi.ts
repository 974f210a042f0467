// RISC-V Supervisor Binary Interface Specification 2.0: the firmware that a guest booted straight into S-mode calls.
import type { GuestMemory } from '../devices/guest-memory.ts';
import type { Bytes } from '../devices/ports.ts';

/** A hart as the firmware sees it. Registers are given as two halves, as signed 32-bit numbers. */
export interface SbiHart {
  /** The hart id, which is also its place in `SbiOptions.harts`. */
  readonly id: number;
  /** Bits 31..0 of register a0 + `argument`. */
  low(argument: number): number;
  /** Bits 63..32 of register a0 + `argument`. */
  high(argument: number): number;
  /** Sets register a0 + `argument`. */
  set(argument: number, low: number, high: number): void;
  /** Clears the supervisor timer interrupt and raises it when mtime reaches `ticks`; Infinity: never. */
  setTimer(ticks: number): void;
  /** Raises the supervisor software interrupt. */
  raiseSoftwareInterrupt(): void;
  /** Does what fence.i does, for what any hart has written. */
  fenceInstructions(): void;
  /** Forgets address translations: all of them, whatever range was asked for. */
  fenceTranslations(): void;
  /** Begins at physical address `pc` in S-mode with satp 0, interrupts off, a0 the hart id and a1 the given value. */
  start(pc: number, a1: { low: number; high: number }): void;
  /** Executes nothing until `start`. */
  stop(): void;
  /** Does what wfi does. */
  wait(): void;
}

/** The console behind the DBCN extension and the legacy calls; `Uart` is one. */
export interface SbiConsole {
  /** Sends bytes, which it must not keep. */
  transmit(bytes: Bytes): void;
  /** Fills `target` with the characters that are there. Returns how many. */
  take(target: Bytes): number;
}

export interface SystemReset {
  readonly type: 'shutdown' | 'cold-reboot' | 'warm-reboot';
  /** The guest says that it failed: SRST reason 1. */
  readonly failure: boolean;
}

export interface SbiOptions {
  /** By hart id. */
  harts: readonly SbiHart[];
  /** Hart that runs from the beginning; the others are stopped. */
  bootHart?: number;
  memory: GuestMemory;
  console: SbiConsole;
  onReset: (reset: SystemReset) => void;
}

/** Extension ids. */
const extension = {
  base: 0x10,
  dbcn: 0x4442_434e,
  hsm: 0x48_534d,
  ipi: 0x73_5049,
  rfence: 0x5246_4e43,
  srst: 0x5352_5354,
  time: 0x5449_4d45,
} as const;

/** §5: the legacy extensions that are offered. Each is a call of its own and returns one value in a0. */
const legacy = { setTimer: 0, putCharacter: 1, getCharacter: 2, clearIpi: 3, shutdown: 8 } as const;

/** §3, table 1. */
const sbiError = {
  success: 0,
  notSupported: -2,
  invalidParameter: -3,
  invalidAddress: -5,
  alreadyAvailable: -6,
} as const;
type SbiError = (typeof sbiError)[keyof typeof sbiError];

const specificationVersion = 2 << 24;
/** Above the ids that are given out: "vm9". */
const implementationId = 0x76_6d39;
const implementationVersion = 1;

/** §9, table 12. */
const hartState = { started: 0, stopped: 1 } as const;

const resetTypes = ['shutdown', 'cold-reboot', 'warm-reboot'] as const;

/** Longest piece of a console read or write that is handled at once. */
const consolePiece = 4096;

export interface SbiState {
  /** By hart id, as hart_get_status tells it. */
  harts: number[];
}

/** §3: a7 names the extension and a6 the function; a0 and a1 are the answer, every other register is kept. */
export class Sbi {
  #state: SbiState;
  readonly #harts: readonly SbiHart[];
  readonly #memory: GuestMemory;
  readonly #console: SbiConsole;
  readonly #onReset: (reset: SystemReset) => void;
  readonly #piece = new Uint8Array(consolePiece);

  constructor({ harts, bootHart = 0, memory, console, onReset }: SbiOptions) {
    this.#harts = harts;
    this.#memory = memory;
    this.#console = console;
    this.#onReset = onReset;
    this.#state = { harts: harts.map(({ id }) => (id === bootHart ? hartState.started : hartState.stopped)) };
  }

  /** The record for a snapshot, copied. */
  get state(): SbiState {
    return { harts: [...this.#state.harts] };
  }

  set state({ harts }: SbiState) {
    this.#state = { harts: [...harts] };
  }

  /** Handles an ecall from S-mode. The hart goes on behind the ecall, unless a call stopped or reset it. */
  call(hart: SbiHart): void {
    const id = hart.low(7);
    if (id === extension.time) return this.#time(hart);
    switch (id) {
      case extension.base:
        return this.#base(hart);
      case extension.ipi:
        return this.#ipi(hart);
      case extension.rfence:
        return this.#rfence(hart);
      case extension.hsm:
        return this.#hsm(hart);
      case extension.srst:
        return this.#srst(hart);
      case extension.dbcn:
        return this.#dbcn(hart);
      case legacy.setTimer:
        hart.setTimer(ticks(hart));
        return answerLegacy(hart, sbiError.success);
      case legacy.putCharacter:
        this.#transmitCharacter(hart.low(0));
        return answerLegacy(hart, sbiError.success);
      case legacy.getCharacter:
        return answerLegacy(hart, this.#takeCharacter());
      case legacy.clearIpi: // §5.4: nothing is left to clear, the guest clears sip.SSIP itself
        return answerLegacy(hart, sbiError.success);
      case legacy.shutdown:
        return this.#onReset({ type: 'shutdown', failure: false });
      default:
        return answer(hart, sbiError.notSupported);
    }
  }

  /** §6. */
  #time(hart: SbiHart): void {
    if (hart.low(6) !== 0) return answer(hart, sbiError.notSupported);
    hart.setTimer(ticks(hart));
    answer(hart, sbiError.success);
  }

  /** §4. */
  #base(hart: SbiHart): void {
    switch (hart.low(6)) {
      case 0:
        return answer(hart, sbiError.success, specificationVersion);
      case 1:
        return answer(hart, sbiError.success, implementationId);
      case 2:
        return answer(hart, sbiError.success, implementationVersion);
      case 3:
        return answer(hart, sbiError.success, isOffered(hart.low(0)) ? 1 : 0);
      case 4: // mvendorid, marchid and mimpid, as the CSRs read
      case 5:
      case 6:
        return answer(hart, sbiError.success, 0);
      default:
        return answer(hart, sbiError.notSupported);
    }
  }

  /** §7. */
  #ipi(hart: SbiHart): void {
    if (hart.low(6) !== 0) return answer(hart, sbiError.notSupported);
    const targets = this.#selected(hart);
    if (targets === undefined) return answer(hart, sbiError.invalidParameter);
    for (const target of targets) target.raiseSoftwareInterrupt();
    answer(hart, sbiError.success);
  }

  /** §8. Functions 3 to 6 are for harts with the hypervisor extension. */
  #rfence(hart: SbiHart): void {
    const functionId = hart.low(6);
    if (functionId < 0 || functionId > 2) return answer(hart, sbiError.notSupported);
    const targets = this.#selected(hart);
    if (targets === undefined) return answer(hart, sbiError.invalidParameter);
    for (const target of targets) {
      if (functionId === 0) target.fenceInstructions();
      else target.fenceTranslations();
    }
    answer(hart, sbiError.success);
  }

  /** §9. */
  #hsm(hart: SbiHart): void {
    switch (hart.low(6)) {
      case 0:
        return this.#startHart(hart);
      case 1:
        this.#state.harts[hart.id] = hartState.stopped;
        return hart.stop();
      case 2: {
        const state = this.#state.harts[unsigned(hart, 0)];
        return state === undefined ? answer(hart, sbiError.invalidParameter) : answer(hart, sbiError.success, state);
      }
      case 3:
        return this.#suspendHart(hart);
      default:
        return answer(hart, sbiError.notSupported);
    }
  }

  #startHart(hart: SbiHart): void {
    const target = this.#harts[unsigned(hart, 0)];
    if (target === undefined) return answer(hart, sbiError.invalidParameter);
    const pc = unsigned(hart, 1);
    if (pc % 2 !== 0 || !this.#memory.contains(pc, 2)) return answer(hart, sbiError.invalidAddress);
    if (this.#state.harts[target.id] === hartState.started) return answer(hart, sbiError.alreadyAvailable);
    this.#state.harts[target.id] = hartState.started;
    target.start(pc, { low: hart.low(2), high: hart.high(2) });
    answer(hart, sbiError.success);
  }

  #suspendHart(hart: SbiHart): void {
    const type = hart.low(0) >>> 0;
    if (type === 0x8000_0000) return answer(hart, sbiError.notSupported); // default non-retentive
    if (type !== 0) return answer(hart, sbiError.invalidParameter);
    // Retentive: the answer is what the guest finds when an interrupt has woken it.
    answer(hart, sbiError.success);
    hart.wait();
  }

  /** §10. */
  #srst(hart: SbiHart): void {
    if (hart.low(6) !== 0) return answer(hart, sbiError.notSupported);
    const type = resetTypes[hart.low(0) >>> 0];
    const reason = hart.low(1) >>> 0;
    if (type === undefined || reason > 1) return answer(hart, sbiError.invalidParameter);
    this.#onReset({ type, failure: reason === 1 });
  }

  /** §12. */
  #dbcn(hart: SbiHart): void {
    switch (hart.low(6)) {
      case 0:
        return this.#consoleWrite(hart);
      case 1:
        return this.#consoleRead(hart);
      case 2:
        this.#transmitCharacter(hart.low(0));
        return answer(hart, sbiError.success);
      default:
        return answer(hart, sbiError.notSupported);
    }
  }

  #consoleWrite(hart: SbiHart): void {
    const range = this.#range(hart);
    if (range === undefined) return answer(hart, sbiError.invalidParameter);
    // A copy: the guest's RAM may be shared, and may change while the console looks at it. Fewer bytes than asked for
    // may be written (§12.1), the guest comes again with the rest.
    const piece = this.#piece.subarray(0, Math.min(range.length, consolePiece));
    piece.set(this.#memory.view(range.address, piece.length));
    this.#console.transmit(piece);
    answer(hart, sbiError.success, piece.length);
  }

  #consoleRead(hart: SbiHart): void {
    const range = this.#range(hart);
    if (range === undefined) return answer(hart, sbiError.invalidParameter);
    const piece = this.#piece.subarray(0, Math.min(range.length, consolePiece));
    const count = this.#console.take(piece);
    if (count > 0) this.#memory.write(range.address, piece.subarray(0, count));
    answer(hart, sbiError.success, count);
  }

  #transmitCharacter(character: number): void {
    this.#piece[0] = character;
    this.#console.transmit(this.#piece.subarray(0, 1));
  }

  #takeCharacter(): number {
    return this.#console.take(this.#piece.subarray(0, 1)) === 0 ? -1 : (this.#piece[0] ?? 0);
  }

  /** The memory that a0 (bytes), a1 and a2 (low and high part of the address) name, if all of it is RAM. */
  #range(hart: SbiHart): { address: number; length: number } | undefined {
    const length = unsigned(hart, 0);
    const address = unsigned(hart, 1);
    const isBelow64Bits = unsigned(hart, 2) === 0;
    return isBelow64Bits && this.#memory.contains(address, length) ? { address, length } : undefined;
  }

  /** §3.1: the harts that a0 (mask) and a1 (its first hart id; -1: every hart) choose, unless one does not exist. */
  #selected(hart: SbiHart): readonly SbiHart[] | undefined {
    if (hart.low(1) === -1 && hart.high(1) === -1) return this.#harts;
    const first = unsigned(hart, 1);
    const halves = [hart.low(0), hart.high(0)];
    const chosen: SbiHart[] = [];
    for (let bit = 0; bit < 64; bit++) {
      if ((((halves[bit >> 5] ?? 0) >>> (bit & 31)) & 1) === 0) continue;
      const target = this.#harts[first + bit];
      if (target === undefined) return undefined;
      chosen.push(target);
    }
    return chosen;
  }
}

function isOffered(id: number): boolean {
  return (
    Object.values(extension).some((offered) => offered === id) || Object.values(legacy).some((call) => call === id)
  );
}

/** a0 as a time. Above 2^53 ticks, 28 years, it is never. */
function ticks(hart: SbiHart): number {
  const time = unsigned(hart, 0);
  return time < 2 ** 53 ? time : Infinity;
}

/** Register a0 + `argument` as an unsigned number; rounded above 2^53, where no id and no address of this machine lies. */
function unsigned(hart: SbiHart, argument: number): number {
  return (hart.high(argument) >>> 0) * 2 ** 32 + (hart.low(argument) >>> 0);
}

function answer(hart: SbiHart, error: SbiError, value = 0): void {
  hart.set(0, error, error >> 31);
  hart.set(1, value, 0);
}

function answerLegacy(hart: SbiHart, value: number): void {
  hart.set(0, value, value >> 31);
}
