// How a hart comes by its instructions: by pages of decoded code, and by parcels of two bytes where that is not enough.
import type { DecodedPages } from './decoded-pages.ts';
import { cacheKind } from './layout.ts';
import { cause } from './mmu.ts';
import type { Mmu } from './mmu.ts';
import type { Registers } from './registers.ts';
import type { TranslationCaches } from './translation-caches.ts';

export class InstructionFetch {
  readonly #registers: Registers;
  readonly #mmu: Mmu;
  readonly #caches: TranslationCaches;
  readonly #pages: DecodedPages;

  constructor(registers: Registers, mmu: Mmu, caches: TranslationCaches, pages: DecodedPages) {
    this.#registers = registers;
    this.#mmu = mmu;
    this.#caches = caches;
    this.#pages = pages;
  }

  /** Makes the page of an address executable in the fetch cache. 0, or the exception's code. */
  page(low: number, high: number): number {
    const fault = this.#translate(low, high);
    if (fault !== 0) return fault;
    const mmu = this.#mmu;
    const place = this.#pages.placeFor(mmu.ramPage(mmu.physical));
    this.#caches.fill(cacheKind.fetch, low, high, place, mmu.level, mmu.global);
    return 0;
  }

  /** Two bytes of code, or minus the exception's code. */
  parcel(low: number, high: number): number {
    const fault = this.#translate(low, high);
    return fault === 0 ? (this.#registers.halves[this.#mmu.place(this.#mmu.physical) >>> 1] ?? 0) : -fault;
  }

  /** The bits of the instruction at an address that was executed. */
  instruction(low: number, high: number): number {
    const first = this.parcel(low, high);
    if ((first & 3) !== 3) return first;
    const nextLow = (low + 2) | 0;
    return first | (this.parcel(nextLow, nextLow === 0 ? high + 1 : high) << 16);
  }

  #translate(low: number, high: number): number {
    const mmu = this.#mmu;
    return mmu.translate(low, high, 'fetch') || (mmu.isRam(mmu.physical) ? 0 : cause.instructionAccessFault);
  }
}
