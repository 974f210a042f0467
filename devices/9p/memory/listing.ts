// The order in which a folder lists its names. Whatever a listing tells of a name is here, in arrays in this order: to look at
// each inode instead is to wait for memory three times a name in a large share.
import type { Bytes } from '../../ports.ts';
import type { EmitEntry } from '../backend.ts';

/** What has a place in a listing. */
interface Listed {
  /** Of its name. */
  readonly place: number;
  readonly inode: { readonly ino: bigint; readonly type: number };
}

// Puts bigints together and apart without arithmetic on them, which is slow.
const whole = new BigUint64Array(1);
const words = new Uint32Array(whole.buffer);
const two32 = 2 ** 32;

export class Listing<E extends Listed> {
  /** By rising cookie; removed ones leave a gap until there are many. */
  #entries: (E | undefined)[] = [];
  #cookies: number[] = [];
  #types: number[] = [];
  /** Numbers of inodes, in words. */
  #lows: number[] = [];
  #highs: number[] = [];
  #gaps = 0;

  /** Adds an entry with a cookie beyond those that are there. */
  add(entry: E, cookie: number): void {
    this.#entries.push(entry);
    this.#cookies.push(cookie);
    whole[0] = entry.inode.ino;
    this.#lows.push(words[0] as number);
    this.#highs.push(words[1] as number);
    this.#types.push(entry.inode.type);
  }

  remove(cookie: number): void {
    this.#entries[this.#firstAfter(cookie - 1)] = undefined;
    this.#gaps++;
    // Files that come and go again leave nothing behind.
    while (this.#entries.length > 0 && this.#entries.at(-1) === undefined) {
      for (const array of this.#arrays) array.pop();
      this.#gaps--;
    }
    // Each removal pays for two steps of this.
    if (2 * this.#gaps > this.#entries.length + 16) this.#close();
  }

  /** To be called when an entry leads to another inode. */
  update(entry: E, cookie: number): void {
    const at = this.#firstAfter(cookie - 1);
    whole[0] = entry.inode.ino;
    this.#lows[at] = words[0] as number;
    this.#highs[at] = words[1] as number;
    this.#types[at] = entry.inode.type;
  }

  /** The entries behind a cookie. */
  *after(cookie: number): Generator<E, void> {
    for (let i = this.#firstAfter(cookie); i < this.#entries.length; i++) {
      const entry = this.#entries[i];
      if (entry !== undefined) yield entry;
    }
  }

  /** Hands what is behind a cookie to `emit`, until that returns false. */
  list(cookie: number, emit: EmitEntry, names: { brieflyAt(place: number): Bytes }): void {
    for (let i = this.#firstAfter(cookie); i < this.#entries.length; i++) {
      const entry = this.#entries[i];
      if (entry === undefined) continue;
      words[0] = this.#lows[i] as number;
      words[1] = this.#highs[i] as number;
      const ino = whole[0] as bigint;
      const its = this.#cookies[i] as number;
      words[0] = its;
      words[1] = its < two32 ? 0 : its / two32;
      const name = names.brieflyAt(entry.place);
      if (!emit({ name, cookie: whole[0] as bigint, ino, type: this.#types[i] as number })) return;
    }
  }

  get #arrays(): readonly unknown[][] {
    return [this.#entries, this.#cookies, this.#types, this.#lows, this.#highs];
  }

  /** Closes the gaps. */
  #close(): void {
    const isThere = (_: unknown, at: number): boolean => this.#entries[at] !== undefined;
    this.#cookies = this.#cookies.filter(isThere);
    this.#types = this.#types.filter(isThere);
    this.#lows = this.#lows.filter(isThere);
    this.#highs = this.#highs.filter(isThere);
    this.#entries = this.#entries.filter(isThere);
    this.#gaps = 0;
  }

  #firstAfter(cookie: number): number {
    let low = 0;
    let high = this.#cookies.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#cookies[middle] ?? 0) > cookie) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
