// IEEE 754-2019 binary32 and binary64 arithmetic with the choices that The RISC-V Instruction Set Manual, Volume I,
// version 20240411, chapters 20 and 21, makes where the standard leaves one.
import type { Callable } from '../../wasm/module.ts';

/**
 * The operations of one format.
 *
 * Floating-point values are raw bits in an i64; those of binary32 are the low 32 bits, the others are zero, in operands
 * and in results (NaN boxing is the caller's). `mode` is an i32, a rounding mode in RISC-V's encoding, 0 to 4. Every
 * function returns an i64. Exceptions are or-ed into the flags word in RISC-V's encoding; nothing ever clears it.
 */
export interface FloatOperations {
  /** (a, b, mode): a + b. */
  readonly add: Callable;
  /** (a, b, mode): a - b. */
  readonly sub: Callable;
  /** (a, b, mode): a * b. */
  readonly mul: Callable;
  /** (a, b, mode): a / b. */
  readonly div: Callable;
  /** (a, mode): the square root of a. */
  readonly sqrt: Callable;
  /** (a, b, c, mode): a * b + c, rounded once. */
  readonly fma: Callable;

  /** (a, b): minimumNumber; -0 is less than +0. */
  readonly min: Callable;
  /** (a, b): maximumNumber. */
  readonly max: Callable;
  /** (a, b): 1 if equal, else 0; a quiet NaN raises nothing. */
  readonly eq: Callable;
  /** (a, b): 1 if a < b, else 0; any NaN raises NV. */
  readonly lt: Callable;
  /** (a, b): 1 if a <= b, else 0; any NaN raises NV. */
  readonly le: Callable;
  /** (a): the mask of fclass, one of its ten bits set. */
  readonly classify: Callable;

  /** (a, mode): 32-bit results are sign-extended to 64 bits, the unsigned ones too. */
  readonly toInt32: Callable;
  readonly toUint32: Callable;
  readonly toInt64: Callable;
  readonly toUint64: Callable;

  /** (integer, mode): the 32-bit forms take the low half of the i64. */
  readonly fromInt32: Callable;
  readonly fromUint32: Callable;
  readonly fromInt64: Callable;
  readonly fromUint64: Callable;
}

/** Every operation of both formats, as functions of one module. */
export interface FloatFunctions {
  readonly single: FloatOperations;
  readonly double: FloatOperations;
  /** (a): binary32 to binary64, always exact. */
  readonly singleToDouble: Callable;
  /** (a, mode): binary64 to binary32. */
  readonly doubleToSingle: Callable;
}
