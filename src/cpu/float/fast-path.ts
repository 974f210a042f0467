// The host's own arithmetic, where it gives what IEEE 754-2019 §5.4.1 asks for: rounding to nearest even, a result that
// is neither too great nor tiny, and an exact test of whether it is inexact. All else goes to the definitions in
// integers. (Translated code comes here as long as nothing was inexact, and seldom afterwards.)
import type { Callable } from '../../wasm/module.ts';
import type { OnStack, Variable } from './emitter.ts';
import { exceptionFlag, roundingMode } from './environment.ts';
import type { Toolkit } from './environment.ts';
import type { NativeKind } from './native.ts';

type Bits = Variable<'i64'>;
type NativeNumber = Variable<NativeKind>;

/** (a, b, mode): a + b. */
export function defineFastAdd(toolkit: Toolkit, fusedMultiplyAdd: Callable): Callable {
  const { emit, flags, format, native } = toolkit;
  const { i32 } = emit;

  return emit.function(['i64', 'i64', 'i32'], (a, b, mode) => {
    const x = emit.let(native.fromBits(a));
    const y = emit.let(native.fromBits(b));
    const sum = emit.let(native.add(x, y));
    // A sum of zero or of subnormal size is exact.
    emit.if(i32.and(isBounded(toolkit, sum), i32.eq(mode, roundingMode.RNE)), () => {
      emit.if(i32.eqz(flags.has(exceptionFlag.NX)), () => {
        flags.raiseIf(isInexactSum(toolkit, x, y, sum), exceptionFlag.NX);
      });
      emit.return(native.toBits(sum));
    });
    return emit.call(fusedMultiplyAdd, a, format.one, b, mode);
  });
}

/** (a, b, mode): a - b. */
export function defineSubtract({ emit, format }: Toolkit, add: Callable): Callable {
  return emit.function(['i64', 'i64', 'i32'], (a, b, mode) => {
    const negated = emit.let(emit.i64.xor(b, format.signBit));
    return emit.call(add, a, negated, mode);
  });
}

/** (a, b, mode): a * b. */
export function defineFastMultiply(toolkit: Toolkit, fusedMultiplyAdd: Callable): Callable {
  const { emit, encoding, native } = toolkit;
  return emit.function(['i64', 'i64', 'i32'], (a, b, mode) => {
    const product = native.mul(native.fromBits(a), native.fromBits(b));
    returnWhereSafe(toolkit, mode, product, (bits) => [a, b, bits]);
    // A zero of the product's sign changes nothing.
    const addend = emit.let(encoding.sign(emit.i64.xor(a, b)));
    return emit.call(fusedMultiplyAdd, a, b, addend, mode);
  });
}

/** (a, b, mode): a / b. */
export function defineFastDivide(toolkit: Toolkit, inIntegers: Callable): Callable {
  const { emit, native } = toolkit;
  return emit.function(['i64', 'i64', 'i32'], (a, b, mode) => {
    const quotient = native.div(native.fromBits(a), native.fromBits(b));
    returnWhereSafe(toolkit, mode, quotient, (bits) => [bits, b, a]);
    return emit.call(inIntegers, a, b, mode);
  });
}

/** (a, mode): the square root of a. */
export function defineFastSquareRoot(toolkit: Toolkit, inIntegers: Callable): Callable {
  const { emit, native } = toolkit;
  return emit.function(['i64', 'i32'], (a, mode) => {
    returnWhereSafe(toolkit, mode, native.sqrt(native.fromBits(a)), (bits) => [bits, bits, a]);
    return emit.call(inIntegers, a, mode);
  });
}

/**
 * (a, b, c, mode): a * b + c, rounded once. Here only where neither product nor sum are rounded at all, while nothing was
 * inexact so far: translated code does the rest of it itself.
 */
export function defineFastFusedMultiplyAdd(toolkit: Toolkit, inIntegers: Callable): Callable {
  const { emit, flags, native } = toolkit;
  const { i32 } = emit;

  return emit.function(['i64', 'i64', 'i64', 'i32'], (a, b, c, mode) => {
    emit.if(i32.and(i32.eqz(flags.has(exceptionFlag.NX)), i32.eq(mode, roundingMode.RNE)), () => {
      const product = emit.let(native.mul(native.fromBits(a), native.fromBits(b)));
      const addend = emit.let(native.fromBits(c));
      const sum = emit.let(native.add(product, addend));
      const isSafe = i32.and(isNormal(toolkit, product), isBounded(toolkit, sum));
      emit.if(i32.and(isSafe, areNormal(toolkit, a, b)), () => {
        const bits = emit.let(native.toBits(product));
        const isInexact = i32.or(isInexactSum(toolkit, product, addend, sum), isNoProduct(toolkit, a, b, bits));
        emit.if(i32.eqz(isInexact), () => emit.return(native.toBits(sum)));
      });
    });
    return emit.call(inIntegers, a, b, c, mode);
  });
}

/**
 * Returns a native result that is normal: at once where NX is raised already, there being no other flag to raise; else
 * after a test of whether the first of `factors` times the second is the third, which wants normal numbers.
 */
function returnWhereSafe(
  toolkit: Toolkit,
  mode: Variable<'i32'>,
  value: OnStack<NativeKind>,
  factors: (bits: Bits) => [Bits, Bits, Bits],
): void {
  const { emit, flags, encoding, native } = toolkit;
  const { i32 } = emit;
  const result = emit.let(value);
  emit.if(i32.and(isNormal(toolkit, result), i32.eq(mode, roundingMode.RNE)), () => {
    const bits = emit.let(native.toBits(result));
    emit.if(flags.has(exceptionFlag.NX), () => emit.return(bits));
    const [a, b, product] = factors(bits);
    emit.if(i32.and(areNormal(toolkit, a, b), encoding.isNormal(product)), () => {
      flags.raiseIf(isNoProduct(toolkit, a, b, product), exceptionFlag.NX);
      emit.return(bits);
    });
  });
}

/** Finite and above the least normal number, which itself may come from a tiny one. */
function isNormal({ emit, format, native }: Toolkit, number: NativeNumber): OnStack<'i32'> {
  const magnitude = emit.let(native.abs(number));
  return emit.i32.and(native.lt(magnitude, Infinity), native.gt(magnitude, 2 ** (1 - format.bias)));
}

function areNormal({ emit, encoding }: Toolkit, a: Bits, b: Bits): OnStack<'i32'> {
  return emit.i32.and(encoding.isNormal(a), encoding.isNormal(b));
}

/** Keeps overflow out of `isInexactSum` as well. */
function isBounded({ format, native }: Toolkit, sum: NativeNumber): OnStack<'i32'> {
  return native.lt(native.abs(sum), 2 ** format.bias);
}

/**
 * The sum minus the operand of greater magnitude is computed without error (Dekker, 1971): it is the other operand where
 * the sum is exact and is not where it is inexact. Trying both spares finding the greater one.
 */
function isInexactSum({ emit, native }: Toolkit, x: NativeNumber, y: NativeNumber, sum: NativeNumber): OnStack<'i32'> {
  return emit.i32.or(native.ne(native.sub(sum, x), y), native.ne(native.sub(sum, y), x));
}

/**
 * Whether a * b, not rounded, is another number than `product`, from which it differs by less than its last digit. All are
 * normal. In integers modulo 2^64: that error would be far smaller.
 */
function isNoProduct({ emit, format, encoding }: Toolkit, a: Bits, b: Bits, product: Bits): OnStack<'i32'> {
  const { i32, i64 } = emit;
  const exponents = i32.sub(encoding.exponent(product), i32.add(encoding.exponent(a), encoding.exponent(b)));
  const shift = emit.let(i64.extend_i32_u(i32.add(exponents, format.bias + format.fractionBits)));
  const digits = i64.mul(encoding.integerSignificand(a), encoding.integerSignificand(b));
  return i64.ne(digits, i64.shl(encoding.integerSignificand(product), shift));
}
