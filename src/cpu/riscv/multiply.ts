// The upper half of a product of two 64-bit integers, which WebAssembly has no instruction for: four products of
// 32-bit halves, 1.7 ns.
import { op, valueType } from '../../wasm/module.ts';
import type { Callable, Code, Local, ModuleBuilder } from '../../wasm/module.ts';

export interface HighMultiply {
  readonly signed: Callable;
  readonly unsigned: Callable;
  readonly signedUnsigned: Callable;
}

export function defineHighMultiply(module: ModuleBuilder): HighMultiply {
  const unsigned = defineUnsigned(module);
  return {
    unsigned,
    signed: defineCorrected(module, unsigned, [0, 1]),
    signedUnsigned: defineCorrected(module, unsigned, [0]),
  };
}

function defineUnsigned(module: ModuleBuilder): Callable {
  const code = module.function([valueType.i64, valueType.i64], [valueType.i64]);
  const a = code.parameter(0);
  const b = code.parameter(1);
  const carry = code.i64();
  const middle = code.i64();
  // carry = aHigh * bLow + (aLow * bLow >> 32): below 2^64, as is every sum here.
  high(code, a);
  low(code, b);
  code.op(op.i64_mul);
  low(code, a);
  low(code, b);
  code.op(op.i64_mul).i64Const(32).op(op.i64_shr_u).op(op.i64_add).set(carry);
  low(code, a);
  high(code, b);
  code.op(op.i64_mul);
  low(code, carry);
  code.op(op.i64_add).set(middle);
  high(code, a);
  high(code, b);
  code.op(op.i64_mul);
  high(code, carry);
  code.op(op.i64_add);
  high(code, middle);
  code.op(op.i64_add);
  return code;
}

/** A negative operand was taken 2^64 too large: the other operand is too much in the upper half. */
function defineCorrected(module: ModuleBuilder, unsigned: Callable, signedOperands: readonly number[]): Callable {
  const code = module.function([valueType.i64, valueType.i64], [valueType.i64]);
  code.get(code.parameter(0)).get(code.parameter(1)).call(unsigned);
  for (const operand of signedOperands) {
    code.get(code.parameter(operand)).i64Const(63).op(op.i64_shr_s);
    code
      .get(code.parameter(1 - operand))
      .op(op.i64_and)
      .op(op.i64_sub);
  }
  return code;
}

function low(code: Code, value: Local): void {
  code.get(value).i64Const(0xffff_ffffn).op(op.i64_and);
}

function high(code: Code, value: Local): void {
  code.get(value).i64Const(32).op(op.i64_shr_u);
}
