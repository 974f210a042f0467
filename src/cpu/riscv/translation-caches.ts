// The software TLB: for each context three direct-mapped caches, read by generated code without leaving it. A slot that
// is empty holds a page address that belongs to another slot, so that no address matches it.
import { cacheAddress, cacheSlots, contexts, pageSize, slotBytes } from './layout.ts';
import type { Context } from './layout.ts';
import type { Registers } from './registers.ts';

type Kind = 'read' | 'write' | 'fetch';
const kinds: readonly Kind[] = ['read', 'write', 'fetch'];

/** One of the fifteen caches, and which of its slots are in use: flushing costs what was filled, not what there is. */
class TranslationCache {
  readonly address: number;
  readonly #words: Int32Array<ArrayBufferLike>;
  readonly #used: number[] = [];
  readonly #superpage = new Uint8Array(cacheSlots);
  /** Places that a slot was filled with since the last flush: most that are asked for were not. */
  readonly #places = new Set<number>();
  #superpages = 0;

  constructor(words: Int32Array<ArrayBufferLike>, address: number) {
    this.#words = words;
    this.address = address;
    for (let slot = 0; slot < cacheSlots; slot += 1) this.#empty(slot);
  }

  /** Maps the page of a virtual address to a place: guest RAM in memory, or a decoded page. */
  fill(low: number, high: number, place: number, superpage: boolean): void {
    const slot = slotOf(low);
    const word = this.#word(slot);
    if (this.#isEmpty(slot)) this.#used.push(slot);
    this.#words[word] = low & -pageSize;
    this.#words[word + 1] = high;
    this.#words[word + 2] = place;
    this.#places.add(place);
    this.#superpages += Number(superpage) - (this.#superpage[slot] ?? 0);
    this.#superpage[slot] = Number(superpage);
  }

  flush(): void {
    for (const slot of this.#used) this.#empty(slot);
    this.#used.length = 0;
    this.#superpages = 0;
    this.#places.clear();
  }

  /** Drops the page of one address. A piece of a larger page does not know its whole: with any about, all goes. */
  flushAddress(low: number, high: number): void {
    if (this.#superpages > 0) {
      this.flush();
      return;
    }
    const slot = slotOf(low);
    const word = this.#word(slot);
    if (this.#words[word] === (low & -pageSize) && this.#words[word + 1] === high) this.#forget(slot);
  }

  /** Drops every slot that leads to a place. */
  flushPlace(place: number): void {
    if (!this.#places.has(place)) return;
    this.#places.delete(place);
    for (let index = this.#used.length - 1; index >= 0; index -= 1) {
      const slot = this.#used[index] ?? 0;
      if (this.#words[this.#word(slot) + 2] !== place) continue;
      this.#used.splice(index, 1);
      this.#empty(slot);
    }
  }

  #forget(slot: number): void {
    this.#used.splice(this.#used.indexOf(slot), 1);
    this.#empty(slot);
  }

  #empty(slot: number): void {
    const word = this.#word(slot);
    this.#words[word] = (slot ^ 1) * pageSize;
    this.#words[word + 1] = 0;
    this.#words[word + 2] = 0;
    this.#superpages -= this.#superpage[slot] ?? 0;
    this.#superpage[slot] = 0;
  }

  #isEmpty(slot: number): boolean {
    return slotOf(this.#words[this.#word(slot)] ?? 0) !== slot;
  }

  #word(slot: number): number {
    return (this.address + slot * slotBytes) >>> 2;
  }
}

function slotOf(low: number): number {
  return (low >>> 12) & (cacheSlots - 1);
}

export class TranslationCaches {
  readonly #caches: readonly Readonly<Record<Kind, TranslationCache>>[];

  constructor(registers: Registers) {
    this.#caches = contexts.map((index) => {
      const make = (kind: Kind): TranslationCache => new TranslationCache(registers.words, cacheAddress(index, kind));
      return { read: make('read'), write: make('write'), fetch: make('fetch') };
    });
  }

  cache(context: Context, kind: Kind): TranslationCache {
    const caches = this.#caches[context];
    if (caches === undefined) throw new RangeError(`no context ${context}`);
    return caches[kind];
  }

  flush(): void {
    for (const caches of this.#caches) for (const kind of kinds) caches[kind].flush();
  }

  flushContext(context: Context): void {
    for (const kind of kinds) this.cache(context, kind).flush();
  }

  flushAddress(low: number, high: number): void {
    for (const caches of this.#caches) for (const kind of kinds) caches[kind].flushAddress(low, high);
  }

  /** Makes the next store to this page of guest RAM, or fetch from this decoded page, ask again. */
  flushPlace(kind: 'write' | 'fetch', place: number): void {
    for (const caches of this.#caches) caches[kind].flushPlace(place);
  }
}
