// Page tables in a test hart's RAM, of three levels for Sv39 or four for Sv48 (Volume II, §10.4 and §10.5).
import { ramBase } from './test-hart.ts';
import type { TestHart } from './test-hart.ts';

/** Bits of an entry. */
export const pte = { v: 1n, r: 2n, w: 4n, x: 8n, u: 16n, g: 32n, a: 64n, d: 128n } as const;
export const readWrite = pte.v | pte.r | pte.w | pte.a | pte.d;
export const readExecute = pte.v | pte.r | pte.x | pte.a | pte.d;

const pageSize = 4096;

export class PageTables {
  readonly #machine: TestHart;
  readonly root: number;
  readonly levels: 3 | 4;
  #next: number;

  /** Tables grow from `root` on; RAM there must be free and zero. */
  constructor(machine: TestHart, root = ramBase + 0x10_0000, levels: 3 | 4 = 3) {
    this.#machine = machine;
    this.root = root;
    this.levels = levels;
    this.#next = root + pageSize;
  }

  get satp(): bigint {
    return (BigInt(this.levels + 5) << 60n) | BigInt(this.root / pageSize);
  }

  /** Maps one page: 4 KiB at level 0, 2 MiB at level 1, 1 GiB at level 2, 512 GiB at level 3. */
  map(virtual: bigint, physical: number, flags: bigint, level = 0): void {
    this.setEntry(virtual, (BigInt(Math.floor(physical / pageSize)) << 10n) | flags, level);
  }

  /** Writes the entry that maps an address at a level, making the tables above it where they are missing. */
  setEntry(virtual: bigint, entry: bigint, level = 0): void {
    this.#machine.write(this.entryAddress(virtual, level), 8, entry);
  }

  entry(virtual: bigint, level = 0): bigint {
    return this.#machine.read(this.entryAddress(virtual, level), 8);
  }

  /** Physical address of the table that holds the entry for an address at a level. */
  tableAddress(virtual: bigint, level = 0): number {
    return Math.floor(this.entryAddress(virtual, level) / pageSize) * pageSize;
  }

  /** Physical address of the entry for an address at a level. */
  entryAddress(virtual: bigint, level = 0): number {
    let table = this.root;
    for (let above = this.levels - 1; above > level; above -= 1) {
      const at = table + index(virtual, above);
      let pointer = this.#machine.read(at, 8);
      if (pointer === 0n) {
        pointer = (BigInt(this.#next / pageSize) << 10n) | pte.v;
        this.#machine.write(at, 8, pointer);
        this.#next += pageSize;
      }
      table = Number((pointer >> 10n) & ((1n << 44n) - 1n)) * pageSize;
    }
    return table + index(virtual, level);
  }
}

/** Byte offset in the table of a level. */
function index(virtual: bigint, level: number): number {
  return Number((virtual >> BigInt(12 + 9 * level)) & 0x1ffn) * 8;
}
