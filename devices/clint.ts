// Core-local interruptor in SiFive's layout (SiFive FU540-C000 manual v1p4, chapter 9): each hart's software interrupt,
// the time, and each hart's timer. RISC-V privileged architecture 20211203, §3.2.1 says what mtime and mtimecmp mean.
import type { Clock, IrqLine, MmioRegion } from './ports.ts';

const msipStart = 0x0;
const mtimecmpStart = 0x4000;
const mtimeStart = 0xbff8;

export interface ClintState {
  /** Bit 0 of each hart's msip register. */
  msip: number[];
  mtimecmp: bigint[];
  /** What mtime is ahead of the clock; the guest's firmware may set mtime. */
  mtimeOffset: bigint;
}

export interface ClintHart {
  /** The hart's MSIP. */
  software: IrqLine;
  /** The hart's MTIP. */
  timer: IrqLine;
}

export interface ClintOptions {
  clock: Clock;
  /** One per hart, by hart id. */
  harts: readonly ClintHart[];
}

export class Clint implements MmioRegion {
  readonly name = 'clint';
  readonly size = 0x10000;
  readonly #state: ClintState;
  readonly #clock: Clock;
  readonly #harts: readonly ClintHart[];
  /** Per hart: the clock's tick at which MTIP rises, Infinity when that is never. Follows from the state. */
  readonly #deadlines: number[];

  constructor({ clock, harts }: ClintOptions) {
    this.#clock = clock;
    this.#harts = harts;
    this.#deadlines = harts.map(() => Infinity);
    this.#state = {
      msip: harts.map(() => 0),
      // The manual leaves the reset value open; all ones asks for no interrupt.
      mtimecmp: harts.map(() => 2n ** 64n - 1n),
      mtimeOffset: 0n,
    };
  }

  /** The record for a snapshot, copied. To be set once the clock shows the tick at which it was taken. */
  get state(): ClintState {
    const { msip, mtimecmp, mtimeOffset } = this.#state;
    return { msip: [...msip], mtimecmp: [...mtimecmp], mtimeOffset };
  }

  set state({ msip, mtimecmp, mtimeOffset }: ClintState) {
    this.#state.mtimeOffset = mtimeOffset;
    for (const id of this.#harts.keys()) {
      this.#setMsip(id, msip[id] ?? 0);
      this.#setMtimecmp(id, mtimecmp[id] ?? 2n ** 64n - 1n);
    }
  }

  /** mtime, which the time CSR shows too: an exact number below 2^53, 28 years after it was 0. */
  time(): number {
    const ticks = this.#clock.ticks();
    return this.#state.mtimeOffset === 0n ? ticks : Number(this.#mtime());
  }

  /** The clock's tick at which the next MTIP rises, Infinity when none will: how long a sleeping hart may sleep. */
  nextEvent(): number {
    const now = this.#clock.ticks();
    let next = Infinity;
    for (const deadline of this.#deadlines) if (deadline > now && deadline < next) next = deadline;
    return next;
  }

  /** Drives every MTIP by the present time. The machine calls it whenever `nextEvent` may have passed. */
  update(): void {
    const now = this.#clock.ticks();
    for (const [id, hart] of this.#harts.entries()) hart.timer.set(now >= (this.#deadlines[id] ?? Infinity));
  }

  read(offset: number, size: 1 | 2 | 4): number {
    const word = this.#readWord(offset & ~3);
    if (size === 4) return word;
    const bits = 8 * size;
    return (word >>> (8 * (offset & 3))) & (2 ** bits - 1);
  }

  write(offset: number, size: 1 | 2 | 4, value: number): void {
    const aligned = offset & ~3;
    if (size === 4) {
      this.#writeWord(aligned, value);
      return;
    }
    const shift = 8 * (offset & 3);
    const mask = (2 ** (8 * size) - 1) << shift;
    this.#writeWord(aligned, ((this.#readWord(aligned) & ~mask) | (value << shift)) >>> 0);
  }

  read64(offset: number): bigint {
    if (offset === mtimeStart) return this.#mtime();
    const hart = this.#timerHart(offset);
    if (hart !== undefined) return this.#state.mtimecmp[hart] ?? 0n;
    return BigInt(this.#readWord(offset)) | (BigInt(this.#readWord(offset + 4)) << 32n);
  }

  write64(offset: number, value: bigint): void {
    const hart = this.#timerHart(offset);
    if (offset === mtimeStart) {
      this.#setMtime(value);
    } else if (hart !== undefined) {
      this.#setMtimecmp(hart, value);
    } else {
      this.#writeWord(offset, Number(value & 0xffff_ffffn));
      this.#writeWord(offset + 4, Number(value >> 32n));
    }
  }

  #readWord(offset: number): number {
    const hart = this.#softwareHart(offset);
    if (hart !== undefined) return this.#state.msip[hart] ?? 0;
    const start = offset & ~7;
    if (start !== mtimeStart && this.#timerHart(start) === undefined) return 0;
    return Number((this.read64(start) >> BigInt(8 * (offset - start))) & 0xffff_ffffn);
  }

  #writeWord(offset: number, value: number): void {
    const hart = this.#softwareHart(offset);
    if (hart !== undefined) {
      this.#setMsip(hart, value);
      return;
    }
    const start = offset & ~7;
    if (start !== mtimeStart && this.#timerHart(start) === undefined) return;
    const shift = BigInt(8 * (offset - start));
    const others = this.read64(start) & ~(0xffff_ffffn << shift);
    this.write64(start, others | (BigInt(value) << shift));
  }

  #setMsip(hart: number, value: number): void {
    const bit = value & 1;
    this.#state.msip[hart] = bit;
    this.#harts[hart]?.software.set(bit === 1);
  }

  #setMtime(value: bigint): void {
    this.#state.mtimeOffset = value - BigInt(this.#clock.ticks());
    for (const [id, mtimecmp] of this.#state.mtimecmp.entries()) this.#setMtimecmp(id, mtimecmp);
  }

  #setMtimecmp(hart: number, value: bigint): void {
    this.#state.mtimecmp[hart] = value;
    const deadline = Number(value - this.#state.mtimeOffset);
    this.#deadlines[hart] = Number.isSafeInteger(deadline) ? deadline : Infinity;
    this.update();
  }

  #mtime(): bigint {
    return BigInt.asUintN(64, BigInt(this.#clock.ticks()) + this.#state.mtimeOffset);
  }

  /** The hart whose msip register is at `offset`. */
  #softwareHart(offset: number): number | undefined {
    const hart = (offset - msipStart) / 4;
    return hart < this.#harts.length ? hart : undefined;
  }

  /** The hart whose mtimecmp starts at `offset`, a multiple of 8. */
  #timerHart(offset: number): number | undefined {
    const hart = (offset - mtimecmpStart) / 8;
    return hart >= 0 && hart < this.#harts.length ? hart : undefined;
  }
}
