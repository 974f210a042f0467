// What translated code calls: functions of the interpreter's module that do nothing but compute, and raise floating-point
// flags.
import type { FloatFormat, FloatOperation } from '../ops.ts';
import { floatParameters } from '../float/functions.ts';
import { valueType } from '../../wasm/module.ts';
import type { Callable, ModuleBuilder } from '../../wasm/module.ts';
import type { Decoded } from './decoder.ts';
import type { FloatInline } from './float-inline.ts';
import { floatName, highMultiplyName, highMultiplyNames } from './pure-exports.ts';
import { LongWays } from './long-ways.ts';
import type { RegionImports } from './region-code.ts';
import type { Region } from './region.ts';
import { needsOf } from './row-needs.ts';

const { i64 } = valueType;

/** Imports from `pure` what these regions call. */
export function importPure(module: ModuleBuilder, regions: readonly Region[], floatInline: FloatInline): RegionImports {
  const rows = new Set(
    regions
      .flatMap(({ blocks }) => blocks.flatMap(({ instructions }) => instructions))
      .map(({ decoded }) => decoded.row),
  );
  const float = new Map<string, Callable>();
  const wantsHighMultiply = [...rows].some((row) => needsOf(row).highMultiply);
  for (const need of [...rows].flatMap((row) => needsOf(row).float)) {
    const name = floatName(need);
    if (!float.has(name))
      float.set(name, module.importFunction('pure', name, floatParameters(need.operation, need.format), [i64]));
  }
  const multiply = new Map<string, Callable>();
  if (wantsHighMultiply) {
    for (const name of highMultiplyNames) {
      multiply.set(name, module.importFunction('pure', highMultiplyName(name), [i64, i64], [i64]));
    }
  }
  const found = (functions: ReadonlyMap<string, Callable>, name: string): Callable => {
    const callable = functions.get(name);
    if (callable === undefined) throw new Error(`${name} was not imported`);
    return callable;
  };
  const imports = {
    floatInline,
    float: (operation: FloatOperation, format: FloatFormat) => found(float, floatName({ operation, format })),
    highMultiply: {
      get signed() {
        return found(multiply, 'signed');
      },
      get unsigned() {
        return found(multiply, 'unsigned');
      },
      get signedUnsigned() {
        return found(multiply, 'signedUnsigned');
      },
    },
  };
  const longWays = new LongWays(module, imports);
  return Object.assign(imports, { longWay: (decoded: Decoded) => longWays.of(decoded) });
}
