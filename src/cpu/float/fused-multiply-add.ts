// IEEE 754-2019, §5.4.1 (fusedMultiplyAdd), in integers of 128 bits: every operand, every rounding mode.
import type { Callable } from '../../wasm/module.ts';
import type { Emitter, OnStack, Variable } from './emitter.ts';
import { leadingBit, shiftRightSticky, sticky } from './encoding.ts';
import { exceptionFlag, roundingMode } from './environment.ts';
import type { Toolkit } from './environment.ts';
import { multiplyHigh } from './multiply.ts';

/** (a, b, c, mode): a * b + c, rounded once. */
export function defineFusedMultiplyAdd(toolkit: Toolkit): Callable {
  const { emit, format, encoding, round } = toolkit;
  const { i32, i64 } = emit;

  return emit.function(['i64', 'i64', 'i64', 'i32'], (a, b, c, mode) => {
    const sign = emit.let(encoding.sign(i64.xor(a, b)));
    const differentSigns = emit.let(i64.ne(encoding.sign(i64.xor(sign, c)), 0n));
    // §6.3: a sum of zero from different signs.
    const zeroSum = () => i64.select(format.signBit, 0n, i32.eq(mode, roundingMode.RDN));

    const isSpecial = i32.or(i32.or(encoding.isSpecial(a), encoding.isSpecial(b)), encoding.isSpecial(c));
    emit.if(isSpecial, () => returnSpecial(toolkit, { a, b, c, sign, differentSigns }));
    emit.if(i32.or(encoding.isZero(a), encoding.isZero(b)), () => {
      emit.if(i32.and(encoding.isZero(c), differentSigns), () => emit.return(zeroSum()));
      emit.return(c);
    });

    // Bit 124 of the wide numbers has the weight 2^(exponent - bias). The product's leading 1 is there or one higher.
    const left = encoding.unpack(a);
    const right = encoding.unpack(b);
    const exponent = emit.let(i32.sub(i32.add(left.exponent, right.exponent), format.bias));
    const product: Wide = {
      low: emit.let(i64.mul(left.significand, right.significand)),
      high: emit.let(multiplyHigh(emit, left.significand, right.significand)),
    };
    const addendParts = encoding.unpackUnnormalized(c);
    const addend: Wide = { low: emit.variable('i64'), high: emit.let(i64.shr_u(addendParts.significand, 2n)) };
    emit.set(addend.low, 0n);

    // The one with the lesser exponent gives way. Whatever falls off lies 20 bits or more below the other's leading 1,
    // so a cancellation after that is of one bit, or ends in a subnormal result, whose last digit is higher still.
    const distance = emit.let(i32.sub(exponent, addendParts.exponent));
    emit.if(
      i32.ge_s(distance, 0),
      () => shiftWideRightSticky(emit, addend, distance),
      () => {
        emit.set(distance, i32.sub(0, distance));
        shiftWideRightSticky(emit, product, distance);
        emit.set(exponent, addendParts.exponent);
      },
    );

    const sum = product;
    emit.if(
      differentSigns,
      () => {
        const borrow = emit.let(i64.extend_i32_u(i64.lt_u(sum.low, addend.low)));
        emit.set(sum.low, i64.sub(sum.low, addend.low));
        emit.set(sum.high, i64.sub(i64.sub(sum.high, addend.high), borrow));
        emit.if(i64.lt_s(sum.high, 0n), () => {
          negateWide(emit, sum);
          emit.set(sign, i64.xor(sign, format.signBit));
        });
        emit.if(i64.eqz(i64.or(sum.high, sum.low)), () => emit.return(zeroSum()));
      },
      () => {
        emit.set(sum.low, i64.add(sum.low, addend.low));
        const carry = i64.extend_i32_u(i64.lt_u(sum.low, addend.low));
        emit.set(sum.high, i64.add(i64.add(carry, sum.high), addend.high));
      },
    );

    emit.if(i64.eqz(sum.high), () => {
      // Not by 64: bit 127 must stay clear.
      emit.set(sum.high, i64.shr_u(sum.low, 1n));
      emit.set(sum.low, i64.shl(sum.low, 63n));
      emit.set(exponent, i32.sub(exponent, 63));
    });
    const shift = emit.let(i64.sub(i64.clz(sum.high), 63n - leadingBit));
    const significand = emit.let(highOfShiftedLeft(emit, sum, shift));
    const lost = sticky(emit, i64.shl(sum.low, shift));
    emit.set(significand, i64.or(lost, significand));
    emit.set(exponent, i32.sub(i32.add(exponent, Number(leadingBit) + 64 - 124), i32.wrap_i64(shift)));
    return emit.call(round, sign, exponent, significand, mode);
  });
}

interface Operands {
  readonly a: Variable<'i64'>;
  readonly b: Variable<'i64'>;
  readonly c: Variable<'i64'>;
  /** Of the product. */
  readonly sign: Variable<'i64'>;
  /** Whether the addend's is the other one. */
  readonly differentSigns: Variable<'i32'>;
}

/** Returns the result where an operand is infinite or a NaN. */
function returnSpecial({ emit, flags, format, encoding, nanResult }: Toolkit, operands: Operands): void {
  const { i32, i64 } = emit;
  const { a, b, c, sign, differentSigns } = operands;
  const invalid = () => {
    flags.raise(exceptionFlag.NV);
    emit.return(format.canonicalNaN);
  };

  emit.if(i32.or(encoding.isNaN(a), encoding.isNaN(b)), () => emit.return(emit.call(nanResult, a, b, c)));
  emit.if(i32.or(encoding.isInfinite(a), encoding.isInfinite(b)), () => {
    // §7.2 c leaves it open for a quiet NaN as c; RISC-V §20.6 raises NV then too.
    emit.if(i32.or(encoding.isZero(a), encoding.isZero(b)), invalid);
    emit.if(encoding.isNaN(c), () => emit.return(emit.call(nanResult, a, b, c)));
    // §7.2 d: the difference of infinities.
    emit.if(i32.and(encoding.isInfinite(c), differentSigns), invalid);
    emit.return(i64.or(sign, format.infinity));
  });
  emit.if(encoding.isNaN(c), () => emit.return(emit.call(nanResult, a, b, c)));
  emit.return(c);
}

/** A number of 128 bits. */
interface Wide {
  readonly high: Variable<'i64'>;
  readonly low: Variable<'i64'>;
}

function negateWide(emit: Emitter, { high, low }: Wide): void {
  const { i64 } = emit;
  emit.set(low, i64.sub(0n, low));
  const borrow = emit.let(i64.extend_i32_u(i64.ne(low, 0n)));
  emit.set(high, i64.sub(i64.sub(0n, high), borrow));
}

/** Shifts right by `count` (at least 0), with a sticky bit for what falls off. */
function shiftWideRightSticky(emit: Emitter, { high, low }: Wide, count: Variable<'i32'>): void {
  const { i32, i64 } = emit;
  emit.if(
    i32.lt_u(count, 64),
    () => {
      const shift = emit.let(i64.extend_i32_u(count));
      // By 1 and by the rest: wasm would take a shift by 64 - 0 for 0.
      const fromHigh = i64.shl(i64.shl(high, 1n), i64.sub(63n, shift));
      const lost = sticky(emit, i64.and(i64.sub(i64.shl(1n, shift), 1n), low));
      emit.set(low, i64.or(i64.or(fromHigh, lost), i64.shr_u(low, shift)));
      emit.set(high, i64.shr_u(high, shift));
    },
    () => {
      const rest = emit.let(i32.sub(count, 64));
      const lost = sticky(emit, low);
      emit.set(low, i64.or(lost, shiftRightSticky(emit, high, rest)));
      emit.set(high, 0n);
    },
  );
}

/** The high half of a number shifted left by `count`, 0 to 63. */
function highOfShiftedLeft({ i64 }: Emitter, { high, low }: Wide, count: Variable<'i64'>): OnStack<'i64'> {
  const fromLow = i64.shr_u(i64.shr_u(low, 1n), i64.sub(63n, count));
  return i64.or(fromLow, i64.shl(high, count));
}
