// The code around a place that is executed at present: its page, and those near it that the fetch cache knows, so that
// looking at them changes nothing.
import type { DecodedPages } from './decoded-pages.ts';
import type { RegionPart } from './known-regions.ts';
import { at, decodedRamPage, pageSize, slotFields, slotMask } from './layout.ts';
import { pageOf } from './region.ts';
import type { CodeView, PageCode, Region } from './region.ts';
import type { Registers } from './registers.ts';

/** Pages are numbered with 52 bits, which a number holds. */
const pagesInAll = 2 ** 52;

export class CodeAround implements CodeView {
  readonly #registers: Registers;
  readonly #pages: DecodedPages;
  /** The number of the entry's virtual page. */
  readonly #page: number;
  /** Pages of RAM by distance from the entry's; undefined: not at hand. */
  readonly #ramPages: Map<number, number | undefined>;

  /** The entry is in a page of RAM, which is executed at the virtual address `low` and `high`. */
  constructor(registers: Registers, pages: DecodedPages, ramPage: number, low: number, high: number) {
    this.#registers = registers;
    this.#pages = pages;
    this.#page = (high >>> 0) * 2 ** 20 + (low >>> 12);
    this.#ramPages = new Map([[0, ramPage]]);
  }

  /** Whether the entry's page is executed at its address at present. */
  get isCurrent(): boolean {
    return this.#fetched(this.#page) === this.#ramPages.get(0);
  }

  page(number: number): PageCode | undefined {
    const ramPage = this.#ramPage(number);
    return ramPage === undefined ? undefined : this.#pages.codeOf(ramPage);
  }

  isKnown(offset: number): boolean {
    const page = pageOf(offset);
    const ramPage = this.#ramPage(page);
    return ramPage !== undefined && this.#pages.isDecoded(ramPage, offset - page * pageSize);
  }

  partsOf(region: Region): readonly RegionPart[] {
    return [...region.pages].map(([page, { from, to }]) => {
      const ramPage = this.#ramPage(page);
      if (ramPage === undefined) throw new Error('a region is made of pages at hand');
      return { ramPage, page, from, to };
    });
  }

  #ramPage(page: number): number | undefined {
    if (this.#ramPages.has(page)) return this.#ramPages.get(page);
    const ramPage = this.#fetched((this.#page + page + pagesInAll) % pagesInAll);
    this.#ramPages.set(page, ramPage);
    return ramPage;
  }

  /** The page of RAM that the fetch cache has for a virtual page. */
  #fetched(page: number): number | undefined {
    const { words } = this.#registers;
    const low = (page % 2 ** 20) * pageSize;
    const slot = (this.#registers.word(at.fetchCache) + ((low >>> 8) & slotMask)) >>> 2;
    if (words[slot] !== (low | 0) || words[slot + 1] !== (Math.floor(page / 2 ** 20) | 0)) return undefined;
    return words[((words[slot + slotFields.place / 4] ?? 0) + decodedRamPage) >>> 2];
  }
}
