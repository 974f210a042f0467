// The slow way of a memory access: what the translation caches cannot answer. It translates, fills the cache where the
// page is plain RAM, and performs the access itself, which may go to a device or cross a page.
import type { AccessSize } from '../ops.ts';
import type { DecodedPages } from './decoded-pages.ts';
import { at, pageSize } from './layout.ts';
import { cause } from './mmu.ts';
import type { Mmu } from './mmu.ts';
import type { Registers } from './registers.ts';
import { cacheKind } from './translation-caches.ts';
import type { CacheKind, TranslationCaches } from './translation-caches.ts';

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

  constructor(registers: Registers, mmu: Mmu, caches: TranslationCaches, pages: DecodedPages, bus: PhysicalBus) {
    this.#registers = registers;
    this.#mmu = mmu;
    this.#caches = caches;
    this.#pages = pages;
    this.#bus = bus;
  }

  /** Loads into `at.transfer`, zero-extended. 0, or the exception's code. */
  load(low: number, high: number, size: AccessSize): number {
    if ((low & (pageSize - 1)) > pageSize - size) return this.#loadAcross(low, high, size);
    const fault = this.#translate(low, high, 'load');
    if (fault !== 0) return fault;
    const { physical } = this.#mmu;
    const r = this.#registers;
    r.set(at.transfer, 0, 0);
    if (this.#mmu.isRam(physical)) {
      const place = this.#mmu.place(physical);
      this.#fill(cacheKind.read, low, high, place);
      for (let index = 0; index < size; index += 1) r.bytes[at.transfer + index] = r.bytes[place + index] ?? 0;
      return 0;
    }
    // Devices take aligned accesses only.
    if ((low & (size - 1)) !== 0 || !this.#bus.load(physical, size)) return cause.loadAccessFault;
    r.set(at.transfer, this.#bus.low, this.#bus.high);
    return 0;
  }

  /** Stores from `at.transfer`. 0, or the exception's code. */
  store(low: number, high: number, size: AccessSize): number {
    if ((low & (pageSize - 1)) > pageSize - size) return this.#storeAcross(low, high, size);
    const fault = this.#translate(low, high, 'store');
    if (fault !== 0) return fault;
    const { physical } = this.#mmu;
    const r = this.#registers;
    if (this.#mmu.isRam(physical)) {
      const place = this.#mmu.place(physical);
      for (let index = 0; index < size; index += 1) r.bytes[place + index] = r.bytes[at.transfer + index] ?? 0;
      if (this.#storedInto(physical, size)) this.#fill(cacheKind.write, low, high, place);
      return 0;
    }
    if ((low & (size - 1)) !== 0) return cause.storeAccessFault;
    const done = this.#bus.store(physical, size, r.low(at.transfer), r.high(at.transfer));
    return done ? 0 : cause.storeAccessFault;
  }

  /** The place of an atomic access (LR: a load, else a store), or minus the exception's code. */
  atomicPlace(low: number, high: number, size: 4 | 8, access: 'load' | 'store'): number {
    // Volume I, §14.2 and §14.4: the address must be aligned; Volume II, table 14: SC and AMO fault as stores.
    if ((low & (size - 1)) !== 0) {
      this.#blame(low, high);
      return -(access === 'load' ? cause.loadMisaligned : cause.storeMisaligned);
    }
    const fault = this.#translate(low, high, access);
    if (fault !== 0) return -fault;
    const { physical } = this.#mmu;
    if (!this.#mmu.isRam(physical)) return -(access === 'load' ? cause.loadAccessFault : cause.storeAccessFault);
    const place = this.#mmu.place(physical);
    if (access === 'load') this.#fill(cacheKind.read, low, high, place);
    else if (this.#storedInto(physical, size)) this.#fill(cacheKind.write, low, high, place);
    return place;
  }

  #loadAcross(low: number, high: number, size: AccessSize): number {
    const r = this.#registers;
    const first = pageSize - (low & (pageSize - 1));
    r.set(at.transfer, 0, 0);
    let fault = this.#translate(low, high, 'load');
    if (fault !== 0) return fault;
    const lower = this.#mmu.physical;
    if (!this.#mmu.isRam(lower)) return cause.loadAccessFault;
    fault = this.#translateNext(low, high, 'load');
    if (fault !== 0) return fault;
    const upper = this.#mmu.physical;
    if (!this.#mmu.isRam(upper)) return cause.loadAccessFault;
    for (let index = 0; index < size; index += 1) {
      const place = this.#mmu.place(index < first ? lower + index : upper + index - first);
      r.bytes[at.transfer + index] = r.bytes[place] ?? 0;
    }
    return 0;
  }

  #storeAcross(low: number, high: number, size: AccessSize): number {
    const r = this.#registers;
    const first = pageSize - (low & (pageSize - 1));
    // Both pages before the first byte: a store that faults has stored nothing.
    let fault = this.#translate(low, high, 'store');
    if (fault !== 0) return fault;
    const lower = this.#mmu.physical;
    if (!this.#mmu.isRam(lower)) return cause.storeAccessFault;
    fault = this.#translateNext(low, high, 'store');
    if (fault !== 0) return fault;
    const upper = this.#mmu.physical;
    if (!this.#mmu.isRam(upper)) return cause.storeAccessFault;
    for (let index = 0; index < size; index += 1) {
      const place = this.#mmu.place(index < first ? lower + index : upper + index - first);
      r.bytes[place] = r.bytes[at.transfer + index] ?? 0;
    }
    this.#storedInto(lower, first);
    this.#storedInto(upper, size - first);
    return 0;
  }

  #translate(low: number, high: number, access: 'load' | 'store'): number {
    this.#blame(low, high);
    return this.#mmu.translate(low, high, access);
  }

  /** Translates the start of the page behind the one of the address. */
  #translateNext(low: number, high: number, access: 'load' | 'store'): number {
    const nextLow = ((low & -pageSize) + pageSize) | 0;
    return this.#translate(nextLow, nextLow === 0 ? (high + 1) | 0 : high, access);
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

  #fill(kind: CacheKind, low: number, high: number, place: number): void {
    this.#caches.fill(kind, low, high, place & -pageSize, this.#mmu.level, this.#mmu.global);
  }
}
