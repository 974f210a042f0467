// The machine's time: the host's, or counted in instructions so that two runs with the same input are the same run.
import type { Clock } from '../devices/ports.ts';
import { timebaseFrequency } from './board.ts';
import type { Host } from './host.ts';

const ticksPerMillisecond = timebaseFrequency / 1000;
const nanosecondsPerTick = BigInt(1e9 / timebaseFrequency);

/** A clock that the run loop can sleep by. */
export interface MachineClock extends Clock {
  /** Instructions until the clock shows a tick; Infinity where instructions do not drive it. */
  instructionsUntil(tick: number): number;
  /** Time passes in which the hart waits: `slept` milliseconds of the host's, at most until `deadline`. */
  idle(slept: number, deadline: number): void;
  /** What a snapshot needs to let the clock go on. */
  state: ClockState;
}

export interface ClockState {
  /** Ticks that no instruction has made. */
  ticks: number;
}

/** Host time. */
export class HostClock implements MachineClock {
  readonly #host: Host;
  /** When it showed 0. */
  #start: number;
  #wallStart: bigint;

  constructor(host: Host) {
    this.#host = host;
    this.#start = host.now();
    this.#wallStart = host.wallNanoseconds();
  }

  get state(): ClockState {
    return { ticks: this.ticks() };
  }

  /** The time since then counts no ticks. The wall clock is the host's. */
  set state({ ticks }: ClockState) {
    this.#start = this.#host.now() - ticks / ticksPerMillisecond;
    this.#wallStart = this.#host.wallNanoseconds() - BigInt(ticks) * nanosecondsPerTick;
  }

  ticks(): number {
    return Math.floor((this.#host.now() - this.#start) * ticksPerMillisecond);
  }

  wallNanoseconds(): bigint {
    return this.#wallStart + BigInt(this.ticks()) * nanosecondsPerTick;
  }

  instructionsUntil(): number {
    return Number.POSITIVE_INFINITY;
  }

  idle(): void {
    // The host's clock has gone on by itself.
  }
}

/** As fast as the interpreter is, about: 500 million instructions count as a second. */
const instructionsPerTick = 50;
/** 2026-01-01T00:00:00Z: a run must not depend on the day it is made. */
const icountEpoch = 1_767_225_600_000_000_000n;

/** Time that instructions make: `--clock icount`. */
export class InstructionClock implements MachineClock {
  readonly #retired: () => number;
  /** Ticks that passed in wfi. */
  #idleTicks = 0;

  constructor(retired: () => number) {
    this.#retired = retired;
  }

  get state(): ClockState {
    return { ticks: this.#idleTicks };
  }

  set state({ ticks }: ClockState) {
    this.#idleTicks = ticks;
  }

  ticks(): number {
    return Math.floor(this.#retired() / instructionsPerTick) + this.#idleTicks;
  }

  wallNanoseconds(): bigint {
    return icountEpoch + BigInt(this.ticks()) * nanosecondsPerTick;
  }

  instructionsUntil(tick: number): number {
    return (tick - this.#idleTicks) * instructionsPerTick - this.#retired();
  }

  /** A wait that comes to its deadline ends on it exactly; one that a message ends has no exact length anyway. */
  idle(slept: number, deadline: number): void {
    const remaining = deadline - this.ticks();
    this.#idleTicks += Math.max(0, Math.min(remaining, Math.ceil(slept * ticksPerMillisecond)));
  }
}
