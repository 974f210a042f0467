// IEEE 754-2019, §5.4.1 (fusedMultiplyAdd), in integers: every operand, every rounding mode.
import type { Callable } from '../../wasm/module.ts';
import { leadingBit } from './encoding.ts';
import { roundingMode } from './environment.ts';
import type { Toolkit } from './environment.ts';
import {
  addWide,
  highOfShiftedLeftSticky,
  multiplyWide,
  negateWideIf,
  selectWide,
  shiftWideRightSticky,
} from './wide.ts';
import type { Wide } from './wide.ts';

/** (a, b, c, mode): a * b + c, rounded once. */
export function defineFusedMultiplyAdd(toolkit: Toolkit): Callable {
  const { emit, format, encoding, native, specialResult, round } = toolkit;
  const { i32, i64 } = emit;

  return emit.function(['i64', 'i64', 'i64', 'i32'], (a, b, c, mode) => {
    const sign = emit.let(encoding.sign(i64.xor(a, b)));
    const differentSigns = emit.let(i64.ne(encoding.sign(i64.xor(sign, c)), 0n));
    // §6.3: a sum of zero from different signs.
    const zeroSum = () => i64.select(format.signBit, 0n, i32.eq(mode, roundingMode.RDN));

    const isProductSpecial = emit.let(i32.or(encoding.isSpecial(a), encoding.isSpecial(b)));
    emit.if(i32.or(encoding.isSpecial(c), isProductSpecial), () => {
      // RISC-V §20.6: infinity times zero is invalid also where the addend is a quiet NaN. Finite numbers may be taken for
      // zero: their product might overflow.
      const result = emit.let(native.toBits(native.mul(native.fromBits(a), native.fromBits(b))));
      const product = emit.let(i64.select(emit.call(specialResult, result, a, b), 0n, isProductSpecial));
      const sum = emit.let(native.toBits(native.add(native.fromBits(product), native.fromBits(c))));
      emit.return(emit.call(specialResult, sum, product, c));
    });
    emit.if(i32.or(encoding.isZero(a), encoding.isZero(b)), () => {
      emit.if(i32.and(encoding.isZero(c), differentSigns), () => emit.return(zeroSum()));
      emit.return(c);
    });

    // Bit 124 of the wide numbers has the weight 2^(exponent - bias). The product's leading 1 is there or one higher.
    const left = encoding.unpack(a);
    const right = encoding.unpack(b);
    const product = multiplyWide(emit, left.significand, right.significand);
    const productExponent = emit.let(i32.sub(i32.add(left.exponent, right.exponent), format.bias));
    const unpackedAddend = encoding.unpackUnnormalized(c);
    const addend: Wide = { high: emit.let(i64.shr_u(unpackedAddend.significand, 2n)), low: emit.variable('i64') };
    const addendExponent = unpackedAddend.exponent;

    // The one with the lesser exponent gives way. Whatever falls off lies 20 bits or more below the other's leading 1,
    // so a cancellation after that is of one bit, or ends in a subnormal result, whose last digit is higher still.
    // All of it without branches: which one it is and whether they cancel is different from one operation to the next.
    const distance = emit.let(i32.sub(productExponent, addendExponent));
    const isAddendFirst = emit.let(i32.lt_s(distance, 0));
    const first = selectWide(emit, addend, product, isAddendFirst);
    const second = selectWide(emit, product, addend, isAddendFirst);
    const exponent = emit.let(i32.select(addendExponent, productExponent, isAddendFirst));
    emit.set(distance, i32.select(i32.sub(0, distance), distance, isAddendFirst));
    shiftWideRightSticky(emit, second, distance);
    const signedSum = addWide(emit, first, negateWideIf(emit, differentSigns, second));
    const isReversed = emit.let(i64.lt_s(signedSum.high, 0n));
    const sum = negateWideIf(emit, isReversed, signedSum);
    emit.if(i64.eqz(i64.or(sum.high, sum.low)), () => emit.return(zeroSum()));
    // The sign of the first, and of the second where that was greater all the same (then their signs differ).
    const isOfAddend = emit.let(i32.ne(isAddendFirst, isReversed));
    emit.set(sign, i64.select(encoding.sign(c), sign, isOfAddend));

    emit.if(i64.eqz(sum.high), () => {
      // Not by 64: bit 127 must stay clear.
      emit.set(sum.high, i64.shr_u(sum.low, 1n));
      emit.set(sum.low, i64.shl(sum.low, 63n));
      emit.set(exponent, i32.sub(exponent, 63));
    });
    const shift = emit.let(i64.sub(i64.clz(sum.high), 63n - leadingBit));
    const significand = emit.let(highOfShiftedLeftSticky(emit, sum, shift));
    emit.set(exponent, i32.sub(i32.add(exponent, Number(leadingBit) + 64 - 124), i32.wrap_i64(shift)));
    return emit.call(round, sign, exponent, significand, mode);
  });
}
