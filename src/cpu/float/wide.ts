// Integers of 128 bits, for significands of products.
import type { Emitter, OnStack, Variable } from './emitter.ts';
import { shiftRightSticky, sticky } from './encoding.ts';

export interface Wide {
  readonly high: Variable<'i64'>;
  readonly low: Variable<'i64'>;
}

/** The product of two unsigned numbers. */
export function multiplyWide(emit: Emitter, a: Variable<'i64'>, b: Variable<'i64'>): Wide {
  return { high: emit.let(highOfProduct(emit, a, b)), low: emit.let(emit.i64.mul(a, b)) };
}

/** Its upper half. */
export function highOfProduct(emit: Emitter, a: Variable<'i64'>, b: Variable<'i64'>): OnStack<'i64'> {
  const { i64 } = emit;
  const lowHalf = (value: Variable<'i64'>) => emit.let(i64.and(value, 0xffff_ffffn));
  const highHalf = (value: Variable<'i64'>) => emit.let(i64.shr_u(value, 32n));
  const lowA = lowHalf(a);
  const highA = highHalf(a);
  const lowB = lowHalf(b);
  const highB = highHalf(b);
  // Neither sum can overflow: (2^32 - 1)^2 + 2^32 - 1 < 2^64.
  const carry = i64.shr_u(i64.mul(lowA, lowB), 32n);
  const middle = emit.let(i64.add(carry, i64.mul(highA, lowB)));
  const otherMiddle = emit.let(i64.add(i64.mul(lowA, highB), i64.and(middle, 0xffff_ffffn)));
  const top = i64.add(i64.mul(highA, highB), i64.shr_u(middle, 32n));
  return i64.add(top, i64.shr_u(otherMiddle, 32n));
}

export function addWide(emit: Emitter, a: Wide, b: Wide): Wide {
  const { i64 } = emit;
  const low = emit.let(i64.add(a.low, b.low));
  const carry = i64.extend_i32_u(i64.lt_u(low, b.low));
  return { high: emit.let(i64.add(i64.add(carry, a.high), b.high)), low };
}

/** -value where the condition holds, else value; without a branch, because signs can't be foretold. */
export function negateWideIf(emit: Emitter, condition: Variable<'i32'>, value: Wide): Wide {
  const { i64 } = emit;
  const low = emit.let(i64.sub(0n, value.low));
  const withoutBorrow = i64.sub(0n, value.high);
  const high = i64.sub(withoutBorrow, i64.extend_i32_u(i64.ne(low, 0n)));
  return {
    high: emit.let(i64.select(high, value.high, condition)),
    low: emit.let(i64.select(low, value.low, condition)),
  };
}

export function selectWide(emit: Emitter, held: Wide, otherwise: Wide, condition: Variable<'i32'>): Wide {
  const { i64 } = emit;
  return {
    high: emit.let(i64.select(held.high, otherwise.high, condition)),
    low: emit.let(i64.select(held.low, otherwise.low, condition)),
  };
}

/** Shifts right by `count` (at least 0), with a sticky bit for what falls off. */
export function shiftWideRightSticky(emit: Emitter, { high, low }: Wide, count: Variable<'i32'>): void {
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

/** The high half of a number shifted left by `count` (0 to 63), with a sticky bit for the low half. */
export function highOfShiftedLeftSticky(emit: Emitter, { high, low }: Wide, count: Variable<'i64'>): OnStack<'i64'> {
  const { i64 } = emit;
  const lost = sticky(emit, i64.shl(low, count));
  const fromLow = i64.shr_u(i64.shr_u(low, 1n), i64.sub(63n, count));
  return i64.or(i64.or(lost, fromLow), i64.shl(high, count));
}
