// IEEE 754-2019, §5.4.1 (addition), in integers: every operand, every rounding mode.
import type { Callable } from '../../wasm/module.ts';
import { leadingBit, shiftRightSticky } from './encoding.ts';
import { exceptionFlag, roundingMode } from './environment.ts';
import type { Toolkit } from './environment.ts';

/** (a, b, mode): a + b. */
export function defineAdd({ emit, flags, format, encoding, nanResult, round }: Toolkit): Callable {
  const { i32, i64 } = emit;

  return emit.function(['i64', 'i64', 'i32'], (a, b, mode) => {
    const differentSigns = emit.let(i64.ne(encoding.sign(i64.xor(a, b)), 0n));

    emit.if(i32.or(encoding.isSpecial(a), encoding.isSpecial(b)), () => {
      emit.if(i32.or(encoding.isNaN(a), encoding.isNaN(b)), () => emit.return(emit.call(nanResult, a, b, b)));
      emit.if(encoding.isInfinite(a), () => {
        // §7.2 d: the difference of infinities.
        emit.if(i32.and(encoding.isInfinite(b), differentSigns), () => {
          flags.raise(exceptionFlag.NV);
          emit.return(format.canonicalNaN);
        });
        emit.return(a);
      });
      emit.return(b);
    });

    // Without a branch: which is the greater is different from one operation to the next.
    const isReversed = emit.let(i64.lt_u(encoding.magnitude(a), encoding.magnitude(b)));
    const greater = emit.let(i64.select(b, a, isReversed));
    const lesser = emit.let(i64.select(a, b, isReversed));
    // Normalizing the sum is enough: an operand's exponent may stay that of its encoding. One bit lower than unpacked,
    // the significands leave room for the sum's carry; both have zeros enough at their ends.
    const { exponent, significand } = encoding.unpackUnnormalized(greater);
    const addend = encoding.unpackUnnormalized(lesser);
    emit.set(significand, i64.shr_u(significand, 1n));
    emit.set(addend.significand, i64.shr_u(addend.significand, 1n));
    const distance = emit.let(i32.sub(exponent, addend.exponent));
    const shifted = emit.let(shiftRightSticky(emit, addend.significand, distance));
    const signed = i64.select(i64.sub(0n, shifted), shifted, differentSigns);
    emit.set(significand, i64.add(signed, significand));

    emit.if(i64.eqz(significand), () => {
      // §6.3: the sum of zeros of one sign keeps it; else a sum of zero is +0, and -0 when rounding down.
      const negative = i64.select(format.signBit, 0n, i32.eq(mode, roundingMode.RDN));
      emit.return(i64.select(negative, encoding.sign(a), differentSigns));
    });
    const shift = emit.let(i64.sub(i64.clz(significand), 63n - leadingBit));
    return emit.call(
      round,
      encoding.sign(greater),
      i32.sub(i32.add(exponent, 1), i32.wrap_i64(shift)),
      i64.shl(significand, shift),
      mode,
    );
  });
}
