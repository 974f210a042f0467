// The data of a file in memory: chunks where something was written, holes elsewhere.
import type { Bytes } from '../../ports.ts';
import { Errno } from '../errno.ts';
import type { FileData } from './inode.ts';

/** Bytes in a chunk: large enough that copying outweighs finding it, small enough that a sparse file stays small. */
const chunkLength = 64 * 1024;
/** The least bytes that a chunk takes; it grows by doubling, so that small files are small. */
const leastAllocation = 512;

/** How many bytes the files of one backend may take together, and do. */
export interface Space {
  capacity: number;
  used: number;
}

export class SparseData implements FileData {
  /** Bytes of the file. */
  length = 0;
  /** Bytes of memory that the chunks take. */
  allocated = 0;
  readonly #space: Space;
  /** By number; a chunk may be shorter than `chunkLength`: zeros follow. Bytes beyond the file's end are zeros as well. */
  readonly #chunks = new Map<number, Uint8Array<ArrayBuffer>>();

  constructor(space: Space) {
    this.#space = space;
  }

  /** Fills the pieces from `offset` on until they are full or the file ends; returns the count. */
  read(offset: number, into: readonly Bytes[]): number {
    let at = offset;
    for (const piece of into) {
      const wanted = Math.min(piece.length, this.length - at);
      if (wanted <= 0) break;
      this.#readPiece(at, piece, wanted);
      at += wanted;
    }
    return at - offset;
  }

  /** Writes the pieces from `offset` on. Returns the count, less than all when space ran out; ENOSPC when there was none. */
  write(offset: number, from: readonly Bytes[]): number {
    let at = offset;
    for (const piece of from) {
      const written = this.#writePiece(at, piece);
      at += written;
      if (written < piece.length) break;
    }
    if (at > offset && at > this.length) this.length = at;
    if (at === offset && from.some((piece) => piece.length > 0)) throw new Errno('ENOSPC');
    return at - offset;
  }

  /** Sets the length: cuts off, or adds a hole. */
  resize(length: number): void {
    if (length < this.length) {
      const kept = Math.ceil(length / chunkLength);
      for (const [number, chunk] of this.#chunks) if (number >= kept) this.#free(number, chunk);
      this.#chunks.get(kept - 1)?.fill(0, length - (kept - 1) * chunkLength);
    }
    this.length = length;
  }

  #readPiece(offset: number, piece: Bytes, length: number): void {
    let done = 0;
    while (done < length) {
      const number = Math.floor((offset + done) / chunkLength);
      const start = offset + done - number * chunkLength;
      const end = Math.min(start + length - done, chunkLength);
      const chunk = this.#chunks.get(number);
      const present = chunk === undefined ? start : Math.max(start, Math.min(end, chunk.length));
      if (chunk !== undefined && present > start) piece.set(chunk.subarray(start, present), done);
      done += present - start;
      if (present < end) piece.fill(0, done, done + end - present);
      done += end - present;
    }
  }

  #writePiece(offset: number, piece: Bytes): number {
    let done = 0;
    while (done < piece.length) {
      const number = Math.floor((offset + done) / chunkLength);
      const start = offset + done - number * chunkLength;
      const count = Math.min(piece.length - done, chunkLength - start);
      const chunk = this.#chunkFor(number, start + count);
      if (chunk === undefined) break;
      const isWhole = count === piece.length;
      chunk.set(isWhole ? piece : piece.subarray(done, done + count), start);
      done += count;
    }
    return done;
  }

  /** The chunk with at least `length` bytes; undefined without space for it. */
  #chunkFor(number: number, length: number): Uint8Array<ArrayBuffer> | undefined {
    const chunk = this.#chunks.get(number);
    if (chunk !== undefined && chunk.length >= length) return chunk;
    const doubled = chunk === undefined ? leastAllocation : 2 * chunk.length;
    const allocation = length > chunkLength / 2 ? chunkLength : Math.max(doubled, 2 ** Math.ceil(Math.log2(length)));
    const growth = allocation - (chunk?.length ?? 0);
    if (this.#space.used + growth > this.#space.capacity) return undefined;
    const larger = new Uint8Array(allocation);
    if (chunk !== undefined) larger.set(chunk);
    this.#chunks.set(number, larger);
    this.#space.used += growth;
    this.allocated += growth;
    return larger;
  }

  #free(number: number, chunk: Bytes): void {
    this.#chunks.delete(number);
    this.#space.used -= chunk.length;
    this.allocated -= chunk.length;
  }
}
