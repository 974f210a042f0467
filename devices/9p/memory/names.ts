// Numbers of entries, found by their folders and the bytes of their names: one table for all folders of a tree. A table of its own for
// each would be ten more places in memory to wait for in a share of many folders, and a Map of strings would need a string of each name
// that is asked for. Here there are two: a place of the table, and the name.
import type { Bytes } from '../../ports.ts';

/** Nobody outside knows it, so that nobody can choose names that all fall on one place. */
const seed = Math.floor(Math.random() * 2 ** 32) | 0;
const fewestPlaces = 8;
const noPlaces = new Int32Array(0);

function mix(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x9e37_79b1);
  return product ^ (product >>> 15);
}

function byte(name: Bytes, at: number): number {
  return name[at] as number;
}

/** Never 0. */
function hashOf(folder: number, name: Bytes): number {
  const { length } = name;
  let hash = mix(mix(seed, folder), length);
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
/** Before the bytes of a name: their count. */
const headLength = 2;
const noBytes = new Uint8Array(0);
/** Numbers of a place: the hash, 0 where there is no name; the folder; the entry; and where the name begins among the bytes. */
const width = 4;

/** By their length. */
const briefNames = Array.from({ length: 256 }, (_, length) => new Uint8Array(length));

/** A hash table with open addressing: a name is at the first free place from that of its hash on. */
class NameTable {
  size = 0;
  /** Hears that the name of an entry begins elsewhere. */
  readonly #moved: (entry: number, start: number) => void;
  /** A power of two, at most three quarters of which are taken. */
  #count = 0;
  #places = noPlaces;
  /** Names with their heads; removed ones too. */
  #bytes: Bytes = noBytes;
  #used = 0;
  #wasted = 0;

  constructor(moved: (entry: number, start: number) => void) {
    this.#moved = moved;
  }

  /** The entry, 0 where there is none. */
  get(hash: number, folder: number, name: Bytes): number {
    if (this.size === 0) return 0;
    return this.#places[this.#find(hash, folder, name) + 2] as number;
  }

  /** Returns where the name begins. */
  add(hash: number, folder: number, name: Bytes, entry: number): number {
    if (4 * (this.size + 1) > 3 * this.#count) this.#resize(Math.max(fewestPlaces, 2 * this.#count));
    const start = this.#keep(name);
    this.#put(hash, folder, entry, start);
    this.size++;
    return start;
  }

  remove(hash: number, folder: number, name: Bytes): void {
    if (this.size === 0) return;
    const places = this.#places;
    let free = this.#find(hash, folder, name);
    if (places[free] === 0) return;
    this.size--;
    this.#wasted += headLength + name.length;
    // What follows without a gap moves up, unless its own place is behind the one that is free.
    const last = places.length - 1;
    for (let at = (free + width) & last; ; at = (at + width) & last) {
      const its = places[at] as number;
      if (its === 0) break;
      if (((at - width * its) & last) < ((at - free) & last)) continue;
      for (let i = 0; i < width; i++) places[free + i] = places[at + i] as number;
      free = at;
    }
    for (let i = 0; i < width; i++) places[free + i] = 0;
    if (8 * this.size < this.#count && this.#count > fewestPlaces) this.#resize(this.#count / 2);
    // Each removal pays for two steps of this.
    if (this.#wasted >= leastWaste && 2 * this.#wasted > this.#used) this.#pack();
  }

  /** A name, in memory that the next may have. */
  brief(start: number): Bytes {
    const bytes = this.#bytes;
    const length = byte(bytes, start) | (byte(bytes, start + 1) << 8);
    const name = briefNames[length] ?? new Uint8Array(length);
    const from = start + headLength;
    for (let i = 0; i < length; i++) name[i] = bytes[from + i] as number;
    return name;
  }

  /** Where the name is in `#places`, or the free place where it would be. */
  #find(hash: number, folder: number, name: Bytes): number {
    const places = this.#places;
    const last = places.length - 1;
    for (let at = (width * hash) & last; ; at = (at + width) & last) {
      const found = places[at];
      if (found === 0) return at;
      if (found === hash && places[at + 1] === folder && this.#isAt(places[at + 3] as number, name)) return at;
    }
  }

  #isAt(start: number, name: Bytes): boolean {
    const bytes = this.#bytes;
    if (bytes[start] !== (name.length & 0xff) || bytes[start + 1] !== name.length >>> 8) return false;
    for (let i = 0; i < name.length; i++) if (bytes[start + headLength + i] !== name[i]) return false;
    return true;
  }

  /** Keeps a name; returns where it begins. */
  #keep(name: Bytes): number {
    const start = this.#used;
    this.#used += headLength + name.length;
    if (this.#used > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#used);
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
    }
    const bytes = this.#bytes;
    bytes[start] = name.length;
    bytes[start + 1] = name.length >>> 8;
    for (let i = 0; i < name.length; i++) bytes[start + headLength + i] = name[i] as number;
    return start;
  }

  /** Forgets removed names. */
  #pack(): void {
    const [places, bytes] = [this.#places, this.#bytes];
    this.#bytes = new Uint8Array(2 * (this.#used - this.#wasted + leastWaste));
    this.#used = 0;
    this.#wasted = 0;
    for (let at = 0; at < places.length; at += width) {
      if (places[at] === 0) continue;
      const start = places[at + 3] as number;
      const end = start + headLength + (byte(bytes, start) | (byte(bytes, start + 1) << 8));
      this.#bytes.set(bytes.subarray(start, end), this.#used);
      places[at + 3] = this.#used;
      this.#moved(places[at + 2] as number, this.#used);
      this.#used += end - start;
    }
  }

  #put(hash: number, folder: number, entry: number, start: number): void {
    const places = this.#places;
    const last = places.length - 1;
    let at = (width * hash) & last;
    while (places[at] !== 0) at = (at + width) & last;
    places[at] = hash;
    places[at + 1] = folder;
    places[at + 2] = entry;
    places[at + 3] = start;
  }

  #resize(count: number): void {
    const places = this.#places;
    this.#count = count;
    this.#places = new Int32Array(width * count);
    for (let at = 0; at < places.length; at += width) {
      if (places[at] === 0) continue;
      this.#put(places[at] as number, places[at + 1] as number, places[at + 2] as number, places[at + 3] as number);
    }
  }
}

/** So many tables: one that grows moves all that is in it, for which no request should have to wait long. */
const tableBits = 6;
const tables = 1 << tableBits;

/** A name is kept at a place, a number of 32 bits: of two million names of 255 bytes no table has more than a quarter of its 64 MiB. */
export class Names {
  readonly #tables: readonly NameTable[];

  /** `moved` hears that the name of an entry is at another place. */
  constructor(moved: (entry: number, place: number) => void) {
    this.#tables = Array.from(
      { length: tables },
      (_, table) => new NameTable((entry, start) => moved(entry, (start << tableBits) | table)),
    );
  }

  /** The entry with the name in the folder, 0 where there is none. */
  get(folder: number, name: Bytes): number {
    const hash = hashOf(folder, name);
    return this.#table(hash).get(hash, folder, name);
  }

  /** Adds a name, which must be free; returns its place. All numbers of folders and entries are above 0. */
  add(folder: number, name: Bytes, entry: number): number {
    const hash = hashOf(folder, name);
    const table = hash >>> (32 - tableBits);
    return (this.#table(hash).add(hash, folder, name, entry) << tableBits) | table;
  }

  /** Removes a name, if it is there. */
  remove(folder: number, name: Bytes): void {
    const hash = hashOf(folder, name);
    this.#table(hash).remove(hash, folder, name);
  }

  /** The name at a place. */
  at(place: number): Bytes {
    return this.brieflyAt(place).slice();
  }

  /** The name at a place, until the next is asked for in this way. */
  brieflyAt(place: number): Bytes {
    return (this.#tables[place & (tables - 1)] as NameTable).brief(place >>> tableBits);
  }

  #table(hash: number): NameTable {
    return this.#tables[hash >>> (32 - tableBits)] as NameTable;
  }
}
