// How much of each pack is still wanted.
import type { Place } from '../../store/medium.ts';

/** Bytes of waste in all packs from which on it pays to write the rest of some anew; or half of what is wanted. */
const muchWaste = 16 * 2 ** 20;

interface Use {
  /** Bytes that somebody refers to. */
  live: number;
  /** Bytes of the pack, as far as is known: those behind the last piece that is wanted may have been forgotten. */
  length: number;
}

export class PackUse {
  readonly #packs = new Map<number, Use>();
  #live = 0;
  #length = 0;

  get packs(): Iterable<number> {
    return this.#packs.keys();
  }

  has(pack: number): boolean {
    return this.#packs.has(pack);
  }

  add({ pack, offset, length }: Place): void {
    const use = this.#packs.get(pack) ?? { live: 0, length: 0 };
    this.#packs.set(pack, use);
    const grown = Math.max(use.length, offset + length);
    this.#live += length;
    this.#length += grown - use.length;
    use.live += length;
    use.length = grown;
  }

  /** Returns the packs of which nothing is wanted any more. */
  remove(places: readonly Place[]): readonly number[] {
    const dead: number[] = [];
    for (const { pack, length } of places) {
      const use = this.#packs.get(pack);
      if (use === undefined || use.live < length) throw new Error(`pack ${pack} is given back twice`);
      use.live -= length;
      this.#live -= length;
      if (use.live > 0) continue;
      this.#packs.delete(pack);
      this.#length -= use.length;
      dead.push(pack);
    }
    return dead;
  }

  /** Packs that are mostly waste, if there is much of it. */
  worn(): ReadonlySet<number> {
    if (this.#length - this.#live < Math.max(muchWaste, this.#live / 2)) return new Set();
    return new Set([...this.#packs].filter(([, { live, length }]) => live < length / 2).map(([pack]) => pack));
  }
}
