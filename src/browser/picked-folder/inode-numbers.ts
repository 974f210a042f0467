// Numbers of files that have none: a hash of the folder's number and the name. So a file has the same number each time the
// folder is picked, without a record; only files that were moved keep a number that differs from this.
import type { Bytes } from '../../../devices/ports.ts';

const primes = [0x9e37_79b1, 0x85eb_ca6b] as const;
const mask = 0xffff_ffffn;

function mix(hash: number, word: number, prime: number): number {
  const product = Math.imul(hash ^ word, prime);
  return product ^ (product >>> 15);
}

/** 62 bits: what signed 64-bit programs can hold; never so small as to be a root's. `attempt` tells collisions apart. */
export function inoOf(folder: bigint, name: Bytes, attempt: number): bigint {
  const halves = primes.map((prime) => {
    let hash = mix(mix(attempt + 1, Number(folder & mask), prime), Number(folder >> 32n), prime);
    for (const byte of name) hash = mix(hash, byte + 1, prime);
    return mix(hash, name.length, primes[0]) >>> 0;
  });
  const [high = 0, low = 0] = halves;
  return (BigInt(high & 0x3fff_ffff) << 32n) | BigInt(low) | (1n << 32n);
}
