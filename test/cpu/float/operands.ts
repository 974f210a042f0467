import type { FloatFormat } from '../../oracle/float.ts';
import { double } from '../../oracle/float.ts';

/** Numbers where definitions change their course: zeros, both ends of the subnormal, normal and integer ranges, NaNs. */
export function boundaryValues(format: FloatFormat): bigint[] {
  const fraction = BigInt(format.precision - 1);
  const power = (exponent: number) => BigInt(exponent + format.bias) << fraction;
  const infinity = BigInt(2 * format.bias + 1) << fraction;
  const leastNormal = 1n << fraction;
  const magnitudes = [
    0n,
    1n,
    2n,
    leastNormal >> 1n,
    leastNormal - 1n,
    leastNormal,
    leastNormal + 1n,
    2n * leastNormal - 1n,
    2n * leastNormal,
    power(-format.precision),
    power(-1) - 1n,
    power(-1),
    power(0) - 1n,
    power(0),
    power(0) + 1n,
    power(1) - 1n,
    power(1) + (leastNormal >> 1n),
    power(format.precision - 1) - 1n,
    power(format.precision) + 1n,
    infinity - leastNormal - 1n,
    infinity - leastNormal,
    infinity - 1n,
    infinity,
    infinity + 1n,
    infinity + (leastNormal >> 1n) - 1n,
    infinity + (leastNormal >> 1n),
    infinity + leastNormal - 1n,
  ];
  return magnitudes.flatMap((magnitude) => [magnitude, magnitude | (1n << BigInt(format.width - 1))]);
}

/** Numbers that are next to the ends of the integer types, or half-way between integers. */
export function nearIntegerBounds(format: FloatFormat): bigint[] {
  const ends = [0, 1, 2, 3, 2 ** 31, 2 ** 32, 2 ** 63, 2 ** 64, 2 ** (format.precision - 2)];
  const values = ends.flatMap((end) => [
    end - 1,
    end - 0.75,
    end - 0.5,
    end - 0.25,
    end,
    end + 0.25,
    end + 0.5,
    end + 1,
  ]);
  return [...new Set(values.flatMap((value) => [value, -value]).map((value) => bitsOf(format, value)))].flatMap(
    (bits) => [bits, bits + 1n, bits === 0n ? 0n : bits - 1n],
  );
}

export const integers: bigint[] = [0n, 1n, 31n, 32n, 63n]
  .concat([23n, 24n, 25n, 52n, 53n, 54n])
  .flatMap((power) => [-2n, -1n, 0n, 1n, 2n, 3n].map((offset) => (1n << power) + offset))
  .flatMap((value) => [value, -value, (value << 1n) + 1n, value << 9n, value << 10n])
  .map((value) => BigInt.asUintN(64, value));

function bitsOf(format: FloatFormat, value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  if (format === double) {
    view.setFloat64(0, value);
    return view.getBigUint64(0);
  }
  view.setFloat32(0, value);
  return BigInt(view.getUint32(0));
}

/** Random numbers that repeat for a seed. */
export class RandomBits {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 32 random bits, by a Weyl sequence and a finalizer. */
  word(): number {
    this.#state = (this.#state + 0x9e37_79b9) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x85eb_ca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35);
    return (z ^ (z >>> 16)) >>> 0;
  }

  /** From 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor((this.word() / 2 ** 32) * limit);
  }

  long(): bigint {
    return (BigInt(this.word()) << 32n) | BigInt(this.word());
  }
}

const choose = <T>(random: RandomBits, from: readonly T[]): T => {
  const chosen = from[random.below(from.length)];
  if (chosen === undefined) throw new Error('nothing to choose from');
  return chosen;
};

/**
 * Operands for one operation that make rare cases common: exponents cluster, so that sums cancel and products reach
 * either end; significands are random, sparse (exact and half-way results), or long runs of ones (carries).
 */
export class OperandSource {
  readonly random: RandomBits;
  readonly #format: FloatFormat;
  readonly #boundaries: readonly bigint[];

  constructor(format: FloatFormat, seed: number) {
    this.random = new RandomBits(seed);
    this.#format = format;
    this.#boundaries = boundaryValues(format);
  }

  /** 1 to 3 operands of the operation. */
  operands(count: number): bigint[] {
    const center = this.#center();
    const values = Array.from({ length: count }, () => this.#value(center));
    const [a, b] = values;
    if (count === 3 && a !== undefined && b !== undefined && this.random.below(2) === 0)
      values[2] = this.#nearProduct(a, b);
    if (count === 2 && a !== undefined && this.random.below(8) === 0) values[1] = this.#neighbour(a);
    return values;
  }

  /** A 64-bit integer with few or many digits. */
  integer(): bigint {
    const digits = BigInt(this.random.below(65));
    const value = BigInt.asUintN(Number(digits), this.#sparse(this.random.long()));
    return BigInt.asUintN(64, this.random.below(2) === 0 ? value : -value);
  }

  /** An exponent field about which an operation's operands gather. */
  #center(): number {
    const { bias, precision } = this.#format;
    return choose(this.random, [
      bias,
      bias,
      bias,
      1,
      bias - (bias >> 1),
      bias + (bias >> 1),
      2 * bias,
      precision,
      // A product of two has its last digit about the least normal number.
      (bias + 2 * precision) >> 1,
      bias + 31,
      bias + 63,
      this.random.below(2 * bias + 1),
    ]);
  }

  #value(center: number): bigint {
    const { bias, precision } = this.#format;
    if (this.random.below(24) === 0) return choose(this.random, this.#boundaries);
    const spread = choose(this.random, [1, 2, 4, precision, 2 * precision + 4]);
    const field = center + this.random.below(2 * spread + 1) - spread;
    return this.#encode(Math.min(Math.max(field, 0), 2 * bias), this.random.long());
  }

  #encode(field: number, long: bigint): bigint {
    const fractionBits = this.#format.precision - 1;
    const fraction = BigInt.asUintN(fractionBits, this.#sparse(long));
    const sign = BigInt(this.random.below(2)) << BigInt(this.#format.width - 1);
    return sign | (BigInt(field) << BigInt(fractionBits)) | fraction;
  }

  /** Random digits, or a few digits at either end of the fraction, or runs of equal digits. */
  #sparse(long: bigint): bigint {
    const fractionBits = this.#format.precision - 1;
    const position = BigInt(this.random.below(fractionBits + 1));
    switch (this.random.below(6)) {
      case 0:
        return long & 0xfn;
      case 1:
        return (long & 0xffn) << BigInt(fractionBits - 8);
      case 2:
        return (1n << position) - 1n;
      case 3:
        return -(1n << position);
      case 4:
        return (1n << position) + (long & 3n) - 1n;
      default:
        return long;
    }
  }

  /** The negative of the value or of one beside it: sums that cancel. */
  #neighbour(bits: bigint): bigint {
    const offset = BigInt(this.random.below(5) - 2);
    const flipped = bits ^ (1n << BigInt(this.#format.width - 1));
    return BigInt.asUintN(this.#format.width, flipped + offset);
  }

  /** About -a * b, some digits off: what is left of the product after the addition may lie anywhere. */
  #nearProduct(a: bigint, b: bigint): bigint {
    const { bias, precision, width } = this.#format;
    const fractionBits = BigInt(precision - 1);
    const implicit = 1n << fractionBits;
    const field = (bits: bigint) => Number((bits >> fractionBits) & BigInt(2 * bias + 1));
    const significand = (bits: bigint) => (bits & (implicit - 1n)) | implicit;
    const product = significand(a) * significand(b);
    const carry = product >> (2n * fractionBits + 1n);
    const exponent = field(a) + field(b) - bias + Number(carry) + choose(this.random, [0, 0, 0, -1, 1, -precision]);
    const fraction = (product >> (fractionBits + carry)) & (implicit - 1n);
    const sign = ((a ^ b) >> BigInt(width - 1)) ^ BigInt(this.random.below(4) === 0 ? 0 : 1);
    const bounded = BigInt(Math.min(Math.max(exponent, 0), 2 * bias));
    return ((sign & 1n) << BigInt(width - 1)) | (bounded << fractionBits) | fraction;
  }
}
