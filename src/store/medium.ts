// What a store's files are kept on, as the core sees it: places for pieces of data, and a journal that makes them count.
import type { Awaitable } from '../../devices/9p/backend.ts';
import type { Bytes } from '../../devices/ports.ts';
import type { Frame, FrameKind } from './frame.ts';

/** Where a piece of data was written. Never written again while a commit that names it may come back. */
export interface Place {
  /** What the medium keeps pieces in: a record, a file. */
  readonly pack: number;
  /** Bytes from its start. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

export interface Commit {
  /** A sealed frame. A snapshot takes the place of all frames before it. */
  readonly frame: Uint8Array<ArrayBuffer>;
  readonly kind: FrameKind;
  /** It has to survive a loss of power once it has settled; else only the end of the process. */
  readonly strict: boolean;
  /** Places that nothing refers to once the commit has succeeded. */
  readonly freed: readonly Place[];
}

/**
 * Errors: Errno ENOSPC where there is no room, EIO for other failures of the medium. A failed commit has changed nothing
 * that a later mount would see, and can be tried again.
 */
export interface Medium {
  /** Bytes of a chunk of a file: the most that a piece has. */
  readonly chunkLength: number;
  /** Bytes of data in memory that may wait to be stored; writers wait beyond twice as many. */
  readonly dirtyLimit: number;
  /** Bytes of data in memory that are on the medium as well. */
  readonly cacheLimit: number;
  /** Every commit survives a loss of power. */
  readonly alwaysStrict: boolean;
  /** The frames since and with the last snapshot, oldest first. Throws StoreError. */
  open(): Awaitable<readonly Frame[]>;
  /** Tells which places the journal refers to. The rest is free. Called once, after `open`. */
  adopt(places: Iterable<Place>): Awaitable<void>;
  /** A piece as it was written, in memory of its own. At once where the medium can. */
  read(place: Place): Bytes | Promise<Bytes>;
  /** Reads a part of a piece, from `offset` on, straight to where it is wanted. Only media that never wait have it. */
  readInto?(place: Place, offset: number, into: Bytes): void;
  /** Writes pieces to places of their own. They last only if a commit follows that names them. */
  write(pieces: readonly Bytes[]): readonly Place[];
  /** Gives back places that no commit has named. */
  discard(places: readonly Place[]): void;
  /** Makes the frame the journal's last, and what was written before it durable. One at a time. */
  commit(commit: Commit): Awaitable<void>;
  /**
   * Packs that hold mostly what nobody refers to, once there is so much of it that it pays to write the rest anew. Media
   * that reuse any place have none.
   */
  worn?(): ReadonlySet<number>;
  /** Bytes that may still be stored. */
  available(): Awaitable<number>;
  close(): Awaitable<void>;
}
