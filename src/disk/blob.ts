// A disk that is a Blob or a File, which can only be read and only in time. What was read last is kept, in blocks of more
// than was asked for: a request costs the browser a few hundred microseconds, whatever its length.
import { scatter, slice, totalLength } from '../../devices/9p/scatter.ts';
import { DiskError } from '../../devices/disk/disk.ts';
import type { Disk } from '../../devices/disk/disk.ts';
import { checkDiskSize } from '../../devices/disk/memory.ts';
import type { Bytes } from '../../devices/ports.ts';
import type { BlobLike } from '../vm-drives.ts';

const blockLength = 128 * 1024;
const mostBlocks = 64;

export class BlobDisk implements Disk {
  readonly size: number;
  readonly isReadOnly = true;
  readonly #blob: BlobLike;
  /** The one used last is the last. */
  readonly #blocks = new Map<number, Bytes>();
  readonly #coming = new Map<number, Promise<Bytes>>();

  /** Throws DiskError where its size is not one of a disk. */
  constructor(blob: BlobLike) {
    checkDiskSize(blob.size);
    this.#blob = blob;
    this.size = blob.size;
  }

  read(offset: number, into: readonly Bytes[]): void | Promise<Bytes> {
    const length = totalLength(into);
    const first = Math.floor(offset / blockLength);
    const last = Math.floor((offset + length - 1) / blockLength);
    const indexes = Array.from({ length: last - first + 1 }, (_, at) => first + at);
    const blocks = indexes.map((index) => this.#blocks.get(index) ?? this.#fetch(index));
    if (!blocks.some((block) => block instanceof Promise)) {
      // Narrowed by what was just asked.
      copyBlocks(blocks as Bytes[], offset - first * blockLength, into);
      for (const index of indexes) this.#keep(index, this.#blocks.get(index) as Bytes);
      return undefined;
    }
    return Promise.all(blocks.map(async (block) => block)).then((all) => {
      const bytes = new Uint8Array(length);
      copyBlocks(all, offset - first * blockLength, [bytes]);
      return bytes;
    });
  }

  write(): never {
    throw new DiskError('a Blob cannot be written');
  }

  zero(): never {
    return this.write();
  }

  flush(): void {
    // Nothing is ever written.
  }

  close(): void {
    this.#blocks.clear();
  }

  #fetch(index: number): Promise<Bytes> {
    const coming = this.#coming.get(index);
    if (coming !== undefined) return coming;
    const fetching = this.#read(index).finally(() => this.#coming.delete(index));
    this.#coming.set(index, fetching);
    return fetching;
  }

  async #read(index: number): Promise<Bytes> {
    const start = index * blockLength;
    const end = Math.min(this.size, start + blockLength);
    let bytes: Bytes;
    try {
      bytes = new Uint8Array(await this.#blob.slice(start, end).arrayBuffer());
    } catch (cause) {
      // A File that was changed or removed on the user's disk can not be read any more.
      throw new DiskError(`the file cannot be read any more: ${cause instanceof Error ? cause.message : cause}`, {
        cause,
      });
    }
    if (bytes.length < end - start) throw new DiskError('the file has become shorter');
    this.#keep(index, bytes);
    return bytes;
  }

  #keep(index: number, bytes: Bytes): void {
    this.#blocks.delete(index);
    this.#blocks.set(index, bytes);
    const [oldest] = this.#blocks.keys();
    if (this.#blocks.size > mostBlocks && oldest !== undefined) this.#blocks.delete(oldest);
  }
}

/** Fills `into` from the bytes at `offset` of the blocks, which lie one behind another. */
function copyBlocks(blocks: readonly Bytes[], offset: number, into: readonly Bytes[]): void {
  let left = totalLength(into);
  let done = 0;
  let skip = offset;
  for (const block of blocks) {
    const count = Math.min(left, block.length - skip);
    scatter(block.subarray(skip, skip + count), count, slice(into, done, count), 0);
    skip = 0;
    done += count;
    left -= count;
  }
}
