// Guest memory by virtual address, seen from outside: nothing is marked as accessed, cached or counted.
import { csrAt } from '../../cpu/riscv/csr-layout.ts';
import { pageSize, ramOffset } from '../../cpu/riscv/layout.ts';
import type { RamRange } from '../../cpu/riscv/mmu.ts';
import type { Registers } from '../../cpu/riscv/registers.ts';

/** satp.MODE (Volume II, §10.1.11). */
const sv39 = 8;
const sv48 = 9;
const pte = { valid: 1, read: 2, execute: 8, user: 16 } as const;

interface Mapped {
  /** Where its bytes lie in the one memory. */
  readonly place: number;
  /** The entry's permissions; undefined: not translated, everything is allowed. */
  readonly entry: number | undefined;
}

export class GuestView {
  readonly registers: Registers;
  readonly #ram: RamRange;
  /** Where pages lie, by their address, since the guest ran last; undefined: nowhere. */
  readonly #pages = new Map<number, Mapped | undefined>();
  /** The page that was asked for last. */
  #lastStart = Number.NaN;
  #last: Mapped | undefined;

  constructor(registers: Registers, ram: RamRange) {
    this.registers = registers;
    this.#ram = ram;
  }

  /** The guest has run: nothing is where it was. */
  forget(): void {
    this.#pages.clear();
    this.#lastStart = Number.NaN;
  }

  /** The 16 bits of code at an address, of a program or of the kernel; undefined where there is none. */
  half(address: number, user: boolean): number | undefined {
    const place = this.code(address, user);
    return place === undefined ? undefined : this.registers.halves[place >>> 1];
  }

  /** The word of 32 bits at an address; undefined where there is no RAM, or not a multiple of 4. */
  word(address: number): number | undefined {
    const page = address % 4 === 0 ? this.#page(address) : undefined;
    return page === undefined ? undefined : this.registers.word(page.place + insidePage(address));
  }

  /** The 64 bits at an address as an address. */
  pointer(address: number): number | undefined {
    const low = this.word(address);
    const high = this.word(address + 4);
    return low === undefined || high === undefined ? undefined : (low >>> 0) + high * 2 ** 32;
  }

  /** The place in memory of an address of code, of a program's or of the kernel's; undefined where it is none. */
  code(address: number, user: boolean): number | undefined {
    const page = address % 2 === 0 ? this.#page(address) : undefined;
    if (page === undefined) return undefined;
    const { place, entry } = page;
    const isCode = entry === undefined || ((entry & pte.execute) !== 0 && ((entry & pte.user) !== 0) === user);
    return isCode ? place + insidePage(address) : undefined;
  }

  /** The page that an address is in. */
  #page(address: number): Mapped | undefined {
    const start = address - insidePage(address);
    if (start === this.#lastStart) return this.#last;
    let page = this.#pages.get(start);
    if (page === undefined && !this.#pages.has(start)) {
      page = this.#walk(start);
      this.#pages.set(start, page);
    }
    this.#lastStart = start;
    this.#last = page;
    return page;
  }

  /** Volume II, §10.3.2, §10.4 and §10.5. */
  #walk(address: number): Mapped | undefined {
    const { registers } = this;
    const mode = registers.high(csrAt.satp) >>> 28;
    if (mode !== sv39 && mode !== sv48) return this.#inRam(address, undefined);
    const levels = mode === sv39 ? 3 : 4;
    // §10.4.1: bits 63 to 39 are all equal to bit 38; §10.5.1: bits 63 to 48 to bit 47.
    const half = 2 ** (11 + 9 * levels);
    if (!Number.isSafeInteger(address) || address < -half || address >= half) return undefined;
    let table = ((registers.low(csrAt.satp) >>> 0) + (registers.high(csrAt.satp) & 0xfff) * 2 ** 32) * pageSize;
    for (let level = levels - 1; level >= 0; level -= 1) {
      const size = pageSize * 512 ** level;
      const index = ((Math.floor(address / size) % 512) + 512) % 512;
      const entryAt = this.#inRam(table + index * 8, undefined);
      if (entryAt === undefined) return undefined;
      const entry = registers.word(entryAt.place);
      if ((entry & pte.valid) === 0) return undefined;
      const page = (Math.floor(registers.number(entryAt.place) / 2 ** 10) % 2 ** 44) * pageSize;
      if ((entry & (pte.read | pte.execute)) === 0) table = page;
      else return this.#inRam(page - (page % size) + (((address % size) + size) % size), entry);
    }
    return undefined;
  }

  #inRam(physical: number, entry: number | undefined): Mapped | undefined {
    const inside = physical - this.#ram.base;
    return inside >= 0 && inside < this.#ram.bytes ? { place: inside + ramOffset, entry } : undefined;
  }
}

/** Of a negative address too. */
function insidePage(address: number): number {
  return ((address % pageSize) + pageSize) % pageSize;
}
