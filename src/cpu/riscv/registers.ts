// The hart's state as the host code sees it: views of the bytes that generated code works on. 64-bit values are handled
// as two 32-bit halves, because a bigint per access would cost more than the access.
import { exceptionFlag, resultLimit, roundingMode } from '../float/environment.ts';
import { at } from './layout.ts';

/** Privilege modes (Volume II, §1.2). */
export const privilege = { user: 0, supervisor: 1, machine: 3 } as const;
export type Privilege = (typeof privilege)[keyof typeof privilege];

/** Bits of mstatus, low half (Volume II, §3.1.6). */
export const mstatus = {
  sie: 1 << 1,
  mie: 1 << 3,
  spie: 1 << 5,
  mpie: 1 << 7,
  spp: 1 << 8,
  mpp: 3 << 11,
  mppShift: 11,
  fs: 3 << 13,
  mprv: 1 << 17,
  sum: 1 << 18,
  mxr: 1 << 19,
  tvm: 1 << 20,
  tw: 1 << 21,
  tsr: 1 << 22,
} as const;

/** The mode of a field such as MPP; 2 does not occur. */
export function privilegeOf(field: number): Privilege {
  return field === 0 ? privilege.user : field === 1 ? privilege.supervisor : privilege.machine;
}

/** State that is no register of the manual's; `at` says what. */
export class HartRecord {
  readonly #registers: Registers;

  constructor(registers: Registers) {
    this.#registers = registers;
  }

  get privilege(): Privilege {
    return privilegeOf(this.#registers.word(at.privilege));
  }

  set privilege(mode: Privilege) {
    this.#registers.setWord(at.privilege, mode);
  }

  get waiting(): boolean {
    return this.#registers.word(at.waiting) !== 0;
  }

  set waiting(waiting: boolean) {
    this.#registers.setWord(at.waiting, Number(waiting));
  }

  get retired(): number {
    return this.#registers.number(at.retired);
  }

  set retired(count: number) {
    this.#registers.setNumber(at.retired, count);
  }

  get lines(): number {
    return this.#registers.word(at.lines);
  }

  set lines(lines: number) {
    this.#registers.setWord(at.lines, lines);
  }
}

/** Views of the one memory. */
export class Registers {
  readonly buffer: ArrayBufferLike;
  readonly bytes: Uint8Array<ArrayBufferLike>;
  readonly halves: Uint16Array<ArrayBufferLike>;
  readonly words: Int32Array<ArrayBufferLike>;
  readonly wide: BigInt64Array<ArrayBufferLike>;
  readonly record: HartRecord;

  constructor(buffer: ArrayBufferLike) {
    this.buffer = buffer;
    this.bytes = new Uint8Array(buffer);
    this.halves = new Uint16Array(buffer);
    this.words = new Int32Array(buffer);
    this.wide = new BigInt64Array(buffer, 0, at.caches / 8);
    this.record = new HartRecord(this);
  }

  /** The low and the high half of the 64-bit value at a byte offset, signed. */
  low(offset: number): number {
    return this.words[offset >>> 2] ?? 0;
  }

  high(offset: number): number {
    return this.words[(offset >>> 2) + 1] ?? 0;
  }

  set(offset: number, low: number, high: number): void {
    this.words[offset >>> 2] = low;
    this.words[(offset >>> 2) + 1] = high;
  }

  word(offset: number): number {
    return this.words[offset >>> 2] ?? 0;
  }

  setWord(offset: number, value: number): void {
    this.words[offset >>> 2] = value;
  }

  /** The value at a byte offset as an unsigned number; above 2^53 it is rounded. */
  number(offset: number): number {
    return (this.low(offset) >>> 0) + (this.high(offset) >>> 0) * 2 ** 32;
  }

  setNumber(offset: number, value: number): void {
    this.set(offset, value | 0, Math.floor(value / 2 ** 32) | 0);
  }

  /** An integer register, as an unsigned bigint. For the host's rare needs. */
  x(index: number): bigint {
    return BigInt.asUintN(64, this.wide[at.x / 8 + index] ?? 0n);
  }

  setX(index: number, value: bigint): void {
    if (index !== 0) this.wide[at.x / 8 + index] = BigInt.asIntN(64, value);
  }

  f(index: number): bigint {
    return BigInt.asUintN(64, this.wide[at.f / 8 + index] ?? 0n);
  }

  setF(index: number, value: bigint): void {
    this.wide[at.f / 8 + index] = BigInt.asIntN(64, value);
  }

  setFcsr(flags: number, mode: number): void {
    this.setWord(at.fflags, flags);
    this.setWord(at.frm, mode);
    const isUsual = (flags & exceptionFlag.NX) !== 0 && mode === roundingMode.RNE;
    this.setWord(at.floatLimit, isUsual ? resultLimit : 0);
  }

  pc(): bigint {
    return BigInt.asUintN(64, this.wide[at.pc / 8] ?? 0n);
  }

  setPc(value: bigint): void {
    this.wide[at.pc / 8] = BigInt.asIntN(64, value);
  }

  /** pc := pc + length. */
  advance(length: number): void {
    const low = this.low(at.pc);
    const sum = (low + length) | 0;
    const carry = sum >>> 0 < low >>> 0 ? 1 : 0;
    this.set(at.pc, sum, (this.high(at.pc) + carry) | 0);
  }
}
