// IEEE 754-2019, §5.8 (conversion from floating-point to integer formats); The RISC-V Instruction Set Manual, Volume I,
// version 20240411, §20.7 (domains of float-to-integer conversions).
import type { Callable } from '../../wasm/module.ts';
import type { Emitter, OnStack, Variable } from './emitter.ts';
import { exceptionFlag, roundingMode } from './environment.ts';
import type { Toolkit } from './environment.ts';
import type { IntegerType } from './from-integer.ts';

const { RNE, RTZ, RDN, RUP } = roundingMode;

/**
 * (a, mode): the integer. One that does not fit raises NV and gives the nearest bound, a NaN the upper one; a host of
 * another instruction set would want other values there.
 */
export function defineToInteger({ emit, flags, format }: Toolkit, { width, signed }: IntegerType): Callable {
  const { i32, i64, f32, f64 } = emit;
  const digits = signed ? width - 1 : width;
  const least = signed ? -(2n ** BigInt(digits)) : 0n;
  const greatest = BigInt.asIntN(width, 2n ** BigInt(digits) - 1n);

  return emit.function(['i64', 'i32'], (a, mode) => {
    // Every binary32 number is a binary64 one, and the integers near any bound are as well.
    const value = emit.let(
      format.native === 'f64' ? f64.reinterpret_i64(a) : f64.promote_f32(f32.reinterpret_i32(i32.wrap_i64(a))),
    );
    const integral = emit.let(roundToIntegral(emit, value, mode));
    emit.if(i32.and(f64.ge(integral, Number(least)), f64.lt(integral, 2 ** digits)), () => {
      flags.raiseIf(f64.ne(integral, value), exceptionFlag.NX);
      const integer = signed ? i64.trunc_f64_s(integral) : i64.trunc_f64_u(integral);
      emit.return(width === 32 ? i64.extend32_s(integer) : integer);
    });
    flags.raise(exceptionFlag.NV);
    return i64.select(least, greatest, f64.lt(value, 0));
  });
}

/** §5.9: to a number of the same format, infinities and NaNs staying what they are. */
function roundToIntegral(emit: Emitter, value: Variable<'f64'>, mode: Variable<'i32'>): OnStack<'f64'> {
  const { i32, f64 } = emit;
  const toNearestAway = () => {
    const truncated = emit.let(f64.trunc(value));
    const isFarther = f64.ge(f64.abs(f64.sub(value, truncated)), 0.5);
    const step = f64.convert_i32_u(isFarther);
    return f64.add(f64.copysign(step, value), truncated);
  };
  const when = (candidate: number, held: () => OnStack<'f64'>, otherwise: () => OnStack<'f64'>) => () =>
    f64.choose(i32.eq(mode, candidate), held, otherwise);
  const toNearestEven = when(RNE, () => f64.nearest(value), toNearestAway);
  const up = when(RUP, () => f64.ceil(value), toNearestEven);
  const down = when(RDN, () => f64.floor(value), up);
  // First what C's conversions use.
  return when(RTZ, () => f64.trunc(value), down)();
}
