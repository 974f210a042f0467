// IEEE 754-2019, §5.4.1 (convertFromInt).
import type { Callable } from '../../wasm/module.ts';
import type { Toolkit } from './environment.ts';

export interface IntegerType {
  readonly width: 32 | 64;
  readonly signed: boolean;
}

/** (integer, mode): the number. Of the i64 an integer type of 32 bits takes the low half. */
export function defineFromInteger({ emit, format, native, round }: Toolkit, { width, signed }: IntegerType): Callable {
  const { i32, i64 } = emit;

  return emit.function(['i64', 'i32'], (integer, mode) => {
    if (width === 32) emit.set(integer, signed ? i64.extend32_s(integer) : i64.and(integer, 0xffff_ffffn));
    const converted = () => native.toBits(signed ? native.convert_i64_s(integer) : native.convert_i64_u(integer));
    if (width <= format.precision) return converted();

    const isNegative = emit.let(signed ? i64.shr_u(integer, 63n) : i64.and(integer, 0n));
    const magnitude = emit.let(signed ? i64.select(i64.sub(0n, integer), integer, i64.ne(isNegative, 0n)) : integer);
    // As many zeros around its digits as the format has fewer digits: exact. That is so for 0, too.
    const zeros = i64.add(i64.clz(magnitude), i64.ctz(magnitude));
    emit.if(i64.ge_u(zeros, BigInt(64 - format.precision)), () => emit.return(converted()));

    const shift = emit.let(i64.clz(magnitude));
    const digits = emit.let(i64.shl(magnitude, shift));
    return emit.call(
      round,
      i64.shl(isNegative, BigInt(format.width - 1)),
      i32.sub(format.bias + 63, i32.wrap_i64(shift)),
      // Down by one bit, which stays as a sticky one.
      i64.or(i64.shr_u(digits, 1n), i64.and(digits, 1n)),
      mode,
    );
  });
}
