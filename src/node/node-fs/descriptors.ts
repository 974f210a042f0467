// File descriptors are few (256 on some systems) and nodes are many. What can be opened again is closed when there are too
// many: the least recently used first.
import { readFileSync } from 'node:fs';
import { Errno } from '../../../devices/9p/errno.ts';
import { host, isErrno } from './host.ts';

/** The most descriptors that are kept only to save time. */
const mostKept = 20_000;
/** What POSIX guarantees is lower; this is macOS's default. */
const limitWhereUnknown = 256;
/** The newest are never closed: the operation that asks for room stands on them. */
const inUse = 8;
/** Closed at once when the process or the host has no descriptor left. */
const batch = 16;

/** What is in the order of one `LeastRecentlyUsed`, or in none. */
export abstract class Reclaimable {
  /** Its neighbours in that order, which is theirs alone to know. */
  older: Reclaimable | undefined = undefined;
  newer: Reclaimable | undefined = undefined;

  /** Closes its descriptor; false when it could not be opened again. */
  abstract reclaim(): boolean;
}

/** How many descriptors this process may have open (RLIMIT_NOFILE). */
export function descriptorLimit(): number {
  if (process.platform !== 'linux') return limitWhereUnknown;
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return soft === undefined ? limitWhereUnknown : soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft);
}

/**
 * Closes a descriptor through which nothing was written. An error of it loses nothing, and is nobody's: a node is forgotten at
 * the end of a session too.
 */
export function closeUnwritten(fd: number): void {
  try {
    host.close(fd);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
  }
}

/** A Set keeps the same order, but passes over all that was deleted to find the oldest: 10 us where there are 20,000. */
export class LeastRecentlyUsed {
  readonly #most: number;
  #oldest: Reclaimable | undefined;
  #newest: Reclaimable | undefined;
  #size = 0;
  #isReclaiming = false;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds an item, or makes it the newest; the oldest go beyond the limit. */
  use(item: Reclaimable): void {
    const newest = this.#newest;
    if (item === newest) return;
    this.delete(item);
    item.older = newest;
    if (newest === undefined) this.#oldest = item;
    else newest.newer = item;
    this.#newest = item;
    if (++this.#size > this.#most) this.reclaim(1);
  }

  /** Takes an item out, if it is in. */
  delete(item: Reclaimable): void {
    const { older, newer } = item;
    if (older === undefined && item !== this.#oldest) return;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    item.older = undefined;
    item.newer = undefined;
    this.#size--;
  }

  /** Closes up to `count` descriptors; returns how many. An item that refuses is not asked again until its next use. */
  reclaim(count: number): number {
    // An item that looks at the host before it agrees may itself need room.
    if (this.#isReclaiming) return 0;
    this.#isReclaiming = true;
    let closed = 0;
    try {
      for (let old = this.#size - inUse; old > 0 && closed < count; old--) {
        const item = this.#oldest;
        if (item === undefined) break;
        this.delete(item);
        if (item.reclaim()) closed++;
      }
    } finally {
      this.#isReclaiming = false;
    }
    return closed;
  }
}

/**
 * The descriptors of one backend. It keeps to a part of the process's limit: several machines and shares may run in one
 * process, and know nothing of each other.
 */
export class Descriptors {
  /** Of folders, kept to save walks. */
  readonly folders: LeastRecentlyUsed;
  /** Of files that the guest has open. */
  readonly files: LeastRecentlyUsed;
  /**
   * The most that keep files in reach whose names were removed. They can not be opened again, so a guest that removes what
   * it still refers to could take all that the process has.
   */
  readonly mostPins: number;
  /** Files that the guest has open and whose descriptor is. */
  openFiles = 0;
  /**
   * The most of those. Only files without a name are kept beyond the limit of `files`, and a guest that opens and removes
   * must get EMFILE before the process does.
   */
  readonly #mostOpen: number;

  constructor(limit: number) {
    this.folders = new LeastRecentlyUsed(Math.min(mostKept, Math.max(2 * inUse, Math.floor(limit / 8))));
    this.mostPins = Math.floor(limit / 8);
    this.#mostOpen = Math.floor((limit * 5) / 8);
    this.files = new LeastRecentlyUsed(Math.min(mostKept, Math.max(2 * inUse, Math.floor(limit / 2))));
  }

  /** Comes before one more file is opened. Throws EMFILE. */
  requireFile(): void {
    while (this.openFiles >= this.#mostOpen) {
      if (this.files.reclaim(batch) === 0) throw new Errno('EMFILE', 'too many open files without a name');
    }
  }

  /** Does what needs a descriptor; again, after closing others, as long as there is none. */
  withRoom<T>(attempt: () => T): T {
    for (;;) {
      try {
        return attempt();
      } catch (error) {
        const isFull = isErrno(error, 'EMFILE', 'ENFILE');
        if (!isFull || this.folders.reclaim(batch) + this.files.reclaim(batch) === 0) throw error;
      }
    }
  }
}
