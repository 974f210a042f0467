// The slow way of a memory access: what the translation caches cannot answer. It translates, fills the cache where the
// page is plain RAM, and performs the access itself, which may go to a device or cross a page.
import type { AccessSize } from '../ops.ts';
import type { DecodedPages } from './decoded-pages.ts';
import { at, cacheKind, pageSize } from './layout.ts';
import type { CacheKind } from './layout.ts';
import { cause } from './mmu.ts';
import type { Mmu } from './mmu.ts';
import type { Registers } from './registers.ts';
import type { TranslationCaches } from './translation-caches.ts';

/** Devices by physical address. Values are two halves; `load` leaves them in `low` and `high`. False: nothing there. */
export interface PhysicalBus {
  readonly low: number;
  readonly high: number;
  load(address: number, size: AccessSize): boolean;
  store(address: number, size: AccessSize, low: number, high: number): boolean;
}

export class MemoryAccess {
  /** The address that the last fault is about. */
  faultLow = 0;
  faultHigh = 0;
  readonly #registers: Registers;
  readonly #mmu: Mmu;
  readonly #caches: TranslationCaches;
  readonly #pages: DecodedPages;
  readonly #bus: PhysicalBus;
  /** Of the present access: bytes in its first page, and the physical addresses in that and in the next. */
  #first = 0;
  #lower = 0;
  #upper = 0;

  constructor(registers: Registers, mmu: Mmu, caches: TranslationCaches, pages: DecodedPages, bus: PhysicalBus) {
    this.#registers = registers;
    this.#mmu = mmu;
    this.#caches = caches;
    this.#pages = pages;
    this.#bus = bus;
  }

  /** Loads into `at.transfer`, zero-extended. 0, or the exception's code. */
  load(low: number, high: number, size: AccessSize): number {
    const fault = this.#translate(low, high, size, 'load');
    if (fault !== 0) return fault;
    const r = this.#registers;
    r.set(at.transfer, 0, 0);
    if (this.#mmu.isRam(this.#lower)) {
      if (this.#first === size) this.#fill(cacheKind.read, low, high);
      for (let index = 0; index < size; index += 1) r.bytes[at.transfer + index] = r.bytes[this.#place(index)] ?? 0;
      return 0;
    }
    // Devices take aligned accesses only.
    if ((low & (size - 1)) !== 0 || !this.#bus.load(this.#lower, size)) return cause.loadAccessFault;
    r.set(at.transfer, this.#bus.low, this.#bus.high);
    return 0;
  }

  /** Stores from `at.transfer`. 0, or the exception's code. */
  store(low: number, high: number, size: AccessSize): number {
    // Both pages before the first byte: a store that faults has stored nothing.
    const fault = this.#translate(low, high, size, 'store');
    if (fault !== 0) return fault;
    const r = this.#registers;
    if (this.#mmu.isRam(this.#lower)) {
      for (let index = 0; index < size; index += 1) r.bytes[this.#place(index)] = r.bytes[at.transfer + index] ?? 0;
      const isData = this.#storedInto(this.#lower, this.#first);
      if (this.#first < size) this.#storedInto(this.#upper, size - this.#first);
      else if (isData) this.#fill(cacheKind.write, low, high);
      return 0;
    }
    if ((low & (size - 1)) !== 0) return cause.storeAccessFault;
    const done = this.#bus.store(this.#lower, size, r.low(at.transfer), r.high(at.transfer));
    return done ? 0 : cause.storeAccessFault;
  }

  /** The place of an atomic access (LR: a load, else a store), or minus the exception's code. */
  atomicPlace(low: number, high: number, size: 4 | 8, access: 'load' | 'store'): number {
    const isLoad = access === 'load';
    // Volume I, §14.2 and §14.4: the address must be aligned; Volume II, table 14: SC and AMO fault as stores.
    if ((low & (size - 1)) !== 0) {
      this.#blame(low, high);
      return -(isLoad ? cause.loadMisaligned : cause.storeMisaligned);
    }
    const fault = this.#translate(low, high, size, access);
    if (fault !== 0) return -fault;
    if (!this.#mmu.isRam(this.#lower)) return -(isLoad ? cause.loadAccessFault : cause.storeAccessFault);
    if (isLoad) this.#fill(cacheKind.read, low, high);
    else if (this.#storedInto(this.#lower, size)) this.#fill(cacheKind.write, low, high);
    return this.#place(0);
  }

  /** Finds the pages of an access. Where they are two, both are RAM. */
  #translate(low: number, high: number, size: AccessSize, access: 'load' | 'store'): number {
    const accessFault = access === 'load' ? cause.loadAccessFault : cause.storeAccessFault;
    this.#first = Math.min(size, pageSize - (low & (pageSize - 1)));
    this.#blame(low, high);
    const fault = this.#mmu.translate(low, high, access);
    this.#lower = this.#mmu.physical;
    if (this.#first === size || fault !== 0) return fault;
    if (!this.#mmu.isRam(this.#lower)) return accessFault;
    const nextLow = (low + this.#first) | 0;
    this.#blame(nextLow, nextLow === 0 ? (high + 1) | 0 : high);
    const nextFault = this.#mmu.translate(this.faultLow, this.faultHigh, access);
    this.#upper = this.#mmu.physical;
    return nextFault || (this.#mmu.isRam(this.#upper) ? 0 : accessFault);
  }

  /** The place in memory of a byte of the access. */
  #place(index: number): number {
    return this.#mmu.place(index < this.#first ? this.#lower + index : this.#upper + index - this.#first);
  }

  #blame(low: number, high: number): void {
    this.faultLow = low;
    this.faultHigh = high;
  }

  /** A store into a page of code takes back what it makes stale. False: the page is code still. */
  #storedInto(physical: number, length: number): boolean {
    const ramPage = this.#mmu.ramPage(physical);
    return !this.#pages.isCode(ramPage) || this.#pages.stored(ramPage, physical & (pageSize - 1), length);
  }

  #fill(kind: CacheKind, low: number, high: number): void {
    if (kind === cacheKind.write) this.#pages.noteWritten(this.#mmu.ramPage(this.#lower));
    this.#caches.fill(kind, low, high, this.#place(0) & -pageSize, this.#mmu.level, this.#mmu.global);
  }
}
