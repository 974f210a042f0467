// The data of a stored file: chunks that are fetched when they are needed, holes elsewhere. Only reads ever wait: a write
// to a chunk that is on its way is put in line behind what waits for the chunk already.
import { Errno } from '../../devices/9p/errno.ts';
import type { FileData, Inode } from '../../devices/9p/memory/inode.ts';
import { totalLength } from '../../devices/9p/scatter.ts';
import type { Bytes } from '../../devices/ports.ts';
import { Chunk } from './chunk.ts';
import { ChunkMap } from './chunk-map.ts';
import type { Place } from './medium.ts';
import { spaceOf } from './volume.ts';
import type { Volume } from './volume.ts';

/** The least bytes of memory for a chunk; it grows by doubling, so that small files are small. */
const leastAllocation = 512;
/** From so many bytes on, a read goes past the memory where the medium allows it. */
const directLength = 32 * 1024;

export class StoredData implements FileData {
  allocated = 0;
  /** Whose data it is. */
  inode: Inode | undefined = undefined;
  #length = 0;
  readonly #volume: Volume;
  readonly #chunks = new ChunkMap();

  constructor(volume: Volume) {
    this.#volume = volume;
  }

  get length(): number {
    return this.#length;
  }

  set length(length: number) {
    this.#length = length;
    this.inode?.sized(length, this.allocated);
  }

  bind(inode: Inode): void {
    this.inode = inode;
    inode.sized(this.length, this.allocated);
  }

  get chunks(): Iterable<Chunk> {
    return this.#chunks;
  }

  /** Puts a chunk where the journal says it is; without a place, takes it away. */
  restore(number: number, length: number, place: Place | undefined): void {
    const before = this.#chunks.get(number);
    if (before !== undefined) {
      this.#occupy(-spaceOf(before.length));
      this.#chunks.remove(number);
    }
    if (place === undefined) return;
    const chunk = new Chunk(this, number);
    chunk.length = length;
    chunk.place = place;
    this.#chunks.add(chunk);
    this.#occupy(spaceOf(length));
  }

  read(offset: number, into: readonly Bytes[]): number | Promise<Bytes> {
    const count = Math.min(totalLength(into), this.length - offset);
    if (count <= 0) return 0;
    if (this.#mustWait(offset, count)) return this.#readLater(offset, count);
    let done = 0;
    for (const piece of into) {
      const wanted = Math.min(piece.length, count - done);
      if (wanted <= 0) break;
      this.#copyOut(offset + done, wanted === piece.length ? piece : piece.subarray(0, wanted));
      done += wanted;
    }
    return count;
  }

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

  resize(length: number): void {
    if (length < this.length) {
      const { chunkLength } = this.#volume.medium;
      const kept = Math.ceil(length / chunkLength);
      for (const chunk of this.#chunks) {
        const { number } = chunk;
        if (number >= kept) this.#drop(chunk);
        else if (number === kept - 1) this.#cut(chunk, length - number * chunkLength);
      }
    }
    this.length = length;
  }

  #occupy(growth: number): void {
    this.allocated += growth;
    this.#volume.space.used += growth;
    this.inode?.sized(this.length, this.allocated);
  }

  #drop(chunk: Chunk): void {
    this.#chunks.remove(chunk.number);
    this.#occupy(-spaceOf(chunk.length));
    this.#volume.drop(chunk);
    if (chunk.loading === undefined) chunk.bytes = undefined;
  }

  #cut(chunk: Chunk, length: number): void {
    if (chunk.length <= length) return;
    const before = chunk.length;
    this.#occupy(spaceOf(length) - spaceOf(before));
    if (chunk.dirty) this.#volume.soil(chunk, length);
    else {
      this.#volume.note(chunk);
      chunk.length = length;
    }
    if (chunk.bytes !== undefined) chunk.bytes.fill(0, length, before);
    else if (chunk.loading !== undefined || isAwaited(chunk)) {
      this.#volume.await(chunk, { run: ({ bytes }) => bytes?.fill(0, length, before), fail: undefined });
    }
  }

  /** Whether a chunk of the range has to come from a medium that takes its time. All such are asked for. */
  #mustWait(offset: number, count: number): boolean {
    const { medium } = this.#volume;
    if (medium.readInto !== undefined) return false;
    let waits = false;
    const last = Math.floor((offset + count - 1) / medium.chunkLength);
    for (let number = Math.floor(offset / medium.chunkLength); number <= last; number++) {
      const chunk = this.#chunks.get(number);
      if (chunk !== undefined && chunk.bytes === undefined && !this.#volume.loadNow(chunk)) waits = true;
    }
    return waits;
  }

  async #readLater(offset: number, count: number): Promise<Bytes> {
    const result = new Uint8Array(count);
    const parts: Promise<void>[] = [];
    this.#copyOut(offset, result, parts);
    await Promise.all(parts);
    return result;
  }

  /** Fills the target from `offset` on. `parts` takes what has to wait. */
  #copyOut(offset: number, target: Bytes, parts?: Promise<void>[]): void {
    const { chunkLength } = this.#volume.medium;
    let done = 0;
    while (done < target.length) {
      const number = Math.floor((offset + done) / chunkLength);
      const start = offset + done - number * chunkLength;
      const end = Math.min(start + target.length - done, chunkLength);
      const whole = end - start === target.length;
      const part = whole ? target : target.subarray(done, done + end - start);
      const chunk = this.#chunks.get(number);
      if (chunk === undefined) part.fill(0);
      else this.#copyChunk(chunk, start, part, parts);
      done += end - start;
    }
  }

  #copyChunk(chunk: Chunk, start: number, part: Bytes, parts: Promise<void>[] | undefined): void {
    const volume = this.#volume;
    const { length } = chunk;
    if (chunk.bytes === undefined && part.length >= directLength && this.#readDirectly(chunk, start, part)) return;
    if (volume.loadNow(chunk)) {
      volume.cache.touch(chunk);
      copyBytes(chunk, start, length, part);
      return;
    }
    if (parts === undefined) throw new Error('a read that did not expect to wait');
    parts.push(
      new Promise((resolve, reject) => {
        volume.await(chunk, {
          run: () => {
            copyBytes(chunk, start, length, part);
            resolve();
          },
          fail: reject,
        });
      }),
    );
  }

  #readDirectly(chunk: Chunk, start: number, part: Bytes): boolean {
    const { medium } = this.#volume;
    const { place } = chunk;
    if (medium.readInto === undefined || place === undefined) return false;
    const count = Math.max(0, Math.min(part.length, Math.min(chunk.length, place.length) - start));
    if (count > 0) medium.readInto(place, start, count === part.length ? part : part.subarray(0, count));
    if (count < part.length) part.fill(0, count);
    return true;
  }

  #writePiece(offset: number, piece: Bytes): number {
    const { chunkLength } = this.#volume.medium;
    let done = 0;
    while (done < piece.length) {
      const number = Math.floor((offset + done) / chunkLength);
      const start = offset + done - number * chunkLength;
      const count = Math.min(piece.length - done, chunkLength - start);
      const part = count === piece.length ? piece : piece.subarray(done, done + count);
      if (!this.#writeChunk(number, start, part)) break;
      done += count;
    }
    return done;
  }

  /** Returns false without space. */
  #writeChunk(number: number, start: number, part: Bytes): boolean {
    const volume = this.#volume;
    const end = start + part.length;
    let chunk = this.#chunks.get(number);
    const length = Math.max(chunk?.length ?? 0, end);
    const growth = spaceOf(length) - spaceOf(chunk?.length ?? 0);
    if (growth > 0 && volume.space.used + growth > volume.space.capacity) return false;
    if (chunk === undefined) {
      chunk = new Chunk(this, number);
      this.#chunks.add(chunk);
      this.#reserve(chunk, end);
    } else if (chunk.bytes === undefined && !this.#prepare(chunk, start, end)) {
      // The guest may have its buffer back before the chunk is there.
      const copy = part.slice();
      volume.soil(chunk, length);
      this.#occupy(growth);
      volume.await(chunk, { run: (loaded) => this.#reserve(loaded, end).set(copy, start), fail: undefined });
      return true;
    }
    volume.soil(chunk, length);
    this.#occupy(growth);
    this.#reserve(chunk, end).set(part, start);
    return true;
  }

  /** Gets a chunk into memory that is only on the medium. Returns false where that takes time. */
  #prepare(chunk: Chunk, start: number, end: number): boolean {
    const isReplaced = start === 0 && end >= chunk.length && chunk.loading === undefined && !isAwaited(chunk);
    if (!isReplaced) return this.#volume.loadNow(chunk);
    chunk.bytes = new Uint8Array(0);
    return true;
  }

  /** The chunk's bytes, with room for `length` of them. */
  #reserve(chunk: Chunk, length: number): Uint8Array<ArrayBuffer> {
    const present = chunk.bytes;
    if (present !== undefined && present.length >= length) return present;
    const { chunkLength } = this.#volume.medium;
    const doubled = Math.max(leastAllocation, 2 * (present?.length ?? 0), 2 ** Math.ceil(Math.log2(length)));
    const larger = new Uint8Array(length > chunkLength / 2 ? chunkLength : Math.min(doubled, chunkLength));
    if (present !== undefined) larger.set(present);
    chunk.bytes = larger;
    return larger;
  }
}

function isAwaited({ waiting }: Chunk): boolean {
  return waiting !== undefined && waiting.length > 0;
}

/** Copies from `start` on, of the `length` bytes that count, and zeros behind them. */
function copyBytes(chunk: Chunk, start: number, length: number, part: Bytes): void {
  const { bytes } = chunk;
  if (bytes === undefined) throw new Error('a chunk that is not in memory');
  const count = Math.max(0, Math.min(part.length, Math.min(length, bytes.length) - start));
  if (count > 0) part.set(bytes.subarray(start, start + count));
  if (count < part.length) part.fill(0, count);
}
