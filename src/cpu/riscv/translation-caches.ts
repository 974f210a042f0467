// The software TLB: direct-mapped caches, read by generated code without leaving it. A slot that is empty holds a page
// address that belongs to another slot, so that no address matches it. Address spaces keep theirs while others are in use:
// what they have in common, the supervisor's global pages, is in caches that all of them share. The RISC-V Instruction Set
// Manual, Volume II (20240411), §10.1.11 and §10.2.1.
import { csrAt } from './csr-layout.ts';
import {
  addressSpaces,
  at,
  cacheBytes,
  cacheCount,
  cacheKind,
  cacheSlots,
  context,
  contextBytes,
  endOfFilled,
  gigabyteBits,
  lastFilled,
  pageSize,
  sharedCaches,
  slotBytes,
  slotFields,
  slotMask,
  spaceCaches,
  superpageBits,
} from './layout.ts';
import type { CacheKind, Context } from './layout.ts';
import type { Registers } from './registers.ts';

/** Of the bits for each 2 MiB. */
const gigabyteWords = 512 / 32;

const place = slotFields.place >>> 2;
const filled = slotFields.filled >>> 2;

export class TranslationCaches {
  readonly #registers: Registers;
  readonly #words: Int32Array<ArrayBufferLike>;
  /** satp of each address space, and when it was entered last. */
  readonly satp = new Int32Array(2 * addressSpaces);
  readonly entered = new Float64Array(addressSpaces);
  entries = 0;
  /** The supervisor's caches hold what may be different in another address space. */
  private = false;
  /** See `at.superpages`. */
  readonly superpages: Int32Array<ArrayBufferLike>;
  anySuperpages = false;
  /** There are pieces of a page of 512 GiB, of which no address is noted. */
  anyLargest = false;

  constructor(registers: Registers) {
    this.#registers = registers;
    this.#words = registers.words;
    this.superpages = registers.words.subarray(at.superpages >>> 2, (at.superpages >>> 2) + superpageBits / 32).fill(0);
    // Of an earlier hart in this memory nothing may be left, least of all that a slot was filled.
    for (let slot = at.caches; slot < at.caches + cacheSlots * slotBytes; slot += slotBytes) {
      this.#empty(at.caches, slot);
      this.#words[(slot >>> 2) + filled] = 0;
    }
    this.#words[(at.caches + lastFilled) >>> 2] = endOfFilled;
    for (let index = 1; index < cacheCount; index += 1) {
      registers.bytes.copyWithin(at.caches + index * cacheBytes, at.caches, at.caches + cacheBytes);
    }
  }

  /** Points generated code at the caches of a mode. */
  select(data: Context, fetch: Context): void {
    const r = this.#registers;
    const caches = this.#cachesOf(data);
    // What MPRV borrows depends on MPP, SUM and MXR, so nothing of it outlives a change of mode or status.
    if (data === context.modified) this.#flushContext(caches);
    r.setWord(at.readCache, caches + cacheKind.read * cacheBytes);
    r.setWord(at.writeCache, caches + cacheKind.write * cacheBytes);
    r.setWord(at.fetchCache, this.#cachesOf(fetch) + cacheKind.fetch * cacheBytes);
  }

  /**
   * Goes to the address space that satp names: the one that was there when it held the same, or one that is new. `select`
   * must follow.
   */
  enter(): void {
    const low = this.#registers.low(csrAt.satp);
    const high = this.#registers.high(csrAt.satp);
    // Without translation there are no global pages.
    if (this.private || high >>> 28 === 0) this.#flushContext(sharedCaches(context.supervisor));
    this.private = false;
    let space = 0;
    for (let other = 0; other < addressSpaces; other += 1) {
      if (this.satp[2 * other] === low && this.satp[2 * other + 1] === high) {
        space = other;
        break;
      }
      if ((this.entered[other] ?? 0) < (this.entered[space] ?? 0)) space = other;
    }
    if (this.satp[2 * space] !== low || this.satp[2 * space + 1] !== high) this.#flushSpace(space);
    this.satp[2 * space] = low;
    this.satp[2 * space + 1] = high;
    this.entered[space] = ++this.entries;
    this.#registers.setWord(at.space, spaceCaches(space));
  }

  /**
   * Maps the page of a virtual address, in the caches that are selected, to a place: guest RAM in memory, or a decoded page.
   * `level` is that of the entry that maps it, `global` whether every address space has it.
   */
  fill(kind: CacheKind, low: number, high: number, target: number, level: number, global: boolean): void {
    const words = this.#words;
    const cache = words[(at.readCache >>> 2) + kind] ?? 0;
    const slot = cache + ((low >>> 8) & slotMask);
    const word = slot >>> 2;
    if (words[word + filled] === 0) {
      words[word + filled] = words[(cache + lastFilled) >>> 2] ?? 0;
      words[(cache + lastFilled) >>> 2] = slot;
    }
    words[word] = low & -pageSize;
    words[word + 1] = high;
    words[word + place] = target;
    if (!global && cache < sharedCaches(context.supervisor) + contextBytes) this.private = true;
    if (level > 0) this.#noteSuperpage(low, high, level);
  }

  flush(): void {
    for (let index = 0; index < cacheCount; index += 1) this.#flush(at.caches + index * cacheBytes);
    if (this.anySuperpages) this.superpages.fill(0);
    this.anySuperpages = false;
    this.anyLargest = false;
    this.private = false;
  }

  /** Forgets an address space but for its global pages. */
  flushAddressSpace(asid: number): void {
    for (let space = 0; space < addressSpaces; space += 1) if (this.#asid(space) === asid) this.#flushSpace(space);
    if (this.private) this.#flushContext(sharedCaches(context.supervisor));
  }

  /** Forgets the page of one address, in one address space or in all. */
  flushAddress(low: number, high: number, asid?: number): void {
    if (this.anyLargest) {
      this.flush();
      return;
    }
    if (this.anySuperpages && this.#takeSuperpages(low, high)) {
      // A piece does not know its whole: all go that could be of it.
      this.#sweep(0, cacheCount, 1, 0, low, 30);
      return;
    }
    this.#flushPage(at.caches, spaceCaches(0), low, high);
    for (let space = 0; space < addressSpaces; space += 1) {
      if (asid !== undefined && this.#asid(space) !== asid) continue;
      this.#flushPage(spaceCaches(space), spaceCaches(space + 1), low, high);
    }
  }

  /** Makes the next store to this page of guest RAM, or fetch from this decoded page, ask again. */
  flushPlace(kind: CacheKind, target: number): void {
    this.#sweep(kind, cacheCount, 3, place, target, 0);
  }

  #cachesOf(of: Context): number {
    if (of >= context.supervisor) return sharedCaches(of);
    return this.#registers.word(at.space) + of * contextBytes;
  }

  #asid(space: number): number {
    return ((this.satp[2 * space + 1] ?? 0) >>> 12) & 0xffff;
  }

  #flushSpace(space: number): void {
    for (let cache = spaceCaches(space); cache < spaceCaches(space + 1); cache += cacheBytes) this.#flush(cache);
  }

  #flushContext(caches: number): void {
    for (let cache = caches; cache < caches + contextBytes; cache += cacheBytes) this.#flush(cache);
  }

  /** Flushing costs what was filled, not what there is. */
  #flush(cache: number): void {
    const words = this.#words;
    const last = (cache + lastFilled) >>> 2;
    let slot = words[last] ?? endOfFilled;
    while (slot !== endOfFilled) {
      const before = words[(slot >>> 2) + filled] ?? endOfFilled;
      this.#empty(cache, slot);
      words[(slot >>> 2) + filled] = 0;
      slot = before;
    }
    words[last] = endOfFilled;
  }

  /** Drops one page from the caches of which the first is at `from`. */
  #flushPage(from: number, end: number, low: number, high: number): void {
    const words = this.#words;
    const page = low & -pageSize;
    for (let cache = from; cache < end; cache += cacheBytes) {
      const slot = cache + ((low >>> 8) & slotMask);
      if (words[slot >>> 2] === page && words[(slot >>> 2) + 1] === high) this.#empty(cache, slot);
    }
  }

  /** Drops the slots of every `step`th cache in which a word, shifted right, is as `value` is when it is shifted right. */
  #sweep(first: number, end: number, step: number, field: number, value: number, shift: number): void {
    const words = this.#words;
    for (let index = first; index < end; index += step) {
      const cache = at.caches + index * cacheBytes;
      let slot = words[(cache + lastFilled) >>> 2] ?? endOfFilled;
      while (slot !== endOfFilled) {
        const word = slot >>> 2;
        if (((words[word + field] ?? 0) ^ value) >>> shift === 0) this.#empty(cache, slot);
        slot = words[word + filled] ?? endOfFilled;
      }
    }
  }

  #empty(cache: number, slot: number): void {
    const word = slot >>> 2;
    this.#words[word] = ((slot - cache) * (pageSize / slotBytes)) ^ pageSize;
    this.#words[word + 1] = 0;
    this.#words[word + place] = 0;
  }

  #noteSuperpage(low: number, high: number, level: number): void {
    this.anySuperpages = true;
    if (level === 3) {
      this.anyLargest = true;
      return;
    }
    const number = superpageOf(low, high);
    const bit = level === 1 ? number : gigabyteBits + (number >>> 9);
    this.superpages[bit >>> 5] = (this.superpages[bit >>> 5] ?? 0) | (1 << (bit & 31));
  }

  /** Whether the address may be in a superpage; its gigabyte then counts as having none. */
  #takeSuperpages(low: number, high: number): boolean {
    const number = superpageOf(low, high);
    const gigabyte = number >>> 9;
    if (!this.#isNoted(number) && !this.#isNoted(gigabyteBits + gigabyte)) return false;
    this.superpages.fill(0, gigabyte * gigabyteWords, (gigabyte + 1) * gigabyteWords);
    const word = (gigabyteBits + gigabyte) >>> 5;
    this.superpages[word] = (this.superpages[word] ?? 0) & ~(1 << (gigabyte & 31));
    return true;
  }

  #isNoted(bit: number): boolean {
    return ((this.superpages[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0;
  }
}

/** The number of an address's 2 MiB; in Sv48 every 512 GiB have the same, so that a fence finds too much. */
function superpageOf(low: number, high: number): number {
  return ((high & 0x7f) << 11) | (low >>> 21);
}
