// Regions by the pages of RAM whose code they were made of.
import type { PageRange } from './region.ts';

/** What a region was made of in one page of RAM. */
export interface RegionPart extends PageRange {
  readonly ramPage: number;
  /** Where it was mapped, in pages from the entry's. */
  readonly page: number;
}

/** A region, from when its code was looked at. It goes when a byte changes that it was made of. */
export interface KnownRegion {
  /** The place of its entry. */
  readonly ramPage: number;
  readonly offset: number;
  /** The virtual address of the page where it was executed, in halves. */
  readonly pageLow: number;
  readonly pageHigh: number;
  readonly parts: readonly RegionPart[];
  /** The number of its function, once it has one. */
  function: number | undefined;
  gone: boolean;
}

export class KnownRegions {
  /** By each page that they were made of. */
  readonly #made = new Map<number, Set<KnownRegion>>();
  /** Those that have a function, by page and offset of the entry. */
  readonly #entries = new Map<number, Map<number, KnownRegion>>();

  add(region: KnownRegion): void {
    for (const { ramPage } of region.parts) {
      const regions = this.#made.get(ramPage);
      if (regions === undefined) this.#made.set(ramPage, new Set([region]));
      else regions.add(region);
    }
  }

  remove(region: KnownRegion): void {
    for (const { ramPage } of region.parts) {
      const regions = this.#made.get(ramPage);
      regions?.delete(region);
      if (regions?.size === 0) this.#made.delete(ramPage);
    }
    const entries = this.#entries.get(region.ramPage);
    if (entries?.get(region.offset) !== region) return;
    entries.delete(region.offset);
    if (entries.size === 0) this.#entries.delete(region.ramPage);
  }

  setEntry(region: KnownRegion): void {
    const entries = this.#entries.get(region.ramPage);
    if (entries === undefined) this.#entries.set(region.ramPage, new Map([[region.offset, region]]));
    else entries.set(region.offset, region);
  }

  /** The regions that begin in a page, by offset. */
  entriesIn(ramPage: number): ReadonlyMap<number, KnownRegion> | undefined {
    return this.#entries.get(ramPage);
  }

  /** Whether any was made of a page. */
  has(ramPage: number): boolean {
    return this.#made.has(ramPage);
  }

  /** Those made of any of these bytes of a page. */
  touching(ramPage: number, from: number, to: number): KnownRegion[] {
    const regions = this.#made.get(ramPage);
    if (regions === undefined) return [];
    return [...regions].filter(({ parts }) =>
      parts.some((part) => part.ramPage === ramPage && part.from < to && part.to > from),
    );
  }

  all(): KnownRegion[] {
    return [...new Set([...this.#made.values()].flatMap((regions) => [...regions]))];
  }
}
