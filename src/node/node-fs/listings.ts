// The names of folders that the guest is listing. A snapshot, taken when it begins, makes the cookies stable whatever is
// created or removed; there is room for so many names, and the listing that was not asked for longest goes first. Of that a
// hash remains: where the folder still lists the same names in the same order, it is read anew and goes on exactly. As long as the
// folder's ctime stays, nothing has come or gone, and what was listed of each name is true.
import { createHash } from 'node:crypto';
import { Errno } from '../../../devices/9p/errno.ts';
import type { NameList } from './name-lists.ts';

/** The most names of all listings of a share, with about 50 bytes each (without native calls 80). A listing in use may be larger by itself. */
export const maximumListedNames = 1 << 20;

/** Bytes that are hashed at once: a call for each name would take ten times as long. */
const hashedLength = 1 << 16;

function hashOf(names: NameList): string {
  const hash = createHash('sha256');
  const piece = new Uint8Array(hashedLength);
  let end = 0;
  for (let index = 0; index < names.length; index++) {
    const name = names.name(index);
    if (end + name.length >= piece.length) {
      hash.update(piece.subarray(0, end));
      end = 0;
    }
    piece.set(name, end);
    end += name.length;
    // No name has a NUL.
    piece[end++] = 0;
  }
  return hash.update(piece.subarray(0, end)).digest('base64');
}

/**
 * Milliseconds after which a folder's ctime says whether its names have changed since: it moves in steps of the kernel's clock for
 * files, up to 10 ms, within which a second change leaves it as it is. File systems that count in seconds, or in two (FAT), are
 * known by times without a fraction.
 */
const settleTime = 100;
const settleTimeOfSeconds = 2100;

/** Whether a folder with this ctime (nanoseconds) would have another after a change. */
function isSettled(ctime: bigint): boolean {
  const age = Date.now() - Number(ctime) / 1e6;
  return age > (ctime % 1_000_000_000n === 0n ? settleTimeOfSeconds : settleTime);
}

export interface Snapshot {
  readonly names: NameList;
  /** Whether it is as the folder is now: then it is known of each name that it is there, and what. */
  readonly isFresh: boolean;
}

export class Listing {
  readonly #listings: Listings;
  #names: NameList | undefined;
  /** Of the folder, when the names were read; undefined where it can not tell a later change. */
  #ctime: bigint | undefined;
  /** Of the names that had to go. */
  #hash: string | undefined;

  constructor(listings: Listings) {
    this.#listings = listings;
  }

  /** How many names are kept. */
  get size(): number {
    return this.#names?.length ?? 0;
  }

  /**
   * The names as they were when the guest began, by `read` if it begins now; `ctime` (nanoseconds) is the folder's, undefined
   * where nobody needs it. ENOMEM if they are lost.
   */
  snapshot(begins: boolean, read: () => NameList, ctime: () => bigint | undefined): Snapshot {
    if (!begins && this.#names !== undefined) {
      this.#listings.use(this);
      return { names: this.#names, isFresh: this.#ctime !== undefined && ctime() === this.#ctime };
    }
    const before = ctime();
    const names = read();
    if (!begins && this.#hash !== undefined && this.#hash !== hashOf(names))
      throw new Errno('ENOMEM', 'too many listings at once: this one was given up, and its folder is another since');
    this.close();
    this.#names = names;
    this.#ctime = before !== undefined && isSettled(before) ? before : undefined;
    this.#listings.use(this);
    return { names, isFresh: true };
  }

  /** Lets the names go, but for what proves that they are the same. */
  drop(): void {
    if (this.#names !== undefined) this.#hash = hashOf(this.#names);
    this.#names = undefined;
  }

  close(): void {
    this.#listings.delete(this);
    this.#names = undefined;
    this.#hash = undefined;
  }
}

/** The listings of one share. */
export class Listings {
  readonly #most: number;
  /** Those that keep names, in order of use, the newest last. */
  readonly #kept = new Set<Listing>();
  #names = 0;

  constructor(most = maximumListedNames) {
    this.#most = most;
  }

  /** Makes a listing the newest; the oldest lose their names until there is room for all. */
  use(listing: Listing): void {
    this.delete(listing);
    this.#kept.add(listing);
    this.#names += listing.size;
    for (const old of this.#kept) {
      if (this.#names <= this.#most || old === listing) return;
      this.delete(old);
      old.drop();
    }
  }

  delete(listing: Listing): void {
    if (this.#kept.delete(listing)) this.#names -= listing.size;
  }
}
