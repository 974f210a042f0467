// The RISC-V Instruction Set Manual, Volume II (20240411), §3.7, for the reference hart: sixteen entries, G = 10.

export type Access = 'fetch' | 'load' | 'store';
const needed: Readonly<Record<Access, number>> = { load: 1, store: 2, fetch: 4 };

const entries = 16;
const grainMask = (1n << 10n) - 1n;

export class ReferencePmp {
  readonly configurations: number[] = Array.from({ length: entries }, () => 0);
  readonly #addresses: bigint[] = Array.from({ length: entries }, () => 0n);
  #ranges: readonly (readonly [first: bigint, end: bigint])[] = [];

  writeConfiguration(entry: number, value: number): void {
    const old = this.configurations[entry]!;
    if ((old & 0x80) !== 0 || (value & 3) === 2) return;
    const mode = ((value >> 3) & 3) === 2 ? (old >> 3) & 3 : (value >> 3) & 3;
    this.configurations[entry] = (value & 0x87) | (mode << 3);
    this.#update();
  }

  readAddress(entry: number): bigint {
    const address = this.#addresses[entry]!;
    return this.#mode(entry) === 3 ? address | (grainMask >> 1n) : address & ~grainMask;
  }

  writeAddress(entry: number, value: bigint): void {
    const above = this.configurations[entry + 1] ?? 0;
    const lockedByAbove = (above & 0x80) !== 0 && ((above >> 3) & 3) === 1;
    if ((this.configurations[entry]! & 0x80) !== 0 || lockedByAbove) return;
    this.#addresses[entry] = BigInt.asUintN(54, value);
    this.#update();
  }

  /** The first entry that holds the address decides. */
  allows(address: bigint, access: Access, mode: number): boolean {
    for (const [entry, [first, end]] of this.#ranges.entries()) {
      if (address < first || address >= end) continue;
      const configuration = this.configurations[entry]!;
      return (mode === 3 && (configuration & 0x80) === 0) || (configuration & needed[access]) !== 0;
    }
    return mode === 3;
  }

  #update(): void {
    this.#ranges = this.configurations.map((_, entry) => this.#range(entry));
  }

  #mode(entry: number): number {
    return (this.configurations[entry]! >> 3) & 3;
  }

  #range(entry: number): [first: bigint, end: bigint] {
    const mode = this.#mode(entry);
    const here = this.#addresses[entry]! & ~grainMask;
    if (mode === 1) {
      const below = entry === 0 ? 0n : this.#addresses[entry - 1]! & ~grainMask;
      return [below << 2n, here << 2n];
    }
    if (mode !== 3) return [0n, 0n];
    // The address with its lowest 0 and the ones below it is the range's first byte and its size, interleaved.
    const coded = this.readAddress(entry);
    const ones = coded ^ (coded + 1n);
    return [(coded & ~ones) << 2n, ((coded & ~ones) + ones + 1n) << 2n];
  }
}
