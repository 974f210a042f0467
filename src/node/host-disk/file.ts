// A file of the host in which a disk is kept, read and written at once, and flushed at once where that is short.
import type { Awaitable } from '../../../devices/9p/backend.ts';
import { slice, totalLength } from '../../../devices/9p/scatter.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { DiskError } from '../../../devices/disk/disk.ts';
import type { Bytes } from '../../../devices/ports.ts';
import type { DiskFile } from '../../disk/disk-file.ts';
import { SharedRuns } from '../../disk/shared-runs.ts';
import { host } from '../node-fs/host.ts';
import type { Native } from '../node-fs/native.ts';
import { Flushing } from './flushing.ts';
import type { FileLock } from './lock.ts';

/** Pieces of one readv or writev (IOV_MAX). */
const mostPieces = 1024;

export class HostDiskFile implements DiskFile {
  readonly punch?: (offset: number, length: number) => boolean;
  readonly #fd: number;
  readonly #name: string;
  readonly #lock: FileLock;
  readonly #flushing: Flushing;
  readonly #flushes = new SharedRuns(() => this.#flushNow());
  /** After a flush that failed nobody knows what is on the disk, and Linux would call the next one a success. */
  #lost: DiskError | undefined;

  /** Takes over the descriptor and the lock. */
  constructor(fd: number, name: string, lock: FileLock, native: Native | undefined) {
    this.#fd = fd;
    this.#name = name;
    this.#lock = lock;
    this.#flushing = new Flushing({
      atOnce: () => host.syncData(fd),
      inThread: () => host.sync(fd, true),
      now: () => performance.now(),
    });
    if (native !== undefined) {
      this.punch = (offset, length) => {
        this.#flushing.wrote(length);
        return this.#attempt(() => native.punchHole(fd, offset, length));
      };
    }
  }

  size(): number {
    return this.#attempt(() => Number(host.fstat(this.#fd).size));
  }

  changed(): bigint {
    return this.#attempt(() => host.fstat(this.#fd).mtimeNs);
  }

  read(offset: number, into: readonly Bytes[]): void {
    this.#transfer(offset, into, (pieces, position) => {
      const [first] = pieces;
      return pieces.length === 1 && first !== undefined
        ? host.read(this.#fd, first, position)
        : host.readv(this.#fd, pieces, position);
    });
  }

  write(offset: number, from: readonly Bytes[]): void {
    this.#flushing.wrote(totalLength(from));
    this.#transfer(offset, from, (pieces, position) => {
      const [first] = pieces;
      return pieces.length === 1 && first !== undefined
        ? host.write(this.#fd, first, position)
        : host.writev(this.#fd, pieces, position);
    });
  }

  flush(): Awaitable<void> {
    return this.#flushes.run();
  }

  async close(): Promise<void> {
    await this.#flushes.settled();
    // Before the descriptor goes: with it the host forgets its own kind of locks.
    this.#lock.release();
    this.#attempt(() => host.close(this.#fd));
  }

  #flushNow(): Awaitable<void> {
    if (this.#lost !== undefined) throw this.#lost;
    const failed = (error: unknown): never => {
      this.#lost = this.#asDiskError(error) as DiskError;
      throw this.#lost;
    };
    try {
      return this.#flushing.flush()?.catch(failed);
    } catch (error) {
      return failed(error);
    }
  }

  /** The host may do less than it was asked for. */
  #transfer(
    offset: number,
    pieces: readonly Bytes[],
    once: (pieces: readonly Bytes[], position: number) => number,
  ): void {
    const wanted = totalLength(pieces);
    let done = 0;
    let rest = pieces;
    while (done < wanted) {
      const part = rest.length > mostPieces ? rest.slice(0, mostPieces) : rest;
      const count = this.#attempt(() => once(part, offset + done));
      if (count === 0)
        throw new DiskError(`${this.#name} ends at byte ${offset + done}: it was made shorter meanwhile`);
      done += count;
      if (done < wanted) rest = slice(pieces, done, wanted - done);
    }
  }

  #attempt<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw this.#asDiskError(error);
    }
  }

  #asDiskError(error: unknown): unknown {
    if (!(error instanceof Errno)) return error;
    const { code } = error;
    const what = code === 'ENOSPC' || code === 'EDQUOT' ? 'the host has no room left' : 'the host fails';
    return new DiskError(`${this.#name}: ${what} (${code})`, { cause: error });
  }
}
