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

/** Words of 32 bits in memory, by their addresses. */
export interface FloatState {
  /** The accrued exception flags. */
  readonly flags: number;
  /** The dynamic rounding mode. */
  readonly mode: number;
  /** See `resultLimit`. */
  readonly limit: number;
}

/**
 * Translated code computes by itself as long as results raise no flag but NX, which is raised, and the mode is RNE. It
 * compares the place of a result's exponent, at the top of 32 bits, with this: with 0, where one of the two is not so. The
 * greatest exponents of either format are beyond it.
 */
export const resultLimit = 0xfd00_0000;

/** The accrued exception flags. */
export class Flags {
  readonly #emit: Emitter;
  readonly #state: FloatState;

  constructor(emit: Emitter, state: FloatState) {
    this.#emit = emit;
    this.#state = state;
  }

  raise(flags: number): void {
    const emit = this.#emit;
    const { i32 } = emit;
    emit.store(this.#state.flags, emit.let(i32.or(emit.load(this.#state.flags), flags)));
    if ((flags & exceptionFlag.NX) === 0) return;
    const isNearest = i32.eqz(emit.load(this.#state.mode));
    emit.store(this.#state.limit, emit.let(i32.select(resultLimit, 0, isNearest)));
  }

  /** A branch rather than arithmetic: most operations raise nothing, and then memory stays untouched. */
  raiseIf(condition: Operand<'i32'>, flags: number): void {
    this.#emit.if(condition, () => this.raise(flags));
  }

  /** Not 0 where the flag is raised already. */
  has(flag: number): Operand<'i32'> {
    return this.#emit.i32.and(this.#emit.load(this.#state.flags), flag);
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
