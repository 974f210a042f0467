// IEEE 754-2019, §5.4.1 (division), in integers: every operand, every rounding mode.
import type { Callable } from '../../wasm/module.ts';
import type { Emitter, OnStack, Variable } from './emitter.ts';
import { digitCount, digitsOf, digitsShift, digitsThen } from './host-digits.ts';
import { exceptionFlag } from './environment.ts';
import type { Toolkit } from './environment.ts';

/** (a, b, mode): a / b. */
export function defineDivide({ emit, flags, format, encoding, native, specialResult, round }: Toolkit): Callable {
  const { i32, i64 } = emit;

  return emit.function(['i64', 'i64', 'i32'], (a, b, mode) => {
    const sign = emit.let(encoding.sign(i64.xor(a, b)));

    const isZeroDivisor = emit.let(encoding.isZero(b));
    const isSpecial = i32.or(i32.or(encoding.isSpecial(a), encoding.isSpecial(b)), encoding.isZero(a));
    emit.if(i32.or(isSpecial, isZeroDivisor), () => {
      // §7.3: an exact infinity from a finite number that is not zero.
      const isFinite = i32.eqz(i32.or(encoding.isSpecial(a), encoding.isZero(a)));
      flags.raiseIf(i32.and(isFinite, isZeroDivisor), exceptionFlag.DZ);
      const result = emit.let(native.toBits(native.div(native.fromBits(a), native.fromBits(b))));
      emit.return(emit.call(specialResult, result, a, b));
    });
    const dividend = encoding.unpack(a);
    const divisor = encoding.unpack(b);
    const exponent = emit.let(i32.add(i32.sub(dividend.exponent, divisor.exponent), format.bias));
    emit.if(i64.lt_u(dividend.significand, divisor.significand), () => {
      emit.set(dividend.significand, i64.shl(dividend.significand, 1n));
      emit.set(exponent, i32.sub(exponent, 1));
    });
    return emit.call(round, sign, exponent, quotient(emit, dividend.significand, divisor.significand), mode);
  });
}

/**
 * The quotient of two unpacked significands, known to lie in [1, 2); leading 1 at bit 62, bit 0 sticky.
 *
 * The host's own division gives it rounded to 53 digits. The remainder, exact modulo 2^64 and far smaller than that,
 * corrects it downwards and tells what follows the 53rd digit.
 */
function quotient(emit: Emitter, dividend: Variable<'i64'>, divisor: Variable<'i64'>): OnStack<'i64'> {
  const { i64, f64 } = emit;
  const a = emit.let(i64.shr_u(dividend, digitsShift));
  const b = emit.let(i64.shr_u(divisor, digitsShift));
  const digits = emit.let(digitsOf(emit, f64.div(f64.convert_i64_u(a), f64.convert_i64_u(b))));
  const remainder = emit.let(i64.sub(i64.shl(a, digitCount - 1n), i64.mul(digits, b)));
  emit.if(i64.lt_s(remainder, 0n), () => {
    emit.set(digits, i64.sub(digits, 1n));
    emit.set(remainder, i64.add(remainder, b));
  });
  // It never ends with the half digit: 54 digits times those of the divisor would be more than the dividend has.
  const isRest = emit.let(i64.ne(remainder, 0n));
  const doubled = i64.shl(remainder, 1n);
  return digitsThen(emit, digits, i64.gt_u(doubled, b), isRest);
}
