// An end of a file that the client has not heard of, because somebody else has cut the file off. Linux 6.12, in reads past its
// page cache (cache=none, O_DIRECT): `v9fs_issue_read` takes a short read for the end only where the size that the inode had
// last is reached, and `netfs_read_subreq_terminated` has the rest asked for again as long as `transferred` is more than
// `consumed`, which stays 0 in such reads. So a read across the new end never returns; and as each answer is there before the
// kernel would wait for it, nothing else runs in the guest and no signal ends it. Reads that begin behind the new end are
// given up after one more try, with ENODATA.
import type { Node } from './backend.ts';
import { LastingMap } from './lasting-map.ts';

/** So often the rest of a read is looked for in vain. It takes some hundredths of a second. */
export const patience = 1000;

/** What the client takes for the size of a file. It has one for each name. */
interface KnownSize {
  bytes: number;
  /** Fids of the name that are open. */
  openings: number;
}

/** The sizes that the client of a session takes for true, of the names that it has open. */
export class KnownSizes {
  readonly #sizes = new LastingMap<Node, KnownSize>();

  /** To be called when a file was opened, which has `bytes`. */
  open(node: Node, bytes: number): Reading {
    let known = this.#sizes.get(node);
    // Opening alone tells the client no size: one that it has stays.
    if (known === undefined) this.#sizes.set(node, (known = { bytes, openings: 0 }));
    known.openings++;
    return new Reading(known, () => {
      if (--known.openings === 0) this.#sizes.delete(node);
    });
  }

  /** The client was told the size, or has set it. */
  tell(node: Node, bytes: number): void {
    if (this.#sizes.size === 0) return;
    const known = this.#sizes.get(node);
    if (known !== undefined) known.bytes = bytes;
  }
}

/** The reads of one fid. */
export class Reading {
  /** To be called when the fid goes. */
  readonly close: () => void;
  readonly #known: KnownSize;
  /** Where the last short read ended, or -1 when its rest is asked for no more. */
  #end = -1;
  /** Bytes of the rest, once it was asked for. */
  #rest = 0;
  #repeats = 0;

  constructor(known: KnownSize, close: () => void) {
    this.#known = known;
    this.close = close;
  }

  /** What the client takes for the size of the file. */
  get knownSize(): number {
    return this.#known.bytes;
  }

  /** The client has written up to there. */
  written(end: number): void {
    if (end > this.#known.bytes) this.#known.bytes = end;
  }

  /**
   * Whether the client, after this read of fewer bytes than the `count` asked for, would ask for ever. A program that waits for
   * the file to grow asks for what it has room for, not for that rest; and its kernel knows the end.
   */
  isEndless(offset: number, count: number, found: number): boolean {
    if (found > 0) {
      this.#end = offset + found;
      this.#repeats = 0;
      return false;
    }
    if (offset !== this.#end) return false;
    if (this.#repeats > 0 && count !== this.#rest) {
      this.#end = -1;
      return false;
    }
    this.#rest = count;
    return ++this.#repeats > patience && offset < this.#known.bytes;
  }
}
