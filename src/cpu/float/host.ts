// What the engine that runs us has beyond WebAssembly's own arithmetic.
import { ModuleBuilder, simdOp, valueType } from '../../wasm/module.ts';

const { f64 } = valueType;
let fuses: boolean | undefined;

/**
 * Whether relaxed multiply-add is there and rounds once, as it does where the processor has an instruction for it: the
 * proposal leaves that to the host, which must not change its mind. Asked once.
 */
export function fusesMultiplyAdd(): boolean {
  return (fuses ??= probe());
}

function probe(): boolean {
  const module = new ModuleBuilder();
  const code = module.function([f64, f64, f64], [f64]);
  for (const parameter of code.parameters) code.get(parameter).simd(simdOp.f64x2_splat);
  code.simd(simdOp.f64x2_relaxed_madd).simd(simdOp.f64x2_extract_lane, 0);
  module.exportFunction('multiplyAdd', code);
  const bytes = module.toBytes();
  if (!WebAssembly.validate(bytes)) return false;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const multiplyAdd = exports['multiplyAdd'] as (a: number, b: number, c: number) => number;
  // The product is 1 - 2^-60, which is rounded to 1.
  return multiplyAdd(1 + 2 ** -30, 1 - 2 ** -30, -1) === -(2 ** -60);
}
