// Locals that a piece of generated code uses for itself; pieces take turns.
import { valueType } from '../../wasm/module.ts';
import type { Code, Local } from '../../wasm/module.ts';

export type ScratchType = keyof typeof valueType;

export class Scratch {
  readonly #code: Code;
  readonly #pools = new Map<ScratchType, { readonly locals: Local[]; used: number }>();

  constructor(code: Code) {
    this.#code = code;
  }

  reset(): void {
    for (const pool of this.#pools.values()) pool.used = 0;
  }

  take(type: ScratchType): Local {
    let pool = this.#pools.get(type);
    if (pool === undefined) {
      pool = { locals: [], used: 0 };
      this.#pools.set(type, pool);
    }
    const index = pool.used++;
    return (pool.locals[index] ??= this.#code.local(valueType[type]));
  }
}
