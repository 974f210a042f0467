import { defineFloat } from '../../../src/cpu/float/functions.ts';
import type { FloatOperations } from '../../../src/cpu/float/functions.ts';
import { ModuleBuilder } from '../../../src/wasm/module.ts';
import type { FloatResult } from '../../oracle/float.ts';

export type FormatName = 'single' | 'double';
type Exported = (...operands: (bigint | number)[]) => bigint;

/** How many operands that are values an operation has, and whether a rounding mode follows them. */
export const operations = {
  add: { arity: 2, rounds: true },
  sub: { arity: 2, rounds: true },
  mul: { arity: 2, rounds: true },
  div: { arity: 2, rounds: true },
  sqrt: { arity: 1, rounds: true },
  fma: { arity: 3, rounds: true },
  min: { arity: 2, rounds: false },
  max: { arity: 2, rounds: false },
  eq: { arity: 2, rounds: false },
  lt: { arity: 2, rounds: false },
  le: { arity: 2, rounds: false },
  classify: { arity: 1, rounds: false },
  toInt32: { arity: 1, rounds: true },
  toUint32: { arity: 1, rounds: true },
  toInt64: { arity: 1, rounds: true },
  toUint64: { arity: 1, rounds: true },
  fromInt32: { arity: 1, rounds: true },
  fromUint32: { arity: 1, rounds: true },
  fromInt64: { arity: 1, rounds: true },
  fromUint64: { arity: 1, rounds: true },
} as const satisfies Record<keyof FloatOperations, { arity: number; rounds: boolean }>;

export type OperationName = keyof FloatOperations;
export const operationNames = Object.keys(operations) as OperationName[];

const flagsAddress = 64;

/** The functions of src/cpu/float in a module of their own. */
export class FloatInstance {
  readonly #exports: Record<string, Exported>;
  readonly #state: Int32Array;

  constructor() {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const module = new WebAssembly.Module(FloatInstance.moduleBytes());
    const instance = new WebAssembly.Instance(module, { env: { memory } });
    this.#exports = instance.exports as Record<string, Exported>;
    this.#state = new Int32Array(memory.buffer, flagsAddress, 3);
  }

  static moduleBytes(): Uint8Array<ArrayBuffer> {
    const module = new ModuleBuilder();
    module.importMemory('env', 'memory', { minimum: 1, maximum: 1, shared: false });
    const functions = defineFloat(module, { flags: flagsAddress, mode: flagsAddress + 4, limit: flagsAddress + 8 });
    for (const format of ['single', 'double'] as const) {
      for (const name of operationNames) module.exportFunction(`${format}.${name}`, functions[format][name]);
    }
    module.exportFunction('singleToDouble', functions.singleToDouble);
    module.exportFunction('doubleToSingle', functions.doubleToSingle);
    return module.toBytes();
  }

  /** The result, and the flags word after a call that found `raised` in it. */
  call(name: string, operands: readonly (bigint | number)[], raised = 0): FloatResult {
    this.#state[0] = raised;
    const exported = this.#exports[name];
    if (exported === undefined) throw new Error(`there is no function ${name}`);
    const bits = BigInt.asUintN(64, exported(...operands));
    return { bits, flags: this.#state[0] };
  }

  /** What a call leaves as the limit of results, with this dynamic mode. */
  limitAfter(name: string, operands: readonly (bigint | number)[], mode: number): number {
    this.#state.set([0, mode, 0]);
    this.call(name, operands);
    return (this.#state[2] ?? 0) >>> 0;
  }
}
