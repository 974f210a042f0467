// IEEE 754-2019 arithmetic as it is defined: the exact result, then one rounding. Numbers are fractions of bigints, so
// every step can be checked by eye. RISC-V's choices are those of The RISC-V Instruction Set Manual, Volume I, version
// 20240411, chapters 20 and 21. Shares nothing with src/cpu/float.

export interface FloatFormat {
  readonly width: 32 | 64;
  readonly precision: number;
  readonly bias: number;
}

export const single: FloatFormat = { width: 32, precision: 24, bias: 127 };
export const double: FloatFormat = { width: 64, precision: 53, bias: 1023 };

/** Raw bits (integers as 64-bit patterns), and fflags. */
export interface FloatResult {
  readonly bits: bigint;
  readonly flags: number;
}

const NX = 1;
const UF = 2;
const OF = 4;
const DZ = 8;
const NV = 16;

const RNE = 0;
const RTZ = 1;
const RDN = 2;
const RUP = 3;
const RMM = 4;

/** A number: (negative ? -1 : 1) * numerator / denominator; a zero has a sign, too. */
interface Finite {
  readonly kind: 'finite';
  readonly negative: boolean;
  readonly numerator: bigint;
  readonly denominator: bigint;
}
interface Infinite {
  readonly kind: 'infinite';
  readonly negative: boolean;
}
interface NotANumber {
  readonly kind: 'nan';
  readonly signaling: boolean;
}
type Value = Finite | Infinite | NotANumber;

const fractionBits = (format: FloatFormat) => BigInt(format.precision - 1);
const signBit = (format: FloatFormat) => 1n << BigInt(format.width - 1);
const infinityBits = (format: FloatFormat) => BigInt(2 * format.bias + 1) << fractionBits(format);
const canonicalNaN = (format: FloatFormat) => infinityBits(format) | (1n << (fractionBits(format) - 1n));

function decode(format: FloatFormat, bits: bigint): Value {
  const negative = (bits & signBit(format)) !== 0n;
  const magnitude = bits & (signBit(format) - 1n);
  if (magnitude === infinityBits(format)) return { kind: 'infinite', negative };
  if (magnitude > infinityBits(format))
    return { kind: 'nan', signaling: (bits & canonicalNaN(format)) < canonicalNaN(format) };
  const field = Number(magnitude >> fractionBits(format));
  const fraction = magnitude & ((1n << fractionBits(format)) - 1n);
  const significand = field === 0 ? fraction : fraction | (1n << fractionBits(format));
  const exponent = Math.max(field, 1) - format.bias - (format.precision - 1);
  return { kind: 'finite', negative, ...timesPowerOfTwo(significand, 1n, exponent) };
}

function timesPowerOfTwo(numerator: bigint, denominator: bigint, power: number) {
  return power >= 0
    ? { numerator: numerator << BigInt(power), denominator }
    : { numerator, denominator: denominator << BigInt(-power) };
}

/** numerator / denominator as an integer, by the rounding mode. */
function roundToInteger(negative: boolean, numerator: bigint, denominator: bigint, mode: number) {
  const integer = numerator / denominator;
  const rest = numerator % denominator;
  const half = 2n * rest;
  const isUp =
    mode === RNE
      ? half > denominator || (half === denominator && integer % 2n === 1n)
      : mode === RTZ
        ? false
        : mode === RDN
          ? negative
          : mode === RUP
            ? !negative
            : half >= denominator;
  return { integer: rest !== 0n && isUp ? integer + 1n : integer, inexact: rest !== 0n };
}

const bitLength = (value: bigint) => value.toString(2).length;

/** The greatest e with 2^e <= numerator / denominator. */
function floorLog2(numerator: bigint, denominator: bigint): number {
  const guess = bitLength(numerator) - bitLength(denominator);
  const scaled = timesPowerOfTwo(numerator, denominator, -guess);
  return scaled.numerator >= scaled.denominator ? guess : guess - 1;
}

function round(format: FloatFormat, value: Omit<Finite, 'kind'>, mode: number): FloatResult {
  const { negative, numerator, denominator } = value;
  const sign = negative ? signBit(format) : 0n;
  if (numerator === 0n) return { bits: sign, flags: 0 };
  const roundAt = (power: number) => {
    const scaled = timesPowerOfTwo(numerator, denominator, -power);
    return roundToInteger(negative, scaled.numerator, scaled.denominator, mode);
  };
  const isBelow = (integer: bigint, power: number, limit: number) => {
    const scaled = timesPowerOfTwo(integer, 1n, power - limit);
    return scaled.numerator < scaled.denominator;
  };

  const leastExponent = 1 - format.bias;
  const exponent = floorLog2(numerator, denominator);
  const unbounded = exponent - (format.precision - 1);
  const last = Math.max(exponent, leastExponent) - (format.precision - 1);
  const { integer, inexact } = roundAt(last);

  if (!isBelow(integer, last, format.bias + 1)) {
    const toInfinity = mode === RNE || mode === RMM || mode === (negative ? RDN : RUP);
    return { bits: sign | (toInfinity ? infinityBits(format) : infinityBits(format) - 1n), flags: OF | NX };
  }
  // §7.5: tiny is what lies below the least normal number when rounded as if the exponent had no bounds.
  const tiny = isBelow(roundAt(unbounded).integer, unbounded, leastExponent);
  const implicit = 1n << fractionBits(format);
  const field = BigInt(last + (format.precision - 1) + format.bias);
  const magnitude = integer < implicit ? integer : (field << fractionBits(format)) + (integer - implicit);
  return { bits: sign | magnitude, flags: inexact ? (tiny ? NX | UF : NX) : 0 };
}

const isNaN = (value: Value): value is NotANumber => value.kind === 'nan';
const isZero = (value: Value): boolean => value.kind === 'finite' && value.numerator === 0n;

/** The NaN that an operation gives for these operands, if one of them is a NaN. */
function fromNaNs(format: FloatFormat, ...operands: Value[]): FloatResult | undefined {
  if (!operands.some(isNaN)) return undefined;
  const signaling = operands.some((operand) => isNaN(operand) && operand.signaling);
  return { bits: canonicalNaN(format), flags: signaling ? NV : 0 };
}

const invalid = (format: FloatFormat): FloatResult => ({ bits: canonicalNaN(format), flags: NV });

const infinite = (format: FloatFormat, negative: boolean, flags = 0): FloatResult => ({
  bits: infinityBits(format) | (negative ? signBit(format) : 0n),
  flags,
});

const zero = (negative: boolean): Finite => ({ kind: 'finite', negative, numerator: 0n, denominator: 1n });

function sum(a: Finite, b: Finite, mode: number): Finite {
  const signed = ({ negative, numerator }: Finite) => (negative ? -numerator : numerator);
  const total = signed(a) * b.denominator + signed(b) * a.denominator;
  if (total === 0n) {
    // §6.3: zeros of one sign keep it, all other sums of zero are +0, but -0 when rounding down.
    return zero(isZero(a) && isZero(b) && a.negative === b.negative ? a.negative : mode === RDN);
  }
  const negative = total < 0n;
  return { kind: 'finite', negative, numerator: negative ? -total : total, denominator: a.denominator * b.denominator };
}

function product(a: Finite, b: Finite): Finite {
  return {
    kind: 'finite',
    negative: a.negative !== b.negative,
    numerator: a.numerator * b.numerator,
    denominator: a.denominator * b.denominator,
  };
}

function addValues(format: FloatFormat, a: Value, b: Value, mode: number): FloatResult {
  const nan = fromNaNs(format, a, b);
  if (nan !== undefined) return nan;
  if (a.kind === 'infinite' && b.kind === 'infinite' && a.negative !== b.negative) return invalid(format);
  if (a.kind === 'infinite') return infinite(format, a.negative);
  if (b.kind === 'infinite') return infinite(format, b.negative);
  return round(format, sum(a as Finite, b as Finite, mode), mode);
}

/** floor(sqrt(value)). */
function integerRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let root = 1n << BigInt((bitLength(value) + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** -1, 0 or 1; neither may be a NaN. */
function order(a: Value, b: Value): number {
  const rank = (value: Value) => (value.kind === 'infinite' ? (value.negative ? -1 : 1) : 0);
  if (a.kind !== 'finite' || b.kind !== 'finite') return Math.sign(rank(a) - rank(b));
  const difference = sum(a, { ...b, negative: !b.negative }, RNE);
  return isZero(difference) ? 0 : difference.negative ? -1 : 1;
}

function compare(
  format: FloatFormat,
  a: bigint,
  b: bigint,
  isSignaling: boolean,
  holds: (order: number) => boolean,
): FloatResult {
  const [x, y] = [decode(format, a), decode(format, b)];
  const nan = fromNaNs(format, x, y);
  if (nan !== undefined) return { bits: 0n, flags: isSignaling ? NV : nan.flags };
  return { bits: holds(order(x, y)) ? 1n : 0n, flags: 0 };
}

function extremum(format: FloatFormat, a: bigint, b: bigint, isMinimum: boolean): FloatResult {
  const [x, y] = [decode(format, a), decode(format, b)];
  const flags = fromNaNs(format, x, y)?.flags ?? 0;
  if (isNaN(x) && isNaN(y)) return { bits: canonicalNaN(format), flags };
  if (isNaN(x)) return { bits: b, flags };
  if (isNaN(y)) return { bits: a, flags };
  const isLess = order(x, y) < 0 || (order(x, y) === 0 && x.negative && !y.negative);
  return { bits: isLess === isMinimum ? a : b, flags };
}

function toInteger(format: FloatFormat, a: bigint, mode: number, width: number, signed: boolean): FloatResult {
  const value = decode(format, a);
  const least = signed ? -(1n << BigInt(width - 1)) : 0n;
  const greatest = (1n << BigInt(signed ? width - 1 : width)) - 1n;
  // RISC-V keeps 32-bit integers sign-extended in registers, whatever their type.
  const result = (integer: bigint, flags: number) => ({
    bits: BigInt.asUintN(64, BigInt.asIntN(width, integer)),
    flags,
  });
  if (isNaN(value)) return result(greatest, NV);
  if (value.kind === 'infinite') return result(value.negative ? least : greatest, NV);
  const { integer, inexact } = roundToInteger(value.negative, value.numerator, value.denominator, mode);
  const rounded = value.negative ? -integer : integer;
  if (rounded < least) return result(least, NV);
  if (rounded > greatest) return result(greatest, NV);
  return result(rounded, inexact ? NX : 0);
}

function fromInteger(format: FloatFormat, integer: bigint, mode: number): FloatResult {
  const negative = integer < 0n;
  return round(format, { negative, numerator: negative ? -integer : integer, denominator: 1n }, mode);
}

/** The operations under the names that src/cpu/float gives them; operands and results are raw bits. */
export const floatOracle = {
  add: (format: FloatFormat, a: bigint, b: bigint, mode: number): FloatResult =>
    addValues(format, decode(format, a), decode(format, b), mode),

  sub: (format: FloatFormat, a: bigint, b: bigint, mode: number): FloatResult =>
    addValues(format, decode(format, a), decode(format, b ^ signBit(format)), mode),

  mul(format: FloatFormat, a: bigint, b: bigint, mode: number): FloatResult {
    const [x, y] = [decode(format, a), decode(format, b)];
    const nan = fromNaNs(format, x, y);
    if (nan !== undefined) return nan;
    if (x.kind === 'finite' && y.kind === 'finite') return round(format, product(x, y), mode);
    if (isZero(x) || isZero(y)) return invalid(format);
    return infinite(format, (x as Finite).negative !== (y as Finite).negative);
  },

  div(format: FloatFormat, a: bigint, b: bigint, mode: number): FloatResult {
    const [x, y] = [decode(format, a), decode(format, b)];
    const nan = fromNaNs(format, x, y);
    if (nan !== undefined) return nan;
    const negative = (x as Finite).negative !== (y as Finite).negative;
    if (x.kind === 'infinite') return y.kind === 'infinite' ? invalid(format) : infinite(format, negative);
    if (y.kind === 'infinite') return round(format, zero(negative), mode);
    if (isZero(y)) return isZero(x) ? invalid(format) : infinite(format, negative, DZ);
    const [dividend, divisor] = [x as Finite, y as Finite];
    const reciprocal = { ...divisor, numerator: divisor.denominator, denominator: divisor.numerator };
    return round(format, product(dividend, reciprocal), mode);
  },

  sqrt(format: FloatFormat, a: bigint, mode: number): FloatResult {
    const value = decode(format, a);
    const nan = fromNaNs(format, value);
    if (nan !== undefined) return nan;
    if (isZero(value)) return { bits: a, flags: 0 };
    if ((value as Finite).negative) return invalid(format);
    if (value.kind === 'infinite') return infinite(format, false);
    // The root's first 100 binary places and more: enough for its digits in either format. An irrational rest is
    // replaced by half a place, which lies between the same two numbers and on the same side of their middle.
    const places = 1200n;
    const { numerator, denominator } = value as Finite;
    const scaled = (numerator << (2n * places)) / denominator;
    const root = integerRoot(scaled);
    const isExact = root * root === scaled;
    const positive = { negative: false, numerator: 2n * root + (isExact ? 0n : 1n), denominator: 2n << places };
    return round(format, positive, mode);
  },

  /** a * b + c */
  fma(format: FloatFormat, a: bigint, b: bigint, c: bigint, mode: number): FloatResult {
    const [x, y, z] = [decode(format, a), decode(format, b), decode(format, c)];
    const isZeroTimesInfinity = (isZero(x) && y.kind === 'infinite') || (x.kind === 'infinite' && isZero(y));
    if (isZeroTimesInfinity) return invalid(format);
    const nan = fromNaNs(format, x, y, z);
    if (nan !== undefined) return nan;
    if (x.kind === 'finite' && y.kind === 'finite') return addValues(format, product(x, y), z, mode);
    const negative = (x as Finite).negative !== (y as Finite).negative;
    return addValues(format, { kind: 'infinite', negative }, z, mode);
  },

  min: (format: FloatFormat, a: bigint, b: bigint): FloatResult => extremum(format, a, b, true),
  max: (format: FloatFormat, a: bigint, b: bigint): FloatResult => extremum(format, a, b, false),

  eq: (format: FloatFormat, a: bigint, b: bigint): FloatResult => compare(format, a, b, false, (o) => o === 0),
  lt: (format: FloatFormat, a: bigint, b: bigint): FloatResult => compare(format, a, b, true, (o) => o < 0),
  le: (format: FloatFormat, a: bigint, b: bigint): FloatResult => compare(format, a, b, true, (o) => o <= 0),

  classify(format: FloatFormat, a: bigint): FloatResult {
    const value = decode(format, a);
    const bit = (position: number) => ({ bits: 1n << BigInt(position), flags: 0 });
    if (isNaN(value)) return bit(value.signaling ? 8 : 9);
    const outward = value.kind === 'infinite' ? 3 : isZero(value) ? 0 : isNormal(format, value) ? 2 : 1;
    return bit(value.negative ? 3 - outward : 4 + outward);
  },

  toInt32: (format: FloatFormat, a: bigint, mode: number): FloatResult => toInteger(format, a, mode, 32, true),
  toUint32: (format: FloatFormat, a: bigint, mode: number): FloatResult => toInteger(format, a, mode, 32, false),
  toInt64: (format: FloatFormat, a: bigint, mode: number): FloatResult => toInteger(format, a, mode, 64, true),
  toUint64: (format: FloatFormat, a: bigint, mode: number): FloatResult => toInteger(format, a, mode, 64, false),

  fromInt32: (format: FloatFormat, integer: bigint, mode: number): FloatResult =>
    fromInteger(format, BigInt.asIntN(32, integer), mode),
  fromUint32: (format: FloatFormat, integer: bigint, mode: number): FloatResult =>
    fromInteger(format, BigInt.asUintN(32, integer), mode),
  fromInt64: (format: FloatFormat, integer: bigint, mode: number): FloatResult =>
    fromInteger(format, BigInt.asIntN(64, integer), mode),
  fromUint64: (format: FloatFormat, integer: bigint, mode: number): FloatResult =>
    fromInteger(format, BigInt.asUintN(64, integer), mode),

  convert(from: FloatFormat, to: FloatFormat, a: bigint, mode: number): FloatResult {
    const value = decode(from, a);
    const nan = fromNaNs(to, value);
    if (nan !== undefined) return nan;
    if (value.kind === 'infinite') return infinite(to, value.negative);
    return round(to, value as Finite, mode);
  },
};

function isNormal(format: FloatFormat, { numerator, denominator }: Finite): boolean {
  return floorLog2(numerator, denominator) >= 1 - format.bias;
}
