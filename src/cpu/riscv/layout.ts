// Where a hart keeps its state inside the one WebAssembly memory that also holds guest RAM. Everything the generated
// code touches lies here, so that a snapshot of the hart is a copy of these bytes.
import type { FloatState } from '../float/environment.ts';

/** Byte offsets of the hart's state. */
export const at = {
  /** x0 to x31, 8 bytes each, then a slot that takes writes to x0. */
  x: 0x100,
  /** f0 to f31, 8 bytes each. */
  f: 0x240,
  pc: 0x340,
  /** A 64-bit value on its way between generated code and the host: a load's result, a store's data, a CSR's value. */
  transfer: 0x348,
  /** Instructions that may still be retired before `run` returns; 32 bits. */
  budget: 0x350,
  /** Not 0 when the hart should look for interrupts before it goes on; 32 bits. */
  attention: 0x354,
  /** Not 0 when `run` is to return; 32 bits. */
  leave: 0x358,
  /** Accrued exception flags and rounding mode (fcsr), 32 bits each. */
  fflags: 0x35c,
  frm: 0x360,
  /** Addresses of the translation caches of the present mode; 32 bits each. */
  readCache: 0x364,
  writeCache: 0x368,
  fetchCache: 0x36c,
  /** Memory offset of the reserved word (LR), 0 without a reservation; 32 bits. */
  reservation: 0x370,
  /** Address of the caches of the present address space; 32 bits. */
  space: 0x374,
  /** The value that LR saw. */
  reservedValue: 0x378,
  /** What translated code has done, 8 bytes each; see `counters`. */
  counters: 0x380,
  /** How often page tables were walked. */
  walks: 0x3f0,
  /** The place of the first page table with `fourLevels`, 0 where generated code must not walk; 32 bits. */
  walkRoot: 0x3f8,
  /** Not 0 when the hart's thread waits for the one that decodes ahead (decode-ahead.ts); 32 bits. */
  awaited: 0x3fc,
  /** mstatus, which generated code reads (FS) and sets (FS dirty). */
  mstatus: 0x400,
  /** The other control and status registers, 8 bytes each; csr.ts gives them out. */
  csr: 0x408,
  /** The privilege mode; 32 bits. */
  privilege: 0x4c0,
  /** Interrupt lines that devices hold up, as bits of mip; 32 bits. */
  lines: 0x4c4,
  /** Not 0 in wfi; 32 bits. */
  waiting: 0x4c8,
  /** Exceptions since the last return from one; 32 bits. */
  nestedTraps: 0x4cc,
  /** Instructions retired before the present run, exact between runs, and what writes to mcycle and minstret have added. */
  retired: 0x4d0,
  cycleOffset: 0x4d8,
  instretOffset: 0x4e0,
  /** `resultLimit` where NX is among the flags and the rounding mode is RNE, else 0; 32 bits. */
  floatLimit: 0x4e8,
  /** The first page of RAM from which PMP lets every mode do everything: generated code walks to no other; 32 bits. */
  walkOpen: 0x4ec,
  /** The decoded form of one instruction outside its page: one that crosses pages, or begins a region. Then end-of-page marks. */
  alone: 0x800,
  /** Translation caches. */
  caches: 0x1_0000,
  /** Bits for addresses of 39 bits: pieces of a page of 2 MiB may be cached there, and from `gigabyteBits` on, of 1 GiB. */
  superpages: 0xf_6000,
  /** How often a decoded entry was jumped to, 2 bytes each, by bits of the entry's address. */
  heat: 0x10_0000,
  /** How often a region was entered, 4 bytes each, by the number of its function. */
  regionEntries: 0x14_0000,
  /** Decoded pages. */
  decoded: 0x18_0000,
} as const;

/** One bit for each 2 MiB, before those for each GiB. */
export const gigabyteBits = 2 ** 18;
export const superpageBits = gigabyteBits + 2 ** 9;

/** What floating-point operations read and write besides registers. */
export const floatState: FloatState = { flags: at.fflags, mode: at.frm, limit: at.floatLimit };

/** Bytes of `at.heat`: with a quarter of it, the code of a compiler made much of what it seldom runs look hot. */
export const heatBytes = 0x4_0000;

/**
 * Counters of translated code by their offset from `at.counters`: instructions retired in regions, then how often one was
 * left, by `exitReasons`.
 */
export const exitReasons = ['return', 'indirect', 'beyond', 'miss', 'unmapped', 'spent'] as const;
export type ExitReason = (typeof exitReasons)[number];
export const counters = { instructions: 0, exits: 8 } as const;

export const pageSize = 4096;

/** Slots of one translation cache: power of two, indexed by the low bits of the virtual page number. */
export const cacheSlots = 1024;
/**
 * A slot: virtual address of the page (8 bytes), the page's place (4 bytes), and the address of the slot that was filled
 * before it since the last flush (4 bytes): `endOfFilled` behind the first, 0 in a slot that was not filled.
 */
export const slotBytes = 16;
export const slotFields = { low: 0, high: 4, place: 8, filled: 12 } as const;
export const endOfFilled = 1;
/** Where a slot lies in its cache: the address of the page, shifted right by 8, under this mask. */
export const slotMask = (cacheSlots - 1) * slotBytes;
/** Behind its slots a cache has the address of the slot that was filled last (4 bytes). */
export const lastFilled = cacheSlots * slotBytes;
/** 64 bytes more than a power of two: what has the same place in two caches shall not compete for the host's own. */
export const cacheBytes = lastFilled + 64;

/**
 * What an address translation depends on besides satp: the privilege mode, and for S-mode whether user pages are open to
 * its data (sstatus.SUM). `modified` is M-mode's data under mstatus.MPRV. The first two each address space has for itself.
 */
export const context = { user: 0, supervisorSum: 1, supervisor: 2, machine: 3, modified: 4 } as const;
export type Context = (typeof context)[keyof typeof context];
/** Address spaces that have caches at the same time. */
export const addressSpaces = 8;
/** A context's caches, in the order in which they lie there. */
export const cacheKind = { read: 0, write: 1, fetch: 2 } as const;
export type CacheKind = (typeof cacheKind)[keyof typeof cacheKind];
export const contextBytes = 3 * cacheBytes;
const spaceBytes = 2 * contextBytes;
/** Of all caches, one behind another: those without an address space, then those with. */
export const cacheCount = 3 * (3 + 2 * addressSpaces);

/** The caches of a context that address spaces share. */
export function sharedCaches(of: Context): number {
  return at.caches + (of - context.supervisor) * contextBytes;
}

/** The caches of an address space by its number: those of `user`, then those of `supervisorSum`. */
export function spaceCaches(space: number): number {
  return at.caches + 3 * contextBytes + space * spaceBytes;
}

/**
 * A decoded instruction: handler (2 bytes), rd or rs2 (1), rs1 (1), and a word (4) whose meaning `entryForm` tells.
 * Registers are byte offsets from x0 or f0; rd of an integer is one from x1, where that of x0 leads to its stand-in. One
 * entry for every two bytes of the page, because an instruction may start at each.
 */
export const entryBytes = 8;
export const entryFields = { handler: 0, first: 2, rs1: 3, word: 4 } as const;
/** An entry's place in `at.heat` is its address, shifted right by this, less its lowest bit, modulo `heatBytes`. */
export const heatShift = Math.log2(entryBytes / 2);
/** A byte of address is worth this many bytes of entries, as a shift. */
export const entryShift = Math.log2(entryBytes / 2);
/** Entries of a page, an end-of-page mark, the number of the page of RAM (4 bytes), and padding to a multiple of 64. */
export const decodedPageBytes = (pageSize / 2) * entryBytes + 64;
export const decodedRamPage = (pageSize / 2) * entryBytes + entryBytes;
/** Decoded pages that are kept: code of 8 MiB. Memory that was never touched costs nothing. */
export const decodedPages = 2048;

/**
 * For every decoded entry 4 bytes, a half of its own: where a region begins, the number of its function in the table, and
 * the handler of the instruction alone, wherever it is, with `nearInPage` where its word is a distance between entries
 * (2 bytes each).
 */
export const regionsAt = at.decoded + decodedPages * decodedPageBytes;
export const regionFields = { function: 0, alone: 2 } as const;
export const nearInPage = 0x8000;

/** For each page of RAM a byte of `pageFlags`; there is room for 4 GiB. */
export const pageFlagsAt = regionsAt + (decodedPages * decodedPageBytes) / 2;
/** `written`: a cache for writes may have it. `code`: it has decoded or translated code, and no such cache has it. */
export const pageFlags = { written: 1, code: 2 } as const;

/** Where guest RAM starts: behind the hart, on a boundary of 1 MiB. */
export const ramOffset = Math.ceil((pageFlagsAt + 2 ** 20) / 2 ** 20) * 2 ** 20;

/** The base of results, whose places are one less than those of operands, so that x0's is behind x31. */
export const xResults = at.x + 8;

/** The size of the memory that a hart and this much guest RAM need, in pages of 64 KiB. */
export function memoryPages(ramBytes: number): number {
  return (ramOffset + ramBytes) / 0x1_0000;
}

/** That memory, all zeros. */
export function makeMemory(ramBytes: number, shared: boolean): WebAssembly.Memory {
  const pages = memoryPages(ramBytes);
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
}
