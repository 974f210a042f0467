// Writes the blocks of a control-flow graph one inside another, so that every edge is a branch to an enclosing label or
// nothing at all.
import type { Code, Label } from '../wasm/module.ts';
import type { ControlFlow } from './control-flow.ts';

export class StructuredWriter {
  readonly #code: Code;
  readonly #flow: ControlFlow;
  readonly #emitBlock: (block: number) => void;
  readonly #starts = new Map<number, Label>();
  readonly #ends = new Map<number, Label>();

  /** `emitBlock` writes one block, and ends each way out of it with `transfer` or by leaving the graph. */
  constructor(code: Code, flow: ControlFlow, emitBlock: (block: number) => void) {
    this.#code = code;
    this.#flow = flow;
    this.#emitBlock = emitBlock;
  }

  /** Writes everything that is reached from `block`. */
  write(block = 0): void {
    if (!this.#flow.isLoop(block)) {
      this.#within(block, this.#flow.follows(block), 0);
      return;
    }
    this.#starts.set(block, this.#code.loop());
    this.#within(block, this.#flow.follows(block), 0);
    this.#code.end();
  }

  /** Writes what goes from a block, which is being written, to another. The edge must not be irreducible. */
  transfer(from: number, to: number): void {
    const isBack = this.#flow.isBackEdge(from, to);
    if (!isBack && !this.#flow.isMerge(to)) {
      this.write(to);
      return;
    }
    const label = (isBack ? this.#starts : this.#ends).get(to);
    if (label === undefined) throw new Error(`block ${to} is not around block ${from}`);
    this.#code.br(label);
  }

  #within(block: number, follows: readonly number[], index: number): void {
    const follow = follows[index];
    if (follow === undefined) {
      this.#emitBlock(block);
      return;
    }
    this.#ends.set(follow, this.#code.block());
    this.#within(block, follows, index + 1);
    this.#code.end();
    this.write(follow);
  }
}
