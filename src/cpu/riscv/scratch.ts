// Locals that a piece of generated code uses for itself; pieces take turns.
import type { Code, Local } from '../../wasm/module.ts';

export class Scratch {
  readonly #code: Code;
  readonly #pools: Record<'i32' | 'i64', Local[]> = { i32: [], i64: [] };
  readonly #used: Record<'i32' | 'i64', number> = { i32: 0, i64: 0 };

  constructor(code: Code) {
    this.#code = code;
  }

  reset(): void {
    this.#used.i32 = 0;
    this.#used.i64 = 0;
  }

  take(type: 'i32' | 'i64'): Local {
    const pool = this.#pools[type];
    const index = this.#used[type]++;
    let local = pool[index];
    if (local === undefined) {
      local = type === 'i32' ? this.#code.i32() : this.#code.i64();
      pool.push(local);
    }
    return local;
  }
}
