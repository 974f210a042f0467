// Files that answer at once as a store's medium: all data in one, the journal in two. A file for each of the guest's would be
// 20 to 400 times slower, and could not be kept open without a name.
import { Errno } from '../../devices/9p/errno.ts';
import type { Bytes } from '../../devices/ports.ts';
import { allocated, Allocator } from './allocator.ts';
import { FileLog } from './file-log.ts';
import type { Frame } from './frame.ts';
import type { Commit, Medium, Place } from './medium.ts';
import { StoreError } from './store-error.ts';
import type { SyncFile } from './sync-file.ts';

/** As much as a guest reads or writes at a time. A chunk that changes is written as a whole. */
const chunkLength = 128 * 1024;
/** Bytes that are written in one call: each call costs 20 us whatever its length. */
const writeLength = 2 ** 20;
/** A few calls' worth: thousands of small buffers would keep the garbage collector busy. */
const defaultDirtyLimit = 4 * 2 ** 20;
const cacheLimit = 16 * 2 ** 20;
/** Bytes that the file may be too long before it is cut: the quota counts them. */
const slack = 2 ** 20;

export interface FileMediumOptions {
  readonly data: SyncFile;
  readonly logs: readonly [SyncFile, SyncFile];
  /** Bytes that may still be stored. */
  readonly available: () => Promise<number>;
  /** What a failure of a file means: an Errno, or the error itself. */
  readonly asErrno: (error: unknown) => unknown;
  /** Gives up the ownership of the files. */
  readonly release: () => void;
  /** Bytes. Default 4 MiB. */
  readonly dirtyLimit?: number;
}

export class FileMedium implements Medium {
  readonly chunkLength = chunkLength;
  readonly dirtyLimit: number;
  readonly cacheLimit = cacheLimit;
  readonly alwaysStrict = true;
  readonly #data: SyncFile;
  readonly #log: FileLog;
  readonly #options: FileMediumOptions;
  readonly #allocator = new Allocator();
  readonly #staging = new Uint8Array(writeLength);
  #size = 0;
  /** Whether data was written since the last flush. */
  #unflushed = false;

  constructor(options: FileMediumOptions) {
    this.#options = options;
    this.#data = options.data;
    this.dirtyLimit = options.dirtyLimit ?? defaultDirtyLimit;
    this.#log = new FileLog(...options.logs);
  }

  open(): readonly Frame[] {
    return this.#log.open();
  }

  adopt(places: Iterable<Place>): void {
    this.#size = this.#data.getSize();
    this.#allocator.reset(places);
    // The last piece need not fill its last unit.
    if (this.#allocator.end > this.#size + 512) {
      throw new StoreError('damaged', `the data ends at byte ${this.#size}, before what the journal says is there`);
    }
    this.#trim(0);
  }

  read(place: Place): Bytes {
    const bytes = new Uint8Array(place.length);
    this.readInto(place, 0, bytes);
    return bytes;
  }

  readInto(place: Place, offset: number, into: Bytes): void {
    const count = this.#attempt(() => this.#data.read(into, { at: place.offset + offset }));
    if (count < into.length) throw new Errno('EIO', `the data ends ${into.length - count} bytes early`);
  }

  write(pieces: readonly Bytes[]): readonly Place[] {
    const places: Place[] = [];
    try {
      let first = 0;
      let length = 0;
      for (const [index, piece] of pieces.entries()) {
        const offset = this.#allocator.take(piece.length);
        places.push({ pack: 0, offset, length: piece.length });
        const start = places[first]?.offset ?? 0;
        // Anything else between them is somebody's.
        const follows = offset === start + allocated(length) && offset + piece.length <= start + writeLength;
        if (index > first && !follows) {
          this.#writeRun(pieces.slice(first, index), places, first);
          first = index;
        }
        length = offset + piece.length - (places[first]?.offset ?? 0);
      }
      this.#writeRun(pieces.slice(first), places, first);
    } catch (error) {
      this.discard(places);
      throw error;
    }
    return places;
  }

  discard(places: readonly Place[]): void {
    for (const place of places) this.#allocator.release(place);
  }

  commit({ frame, kind, freed }: Commit): void {
    this.#attempt(() => {
      if (this.#unflushed) this.#data.flush();
      this.#unflushed = false;
      this.#log.add(frame, kind);
    });
    this.discard(freed);
    this.#trim(slack);
  }

  available(): Promise<number> {
    return this.#options.available();
  }

  close(): void {
    this.#data.close();
    this.#log.close();
    this.#options.release();
  }

  /** Writes pieces that lie together, with one call; `first` is the index of the first one's place. */
  #writeRun(pieces: readonly Bytes[], places: readonly Place[], first: number): void {
    const [only] = pieces;
    const at = places[first]?.offset ?? 0;
    if (only === undefined) return;
    if (pieces.length === 1) return this.#writeAt(only, at);
    let end = 0;
    for (const [index, piece] of pieces.entries()) {
      const offset = (places[first + index]?.offset ?? 0) - at;
      this.#staging.fill(0, end, offset);
      this.#staging.set(piece, offset);
      end = offset + piece.length;
    }
    this.#writeAt(this.#staging.subarray(0, end), at);
  }

  #writeAt(bytes: Bytes, at: number): void {
    const count = this.#attempt(() => this.#data.write(bytes, { at }));
    if (count < bytes.length) throw new Errno('ENOSPC');
    this.#unflushed = true;
    this.#size = Math.max(this.#size, at + bytes.length);
  }

  /** Cuts off what is free at the end of the file, if it is more than `most` bytes. */
  #trim(most: number): void {
    if (this.#size - this.#allocator.end <= most) return;
    this.#attempt(() => this.#data.truncate(this.#allocator.end));
    this.#size = this.#allocator.end;
  }

  #attempt<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw this.#options.asErrno(error);
    }
  }
}
