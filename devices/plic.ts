// RISC-V Platform-Level Interrupt Controller Specification 1.0.0, as QEMU's virt board lays it out.
import type { IrqLine, MmioRegion } from './ports.ts';

/** Interrupt sources 1 to 95; 0 means "no interrupt". */
export const plicSources = 95;
const words = Math.ceil((plicSources + 1) / 32);
/** Seven priority levels; 0 means "never interrupt". */
const priorityMask = 7;

const pendingStart = 0x1000;
const enableStart = 0x2000;
const enableStride = 0x80;
const contextStart = 0x20_0000;
const contextStride = 0x1000;
const thresholdOffset = 0;
const claimOffset = 4;

export interface PlicState {
  /** By source. */
  priority: Uint8Array<ArrayBuffer>;
  /** One bit per source: the level of its wire. */
  level: Int32Array<ArrayBuffer>;
  /** One bit per source: the interrupt pending bits. */
  pending: Int32Array<ArrayBuffer>;
  /** One bit per source: claimed and not completed, so that its gateway forwards nothing. */
  claimed: Int32Array<ArrayBuffer>;
  /** Enable bits, the words of context 0 first. */
  enable: Int32Array<ArrayBuffer>;
  /** By context. */
  threshold: Uint8Array<ArrayBuffer>;
}

type PlicWords = PlicState[keyof PlicState];

export interface PlicHart {
  /** Context 2 * hart id: the hart's MEIP. */
  machine: IrqLine;
  /** Context 2 * hart id + 1: the hart's SEIP. */
  supervisor: IrqLine;
}

export class Plic implements MmioRegion {
  readonly name = 'plic';
  readonly size = 0x60_0000;
  readonly #state: PlicState;
  /** By context. */
  readonly #lines: readonly IrqLine[];

  constructor(harts: readonly PlicHart[]) {
    this.#lines = harts.flatMap(({ machine, supervisor }) => [machine, supervisor]);
    this.#state = {
      priority: new Uint8Array(plicSources + 1),
      level: new Int32Array(words),
      pending: new Int32Array(words),
      claimed: new Int32Array(words),
      enable: new Int32Array(words * this.#lines.length),
      threshold: new Uint8Array(this.#lines.length),
    };
  }

  /** The record for a snapshot, copied. To be set after the states of whatever drives the wires, which it overrides. */
  get state(): PlicState {
    const copies = Object.entries(this.#state).map(([name, words]: [string, PlicWords]) => [name, words.slice()]);
    return Object.fromEntries(copies) as PlicState;
  }

  /** Throws RangeError for a record of more harts or sources. */
  set state(state: PlicState) {
    for (const [name, words] of Object.entries(this.#state) as [keyof PlicState, PlicWords][]) words.set(state[name]);
    this.#update();
  }

  /** The wire of interrupt source `source`, 1 to 95. */
  source(source: number): IrqLine {
    if (!isSource(source)) throw new RangeError(`the PLIC has no source ${source}: they are 1 to ${plicSources}`);
    const word = source >> 5;
    const bit = 1 << (source & 31);
    return { set: (asserted) => this.#drive(word, bit, asserted) };
  }

  read(offset: number, size: 1 | 2 | 4): number {
    // §3: the registers are 32 bits wide, and are accessed as such.
    if (size !== 4) return 0;
    const state = this.#state;
    if (offset < pendingStart) return state.priority[offset >> 2] ?? 0;
    if (offset < enableStart) return (state.pending[(offset - pendingStart) >> 2] ?? 0) >>> 0;
    if (offset < contextStart) {
      const index = this.#enableIndex(offset);
      return index === undefined ? 0 : (state.enable[index] ?? 0) >>> 0;
    }
    const context = Math.floor((offset - contextStart) / contextStride);
    if (context >= this.#lines.length) return 0;
    switch (offset & (contextStride - 1)) {
      case thresholdOffset:
        return state.threshold[context] ?? 0;
      case claimOffset:
        return this.#claim(context);
      default:
        return 0;
    }
  }

  write(offset: number, size: 1 | 2 | 4, value: number): void {
    if (size !== 4) return;
    const state = this.#state;
    if (offset < pendingStart) {
      const source = offset >> 2;
      if (isSource(source)) state.priority[source] = value & priorityMask;
    } else if (offset < enableStart) {
      return; // §5: a pending bit is cleared by a claim, never by a write
    } else if (offset < contextStart) {
      const index = this.#enableIndex(offset);
      // §6: source 0 does not exist, its bit stays 0.
      if (index !== undefined) state.enable[index] = index % words === 0 ? value & ~1 : value;
    } else {
      const context = Math.floor((offset - contextStart) / contextStride);
      if (context >= this.#lines.length) return;
      const field = offset & (contextStride - 1);
      if (field === thresholdOffset) state.threshold[context] = value & priorityMask;
      else if (field === claimOffset) this.#complete(context, value);
      else return;
    }
    this.#update();
  }

  #drive(word: number, bit: number, asserted: boolean): void {
    const { level, pending, claimed } = this.#state;
    const before = level[word] ?? 0;
    const after = asserted ? before | bit : before & ~bit;
    if (after === before) return;
    level[word] = after;
    // §5: a request that the core has taken stays pending when the wire falls before the claim.
    if (!asserted || ((claimed[word] ?? 0) & bit) !== 0) return;
    pending[word] = (pending[word] ?? 0) | bit;
    this.#update();
  }

  #claim(context: number): number {
    // §9: the claim is not affected by the threshold.
    const source = this.#best(context);
    if (source === 0) return 0;
    const { pending, claimed } = this.#state;
    const word = source >> 5;
    const bit = 1 << (source & 31);
    pending[word] = (pending[word] ?? 0) & ~bit;
    claimed[word] = (claimed[word] ?? 0) | bit;
    this.#update();
    return source;
  }

  #complete(context: number, source: number): void {
    const { level, pending, claimed, enable } = this.#state;
    if (!isSource(source)) return;
    const word = source >> 5;
    const bit = 1 << (source & 31);
    // §10: an id that is not enabled for the context is silently ignored.
    if (((enable[context * words + word] ?? 0) & bit) === 0) return;
    claimed[word] = (claimed[word] ?? 0) & ~bit;
    // §2.1: the gateway forwards the next request only after completion, when its wire is still asserted.
    if (((level[word] ?? 0) & bit) !== 0) pending[word] = (pending[word] ?? 0) | bit;
  }

  /** The pending and enabled source of the highest priority, of equal ones the lowest id (§4); 0 when there is none. */
  #best(context: number): number {
    const { priority, pending, enable } = this.#state;
    let best = 0;
    let bestPriority = 0;
    for (let word = 0; word < words; word++) {
      let candidates = (pending[word] ?? 0) & (enable[context * words + word] ?? 0);
      while (candidates !== 0) {
        const source = 32 * word + 31 - Math.clz32(candidates & -candidates);
        const candidatePriority = priority[source] ?? 0;
        if (candidatePriority > bestPriority) {
          best = source;
          bestPriority = candidatePriority;
        }
        candidates &= candidates - 1;
      }
    }
    return best;
  }

  #update(): void {
    const { priority, threshold } = this.#state;
    for (let context = 0; context < this.#lines.length; context++) {
      // §8: only priorities above the threshold interrupt.
      this.#lines[context]?.set((priority[this.#best(context)] ?? 0) > (threshold[context] ?? 0));
    }
  }

  /** Where in `state.enable` the word at `offset` lies. */
  #enableIndex(offset: number): number | undefined {
    const context = Math.floor((offset - enableStart) / enableStride);
    const word = ((offset - enableStart) % enableStride) >> 2;
    return context < this.#lines.length && word < words ? context * words + word : undefined;
  }
}

function isSource(source: number): boolean {
  return source >= 1 && source <= plicSources;
}
