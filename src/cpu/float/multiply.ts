// IEEE 754-2019, §5.4.1 (multiplication), in integers: every operand, every rounding mode.
import type { Callable } from '../../wasm/module.ts';
import type { Emitter, OnStack, Variable } from './emitter.ts';
import { leadingOne, sticky } from './encoding.ts';
import { exceptionFlag } from './environment.ts';
import type { Toolkit } from './environment.ts';

/** (a, b, mode): a * b. */
export function defineMultiply({ emit, flags, format, encoding, nanResult, round }: Toolkit): Callable {
  const { i32, i64 } = emit;

  return emit.function(['i64', 'i64', 'i32'], (a, b, mode) => {
    const sign = emit.let(encoding.sign(i64.xor(a, b)));

    emit.if(i32.or(encoding.isSpecial(a), encoding.isSpecial(b)), () => {
      emit.if(i32.or(encoding.isNaN(a), encoding.isNaN(b)), () => emit.return(emit.call(nanResult, a, b, b)));
      // §7.2 b: one of them is infinite, so the other's being zero makes it invalid.
      emit.if(i32.or(encoding.isZero(a), encoding.isZero(b)), () => {
        flags.raise(exceptionFlag.NV);
        emit.return(format.canonicalNaN);
      });
      emit.return(i64.or(sign, format.infinity));
    });
    emit.if(i32.or(encoding.isZero(a), encoding.isZero(b)), () => emit.return(sign));

    const left = encoding.unpack(a);
    const right = encoding.unpack(b);
    // 2^62 * 2^63 to 2^64 * 2^63 - …: the product's leading 1 is at bit 61 or 62 of the high half.
    emit.set(right.significand, i64.shl(right.significand, 1n));
    const lost = sticky(emit, i64.mul(left.significand, right.significand));
    const product = emit.let(i64.or(lost, multiplyHigh(emit, left.significand, right.significand)));
    const exponent = emit.let(i32.sub(i32.add(left.exponent, right.exponent), format.bias - 1));
    emit.if(i64.lt_u(product, leadingOne), () => {
      emit.set(product, i64.shl(product, 1n));
      emit.set(exponent, i32.sub(exponent, 1));
    });
    return emit.call(round, sign, exponent, product, mode);
  });
}

/** The high 64 bits of the 128-bit product of two unsigned numbers. */
export function multiplyHigh(emit: Emitter, a: Variable<'i64'>, b: Variable<'i64'>): OnStack<'i64'> {
  const { i64 } = emit;
  const low = (value: Variable<'i64'>) => emit.let(i64.and(value, 0xffff_ffffn));
  const high = (value: Variable<'i64'>) => emit.let(i64.shr_u(value, 32n));
  const lowA = low(a);
  const highA = high(a);
  const lowB = low(b);
  const highB = high(b);
  // Neither sum can overflow: (2^32 - 1)^2 + 2^32 - 1 < 2^64.
  const carry = i64.shr_u(i64.mul(lowA, lowB), 32n);
  const middle = emit.let(i64.add(carry, i64.mul(highA, lowB)));
  const otherMiddle = emit.let(i64.add(i64.mul(lowA, highB), i64.and(middle, 0xffff_ffffn)));
  const top = i64.add(i64.mul(highA, highB), i64.shr_u(middle, 32n));
  return i64.add(top, i64.shr_u(otherMiddle, 32n));
}
