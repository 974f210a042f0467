// What the interpreter's module exports for translated code to call: functions that do nothing but compute, and raise
// floating-point flags.
import { floatFunctionOf } from '../float/functions.ts';
import type { FloatFunctions } from '../float/functions.ts';
import type { ModuleBuilder } from '../../wasm/module.ts';
import { instructionSet } from './decoder.ts';
import type { HighMultiply } from './multiply.ts';
import { needsOf } from './row-needs.ts';
import type { FloatNeed } from './row-needs.ts';

export const highMultiplyNames = ['signed', 'unsigned', 'signedUnsigned'] as const;

export function floatName({ operation, format }: Pick<FloatNeed, 'operation' | 'format'>): string {
  return `float.${format}.${operation}`;
}

export function highMultiplyName(name: (typeof highMultiplyNames)[number]): string {
  return `highMultiply.${name}`;
}

/** Exports every function that a row can ask for, by name. */
export function exportPure(module: ModuleBuilder, float: FloatFunctions, highMultiply: HighMultiply): void {
  const exported = new Set<string>();
  for (const need of instructionSet.flatMap((row) => needsOf(row).float)) {
    const name = floatName(need);
    if (exported.has(name)) continue;
    exported.add(name);
    module.exportFunction(name, floatFunctionOf(float, need.operation, need.format));
  }
  for (const name of highMultiplyNames) module.exportFunction(highMultiplyName(name), highMultiply[name]);
}
