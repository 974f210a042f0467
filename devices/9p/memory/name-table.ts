// Entries found by the bytes of their names. A Map of strings would need a string of each name that is asked for, and would keep
// one more object for each that is there: what takes time in a large share is to wait for memory that was not read for long.
import type { Bytes } from '../../ports.ts';

interface Named {
  readonly name: Bytes;
}

/** Nobody outside knows it, so that nobody can choose names that all fall on one place. */
const seed = Math.floor(Math.random() * 2 ** 32) | 0;
const fewestPlaces = 8;
const noHashes = new Int32Array(1);

function mix(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x9e37_79b1);
  return product ^ (product >>> 15);
}

function byte(name: Bytes, at: number): number {
  return name[at] as number;
}

/** Never 0. */
function hashOf(name: Bytes): number {
  const { length } = name;
  let hash = mix(seed, length);
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const word = byte(name, i) | (byte(name, i + 1) << 8) | (byte(name, i + 2) << 16) | (byte(name, i + 3) << 24);
    hash = mix(hash, word);
  }
  for (; i < length; i++) hash = mix(hash, byte(name, i));
  return mix(hash, hash >>> 13) || 1;
}

function areEqual(one: Bytes, other: Bytes): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

/** A hash table with open addressing: an entry is at the first free place from that of its hash on. */
export class NameTable<T extends Named> {
  size = 0;
  /** Of the entry in each place, 0 where there is none. A power of two, at most three quarters of which are taken. */
  #hashes = noHashes;
  #entries: (T | undefined)[] = [];

  get(name: Bytes): T | undefined {
    return this.size === 0 ? undefined : this.#entries[this.#placeOf(name, hashOf(name))];
  }

  /** Adds an entry, whose name must be free. */
  add(entry: T): void {
    if (4 * (this.size + 1) > 3 * this.#entries.length) this.#resize(Math.max(fewestPlaces, 2 * this.#entries.length));
    this.#put(entry, hashOf(entry.name));
    this.size++;
  }

  /** Removes the entry with the name, if there is one. */
  remove(name: Bytes): void {
    if (this.size === 0) return;
    const last = this.#hashes.length - 1;
    let free = this.#placeOf(name, hashOf(name));
    if (this.#hashes[free] === 0) return;
    this.size--;
    // What follows without a gap moves up, unless its own place is behind the one that is free.
    for (let place = (free + 1) & last; ; place = (place + 1) & last) {
      const hash = this.#hashes[place] as number;
      if (hash === 0) break;
      if (((place - hash) & last) < ((place - free) & last)) continue;
      this.#hashes[free] = hash;
      this.#entries[free] = this.#entries[place];
      free = place;
    }
    this.#hashes[free] = 0;
    this.#entries[free] = undefined;
    if (8 * this.size < this.#entries.length && this.#entries.length > fewestPlaces)
      this.#resize(this.#entries.length / 2);
  }

  /** Where the entry with the name is, or the free place where it would be. */
  #placeOf(name: Bytes, hash: number): number {
    const last = this.#hashes.length - 1;
    for (let place = hash & last; ; place = (place + 1) & last) {
      const found = this.#hashes[place];
      if (found === 0 || (found === hash && areEqual((this.#entries[place] as T).name, name))) return place;
    }
  }

  #put(entry: T, hash: number): void {
    const last = this.#hashes.length - 1;
    let place = hash & last;
    while (this.#hashes[place] !== 0) place = (place + 1) & last;
    this.#hashes[place] = hash;
    this.#entries[place] = entry;
  }

  #resize(places: number): void {
    const [hashes, entries] = [this.#hashes, this.#entries];
    this.#hashes = new Int32Array(places);
    this.#entries = Array.from({ length: places }, () => undefined);
    for (const [place, entry] of entries.entries()) {
      if (entry !== undefined) this.#put(entry, hashes[place] as number);
    }
  }
}
