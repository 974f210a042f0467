// The rows' meaning over bigints: what an instruction does, computed as plainly as the manual says it. The fourth reader
// of the rows, and the judge of the other three.
import type { Decoded } from '../../src/cpu/riscv/decoder.ts';
import type {
  AccessSize,
  CsrOperation,
  FloatFormat,
  FloatOperation,
  Ops,
  SystemOperation,
  SignInjection,
} from '../../src/cpu/ops.ts';
import { double, floatOracle, single } from './float.ts';
import type { FloatResult } from './float.ts';

/** An exception on its way to the hart: the instruction has no effect. */
export class Trap extends Error {
  readonly code: number;
  readonly value: bigint;

  constructor(code: number, value: bigint) {
    super(`exception ${code}, value 0x${value.toString(16)}`);
    this.code = code;
    this.value = value;
  }
}

/** What an instruction can reach of its hart. Values are unsigned 64-bit numbers. */
export interface Surroundings {
  readonly x: readonly bigint[];
  readonly f: readonly bigint[];
  readonly pc: bigint;
  /** The dynamic rounding mode (frm). */
  readonly roundingMode: number;
  /** Throws a Trap: the instruction is illegal. */
  illegal(): never;
  /** Throws a Trap: floating-point state is off. */
  requireFloat(): void;
  /** Zero-extended; throws a Trap. */
  load(address: bigint, size: AccessSize): bigint;
  /** Checks all of the store now, throwing a Trap, and gives the deed itself. */
  store(address: bigint, value: bigint, size: AccessSize): () => void;
  /** Throws a Trap where an atomic access may not go; `access` says as what it faults. Gives the physical address. */
  atomic(address: bigint, size: 4 | 8, access: 'load' | 'store'): bigint;
  /** The reservation of LR: physical address and the value seen. */
  reservation: { readonly address: bigint; readonly value: bigint } | undefined;
  /** The old value, and the deed of writing the new one. Throws a Trap. */
  csr(number: number, operation: CsrOperation, source: bigint, sourceField: number): { old: bigint; write: () => void };
  /** Throws a Trap, or gives the deed. */
  system(operation: SystemOperation, decoded: Decoded): () => void;
}

/** What an instruction did, to be carried out once nothing can fault any more. */
export interface Effects {
  x: bigint | undefined;
  f: bigint | undefined;
  /** Exception flags raised, 0 too; undefined where the instruction has to do with none. */
  flags: number | undefined;
  nextPc: bigint;
  readonly deeds: (() => void)[];
}

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const s64 = (value: bigint): bigint => BigInt.asIntN(64, value);
const formats = { single, double };
const roundsNot: ReadonlySet<FloatOperation> = new Set(['min', 'max', 'eq', 'lt', 'le', 'classify']);
const dynamic = 7;

/** Carries out one instruction's meaning. Throws a Trap. */
export function evaluate(decoded: Decoded, surroundings: Surroundings): Effects {
  if (decoded.row.traits.float === true) surroundings.requireFloat();
  const evaluator = new Evaluator(decoded, surroundings);
  decoded.row.meaning(evaluator);
  return evaluator.effects;
}

class Evaluator implements Ops<bigint, boolean> {
  readonly effects: Effects;
  readonly #decoded: Decoded;
  readonly #hart: Surroundings;

  constructor(decoded: Decoded, hart: Surroundings) {
    this.#decoded = decoded;
    this.#hart = hart;
    this.effects = { x: undefined, f: undefined, flags: undefined, nextPc: this.next(), deeds: [] };
  }

  x(field: 'rs1' | 'rs2'): bigint {
    return this.#hart.x[this.#decoded[field]]!;
  }

  setX(value: bigint): void {
    this.effects.x = value;
  }

  f(field: 'rs1' | 'rs2' | 'rs3'): bigint {
    return this.#hart.f[field === 'rs3' ? this.#decoded.bits >>> 27 : this.#decoded[field]]!;
  }

  setF(value: bigint): void {
    this.effects.f = value;
  }

  imm(): bigint {
    return u64(BigInt(this.#decoded.imm));
  }

  pc(): bigint {
    return this.#hart.pc;
  }

  next(): bigint {
    return u64(this.#hart.pc + BigInt(this.#decoded.length));
  }

  constant(value: bigint): bigint {
    return u64(value);
  }

  let(value: bigint): () => bigint {
    return () => value;
  }

  add = (a: bigint, b: bigint): bigint => u64(a + b);
  sub = (a: bigint, b: bigint): bigint => u64(a - b);
  mul = (a: bigint, b: bigint): bigint => u64(a * b);
  mulHigh = (a: bigint, b: bigint): bigint => u64((s64(a) * s64(b)) >> 64n);
  mulHighU = (a: bigint, b: bigint): bigint => (a * b) >> 64n;
  mulHighSU = (a: bigint, b: bigint): bigint => u64((s64(a) * b) >> 64n);
  div = (a: bigint, b: bigint): bigint => inRange(s64(a) / s64(b));
  divU = (a: bigint, b: bigint): bigint => a / b;
  rem = (a: bigint, b: bigint): bigint => u64(s64(a) % s64(b));
  remU = (a: bigint, b: bigint): bigint => a % b;
  and = (a: bigint, b: bigint): bigint => a & b;
  or = (a: bigint, b: bigint): bigint => a | b;
  xor = (a: bigint, b: bigint): bigint => a ^ b;
  shl = (a: bigint, count: bigint): bigint => u64(a << (count & 63n));
  shrS = (a: bigint, count: bigint): bigint => u64(s64(a) >> (count & 63n));
  shrU = (a: bigint, count: bigint): bigint => a >> (count & 63n);
  rotr = (a: bigint, count: bigint, bits: 32 | 64): bigint => {
    const [low, width] = [BigInt.asUintN(bits, a), BigInt(bits)];
    const right = count % width;
    return u64(BigInt.asIntN(bits, (low >> right) | (low << (width - right))));
  };
  clz = (value: bigint): bigint => 64n - BigInt(value === 0n ? 0 : value.toString(2).length);
  ctz = (value: bigint): bigint => (value === 0n ? 64n : BigInt(/0*$/u.exec(value.toString(2))![0].length));
  popcnt = (value: bigint): bigint => BigInt(value.toString(2).replaceAll('0', '').length);
  signed = (value: bigint, bits: 8 | 16 | 32): bigint => u64(BigInt.asIntN(bits, value));
  unsigned = (value: bigint, bits: 8 | 16 | 32): bigint => BigInt.asUintN(bits, value);

  eq = (a: bigint, b: bigint): boolean => a === b;
  ne = (a: bigint, b: bigint): boolean => a !== b;
  lt = (a: bigint, b: bigint): boolean => s64(a) < s64(b);
  ltU = (a: bigint, b: bigint): boolean => a < b;
  ge = (a: bigint, b: bigint): boolean => s64(a) >= s64(b);
  geU = (a: bigint, b: bigint): boolean => a >= b;
  isZero = (value: bigint): boolean => value === 0n;
  fromCondition = (condition: boolean): bigint => (condition ? 1n : 0n);
  select = (whenTrue: bigint, whenFalse: bigint, condition: boolean): bigint => (condition ? whenTrue : whenFalse);
  choose = (condition: boolean, whenTrue: () => bigint, whenFalse: () => bigint): bigint =>
    condition ? whenTrue() : whenFalse();

  load(address: bigint, size: AccessSize, extension: 'signed' | 'unsigned'): bigint {
    const value = this.#hart.load(address, size);
    return extension === 'signed' ? u64(BigInt.asIntN(size * 8, value)) : value;
  }

  store(address: bigint, value: bigint, size: AccessSize): void {
    this.effects.deeds.push(this.#hart.store(address, value, size));
  }

  amo(address: bigint, size: 4 | 8, update: (old: () => bigint) => bigint): bigint {
    this.#hart.atomic(address, size, 'store');
    const old = this.load(address, size, 'signed');
    this.store(
      address,
      update(() => old),
      size,
    );
    return old;
  }

  loadReserved(address: bigint, size: 4 | 8): bigint {
    const physical = this.#hart.atomic(address, size, 'load');
    const value = this.load(address, size, 'signed');
    this.effects.deeds.push(() => {
      this.#hart.reservation = { address: physical, value };
    });
    return value;
  }

  storeConditional(address: bigint, value: bigint, size: 4 | 8): bigint {
    const physical = this.#hart.atomic(address, size, 'store');
    const { reservation } = this.#hart;
    const holds = reservation?.address === physical && reservation.value === this.load(address, size, 'signed');
    if (holds) this.store(address, value, size);
    this.effects.deeds.push(() => {
      this.#hart.reservation = undefined;
    });
    return holds ? 0n : 1n;
  }

  branch(condition: boolean): void {
    if (condition) this.jump();
  }

  jump(): void {
    this.effects.nextPc = u64(this.pc() + this.imm());
  }

  jumpTo(address: bigint): void {
    if ((address & 1n) !== 0n) throw new Error('the row has left bit 0 of the target set');
    this.effects.nextPc = address;
  }

  float(operation: FloatOperation, format: FloatFormat, ...operands: bigint[]): bigint {
    const oracle = this.#operation(operation, format);
    const mode = roundsNot.has(operation) ? 0 : this.#rounding();
    const { bits, flags } = oracle(operands, mode);
    this.effects.flags = flags;
    return bits;
  }

  injectSign(kind: SignInjection, format: FloatFormat, value: bigint, sign: bigint): bigint {
    const signBit = 1n << BigInt(formats[format].width - 1);
    const isNegative = {
      copy: (sign & signBit) !== 0n,
      negate: (sign & signBit) === 0n,
      xor: ((sign ^ value) & signBit) !== 0n,
    }[kind];
    return isNegative ? value | signBit : value & ~signBit;
  }

  csr(operation: CsrOperation, source: bigint): bigint {
    const { bits } = this.#decoded;
    const { old, write } = this.#hart.csr(bits >>> 20, operation, source, (bits >>> 15) & 31);
    this.effects.deeds.push(write);
    return old;
  }

  system(operation: SystemOperation): void {
    this.effects.deeds.push(this.#hart.system(operation, this.#decoded));
  }

  #operation(operation: FloatOperation, format: FloatFormat): (operands: bigint[], mode: number) => FloatResult {
    if (operation === 'convert') {
      const from = formats[format === 'single' ? 'double' : 'single'];
      return ([a], mode) => floatOracle.convert(from, formats[format], a!, mode);
    }
    const oracle = floatOracle[operation] as (...rest: (typeof single | bigint | number)[]) => FloatResult;
    return (operands, mode) => oracle(formats[format], ...operands, mode);
  }

  /** Volume I, §20.2: also where the result does not depend on it, a reserved mode is illegal. */
  #rounding(): number {
    const field = (this.#decoded.bits >>> 12) & 7;
    const mode = field === dynamic ? this.#hart.roundingMode : field;
    return mode > 4 ? this.#hart.illegal() : mode;
  }
}

function inRange(quotient: bigint): bigint {
  if (quotient !== s64(quotient)) throw new Error('the row has let an overflow through');
  return u64(quotient);
}
