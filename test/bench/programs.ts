// The CPU suite: programs that compute, each the same for every guest.
import { compileForGuest } from './tools.ts';

export interface Program {
  /** Of guest/NAME.c. */
  readonly name: string;
  readonly what: string;
  /** Its argument, for about half a second in QEMU. */
  readonly count: number;
}

export const programs: readonly Program[] = [
  { name: 'sort', what: 'quicksort of integers', count: 10 },
  { name: 'sieve', what: 'primes below a million', count: 15 },
  { name: 'sha256', what: 'compression function', count: 3 },
  { name: 'records', what: 'like Dhrystone', count: 2_000_000 },
  { name: 'matmul', what: 'doubles, 128 x 128', count: 12 },
  { name: 'chase', what: 'random loads in 8 MiB', count: 2_000 },
  { name: 'strings', what: 'and memcpy, of the C library', count: 50 },
  { name: 'bytecode', what: 'a small interpreter', count: 10 },
  { name: 'compress', what: 'LZ77 and Huffman', count: 10 },
];

export function compilePrograms(folder: string): void {
  for (const { name } of programs) compileForGuest(name, folder);
}

/** What a program printed. */
export function readOutput(output: string): { seconds: number; checksum: string } {
  const [seconds, checksum = ''] = output.trim().split(' ');
  return { seconds: Number(seconds), checksum };
}

/** Whatever runs a program, it must compute the same. */
export class Checksums {
  readonly #first = new Map<string, { checksum: string; where: string }>();

  /** Throws an Error that names both when `checksum` is not what was computed before. */
  check(program: string, checksum: string, where: string): void {
    const first = this.#first.get(program);
    if (first === undefined) this.#first.set(program, { checksum, where });
    else if (checksum !== first.checksum)
      throw new Error(`${program} computed ${checksum} in ${where}, and ${first.checksum} in ${first.where}`);
  }
}
