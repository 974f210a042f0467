// The RISC-V Instruction Set Manual, Volume II (20240411), §3.7: physical memory protection. Sixteen entries with a grain
// of 4 KiB (G = 10), so that one answer holds for a whole page and can be cached with its translation.
import type { PmpState } from './hart-state.ts';
import type { Privilege } from './registers.ts';
import { privilege } from './registers.ts';

export const pmpEntries = 16;
/** G: the grain is 2^(G + 2) bytes. */
const grain = 10;
const read = 1;
const write = 2;
const execute = 4;
const locked = 0x80;
const modeShift = 3;
const mode = { off: 0, tor: 1, na4: 2, napot: 3 } as const;
/** pmpaddr holds bits 55 to 2 of an address. */
const addressBits = 54;
const physicalEnd = 2 ** 56;

export type PmpAccess = 'fetch' | 'load' | 'store';
const needed: Readonly<Record<PmpAccess, number>> = { fetch: execute, load: read, store: write };

interface Range {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
  readonly configuration: number;
}

export class Pmp {
  readonly #configurations = new Uint8Array(pmpEntries);
  readonly #addresses = new BigUint64Array(pmpEntries);
  #ranges: readonly (Range | undefined)[] = [];
  /** No entry is on: M-mode may do all, the other modes nothing. */
  #anyOn = false;
  /** From this address on every mode may do everything: 0 where that is so everywhere. */
  openFrom = Number.POSITIVE_INFINITY;

  configuration(entry: number): number {
    return this.#configurations[entry] ?? 0;
  }

  /** Writes one byte of a pmpcfg register. Locked entries and the reserved combination of W without R stay as they were. */
  setConfiguration(entry: number, value: number): void {
    const old = this.configuration(entry);
    if ((old & locked) !== 0) return;
    if ((value & (read | write)) === write) return;
    let legal = value & (read | write | execute | locked | (3 << modeShift));
    // §3.7.1.1: NA4 is not selectable where the grain is larger than four bytes.
    if (modeOf(legal) === mode.na4) legal = (legal & ~(3 << modeShift)) | (old & (3 << modeShift));
    this.#configurations[entry] = legal;
    this.#update();
  }

  /** pmpaddr as it reads: low bits depend on the entry's mode (§3.7.1.1). */
  address(entry: number): bigint {
    const raw = this.#addresses[entry] ?? 0n;
    const low = modeOf(this.configuration(entry)) === mode.napot ? grain - 1 : grain;
    const mask = (1n << BigInt(low)) - 1n;
    return low === grain ? raw & ~mask : raw | mask;
  }

  setAddress(entry: number, value: bigint): void {
    const next = this.configuration(entry + 1);
    // §3.7.1.2: a locked TOR entry locks the address below it too.
    const lockedAbove = entry + 1 < pmpEntries && (next & locked) !== 0 && modeOf(next) === mode.tor;
    if ((this.configuration(entry) & locked) !== 0 || lockedAbove) return;
    this.#addresses[entry] = BigInt.asUintN(addressBits, value);
    this.#update();
  }

  /** Whether the page at a physical address may be accessed in a mode. */
  allows(address: number, access: PmpAccess, from: Privilege): boolean {
    if (address >= this.openFrom) return true;
    if (!this.#anyOn) return from === privilege.machine;
    for (const range of this.#ranges) {
      if (range === undefined || address < range.first || address >= range.end) continue;
      if (from === privilege.machine && (range.configuration & locked) === 0) return true;
      return (range.configuration & needed[access]) !== 0;
    }
    return from === privilege.machine;
  }

  /** For a snapshot. */
  get state(): PmpState {
    return { configurations: [...this.#configurations], addresses: [...this.#addresses] };
  }

  set state({ configurations, addresses }: PmpState) {
    Object.assign(this.#configurations, configurations.slice(0, pmpEntries));
    Object.assign(this.#addresses, addresses.slice(0, pmpEntries));
    this.#update();
  }

  #update(): void {
    this.#ranges = Array.from({ length: pmpEntries }, (_, entry) => this.#range(entry));
    const on = this.#ranges.filter((range) => range !== undefined);
    this.#anyOn = on.length > 0;
    this.openFrom = openEnd(on);
  }

  #range(entry: number): Range | undefined {
    const configuration = this.configuration(entry);
    switch (modeOf(configuration)) {
      case mode.tor: {
        const first = entry === 0 ? 0n : grained(this.#addresses[entry - 1] ?? 0n);
        const end = grained(this.#addresses[entry] ?? 0n);
        return { first: Number(first << 2n), end: Number(end << 2n), configuration };
      }
      case mode.napot: {
        const address = this.address(entry);
        const ones = trailingOnes(address);
        const first = (address >> BigInt(ones)) << BigInt(ones);
        return { first: Number(first << 2n), end: Number((first << 2n) + (1n << BigInt(ones + 3))), configuration };
      }
      default:
        return undefined;
    }
  }
}

/**
 * Where the part of memory begins that is open to its end: behind all that comes before an entry which opens everything, as
 * a firmware leaves it that protects itself.
 */
function openEnd(ranges: readonly Range[]): number {
  let closed = 0;
  for (const { first, end, configuration } of ranges) {
    const isOpen = (configuration & (read | write | execute)) === 7;
    if (isOpen && end >= physicalEnd) return Math.max(closed, first);
    if (!isOpen) closed = Math.max(closed, end);
  }
  return Number.POSITIVE_INFINITY;
}

function modeOf(configuration: number): number {
  return (configuration >>> modeShift) & 3;
}

function grained(address: bigint): bigint {
  return (address >> BigInt(grain)) << BigInt(grain);
}

function trailingOnes(value: bigint): number {
  let count = 0;
  while (count < addressBits && ((value >> BigInt(count)) & 1n) === 1n) count += 1;
  return count;
}
