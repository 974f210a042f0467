// What a board puts around a device, for tests: wires that remember their level, a clock that stands still, RAM.
import { GuestMemory } from '../devices/guest-memory.ts';
import type { Clock, IrqLine } from '../devices/ports.ts';

export class Wire implements IrqLine {
  level = false;
  /** How often the level has risen. */
  rises = 0;

  set(asserted: boolean): void {
    if (asserted && !this.level) this.rises++;
    this.level = asserted;
  }
}

/** Moves only when told to; wall time moves with the ticks, 100 ns each. */
export class StandingClock implements Clock {
  now = 0;
  readonly #wallStart: bigint;

  constructor(wallStart = 0n) {
    this.#wallStart = wallStart;
  }

  ticks(): number {
    return this.now;
  }

  wallNanoseconds(): bigint {
    return this.#wallStart + 100n * BigInt(this.now);
  }
}

export const ramBase = 0x8000_0000;

export function ram(length: number): GuestMemory {
  return new GuestMemory({ buffer: new ArrayBuffer(length), byteOffset: 0, length, base: ramBase });
}
