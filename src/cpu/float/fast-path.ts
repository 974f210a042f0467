// The host's own arithmetic, where it gives what IEEE 754-2019 §5.4.1 asks for: rounding to nearest even, a result that
// is neither too great nor tiny, and an exact test of whether it is inexact. All else goes to the definitions in
// integers.
import type { Callable } from '../../wasm/module.ts';
import type { OnStack, Variable } from './emitter.ts';
import { exceptionFlag, roundingMode } from './environment.ts';
import type { Toolkit } from './environment.ts';
import type { NativeKind } from './native.ts';

/** (a, b, mode): a + b or a - b; `inIntegers` adds. */
export function defineFastAdd(toolkit: Toolkit, which: 'add' | 'sub', inIntegers: Callable): Callable {
  const { emit, flags, format, native } = toolkit;
  const { i32, i64 } = emit;

  return emit.function(['i64', 'i64', 'i32'], (a, b, mode) => {
    const x = emit.let(native.fromBits(a));
    const y = emit.let(native.fromBits(b));
    const sum = emit.let(native[which](x, y));
    // A sum of zero or of subnormal size is exact. The bound keeps overflow out of the test as well.
    const isSafe = native.lt(native.abs(sum), 2 ** format.bias);
    emit.if(i32.and(isSafe, i32.eq(mode, roundingMode.RNE)), () => {
      emit.if(i32.eqz(flags.has(exceptionFlag.NX)), () => {
        // The sum minus the operand of greater magnitude is computed without error (Dekker, 1971): it is the other
        // operand where the sum is exact and is not where it is inexact. Trying both spares finding the greater one.
        const isInexact =
          which === 'add'
            ? i32.or(native.ne(native.sub(sum, x), y), native.ne(native.sub(sum, y), x))
            : i32.or(native.ne(native.sub(x, sum), y), native.ne(native.add(sum, y), x));
        flags.raiseIf(isInexact, exceptionFlag.NX);
      });
      emit.return(native.toBits(sum));
    });
    return which === 'add'
      ? emit.call(inIntegers, a, b, mode)
      : emit.call(inIntegers, a, i64.xor(b, format.signBit), mode);
  });
}

/** (a, b, mode): a * b. */
export function defineFastMultiply(toolkit: Toolkit, inIntegers: Callable): Callable {
  const { emit, format, encoding, native } = toolkit;
  const { i32, i64 } = emit;

  return emit.function(['i64', 'i64', 'i32'], (a, b, mode) => {
    const product = emit.let(native.mul(native.fromBits(a), native.fromBits(b)));
    returnWhereSafe(toolkit, mode, product, [a, b], (bits) => {
      // Exact where the product of the significands has nothing but zeros in the digits that the result does not keep:
      // p - 1 of them, one more where it reaches 2. (Where it reaches 2 by rounding, some of those are not zero.)
      const exponents = emit.let(i32.sub(i32.add(encoding.exponent(a), encoding.exponent(b)), format.bias));
      const carry = emit.let(i32.sub(encoding.exponent(bits), exponents));
      const digits = emit.let(i64.mul(encoding.integerSignificand(a), encoding.integerSignificand(b)));
      const shift = i64.extend_i32_u(i32.sub(64 - format.fractionBits, carry));
      return i64.ne(i64.shl(digits, shift), 0n);
    });
    return emit.call(inIntegers, a, b, mode);
  });
}

/** (a, b, mode): a / b. */
export function defineFastDivide(toolkit: Toolkit, inIntegers: Callable): Callable {
  const { emit, format, encoding, native } = toolkit;
  const { i32, i64 } = emit;

  return emit.function(['i64', 'i64', 'i32'], (a, b, mode) => {
    const quotient = emit.let(native.div(native.fromBits(a), native.fromBits(b)));
    returnWhereSafe(toolkit, mode, quotient, [a, b], (bits) => {
      // Exact where quotient * divisor = dividend, in integers modulo 2^64: an error would be far smaller than that.
      const exponents = i32.sub(encoding.exponent(a), encoding.exponent(b));
      const borrow = i32.sub(exponents, encoding.exponent(bits));
      const shift = emit.let(i64.extend_i32_u(i32.add(borrow, format.bias + format.fractionBits)));
      const product = i64.mul(encoding.integerSignificand(bits), encoding.integerSignificand(b));
      return i64.ne(product, i64.shl(encoding.integerSignificand(a), shift));
    });
    return emit.call(inIntegers, a, b, mode);
  });
}

/** (a, mode): the square root of a. */
export function defineFastSquareRoot(toolkit: Toolkit, inIntegers: Callable): Callable {
  const { emit, format, encoding, native } = toolkit;
  const { i32, i64 } = emit;

  return emit.function(['i64', 'i32'], (a, mode) => {
    const root = emit.let(native.sqrt(native.fromBits(a)));
    returnWhereSafe(toolkit, mode, root, [a], (bits) => {
      // Exact where root^2 = radicand, in integers modulo 2^64. The exponent that is halved must be even.
      const odd = i32.and(i32.sub(encoding.exponent(a), format.bias), 1);
      const shift = emit.let(i64.extend_i32_u(i32.add(odd, format.fractionBits)));
      const digits = emit.let(encoding.integerSignificand(bits));
      return i64.ne(i64.mul(digits, digits), i64.shl(encoding.integerSignificand(a), shift));
    });
    return emit.call(inIntegers, a, mode);
  });
}

/**
 * Returns a native result that is finite and above the least normal number (which itself may come from a tiny one):
 * at once where NX is raised already, there being no other flag to raise; else after the test, which wants normal
 * operands.
 */
function returnWhereSafe(
  { emit, flags, format, encoding, native }: Toolkit,
  mode: Variable<'i32'>,
  result: Variable<NativeKind>,
  operands: readonly Variable<'i64'>[],
  isInexact: (bits: Variable<'i64'>) => OnStack<'i32'>,
): void {
  const { i32 } = emit;
  const magnitude = emit.let(native.abs(result));
  const isSafe = i32.and(native.lt(magnitude, Infinity), native.gt(magnitude, 2 ** (1 - format.bias)));
  emit.if(i32.and(isSafe, i32.eq(mode, roundingMode.RNE)), () => {
    const bits = emit.let(native.toBits(result));
    emit.if(flags.has(exceptionFlag.NX), () => emit.return(bits));
    const areNormal = operands
      .map((operand) => encoding.isNormal(operand))
      .reduce((left, right) => i32.and(left, right));
    emit.if(areNormal, () => {
      flags.raiseIf(isInexact(bits), exceptionFlag.NX);
      emit.return(bits);
    });
  });
}
