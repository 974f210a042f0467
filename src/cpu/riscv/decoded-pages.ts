// Decoded code, by physical page: what an address means does not depend on where it is mapped. A page that is here has
// no slot in a write cache, so that every store to it comes by and takes back what it makes stale: fence.i has nothing
// left to do.
import { decode, lengthOf } from './decoder.ts';
import type { Decoded } from './decoder.ts';
import { entryForm } from './entry-form.ts';
import {
  extendedHandler,
  firstCommon,
  handlerNumber,
  illegalHandler,
  longestSequence,
  pseudoHandlers,
} from './handlers.ts';
import {
  at,
  cacheKind,
  decodedPageBytes,
  decodedPages,
  decodedRamPage,
  entryBytes,
  entryFields,
  pageFlags,
  pageFlagsAt,
  nearInPage,
  pageSize,
  ramOffset,
  regionFields,
  regionsAt,
} from './layout.ts';
import { KnownRegions } from './known-regions.ts';
import type { KnownRegion } from './known-regions.ts';
import type { PageCode } from './region.ts';
import type { Registers } from './registers.ts';
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

export class DecodedPages {
  readonly #registers: Registers;
  readonly #caches: Pick<TranslationCaches, 'flushPlace'>;
  /** For each page of RAM the decoded page it has, or none. */
  readonly #decodedOf: Int16Array;
  /** For each decoded page the page of RAM it is of, or none. */
  readonly #ramPageOf = new Int32Array(decodedPages).fill(none);
  /** For each page of RAM. */
  readonly #stores: Uint8Array;
  /** The same; see `pageFlags`. */
  readonly #flags: Uint8Array<ArrayBufferLike>;
  /** They stay when decoded pages are given away, and so does their code's being code. */
  readonly #regions = new KnownRegions();
  #regionDropped: (functionNumber: number) => void = () => undefined;
  /** Where the handlers of the present run of instructions stand, in halfwords. */
  readonly #run = new Uint32Array(runLength);
  /** Decoded pages that were ever given out. */
  #used = 0;
  /** Of the numbers by which a page is chosen. */
  #seed = 1;

  constructor(registers: Registers, caches: Pick<TranslationCaches, 'flushPlace'>, ramBytes: number) {
    this.#registers = registers;
    this.#caches = caches;
    this.#decodedOf = new Int16Array(ramBytes / pageSize).fill(none);
    this.#stores = new Uint8Array(ramBytes / pageSize);
    this.#flags = registers.bytes.subarray(pageFlagsAt, pageFlagsAt + ramBytes / pageSize).fill(0);
    for (const behind of [1, 2]) registers.halves[(at.alone + behind * entryBytes) >>> 1] = pageEnd;
  }

  /** Whether the page of RAM has decoded or translated code. */
  isCode(ramPage: number): boolean {
    return this.#flags[ramPage] === pageFlags.code;
  }

  /** The pages of RAM that are code. */
  codePages(): Int32Array<ArrayBuffer> {
    const pages: number[] = [];
    const next = (from: number): number => this.#flags.indexOf(pageFlags.code, from);
    for (let ramPage = next(0); ramPage !== -1; ramPage = next(ramPage + 1)) pages.push(ramPage);
    return Int32Array.from(pages);
  }

  /** A cache for writes has a page of data. */
  noteWritten(ramPage: number): void {
    this.#flags[ramPage] = pageFlags.written;
  }

  /** Pages of RAM that have a decoded page, each with its place. */
  *places(): Generator<readonly [number, number]> {
    for (let index = 0; index < this.#used; index += 1) {
      const ramPage = this.#ramPageOf[index] ?? none;
      if (ramPage !== none) yield [ramPage, decodedPlace(index)];
    }
  }

  /** Takes over what another has decoded into this memory, which has been all: these pages of RAM, in this order. */
  adopt(ramPages: Int32Array): void {
    for (const [index, ramPage] of ramPages.entries()) {
      this.#decodedOf[ramPage] = index;
      this.#ramPageOf[index] = ramPage;
      this.#flags[ramPage] = pageFlags.code;
    }
    this.#used = ramPages.length;
  }

  /** The place of the decoded page for a page of RAM, which from here on is code. */
  placeFor(ramPage: number): number {
    const known = this.#decodedOf[ramPage] ?? none;
    if (known !== none) return decodedPlace(known);
    const index = this.#used < decodedPages ? this.#used++ : this.#anyPage();
    this.#drop(index);
    this.#decodedOf[ramPage] = index;
    this.#ramPageOf[index] = ramPage;
    this.#stores[ramPage] = 0;
    const place = decodedPlace(index);
    this.#registers.halves[(place + slots * entryBytes) >>> 1] = pageEnd;
    this.#registers.setWord(place + decodedRamPage, ramPage);
    if (this.#flags[ramPage] === pageFlags.written) {
      this.#caches.flushPlace(cacheKind.write, ramOffset + ramPage * pageSize);
    }
    this.#flags[ramPage] = pageFlags.code;
    return place;
  }

  /**
   * The page to be given away, by chance: a program of more code than there is room for, which comes round to all of it,
   * would find nothing left of what was given away in turn. Xorshift (G. Marsaglia, 2003).
   */
  #anyPage(): number {
    let seed = this.#seed;
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    this.#seed = seed;
    return (seed >>> 0) % decodedPages;
  }

  /** Decodes from an entry on. False: the entry's page was given away meanwhile. */
  decodeAt(entry: number): boolean {
    const index = Math.floor((entry - at.decoded) / decodedPageBytes);
    const ramPage = this.#ramPageOf[index] ?? none;
    if (ramPage === none) return false;
    this.#stores[ramPage] = 0;
    const place = decodedPlace(index);
    const { halves } = this.#registers;
    const code = (ramOffset + ramPage * pageSize) >>> 1;
    let slot = (entry - place) / entryBytes;
    let decodedCount = 0;
    for (let count = 0; count < runLength && slot < slots; count += 1) {
      const address = place + slot * entryBytes;
      if (halves[address >>> 1] !== undecoded) break;
      const length = lengthOf(halves[code + slot] ?? 0);
      if (length === 4 && slot === slots - 1) {
        halves[address >>> 1] = crossing;
        break;
      }
      const decoded = decode(this.#bitsAt(ramPage, slot * 2));
      this.#write(address, decoded, slot * 2);
      this.#run[decodedCount++] = address >>> 1;
      if (decoded === undefined || decoded.row.traits.flow === 'jump' || decoded.row.traits.flow === 'indirect') break;
      slot += length / 2;
    }
    this.#joinSequences(decodedCount);
    const entries = this.#regions.entriesIn(ramPage);
    if (entries === undefined) return true;
    for (let count = 0; count < decodedCount; count += 1) {
      const address = (this.#run[count] ?? 0) * 2;
      const region = entries.get(((address - place) / entryBytes) * 2);
      if (region !== undefined) this.#installEntry(address, region);
    }
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

  /** The place in RAM that an entry is of; undefined where its page was given away. */
  placeOfEntry(entry: number): { readonly ramPage: number; readonly offset: number } | undefined {
    const index = Math.floor((entry - at.decoded) / decodedPageBytes);
    const ramPage = this.#ramPageOf[index] ?? none;
    if (ramPage === none) return undefined;
    return { ramPage, offset: ((entry - decodedPlace(index)) / entryBytes) * 2 };
  }

  /** The code of a page of RAM. */
  codeOf(ramPage: number): PageCode {
    const start = (ramOffset + ramPage * pageSize) >>> 1;
    return this.#registers.halves.subarray(start, start + slots);
  }

  /** Whether a place in a page of RAM is decoded. */
  isDecoded(ramPage: number, offset: number): boolean {
    const entry = this.#entryOf(ramPage, offset);
    return entry !== undefined && this.#handlerAt(entry) !== undecoded;
  }

  /** Whether a region could begin at an entry: it has a decoded instruction, all of it in the page, and none begins there. */
  isFree(entry: number): boolean {
    return this.#handlerAt(entry) >= firstCommon;
  }

  /** Calls back with the number of each region's function that is not executed any more. */
  onRegionDropped(dropped: (functionNumber: number) => void): void {
    this.#regionDropped = dropped;
  }

  /** Watches over the bytes that a region is made of, in pages that are decoded at present. */
  watch(region: KnownRegion): void {
    this.#regions.add(region);
  }

  /** Makes the interpreter run a region, which is not gone, at its entry. */
  installRegion(region: KnownRegion, functionNumber: number): void {
    region.function = functionNumber;
    this.#regions.setEntry(region);
    const entry = this.#entryOf(region.ramPage, region.offset);
    // Where nothing is decoded now, decoding will find the region.
    if (entry !== undefined && this.#handlerAt(entry) !== undecoded) this.#installEntry(entry, region);
  }

  /** Drops a region, if that has not been done. */
  dropRegion(region: KnownRegion): void {
    if (region.gone) return;
    region.gone = true;
    this.#regions.remove(region);
    for (const part of region.parts) this.#checkCode(part.ramPage);
    if (region.function === undefined) return;
    const entry = this.#entryOf(region.ramPage, region.offset);
    if (entry !== undefined && this.#handlerAt(entry) === translated) this.#registers.halves[entry >>> 1] = undecoded;
    this.#regionDropped(region.function);
  }

  /** Decodes one instruction outside any page. */
  decodeAlone(bits: number): void {
    this.#write(at.alone, decode(bits), undefined);
  }

  /** The hart stores into a page of code. True: the page is data again. */
  stored(ramPage: number, offset: number, length: number): boolean {
    if (!this.isCode(ramPage)) return true;
    const stores = (this.#stores[ramPage] ?? 0) + 1;
    if (stores > storesUntilData) {
      this.#overwritten(ramPage);
      return true;
    }
    this.#stores[ramPage] = stores;
    this.#forget(ramPage, offset, length);
    return false;
  }

  /** A device has written guest RAM, by offset from its start. */
  written(offset: number, length: number): void {
    const last = Math.floor((offset + length - 1) / pageSize);
    for (let page = Math.floor(offset / pageSize); page <= last; page += 1) {
      if (this.isCode(page)) this.#overwritten(page);
    }
  }

  /** Forgets all that was decoded and translated. */
  clear(): void {
    for (const region of this.#regions.all()) this.dropRegion(region);
    for (let index = 0; index < decodedPages; index += 1) this.#drop(index);
  }

  /** Nothing of a page holds any more. */
  #overwritten(ramPage: number): void {
    this.#dropRegions(ramPage, 0, pageSize);
    const index = this.#decodedOf[ramPage] ?? none;
    if (index !== none) this.#drop(index);
  }

  /**
   * Entries of these bytes become undecoded, and those before whose instruction, or sequence of instructions, may reach
   * into them.
   */
  #forget(ramPage: number, offset: number, length: number): void {
    const first = Math.max(0, (offset >>> 1) - (2 * longestSequence - 1));
    const last = (offset + length - 1) >>> 1;
    this.#dropRegions(ramPage, first * 2, offset + length);
    const index = this.#decodedOf[ramPage] ?? none;
    if (index === none) return;
    const place = decodedPlace(index);
    for (let slot = first; slot <= last; slot += 1) {
      this.#registers.halves[(place + slot * entryBytes) >>> 1] = undecoded;
    }
  }

  /** Drops the regions that were made of any of these bytes of a page. */
  #dropRegions(ramPage: number, from: number, to: number): void {
    for (const region of this.#regions.touching(ramPage, from, to)) this.dropRegion(region);
  }

  #installEntry(entry: number, region: KnownRegion): void {
    const { halves } = this.#registers;
    const place = (regionsAt + (entry - at.decoded) / 2) >>> 1;
    halves[place + regionFields.function / 2] = region.function ?? 0;
    const decoded = decode(this.#bitsAt(region.ramPage, region.offset));
    // Only where an instruction is decoded does a region begin.
    if (decoded === undefined) throw new Error(`a region begins at an illegal instruction`);
    const distance = isRelative(decoded) && isNear(decoded, region.offset) ? nearInPage : 0;
    halves[place + regionFields.alone / 2] = handlerNumber(decoded.number, decoded.length, true) | distance;
    halves[entry >>> 1] = translated;
  }

  /** A page of which nothing decoded or translated is left may be written again. */
  #checkCode(ramPage: number): void {
    if ((this.#decodedOf[ramPage] ?? none) === none && !this.#regions.has(ramPage)) this.#flags[ramPage] = 0;
  }

  /** The entry of a place in RAM; undefined where its page is not decoded. */
  #entryOf(ramPage: number, offset: number): number | undefined {
    const index = this.#decodedOf[ramPage] ?? none;
    return index === none ? undefined : decodedPlace(index) + (offset >>> 1) * entryBytes;
  }

  /** An instruction that does not cross pages. */
  #bitsAt(ramPage: number, offset: number): number {
    const { halves } = this.#registers;
    const place = (ramOffset + ramPage * pageSize + offset) >>> 1;
    const parcel = halves[place] ?? 0;
    return lengthOf(parcel) === 4 ? parcel | ((halves[place + 1] ?? 0) << 16) : parcel;
  }

  #handlerAt(entry: number): number {
    return this.#registers.halves[entry >>> 1] ?? undecoded;
  }

  #drop(index: number): void {
    const ramPage = this.#ramPageOf[index] ?? none;
    if (ramPage === none) return;
    const place = decodedPlace(index);
    this.#decodedOf[ramPage] = none;
    this.#ramPageOf[index] = none;
    this.#checkCode(ramPage);
    // The interpreter may be in this very page: its next entry is undecoded, and decodeAt says that the page is gone.
    this.#registers.words.fill(0, place >>> 2, (place + slots * entryBytes) >>> 2);
    this.#caches.flushPlace(cacheKind.fetch, place);
  }

  /** `offset` in the page tells near jumps from far ones; without it all are far. */
  #write(address: number, decoded: Decoded | undefined, offset: number | undefined): void {
    const { bytes, halves, words } = this.#registers;
    if (decoded === undefined) {
      halves[address >>> 1] = illegalHandler;
      return;
    }
    const { row, number, length, rd, rs1, rs2, imm } = decoded;
    const near = isNear(decoded, offset);
    const form = entryForm(row);
    const isFloat = row.traits.floatFields?.includes('rd') === true;
    bytes[address + entryFields.first] = form.first === 'rs2' ? rs2 * 8 : isFloat ? rd * 8 : ((rd - 1) & 31) * 8;
    bytes[address + entryFields.rs1] = rs1 * 8;
    const distance = near && isRelative(decoded) ? imm * (entryBytes / 2) : imm;
    words[(address + entryFields.word) >>> 2] =
      form.word === 'imm' ? distance : form.word === 'rs2' ? rs2 * 8 : decoded.bits;
    // The handler last: until then the entry is undecoded.
    halves[address >>> 1] = handlerNumber(number, length, !near);
  }
}

/** Whether the interpreter finds the target in the page. Without `offset`, the instruction's own, it is in none. */
function isNear({ row, imm }: Decoded, offset: number | undefined): boolean {
  if (offset === undefined) return false;
  const target = offset + imm;
  return row.traits.flow === 'indirect' || (target >= 0 && target < pageSize);
}

function isRelative({ row }: Decoded): boolean {
  return row.traits.flow === 'branch' || row.traits.flow === 'jump';
}

function decodedPlace(index: number): number {
  return at.decoded + index * decodedPageBytes;
}
