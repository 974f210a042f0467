// The RISC-V Instruction Set Manual, Volume I, version 20240411, §20.2 (floating-point control and status register).
import type { Callable } from '../../wasm/module.ts';
import type { Emitter, Operand } from './emitter.ts';
import type { Encoding } from './encoding.ts';
import type { Format } from './format.ts';
import type { NativeFloat } from './native.ts';

/** frm: how a result that the format can't hold is rounded. */
export const roundingMode = {
  /** To nearest, ties to even. */
  RNE: 0,
  /** Towards zero. */
  RTZ: 1,
  /** Down, towards minus infinity. */
  RDN: 2,
  /** Up, towards plus infinity. */
  RUP: 3,
  /** To nearest, ties to the greater magnitude. */
  RMM: 4,
} as const;

/** fflags: the exceptions of IEEE 754-2019 §7. */
export const exceptionFlag = {
  /** Inexact. */
  NX: 1,
  /** Underflow: inexact, and tiny after rounding. */
  UF: 2,
  /** Overflow. */
  OF: 4,
  /** Divide by zero. */
  DZ: 8,
  /** Invalid operation. */
  NV: 16,
} as const;

/** The accrued exception flags, a 32-bit word in memory. */
export class Flags {
  readonly #emit: Emitter;
  readonly #address: number;

  constructor(emit: Emitter, address: number) {
    this.#emit = emit;
    this.#address = address;
  }

  raise(flags: number): void {
    const { i32 } = this.#emit;
    const raised = this.#emit.let(i32.or(this.#emit.load(this.#address), flags));
    this.#emit.store(this.#address, raised);
  }

  /** A branch rather than arithmetic: most operations raise nothing, and then memory stays untouched. */
  raiseIf(condition: Operand<'i32'>, flags: number): void {
    this.#emit.if(condition, () => this.raise(flags));
  }

  /** Not 0 where the flag is raised already. */
  has(flag: number): Operand<'i32'> {
    return this.#emit.i32.and(this.#emit.load(this.#address), flag);
  }
}

/** What every function is written with. */
export interface Environment {
  readonly emit: Emitter;
  readonly flags: Flags;
}

/** What the operations of one format are written with. */
export interface Toolkit extends Environment {
  readonly format: Format;
  readonly encoding: Encoding;
  readonly native: NativeFloat;
  /** See `defineSpecialResult`. */
  readonly specialResult: Callable;
  /** See `defineRound`. */
  readonly round: Callable;
}
