// IEEE 754-2019, §6 (infinity, NaNs, and the sign bit) and §7.2 (invalid operation).
import type { Callable } from '../../wasm/module.ts';
import type { Encoding } from './encoding.ts';
import type { Environment } from './environment.ts';
import { exceptionFlag } from './environment.ts';

/**
 * (result, a, b): what an operation gives for operands of which the host's own result is exact or a NaN. A NaN is invalid
 * when an operand is signaling, or when none is a NaN. RISC-V's choice (§20.3): always the canonical NaN. An instruction
 * set that hands on payloads differs here.
 */
export function defineSpecialResult({ emit, flags }: Environment, encoding: Encoding): Callable {
  const { i32 } = emit;
  return emit.function(['i64', 'i64', 'i64'], (result, a, b) => {
    emit.if(encoding.isNaN(result), () => {
      const isSignaling = i32.or(encoding.isSignaling(a), encoding.isSignaling(b));
      const isMade = i32.eqz(i32.or(encoding.isNaN(a), encoding.isNaN(b)));
      flags.raiseIf(i32.or(isSignaling, isMade), exceptionFlag.NV);
      emit.return(encoding.format.canonicalNaN);
    });
    return result;
  });
}
