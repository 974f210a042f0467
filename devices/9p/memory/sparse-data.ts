// The data of a file in memory: chunks where something was written, holes elsewhere.
import type { Bytes } from '../../ports.ts';
import { Errno } from '../errno.ts';
import { copyFromGuest, copyToGuest } from '../guest-copy.ts';
import type { FileData, Inode } from './inode.ts';

/** Bytes in a chunk: large enough that copying outweighs finding it, small enough that a sparse file stays small. */
const chunkLength = 64 * 1024;
/** The least bytes that a chunk takes; it grows by doubling, so that small files are small. */
const leastAllocation = 512;

/** How many bytes the files of one backend may take together, and do. */
export interface Space {
  capacity: number;
  used: number;
}

type Chunk = Uint8Array<ArrayBuffer>;

export class SparseData implements FileData {
  /** Bytes of the file. */
  length = 0;
  /** Bytes of memory that the chunks take. */
  allocated = 0;
  /** Whose data it is. */
  #inode: Inode | undefined;
  readonly #space: Space;
  /** A chunk may be shorter than `chunkLength`: zeros follow. Bytes beyond the file's end are zeros as well. */
  #first: Chunk | undefined;
  /** Those behind the first, by number; none where there never was one: most files are small. */
  #others: Map<number, Chunk> | undefined;

  constructor(space: Space) {
    this.#space = space;
  }

  bind(inode: Inode): void {
    this.#inode = inode;
    inode.sized(this.length, this.allocated);
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
    const end = from.reduce((sum, { length }) => sum + length, offset);
    for (const piece of from) {
      const written = this.#writePiece(at, piece, end);
      at += written;
      if (written < piece.length) break;
    }
    if (at > offset && at > this.length) this.length = at;
    this.#inode?.sized(this.length, this.allocated);
    if (at === offset && from.some((piece) => piece.length > 0)) throw new Errno('ENOSPC');
    return at - offset;
  }

  /** Sets the length: cuts off, or adds a hole. */
  resize(length: number): void {
    if (length < this.length) {
      const kept = Math.ceil(length / chunkLength);
      for (const number of this.#others?.keys() ?? []) if (number >= kept) this.#free(number);
      if (kept === 0) this.#free(0);
      else this.#chunk(kept - 1)?.fill(0, length - (kept - 1) * chunkLength);
    }
    this.length = length;
    this.#inode?.sized(length, this.allocated);
  }

  #readPiece(offset: number, piece: Bytes, length: number): void {
    let done = 0;
    while (done < length) {
      const number = Math.floor((offset + done) / chunkLength);
      const start = offset + done - number * chunkLength;
      const end = Math.min(start + length - done, chunkLength);
      const chunk = this.#chunk(number);
      const present = chunk === undefined ? start : Math.max(start, Math.min(end, chunk.length));
      if (chunk !== undefined && present > start) copyToGuest(chunk, start, piece, done, present - start);
      done += present - start;
      if (present < end) piece.fill(0, done, done + end - present);
      done += end - present;
    }
  }

  /** `end` is where the last piece ends: a chunk that these fill grows but once. */
  #writePiece(offset: number, piece: Bytes, end: number): number {
    let done = 0;
    while (done < piece.length) {
      const number = Math.floor((offset + done) / chunkLength);
      const start = offset + done - number * chunkLength;
      const count = Math.min(piece.length - done, chunkLength - start);
      const chunk = this.#chunkFor(number, start + count, Math.min(end - number * chunkLength, chunkLength));
      if (chunk === undefined) break;
      copyFromGuest(piece, done, chunk, start, count);
      done += count;
    }
    return done;
  }

  /** The chunk with at least `length` bytes, and where it grows with `wanted` if there is space; undefined without any. */
  #chunkFor(number: number, length: number, wanted: number): Chunk | undefined {
    const chunk = this.#chunk(number);
    const present = chunk?.length ?? 0;
    if (chunk !== undefined && present >= length) return chunk;
    const room = this.#space.capacity - this.#space.used;
    let allocation = allocationFor(present, wanted);
    if (allocation - present > room) allocation = allocationFor(present, length);
    const growth = allocation - present;
    if (growth > room) return undefined;
    const larger = new Uint8Array(allocation);
    if (chunk !== undefined) larger.set(chunk);
    if (number === 0) this.#first = larger;
    else (this.#others ??= new Map()).set(number, larger);
    this.#space.used += growth;
    this.allocated += growth;
    return larger;
  }

  #chunk(number: number): Chunk | undefined {
    return number === 0 ? this.#first : this.#others?.get(number);
  }

  #free(number: number): void {
    const { length } = this.#chunk(number) ?? nothing;
    if (number === 0) this.#first = undefined;
    else this.#others?.delete(number);
    this.#space.used -= length;
    this.allocated -= length;
  }
}

/** What a chunk of `present` bytes becomes to hold `length`. */
function allocationFor(present: number, length: number): number {
  if (length > chunkLength / 2) return chunkLength;
  const doubled = present === 0 ? leastAllocation : 2 * present;
  return Math.max(doubled, 2 ** Math.ceil(Math.log2(length)));
}

const nothing = new Uint8Array(0);
