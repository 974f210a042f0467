// The host's own binary64 division and square root give 53 digits of a result quickly; an exact remainder makes them
// right. These are the steps from unpacked significands to such digits and back.
import type { Emitter, OnStack, Operand, Variable } from './emitter.ts';
import { leadingBit } from './encoding.ts';
import { binary64 } from './format.ts';

/** The digits of binary64, of any narrower format too. */
export const digitCount = BigInt(binary64.precision);

/** An unpacked significand shifted right by this is an integer of 53 digits; nothing is lost. */
export const digitsShift = leadingBit - (digitCount - 1n);

/** The 53 digits of a normal number. */
export function digitsOf({ i64 }: Emitter, value: OnStack<'f64'>): OnStack<'i64'> {
  return i64.or(i64.and(i64.reinterpret_f64(value), binary64.fractionMask), binary64.fractionMask + 1n);
}

/** An unpacked significand of 53 digits, the next one (`half`), and whether anything follows that (`rest`). */
export function digitsThen(
  { i64 }: Emitter,
  digits: Variable<'i64'>,
  half: OnStack<'i32'>,
  rest: Operand<'i32'>,
): OnStack<'i64'> {
  const halfBit = i64.shl(i64.extend_i32_u(half), digitsShift - 1n);
  return i64.or(i64.or(halfBit, i64.extend_i32_u(rest)), i64.shl(digits, digitsShift));
}
