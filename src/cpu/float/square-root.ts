// IEEE 754-2019, §5.4.1 (squareRoot), in integers: every operand, every rounding mode.
import type { Callable } from '../../wasm/module.ts';
import type { Emitter, OnStack, Variable } from './emitter.ts';
import type { Toolkit } from './environment.ts';
import { digitCount, digitsOf, digitsShift, digitsThen } from './host-digits.ts';

/** (a, mode): the square root of a. */
export function defineSquareRoot({ emit, format, encoding, native, specialResult, round }: Toolkit): Callable {
  const { i32, i64 } = emit;

  return emit.function(['i64', 'i32'], (a, mode) => {
    // Also of a negative number, which gives a NaN; §6.3: the root of -0 is -0.
    emit.if(i32.or(i32.or(encoding.isSpecial(a), encoding.isNegative(a)), encoding.isZero(a)), () => {
      const result = emit.let(native.toBits(native.sqrt(native.fromBits(a))));
      emit.return(emit.call(specialResult, result, a, a));
    });

    const { exponent, significand } = encoding.unpack(a);
    const unbiased = emit.let(i32.sub(exponent, format.bias));
    const isOdd = emit.let(i64.extend_i32_u(i32.and(unbiased, 1)));
    const resultExponent = emit.let(i32.add(i32.shr_s(unbiased, 1), format.bias));
    return emit.call(round, 0n, resultExponent, root(emit, significand, isOdd), mode);
  });
}

/**
 * The square root of an unpacked significand, times 2 where `isOdd` is 1; leading 1 at bit 62, bit 0 sticky.
 * The radicand has one more digit than the host's format then, a zero, so it converts exactly.
 */
function root(emit: Emitter, significand: Variable<'i64'>, isOdd: Variable<'i64'>): OnStack<'i64'> {
  const { i64, f64 } = emit;
  const radicand = emit.let(i64.shl(i64.shr_u(significand, digitsShift), isOdd));
  const digits = emit.let(digitsOf(emit, f64.sqrt(f64.convert_i64_u(radicand))));
  // radicand * 2^52 - digits^2, exact modulo 2^64.
  const remainder = emit.let(i64.sub(i64.shl(radicand, digitCount - 1n), i64.mul(digits, digits)));
  emit.if(i64.lt_s(remainder, 0n), () => {
    // r + d^2 = (r + 2d - 1) + (d - 1)^2
    emit.set(remainder, i64.sub(i64.add(i64.shl(digits, 1n), remainder), 1n));
    emit.set(digits, i64.sub(digits, 1n));
  });
  // (d + 1/2)^2 = d^2 + d + 1/4: the half digit is there when the remainder exceeds d, and it never ends there.
  const isRest = emit.let(i64.ne(remainder, 0n));
  return digitsThen(emit, digits, i64.gt_u(remainder, digits), isRest);
}
