import { valueType } from '../../wasm/opcodes.ts';

/**
 * Parameters and results of a region's function, and of what goes from region to region: address of an instruction,
 * instructions that may still be retired.
 */
export const regionSignature = {
  parameters: [valueType.i64, valueType.i32],
  results: [valueType.i64, valueType.i32],
} as const;
