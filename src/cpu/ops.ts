// The vocabulary in which an instruction's meaning is written. An interpreter generator, a translator and an evaluator
// over bigint each implement it, so that no instruction is described twice.

/** Bytes of a memory access. */
export type AccessSize = 1 | 2 | 4 | 8;

export type FloatFormat = 'single' | 'double';

/** Floating-point operations that round or raise flags; the rest is done on bits. */
export type FloatOperation =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'sqrt'
  | 'fma'
  | 'min'
  | 'max'
  | 'eq'
  | 'lt'
  | 'le'
  | 'classify'
  | 'toInt32'
  | 'toUint32'
  | 'toInt64'
  | 'toUint64'
  | 'fromInt32'
  | 'fromUint32'
  | 'fromInt64'
  | 'fromUint64'
  | 'convert';

/** Which sign a number gets from another: its own, its opposite, or that of the product of both. */
export type SignInjection = 'copy' | 'negate' | 'xor';

/** What only the hart as a whole can do: traps and returns, address spaces, waiting. */
export type SystemOperation = 'ecall' | 'ebreak' | 'sret' | 'mret' | 'wfi' | 'sfence.vma' | 'fence.i' | 'illegal';

/** How a control and status register changes; the old value is the result. */
export type CsrOperation = 'write' | 'set' | 'clear';

/**
 * `V` is a value of 64 bits, `C` a condition. An implementation may emit code at the moment of the call, so every value
 * is used exactly once, and as a stack would: what was made last is used first, or together with what was made just
 * before it. `let` is for what is used again.
 */
export interface Ops<V, C> {
  /** The integer register that a field of the instruction names; x0 reads as 0. */
  x(field: 'rs1' | 'rs2'): V;
  /** Writes the integer register rd; a write to x0 is lost. */
  setX(value: V): void;
  /** The 64 raw bits of a floating-point register. */
  f(field: 'rs1' | 'rs2' | 'rs3'): V;
  setF(value: V): void;
  /** The instruction's immediate, sign-extended. */
  imm(): V;
  /** Address of the instruction, and of the one behind it. */
  pc(): V;
  next(): V;
  constant(value: bigint): V;
  /** Evaluates once; each call of the result reads the value again. */
  let(value: V): () => V;

  add(a: V, b: V): V;
  sub(a: V, b: V): V;
  mul(a: V, b: V): V;
  /** The upper 64 of the 128 bits of a product: signed, unsigned, signed by unsigned. */
  mulHigh(a: V, b: V): V;
  mulHighU(a: V, b: V): V;
  mulHighSU(a: V, b: V): V;
  /** The divisor is not 0, and the quotient fits: the row has seen to it. */
  div(a: V, b: V): V;
  divU(a: V, b: V): V;
  rem(a: V, b: V): V;
  remU(a: V, b: V): V;
  and(a: V, b: V): V;
  or(a: V, b: V): V;
  xor(a: V, b: V): V;
  /** Shifts take the low six bits of the count. */
  shl(a: V, count: V): V;
  shrS(a: V, count: V): V;
  shrU(a: V, count: V): V;
  /** The low `bits` rotated to the right, sign-extended to 64; takes the low five or six bits of the count. */
  rotr(a: V, count: V, bits: 32 | 64): V;
  /** Zeros before the highest one and behind the lowest one, 64 where there is none; the number of ones. */
  clz(value: V): V;
  ctz(value: V): V;
  popcnt(value: V): V;
  /** The low bits, sign-extended or zero-extended to 64. */
  signed(value: V, bits: 8 | 16 | 32): V;
  unsigned(value: V, bits: 8 | 16 | 32): V;

  eq(a: V, b: V): C;
  ne(a: V, b: V): C;
  lt(a: V, b: V): C;
  ltU(a: V, b: V): C;
  ge(a: V, b: V): C;
  geU(a: V, b: V): C;
  isZero(value: V): C;
  /** 1 or 0. */
  fromCondition(condition: C): V;
  select(whenTrue: V, whenFalse: V, condition: C): V;
  /** Evaluates one of the two only. */
  choose(condition: C, whenTrue: () => V, whenFalse: () => V): V;

  /** Any alignment; a fault ends the instruction before it has changed anything. */
  load(address: V, size: AccessSize, extension: 'signed' | 'unsigned'): V;
  store(address: V, value: V, size: AccessSize): void;
  /** Reads (sign-extended), hands the old value to `update`, writes its result; gives the old value. */
  amo(address: V, size: 4 | 8, update: (old: () => V) => V): V;
  loadReserved(address: V, size: 4 | 8): V;
  /** 0 where the store was done, else 1. */
  storeConditional(address: V, value: V, size: 4 | 8): V;

  /** Goes to pc + imm where the condition holds. */
  branch(condition: C): void;
  /** Goes to pc + imm. */
  jump(): void;
  /** Goes to an address whose bit 0 is clear. */
  jumpTo(address: V): void;

  /** Operands and result are raw bits (single: zero-extended). Rounds as the instruction says, accrues flags. */
  float(operation: FloatOperation, format: FloatFormat, a: V, b?: V, c?: V): V;
  /** The first number with a sign made of the second's, whatever their bits are; a single's upper bits are 0. */
  injectSign(kind: SignInjection, format: FloatFormat, value: V, sign: V): V;
  /** Exchanges the control and status register that the instruction names. */
  csr(operation: CsrOperation, source: V): V;
  /** Ends the instruction; the hart decides where the next one is. */
  system(operation: SystemOperation): void;
}

/** What one instruction does. */
export type Meaning = <V, C>(o: Ops<V, C>) => void;
