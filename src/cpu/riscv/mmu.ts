// The RISC-V Instruction Set Manual, Volume II (20240411), §10.3 to §10.5: address translation by Sv39 and Sv48.
import { at, context, pageSize, ramOffset } from './layout.ts';
import type { Context } from './layout.ts';
import { Pmp } from './pmp.ts';
import type { PmpAccess } from './pmp.ts';
import { mstatus, privilege, privilegeOf } from './registers.ts';
import type { Privilege, Registers } from './registers.ts';
import { csrAt } from './csr-layout.ts';
import { adUpdateEnable, defaultFeatures } from './features.ts';
import type { HartFeatures } from './features.ts';

/** Exception codes (Volume II, table 14). */
export const cause = {
  instructionMisaligned: 0,
  instructionAccessFault: 1,
  illegalInstruction: 2,
  breakpoint: 3,
  loadMisaligned: 4,
  loadAccessFault: 5,
  storeMisaligned: 6,
  storeAccessFault: 7,
  ecallFromUser: 8,
  ecallFromSupervisor: 9,
  ecallFromMachine: 11,
  instructionPageFault: 12,
  loadPageFault: 13,
  storePageFault: 15,
} as const;

const accessFaults: Readonly<Record<PmpAccess, number>> = {
  fetch: cause.instructionAccessFault,
  load: cause.loadAccessFault,
  store: cause.storeAccessFault,
};
const pageFaults: Readonly<Record<PmpAccess, number>> = {
  fetch: cause.instructionPageFault,
  load: cause.loadPageFault,
  store: cause.storePageFault,
};

/** satp.MODE, the top four bits (§10.1.11). */
export const satpMode = { bare: 0, sv39: 8, sv48: 9 } as const;
/** Beside the place of the first table: it has three levels below it, not two. */
export const fourLevels = 1;
export const pte = { v: 1, r: 2, w: 4, x: 8, u: 16, g: 32, a: 64, d: 128 } as const;
/** Bits 63 to 54: N, PBMT and reserved, none of which is implemented, so that they must be 0. */
const pteReserved = 0xffc0_0000 | 0;

/** Guest RAM by physical address. */
export interface RamRange {
  readonly base: number;
  readonly bytes: number;
}

export class Mmu {
  readonly pmp = new Pmp();
  readonly #registers: Registers;
  readonly #ram: RamRange;
  readonly #features: HartFeatures;

  /** Results of the last `translate` that returned 0. */
  physical = 0;
  /** Of the entry that maps the page: above 0 it maps more than this page. */
  level = 0;
  /** Every address space has the page. */
  global = false;

  constructor(registers: Registers, ram: RamRange, features = defaultFeatures) {
    this.#registers = registers;
    this.#ram = ram;
    this.#features = features;
  }

  /** How often page tables were walked. */
  get walks(): number {
    return this.#registers.number(at.walks);
  }

  /**
   * Tells generated code where its walk begins, if it may. To be called when mode or satp have changed; PMP changes in M-mode
   * alone, from which generated code walks nothing.
   */
  selectRoot(): void {
    const r = this.#registers;
    const { privilege: present } = r.record;
    const root = this.#root();
    const mode = this.#mode();
    const { openFrom } = this.pmp;
    const isUsual = present !== privilege.machine && mode !== satpMode.bare && root >= openFrom && this.isRam(root);
    r.setWord(at.walkRoot, isUsual ? this.place(root) | (mode === satpMode.sv48 ? fourLevels : 0) : 0);
    if (isUsual) r.setWord(at.walkOpen, Math.max(0, this.ramPage(openFrom)));
  }

  /** What translation depends on, for instruction fetches and for data. Instructions of a user's page S-mode never executes. */
  fetchContext(): Context {
    const { privilege: from } = this.#registers.record;
    if (from === privilege.machine) return context.machine;
    return from === privilege.user ? context.user : context.supervisor;
  }

  dataContext(): Context {
    const { privilege: present } = this.#registers.record;
    if (this.#dataPrivilege() !== present) return context.modified;
    const sum = present === privilege.supervisor && (this.#registers.word(at.mstatus) & mstatus.sum) !== 0;
    return sum ? context.supervisorSum : this.fetchContext();
  }

  /** Whether all of a page of RAM lies at this physical address. */
  isRam(address: number): boolean {
    return address >= this.#ram.base && address < this.#ram.base + this.#ram.bytes;
  }

  /** The place in memory of a physical address in RAM. */
  place(address: number): number {
    return address - this.#ram.base + ramOffset;
  }

  ramPage(address: number): number {
    return Math.floor((address - this.#ram.base) / pageSize);
  }

  /** Translates a virtual address. 0: `physical` holds the address; else the exception code. */
  translate(low: number, high: number, access: PmpAccess): number {
    const from = access === 'fetch' ? this.#registers.record.privilege : this.#dataPrivilege();
    if (from === privilege.machine || this.#mode() === satpMode.bare) {
      this.level = 0;
      this.global = false;
      // Physical addresses have 56 bits.
      if (high >>> 24 !== 0) return accessFaults[access];
      this.physical = (low >>> 0) + high * 2 ** 32;
    } else {
      const fault = this.#walk(low, high, access, from);
      if (fault !== 0) return fault;
    }
    return this.pmp.allows(this.physical, access, from) ? 0 : accessFaults[access];
  }

  /** One of `satpMode`: no other can be written. */
  #mode(): number {
    return this.#registers.high(csrAt.satp) >>> 28;
  }

  /** The physical address of the first table. */
  #root(): number {
    return ppn(this.#registers.low(csrAt.satp), this.#registers.high(csrAt.satp) & 0xfff, 0) * pageSize;
  }

  /** §10.3.2. */
  #walk(low: number, high: number, access: PmpAccess, from: Privilege): number {
    const isSv48 = this.#mode() === satpMode.sv48;
    // §10.4.1 and §10.5.1: bits 63 to 39 are all equal to bit 38, or bits 63 to 48 to bit 47.
    const unused = isSv48 ? 16 : 25;
    if ((high << unused) >> unused !== high) return pageFaults[access];
    this.#registers.setNumber(at.walks, this.walks + 1);
    const { words } = this.#registers;
    let table = this.#root();
    for (let level = isSv48 ? 3 : 2; level >= 0; level -= 1) {
      const index =
        level < 2 ? (low >>> (12 + 9 * level)) & 0x1ff : (upperPage(low, high) >>> (9 * (level - 2))) & 0x1ff;
      const address = table + index * 8;
      if (!this.isRam(address) || !this.pmp.allows(address, 'load', privilege.supervisor)) return accessFaults[access];
      const word = this.place(address) >>> 2;
      const entryLow = words[word] ?? 0;
      const entryHigh = words[word + 1] ?? 0;
      if ((entryLow & pte.v) === 0 || (entryLow & (pte.r | pte.w)) === pte.w || (entryHigh & pteReserved) !== 0) {
        return pageFaults[access];
      }
      const page = ppn(entryLow, entryHigh & 0x3f_ffff, 10);
      if ((entryLow & (pte.r | pte.x)) === 0) {
        // §10.3.1: A, D and U are reserved in a pointer to the next level.
        if ((entryLow & (pte.a | pte.d | pte.u)) !== 0) return pageFaults[access];
        table = page * pageSize;
        continue;
      }
      return this.#leaf(low, high, access, from, level, page, word, entryLow);
    }
    return pageFaults[access];
  }

  #leaf(
    low: number,
    high: number,
    access: PmpAccess,
    from: Privilege,
    level: number,
    page: number,
    word: number,
    entry: number,
  ): number {
    if (!this.#permits(entry, access, from)) return pageFaults[access];
    const pages = 2 ** (9 * level);
    // A superpage lies on a boundary of its own size.
    if (page % pages !== 0) return pageFaults[access];
    const wanted = entry | pte.a | (access === 'store' ? pte.d : 0);
    if (wanted !== entry) {
      if (!this.#updatesBits()) return pageFaults[access];
      const address = word * 4 - ramOffset + this.#ram.base;
      if (!this.pmp.allows(address, 'store', privilege.supervisor)) return accessFaults[access];
      this.#registers.words[word] = wanted;
    }
    const inside = ((low >>> 12) | (high << 20)) & (pages - 1);
    this.physical = (page + inside) * pageSize + (low & (pageSize - 1));
    this.level = level;
    this.global = (entry & pte.g) !== 0;
    return 0;
  }

  /** §10.3.1, §3.1.18: whether hardware sets A and D, or leaves that to who handles the page fault. */
  #updatesBits(): boolean {
    const { svadu, svade } = this.#features;
    return svadu ? (this.#registers.high(csrAt.menvcfg) & adUpdateEnable) !== 0 : !svade;
  }

  #permits(entry: number, access: PmpAccess, from: Privilege): boolean {
    const status = this.#registers.word(at.mstatus);
    if (from === privilege.user && (entry & pte.u) === 0) return false;
    if (from === privilege.supervisor && (entry & pte.u) !== 0) {
      if (access === 'fetch' || (status & mstatus.sum) === 0) return false;
    }
    if (access === 'fetch') return (entry & pte.x) !== 0;
    if (access === 'store') return (entry & pte.w) !== 0;
    return (entry & pte.r) !== 0 || ((status & mstatus.mxr) !== 0 && (entry & pte.x) !== 0);
  }

  /** §3.1.6.3: with MPRV, data is accessed as if in the mode of MPP. */
  #dataPrivilege(): Privilege {
    const { privilege: present } = this.#registers.record;
    const status = this.#registers.word(at.mstatus);
    if (present !== privilege.machine || (status & mstatus.mprv) === 0) return present;
    return privilegeOf((status & mstatus.mpp) >>> mstatus.mppShift);
  }
}

/** Bits 63 to 30 of an address, of which the low 32 are right. */
function upperPage(low: number, high: number): number {
  return (low >>> 30) | (high << 2);
}

/** A physical page number: `high` holds the bits above those of `low` shifted right. */
function ppn(low: number, high: number, shift: number): number {
  return (low >>> shift) + high * 2 ** (32 - shift);
}
