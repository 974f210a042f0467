// IEEE 754-2019, §5.4.1 (multiplication), in integers: every operand, every rounding mode.
import type { Callable } from '../../wasm/module.ts';
import { leadingOne, sticky } from './encoding.ts';
import { exceptionFlag } from './environment.ts';
import type { Toolkit } from './environment.ts';
import { multiplyWide } from './wide.ts';

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
    // Of at least 2^62 and 2^63 now, they have a product with its leading 1 at bit 61 or 62 of the high half.
    emit.set(right.significand, i64.shl(right.significand, 1n));
    const { high, low } = multiplyWide(emit, left.significand, right.significand);
    const product = emit.let(i64.or(sticky(emit, low), high));
    const exponent = emit.let(i32.sub(i32.add(left.exponent, right.exponent), format.bias - 1));
    emit.if(i64.lt_u(product, leadingOne), () => {
      emit.set(product, i64.shl(product, 1n));
      emit.set(exponent, i32.sub(exponent, 1));
    });
    return emit.call(round, sign, exponent, product, mode);
  });
}
