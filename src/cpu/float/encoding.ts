// IEEE 754-2019, §3.4 (binary interchange format encodings).
import type { Emitter, OnStack, Operand, Variable } from './emitter.ts';
import type { Format } from './format.ts';

/**
 * Where the leading 1 of an unpacked significand stands, in an i64: the same bit for every format, so that what lies
 * between unpacking and rounding knows of none. One bit is left above it, for a carry.
 */
export const leadingBit = 62n;
export const leadingOne = 1n << leadingBit;

/** A finite number but zero: significand / 2^62 * 2^(exponent - bias), with its leading 1 at bit 62. */
export interface Unpacked {
  readonly exponent: Variable<'i32'>;
  readonly significand: Variable<'i64'>;
}

/** Reads one format's bits, which stand in an i64. */
export class Encoding {
  readonly format: Format;
  readonly #emit: Emitter;

  constructor(emit: Emitter, format: Format) {
    this.#emit = emit;
    this.format = format;
  }

  exponent(bits: Variable<'i64'>): OnStack<'i32'> {
    const { i32, i64 } = this.#emit;
    return i32.and(i32.wrap_i64(i64.shr_u(bits, BigInt(this.format.fractionBits))), this.format.maxExponent);
  }

  magnitude(bits: Operand<'i64'>): OnStack<'i64'> {
    return this.#emit.i64.and(bits, this.format.magnitudeMask);
  }

  sign(bits: Operand<'i64'>): OnStack<'i64'> {
    return this.#emit.i64.and(bits, this.format.signBit);
  }

  isNegative(bits: Variable<'i64'>): OnStack<'i32'> {
    return this.#emit.i64.ne(this.sign(bits), 0n);
  }

  isZero(bits: Variable<'i64'>): OnStack<'i32'> {
    return this.#emit.i64.eqz(this.magnitude(bits));
  }

  isInfinite(bits: Variable<'i64'>): OnStack<'i32'> {
    return this.#emit.i64.eq(this.magnitude(bits), this.format.infinity);
  }

  isNaN(bits: Variable<'i64'>): OnStack<'i32'> {
    return this.#emit.i64.gt_u(this.magnitude(bits), this.format.infinity);
  }

  /** With the quiet bit flipped, of all bit patterns only signaling NaNs stand above infinity with that bit set. */
  isSignaling(bits: Variable<'i64'>): OnStack<'i32'> {
    const { i64 } = this.#emit;
    const { quietBit, infinity } = this.format;
    return i64.gt_u(this.magnitude(i64.xor(bits, quietBit)), infinity | quietBit);
  }

  /** Neither zero, subnormal, infinite nor NaN. */
  isNormal(bits: Variable<'i64'>): OnStack<'i32'> {
    const { i32 } = this.#emit;
    return i32.lt_u(i32.sub(this.exponent(bits), 1), this.format.maxExponent - 1);
  }

  /** Infinite or NaN. */
  isSpecial(bits: Variable<'i64'>): OnStack<'i32'> {
    return this.#emit.i32.eq(this.exponent(bits), this.format.maxExponent);
  }

  /** The significand of a normal number as an integer of p digits. */
  integerSignificand(bits: Variable<'i64'>): OnStack<'i64'> {
    const { i64 } = this.#emit;
    return i64.or(i64.and(bits, this.format.fractionMask), this.format.fractionMask + 1n);
  }

  /** Unpacks a finite number that is not zero. */
  unpack(bits: Variable<'i64'>): Unpacked {
    const { i32, i64 } = this.#emit;
    const { exponent, significand } = this.unpackUnnormalized(bits);
    this.#emit.if(i64.lt_u(significand, leadingOne), () => {
      const shift = this.#emit.let(i64.sub(i64.clz(significand), 63n - leadingBit));
      this.#emit.set(significand, i64.shl(significand, shift));
      this.#emit.set(exponent, i32.sub(exponent, i32.wrap_i64(shift)));
    });
    return { exponent, significand };
  }

  /** Unpacks a finite number, zero too; the significand of a subnormal one has its leading 1 below bit 62. */
  unpackUnnormalized(bits: Variable<'i64'>): Unpacked {
    const { i64 } = this.#emit;
    const exponent = this.#emit.let(this.exponent(bits));
    const significand = this.#emit.let(
      i64.shl(i64.and(bits, this.format.fractionMask), leadingBit - BigInt(this.format.fractionBits)),
    );
    this.#emit.if(
      exponent,
      () => this.#emit.set(significand, i64.or(significand, leadingOne)),
      () => this.#emit.set(exponent, 1),
    );
    return { exponent, significand };
  }
}

/** 1 in bit 0 where `lost` is not 0: stands for everything below it, of which only "some" matters to rounding. */
export function sticky({ i64 }: Emitter, lost: Operand<'i64'>): OnStack<'i64'> {
  return i64.extend_i32_u(i64.ne(lost, 0n));
}

/**
 * `value` (below 2^63) shifted right by `count` (at least 0), with a sticky bit for what fell off.
 */
export function shiftRightSticky(emit: Emitter, value: Variable<'i64'>, count: Variable<'i32'>): OnStack<'i64'> {
  const { i32, i64 } = emit;
  // 63 already shifts everything out; wasm would take 64 for 0.
  const shift = emit.let(i64.extend_i32_u(i32.select(count, 63, i32.lt_u(count, 63))));
  const lostMask = i64.sub(i64.shl(1n, shift), 1n);
  const lost = sticky(emit, i64.and(lostMask, value));
  return i64.or(lost, i64.shr_u(value, shift));
}
