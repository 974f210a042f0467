// Decoded code, by physical page: what an address means does not depend on where it is mapped. A page that is here has
// no slot in a write cache, so that every store to it comes by and takes back what it makes stale: fence.i has nothing
// left to do.
import { decode, lengthOf } from './decoder.ts';
import type { Decoded } from './decoder.ts';
import { extendedHandler, handlerNumber, illegalHandler, longestSequence, pseudoHandlers } from './handlers.ts';
import {
  at,
  decodedPageBytes,
  decodedPages,
  entryBytes,
  entryFields,
  pageSize,
  ramOffset,
  regionFields,
  regionsAt,
  xSink,
} from './layout.ts';
import type { RegionPart } from './code-around.ts';
import type { PageCode } from './region.ts';
import type { Registers } from './registers.ts';
import { cacheKind } from './translation-caches.ts';
import type { TranslationCaches } from './translation-caches.ts';

const slots = pageSize / 2;
const undecoded = pseudoHandlers.indexOf('undecoded');
const pageEnd = pseudoHandlers.indexOf('pageEnd');
const crossing = pseudoHandlers.indexOf('crossing');
const translated = pseudoHandlers.indexOf('translated');

/** Instructions decoded at once: what runs on is wanted next, and a call from generated code costs as much as one. */
const runLength = 32;

/**
 * Stores to a page since code in it was last decoded, after which it counts as data: a page that was freed and is being
 * filled anew.
 */
const storesUntilData = 8;

const none = -1;

/** A region, from when its code was looked at. It goes when a byte changes that it was made of. */
export interface KnownRegion {
  readonly entry: number;
  readonly parts: readonly RegionPart[];
  /** The number of its function, once it has one. */
  function: number | undefined;
  gone: boolean;
}

export class DecodedPages {
  readonly #registers: Registers;
  readonly #caches: TranslationCaches;
  /** For each page of RAM the decoded page it has, or none. */
  readonly #decodedOf: Int16Array;
  /** For each decoded page the page of RAM it is of, or none. */
  readonly #ramPageOf = new Int32Array(decodedPages).fill(none);
  readonly #stores = new Uint8Array(decodedPages);
  /** For each decoded page the regions that were made of it, where there are any. */
  readonly #regions: (Set<KnownRegion> | undefined)[] = [];
  #regionDropped: (functionNumber: number) => void = () => undefined;
  /** Where the handlers of the present run of instructions stand, in halfwords. */
  readonly #run = new Uint32Array(runLength);
  /** Pages are given out in turn; the one given out longest ago goes first. */
  #turn = 0;

  constructor(registers: Registers, caches: TranslationCaches, ramBytes: number) {
    this.#registers = registers;
    this.#caches = caches;
    this.#decodedOf = new Int16Array(ramBytes / pageSize).fill(none);
  }

  /** Whether the page of RAM has decoded code. */
  isCode(ramPage: number): boolean {
    return (this.#decodedOf[ramPage] ?? none) !== none;
  }

  /** The place of the decoded page for a page of RAM, which from here on is code. */
  placeFor(ramPage: number): number {
    const known = this.#decodedOf[ramPage] ?? none;
    if (known !== none) return decodedPlace(known);
    const index = this.#turn;
    this.#turn = (index + 1) % decodedPages;
    this.#drop(index);
    this.#decodedOf[ramPage] = index;
    this.#ramPageOf[index] = ramPage;
    this.#stores[index] = 0;
    const place = decodedPlace(index);
    this.#registers.halves[(place + slots * entryBytes) >>> 1] = pageEnd;
    this.#caches.flushPlace(cacheKind.write, ramOffset + ramPage * pageSize);
    return place;
  }

  /** Decodes from an entry on. False: the entry's page was given away meanwhile. */
  decodeAt(entry: number): boolean {
    const index = Math.floor((entry - at.decoded) / decodedPageBytes);
    const ramPage = this.#ramPageOf[index] ?? none;
    if (ramPage === none) return false;
    this.#stores[index] = 0;
    const place = decodedPlace(index);
    const { halves } = this.#registers;
    const code = (ramOffset + ramPage * pageSize) >>> 1;
    let slot = (entry - place) / entryBytes;
    let decodedCount = 0;
    for (let count = 0; count < runLength && slot < slots; count += 1) {
      const address = place + slot * entryBytes;
      if (halves[address >>> 1] !== undecoded) break;
      const parcel = halves[code + slot] ?? 0;
      const length = lengthOf(parcel);
      if (length === 4 && slot === slots - 1) {
        halves[address >>> 1] = crossing;
        break;
      }
      const bits = length === 4 ? parcel | ((halves[code + slot + 1] ?? 0) << 16) : parcel;
      const decoded = decode(bits);
      this.#write(address, decoded, bits, slot * 2);
      this.#run[decodedCount++] = address >>> 1;
      if (decoded === undefined || decoded.row.traits.flow === 'jump' || decoded.row.traits.flow === 'indirect') break;
      slot += length / 2;
    }
    this.#joinSequences(decodedCount);
    return true;
  }

  /** Lets the entry of each instruction that begins a common sequence run all of it. From the front: joined ones differ. */
  #joinSequences(count: number): void {
    const { halves } = this.#registers;
    for (let first = 0; first < count; first += 1) {
      let handler = halves[this.#run[first] ?? 0] ?? 0;
      for (let next = first + 1; next < count; next += 1) {
        const longer = extendedHandler(handler, halves[this.#run[next] ?? 0] ?? 0);
        if (longer === 0) break;
        handler = longer;
      }
      halves[this.#run[first] ?? 0] = handler;
    }
  }

  /** The decoded page that an entry is in, and the place that it is of. */
  placeOfEntry(entry: number): { readonly index: number; readonly offset: number } {
    const index = Math.floor((entry - at.decoded) / decodedPageBytes);
    return { index, offset: ((entry - decodedPlace(index)) / entryBytes) * 2 };
  }

  /** The decoded page at a place in memory; undefined where none begins there. */
  indexOf(place: number): number | undefined {
    const index = (place - at.decoded) / decodedPageBytes;
    return (this.#ramPageOf[index] ?? none) === none ? undefined : index;
  }

  /** The code of a decoded page; undefined where it was given away. */
  codeOf(index: number): PageCode | undefined {
    const ramPage = this.#ramPageOf[index] ?? none;
    if (ramPage === none) return undefined;
    const start = (ramOffset + ramPage * pageSize) >>> 1;
    return this.#registers.halves.subarray(start, start + slots);
  }

  isDecoded(index: number, offset: number): boolean {
    return this.#handlerAt(decodedPlace(index) + (offset >>> 1) * entryBytes) !== undecoded;
  }

  /** Whether a region could begin at an entry: it is decoded, and none does. */
  isFree(entry: number): boolean {
    const handler = this.#handlerAt(entry);
    return handler !== undecoded && handler !== translated;
  }

  /** Calls back with the number of each region's function that is not executed any more. */
  onRegionDropped(dropped: (functionNumber: number) => void): void {
    this.#regionDropped = dropped;
  }

  /** Watches over the bytes that a region is made of. */
  watch(entry: number, parts: readonly RegionPart[]): KnownRegion {
    const region: KnownRegion = { entry, parts, function: undefined, gone: false };
    for (const { index } of parts) (this.#regions[index] ??= new Set()).add(region);
    return region;
  }

  /** Makes the interpreter run a region, which is not gone, at its entry. */
  installRegion(region: KnownRegion, functionNumber: number): void {
    const { halves } = this.#registers;
    const place = (regionsAt + (region.entry - at.decoded) / 4) >>> 1;
    halves[place + regionFields.function / 2] = functionNumber;
    halves[place + regionFields.handler / 2] = this.#handlerAt(region.entry);
    halves[region.entry >>> 1] = translated;
    region.function = functionNumber;
  }

  /** Drops a region, if that has not been done. */
  dropRegion(region: KnownRegion): void {
    if (region.gone) return;
    region.gone = true;
    for (const { index } of region.parts) {
      const regions = this.#regions[index];
      regions?.delete(region);
      if (regions?.size === 0) this.#regions[index] = undefined;
    }
    if (region.function === undefined) return;
    if (this.#handlerAt(region.entry) === translated) this.#registers.halves[region.entry >>> 1] = undecoded;
    this.#regionDropped(region.function);
  }

  /** Decodes one instruction outside any page, with an end-of-page mark behind it. */
  decodeCrossing(bits: number): void {
    this.#write(at.crossing, decode(bits), bits, undefined);
    this.#registers.halves[(at.crossing + 2 * entryBytes) >>> 1] = pageEnd;
  }

  /** The hart stores into a page of code. True: the page is data again. */
  stored(ramPage: number, offset: number, length: number): boolean {
    const index = this.#decodedOf[ramPage] ?? none;
    if (index === none) return true;
    const stores = (this.#stores[index] ?? 0) + 1;
    if (stores > storesUntilData) {
      this.#drop(index);
      return true;
    }
    this.#stores[index] = stores;
    this.#forget(index, offset, length);
    return false;
  }

  /** A device has written guest RAM, by offset from its start. */
  written(offset: number, length: number): void {
    const last = Math.floor((offset + length - 1) / pageSize);
    for (let page = Math.floor(offset / pageSize); page <= last; page += 1) {
      const index = this.#decodedOf[page] ?? none;
      if (index !== none) this.#drop(index);
    }
  }

  /** Forgets all that was decoded. */
  clear(): void {
    for (let index = 0; index < decodedPages; index += 1) this.#drop(index);
  }

  /**
   * Entries of these bytes become undecoded, and those before whose instruction, or sequence of instructions, may reach
   * into them.
   */
  #forget(index: number, offset: number, length: number): void {
    const place = decodedPlace(index);
    const first = Math.max(0, (offset >>> 1) - (2 * longestSequence - 1));
    const last = (offset + length - 1) >>> 1;
    this.#dropRegions(index, first * 2, offset + length);
    for (let slot = first; slot <= last; slot += 1) {
      this.#registers.halves[(place + slot * entryBytes) >>> 1] = undecoded;
    }
  }

  /** Drops the regions that were made of any of these bytes of the page. */
  #dropRegions(index: number, from: number, to: number): void {
    for (const region of this.#regions[index] ?? []) {
      const touched = region.parts.some((part) => part.index === index && part.from < to && part.to > from);
      if (touched) this.dropRegion(region);
    }
  }

  #handlerAt(entry: number): number {
    return this.#registers.halves[entry >>> 1] ?? undecoded;
  }

  #drop(index: number): void {
    const ramPage = this.#ramPageOf[index] ?? none;
    if (ramPage === none) return;
    this.#dropRegions(index, 0, pageSize);
    const place = decodedPlace(index);
    this.#decodedOf[ramPage] = none;
    this.#ramPageOf[index] = none;
    // The interpreter may be in this very page: its next entry is undecoded, and decodeAt says that the page is gone.
    this.#registers.words.fill(0, place >>> 2, (place + slots * entryBytes) >>> 2);
    this.#caches.flushPlace(cacheKind.fetch, place);
  }

  /** `offset` in the page tells near jumps from far ones; without it all are far. */
  #write(address: number, decoded: Decoded | undefined, bits: number, offset: number | undefined): void {
    const { halves, words } = this.#registers;
    const half = address >>> 1;
    const word = address >>> 2;
    words[word + entryFields.bits / 4] = decoded?.bits ?? bits;
    if (decoded === undefined) {
      halves[half] = illegalHandler;
      return;
    }
    const { row, number, length, rd, rs1, rs2, imm } = decoded;
    const target = offset === undefined ? none : offset + imm;
    const near = row.traits.flow === 'indirect' ? offset !== undefined : target >= 0 && target < pageSize;
    const relative = row.traits.flow === 'branch' || row.traits.flow === 'jump';
    const floatTarget = row.traits.floatFields?.includes('rd') === true;
    halves[half + entryFields.rd / 2] = rd === 0 && !floatTarget ? xSink : rd * 8;
    halves[half + entryFields.rs1 / 2] = rs1 * 8;
    halves[half + entryFields.rs2 / 2] = rs2 * 8;
    words[word + entryFields.imm / 4] = near && relative ? imm * (entryBytes / 2) : imm;
    // The handler last: until then the entry is undecoded.
    halves[half] = handlerNumber(number, length, !near);
  }
}

/** The place in memory of a decoded page. */
export function decodedPlace(index: number): number {
  return at.decoded + index * decodedPageBytes;
}
