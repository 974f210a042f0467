// IEEE 754-2019, §4.3 (rounding directions) and §7.4 to §7.6 (overflow, underflow, inexact).
import type { Callable } from '../../wasm/module.ts';
import { leadingBit, shiftRightSticky } from './encoding.ts';
import type { Environment } from './environment.ts';
import { exceptionFlag, roundingMode } from './environment.ts';
import type { Format } from './format.ts';

const { NX, UF, OF } = exceptionFlag;

/**
 * (sign, exponent, significand, mode): the number sign * significand / 2^62 * 2^(exponent - bias), rounded and encoded.
 *
 * `sign` is the format's sign bit or 0. The significand has its leading 1 at bit 62; its bit 0 may be sticky. The
 * exponent may be far outside of the format's range.
 */
export function defineRound({ emit, flags }: Environment, format: Format): Callable {
  const { i32, i64 } = emit;
  const { fractionBits, maxExponent } = format;
  const droppedBits = leadingBit - BigInt(fractionBits);
  const droppedMask = (1n << droppedBits) - 1n;
  const half = 1n << (droppedBits - 1n);

  return emit.function(['i64', 'i32', 'i64', 'i32'], (sign, exponent, significand, mode) => {
    const increment = emit.let(
      i64.choose(
        i32.eqz(i32.and(mode, 3)),
        () => half, // RNE and RMM are 0 and 4
        () => {
          // RDN (2) with a negative number, RUP (3) with a positive one: away from zero. RTZ (1) adds up to 2 at most.
          const isNegative = i64.ne(sign, 0n);
          const awayFromZero = i32.eq(i32.add(isNegative, mode), 3);
          return i64.select(droppedMask, 0n, awayFromZero);
        },
      ),
    );
    const carries = () => i64.lt_s(i64.add(significand, increment), 0n);

    // One comparison finds both ends of the range.
    emit.if(i32.ge_u(i32.sub(exponent, 1), maxExponent - 2), () => {
      emit.if(
        i32.le_s(exponent, 0),
        () => {
          // §7.5: tiny after rounding, as if the exponent had no lower bound; 0 with a carry reaches the least normal.
          const isTiny = emit.let(i32.or(i32.lt_s(exponent, 0), i32.eqz(carries())));
          const distance = emit.let(i32.sub(1, exponent));
          emit.set(significand, shiftRightSticky(emit, significand, distance));
          emit.set(exponent, 1);
          const isInexact = i64.ne(i64.and(significand, droppedMask), 0n);
          flags.raiseIf(i32.and(isInexact, isTiny), UF);
        },
        () => {
          const isBeyond = i32.ge_s(exponent, maxExponent);
          emit.if(i32.or(isBeyond, carries()), () => {
            flags.raise(OF | NX);
            // §7.4: infinity where rounding goes away from zero, else the greatest finite number.
            const overflowed = i64.select(format.infinity, format.greatestFinite, i64.ne(increment, 0n));
            emit.return(i64.or(overflowed, sign));
          });
        },
      );
    });

    const dropped = emit.let(i64.and(significand, droppedMask));
    flags.raiseIf(i64.ne(dropped, 0n), NX);
    const rounded = emit.let(i64.shr_u(i64.add(significand, increment), droppedBits));
    const isTie = i64.eq(dropped, half);
    emit.if(i32.and(isTie, i32.eq(mode, roundingMode.RNE)), () => emit.set(rounded, i64.and(rounded, -2n)));

    // Added, not or-ed: the leading 1 adds one to the exponent field, a carry of the rounding another; a subnormal
    // number has neither.
    const exponentField = i64.shl(i64.extend_i32_u(i32.sub(exponent, 1)), BigInt(fractionBits));
    return i64.or(i64.add(exponentField, rounded), sign);
  });
}
