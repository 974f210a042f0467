// IEEE 754-2019, §6.2 (operations with NaNs).
import type { Callable } from '../../wasm/module.ts';
import type { Encoding } from './encoding.ts';
import type { Environment } from './environment.ts';
import { exceptionFlag } from './environment.ts';

/**
 * (a, b, c): what an operation gives when at least one of its operands is a NaN; one with fewer than three repeats
 * its last. RISC-V's choice (§20.3): always the canonical NaN. An instruction set that hands on payloads differs here,
 * which is why the operands come along in their order.
 */
export function defineNaNResult({ emit, flags }: Environment, encoding: Encoding): Callable {
  const { i32 } = emit;
  return emit.function(['i64', 'i64', 'i64'], (a, b, c) => {
    const isSignaling = i32.or(i32.or(encoding.isSignaling(a), encoding.isSignaling(b)), encoding.isSignaling(c));
    flags.raiseIf(isSignaling, exceptionFlag.NV);
    return encoding.format.canonicalNaN;
  });
}
