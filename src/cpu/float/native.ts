import type { Emitter, OnStack, Operand } from './emitter.ts';
import type { Format } from './format.ts';

type Native = 'f32' | 'f64';

/** WebAssembly's own instructions on one format, which round to nearest even. */
export interface NativeFloat {
  fromBits(bits: Operand<'i64'>): OnStack<Native>;
  toBits(value: Operand<Native>): OnStack<'i64'>;
  add(left: Operand<Native>, right: Operand<Native>): OnStack<Native>;
  sub(left: Operand<Native>, right: Operand<Native>): OnStack<Native>;
  mul(left: Operand<Native>, right: Operand<Native>): OnStack<Native>;
  div(left: Operand<Native>, right: Operand<Native>): OnStack<Native>;
  sqrt(operand: Operand<Native>): OnStack<Native>;
  abs(operand: Operand<Native>): OnStack<Native>;
  eq(left: Operand<Native>, right: Operand<Native>): OnStack<'i32'>;
  ne(left: Operand<Native>, right: Operand<Native>): OnStack<'i32'>;
  lt(left: Operand<Native>, right: Operand<Native>): OnStack<'i32'>;
  le(left: Operand<Native>, right: Operand<Native>): OnStack<'i32'>;
  gt(left: Operand<Native>, right: Operand<Native>): OnStack<'i32'>;
  convert_i64_s(integer: Operand<'i64'>): OnStack<Native>;
  convert_i64_u(integer: Operand<'i64'>): OnStack<Native>;
}

export function nativeFloat({ i32, i64, f32, f64 }: Emitter, format: Format): NativeFloat {
  return format.native === 'f64'
    ? {
        ...f64,
        fromBits: (bits) => f64.reinterpret_i64(bits),
        toBits: (value: Operand<'f64'>) => i64.reinterpret_f64(value),
      }
    : {
        ...f32,
        fromBits: (bits) => f32.reinterpret_i32(i32.wrap_i64(bits)),
        toBits: (value: Operand<'f32'>) => i64.extend_i32_u(i32.reinterpret_f32(value)),
      };
}
