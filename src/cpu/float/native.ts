import type { Emitter, OnStack, Operand } from './emitter.ts';
import type { Format } from './format.ts';

export type NativeKind = 'f32' | 'f64';

/** WebAssembly's own instructions on one format, which round to nearest even. */
export interface NativeFloat {
  fromBits(bits: Operand<'i64'>): OnStack<NativeKind>;
  toBits(value: Operand<NativeKind>): OnStack<'i64'>;
  add(left: Operand<NativeKind>, right: Operand<NativeKind>): OnStack<NativeKind>;
  sub(left: Operand<NativeKind>, right: Operand<NativeKind>): OnStack<NativeKind>;
  mul(left: Operand<NativeKind>, right: Operand<NativeKind>): OnStack<NativeKind>;
  div(left: Operand<NativeKind>, right: Operand<NativeKind>): OnStack<NativeKind>;
  sqrt(operand: Operand<NativeKind>): OnStack<NativeKind>;
  abs(operand: Operand<NativeKind>): OnStack<NativeKind>;
  neg(operand: Operand<NativeKind>): OnStack<NativeKind>;
  min(left: Operand<NativeKind>, right: Operand<NativeKind>): OnStack<NativeKind>;
  max(left: Operand<NativeKind>, right: Operand<NativeKind>): OnStack<NativeKind>;
  eq(left: Operand<NativeKind>, right: Operand<NativeKind>): OnStack<'i32'>;
  ne(left: Operand<NativeKind>, right: Operand<NativeKind>): OnStack<'i32'>;
  lt(left: Operand<NativeKind>, right: Operand<NativeKind>): OnStack<'i32'>;
  le(left: Operand<NativeKind>, right: Operand<NativeKind>): OnStack<'i32'>;
  gt(left: Operand<NativeKind>, right: Operand<NativeKind>): OnStack<'i32'>;
  convert_i64_s(integer: Operand<'i64'>): OnStack<NativeKind>;
  convert_i64_u(integer: Operand<'i64'>): OnStack<NativeKind>;
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
