// Entries found by the bytes of their names. A Map of strings would need a string of each name that is asked for, and would keep
// one more object for each that is there: what takes time in a large share is to wait for memory that was not read for long.
import type { Bytes } from '../../ports.ts';

interface Named {
  readonly name: Bytes;
}

/** Nobody outside knows it, so that nobody can choose names that all fall on one place. */
const seed = Math.floor(Math.random() * 2 ** 32) | 0;
const fewestPlaces = 8;
const noPlaces = new Int32Array(2);

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

/** The least of the bytes of removed names for which it is worth to move the others. */
const leastWaste = 1024;
const lengthBytes = 2;
const noBytes = new Uint8Array(0);

/**
 * A hash table with open addressing: an entry is at the first free place from that of its hash on. Names are compared where they lie
 * close together, not by way of the entries: that would be three more places in memory to wait for.
 */
export class NameTable<T extends Named> {
  size = 0;
  /**
   * Of the entry in each place: its hash, 0 where there is none, and where its name begins in `#bytes`. Places are a power of
   * two, at most three quarters of which are taken.
   */
  #places = noPlaces;
  #entries: (T | undefined)[] = [];
  /** Names, each behind its length in two bytes; those of removed entries too. */
  #bytes: Bytes = noBytes;
  #used = 0;
  #wasted = 0;

  get(name: Bytes): T | undefined {
    return this.size === 0 ? undefined : this.#entries[this.#placeOf(name, hashOf(name))];
  }

  /** Adds an entry, whose name must be free. */
  add(entry: T): void {
    if (4 * (this.size + 1) > 3 * this.#entries.length) this.#resize(Math.max(fewestPlaces, 2 * this.#entries.length));
    this.#put(entry, hashOf(entry.name), this.#keep(entry.name));
    this.size++;
  }

  /** Removes the entry with the name, if there is one. */
  remove(name: Bytes): void {
    if (this.size === 0) return;
    const places = this.#places;
    const last = this.#entries.length - 1;
    let free = this.#placeOf(name, hashOf(name));
    if (places[2 * free] === 0) return;
    this.size--;
    this.#wasted += lengthBytes + name.length;
    // What follows without a gap moves up, unless its own place is behind the one that is free.
    for (let place = (free + 1) & last; ; place = (place + 1) & last) {
      const hash = places[2 * place] as number;
      if (hash === 0) break;
      if (((place - hash) & last) < ((place - free) & last)) continue;
      places[2 * free] = hash;
      places[2 * free + 1] = places[2 * place + 1] as number;
      this.#entries[free] = this.#entries[place];
      free = place;
    }
    places[2 * free] = 0;
    this.#entries[free] = undefined;
    if (8 * this.size < this.#entries.length && this.#entries.length > fewestPlaces)
      this.#resize(this.#entries.length / 2);
    // Each removal pays for two steps of this.
    if (this.#wasted >= leastWaste && 2 * this.#wasted > this.#used) this.#pack();
  }

  /** Where the entry with the name is, or the free place where it would be. */
  #placeOf(name: Bytes, hash: number): number {
    const places = this.#places;
    const last = this.#entries.length - 1;
    for (let place = hash & last; ; place = (place + 1) & last) {
      const found = places[2 * place];
      if (found === 0 || (found === hash && this.#isAt(places[2 * place + 1] as number, name))) return place;
    }
  }

  #isAt(start: number, name: Bytes): boolean {
    const bytes = this.#bytes;
    if (bytes[start] !== (name.length & 0xff) || bytes[start + 1] !== name.length >>> 8) return false;
    for (let i = 0; i < name.length; i++) if (bytes[start + lengthBytes + i] !== name[i]) return false;
    return true;
  }

  /** Keeps the bytes of a name; returns where they begin. */
  #keep(name: Bytes): number {
    const start = this.#used;
    this.#used += lengthBytes + name.length;
    if (this.#used > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#used);
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
    }
    this.#bytes[start] = name.length;
    this.#bytes[start + 1] = name.length >>> 8;
    for (let i = 0; i < name.length; i++) this.#bytes[start + lengthBytes + i] = name[i] as number;
    return start;
  }

  /** Forgets the names of removed entries. */
  #pack(): void {
    this.#bytes = new Uint8Array(2 * (this.#used - this.#wasted + leastWaste));
    this.#used = 0;
    this.#wasted = 0;
    for (const [place, entry] of this.#entries.entries()) {
      if (entry !== undefined) this.#places[2 * place + 1] = this.#keep(entry.name);
    }
  }

  #put(entry: T, hash: number, start: number): void {
    const places = this.#places;
    const last = this.#entries.length - 1;
    let place = hash & last;
    while (places[2 * place] !== 0) place = (place + 1) & last;
    places[2 * place] = hash;
    places[2 * place + 1] = start;
    this.#entries[place] = entry;
  }

  #resize(count: number): void {
    const [places, entries] = [this.#places, this.#entries];
    this.#places = new Int32Array(2 * count);
    this.#entries = Array.from({ length: count }, () => undefined);
    for (const [place, entry] of entries.entries()) {
      if (entry !== undefined) this.#put(entry, places[2 * place] as number, places[2 * place + 1] as number);
    }
  }
}
