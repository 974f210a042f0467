// The code around a place that is executed at present: its page, and those near it that the fetch cache knows, so that
// looking at them changes nothing.
import type { DecodedPages } from './decoded-pages.ts';
import { at, pageSize, slotMask } from './layout.ts';
import { pageOf } from './region.ts';
import type { CodeView, PageCode, Region } from './region.ts';
import type { Registers } from './registers.ts';

/** What a region was made of in one decoded page. */
export interface RegionPart {
  /** Of the decoded page. */
  readonly index: number;
  /** Pages from the entry's. */
  readonly page: number;
  readonly from: number;
  readonly to: number;
}

/** Pages are numbered with 52 bits, which a number holds. */
const pagesInAll = 2 ** 52;

export class CodeAround implements CodeView {
  readonly #registers: Registers;
  readonly #pages: DecodedPages;
  /** The number of the entry's virtual page. */
  readonly #page: number;
  /** Decoded pages by distance from the entry's; undefined: not at hand. */
  readonly #indexes = new Map<number, number | undefined>();
  /** Of the entry, in its page. */
  readonly offset: number;

  /** `low` and `high` are the virtual address of the page in which the entry is executed. */
  constructor(registers: Registers, pages: DecodedPages, entry: number, low: number, high: number) {
    this.#registers = registers;
    this.#pages = pages;
    this.#page = (high >>> 0) * 2 ** 20 + (low >>> 12);
    const { index, offset } = pages.placeOfEntry(entry);
    this.offset = offset;
    this.#indexes.set(0, index);
  }

  page(number: number): PageCode | undefined {
    const index = this.#index(number);
    return index === undefined ? undefined : this.#pages.codeOf(index);
  }

  isKnown(offset: number): boolean {
    const page = pageOf(offset);
    const index = this.#index(page);
    return index !== undefined && this.#pages.isDecoded(index, offset - page * pageSize);
  }

  partsOf(region: Region): readonly RegionPart[] {
    return [...region.pages].map(([page, { from, to }]) => {
      const index = this.#index(page);
      if (index === undefined) throw new Error('a region is made of pages at hand');
      return { index, page, from, to };
    });
  }

  #index(page: number): number | undefined {
    if (this.#indexes.has(page)) return this.#indexes.get(page);
    const index = this.#fetched((this.#page + page + pagesInAll) % pagesInAll);
    this.#indexes.set(page, index);
    return index;
  }

  /** The decoded page that the fetch cache has for a virtual page. */
  #fetched(page: number): number | undefined {
    const { words } = this.#registers;
    const low = (page % 2 ** 20) * pageSize;
    const slot = (this.#registers.word(at.fetchCache) + ((low >>> 8) & slotMask)) >>> 2;
    if (words[slot] !== (low | 0) || words[slot + 1] !== (Math.floor(page / 2 ** 20) | 0)) return undefined;
    return this.#pages.indexOf(words[slot + 2] ?? 0);
  }
}
