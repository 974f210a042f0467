// Bytes of host files in memory. They come in chunks: a read through the browser costs 0.3 ms and more whatever its size.
import type { FileSnapshot } from './access.ts';

/** Bytes of a chunk. */
export const chunkLength = 1024 * 1024;

/** The chunks of all files, the ones used last kept longest. */
export class ChunkCache {
  readonly #limit: number;
  readonly #chunks = new Map<Uint8Array, () => void>();
  #length = 0;

  /** `limit` is bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** `drop` lets go of the chunk. */
  add(chunk: Uint8Array, drop: () => void): void {
    this.#chunks.set(chunk, drop);
    this.#length += chunk.length;
    for (const [oldest, dropOldest] of this.#chunks) {
      if (this.#length <= this.#limit || oldest === chunk) break;
      this.remove(oldest);
      dropOldest();
    }
  }

  use(chunk: Uint8Array): void {
    const drop = this.#chunks.get(chunk);
    if (drop === undefined) return;
    this.#chunks.delete(chunk);
    this.#chunks.set(chunk, drop);
  }

  remove(chunk: Uint8Array): void {
    if (this.#chunks.delete(chunk)) this.#length -= chunk.length;
  }
}

/** A file of the host as it was at a moment, with what was read of it. */
export class Snapshot {
  readonly file: FileSnapshot;
  readonly #cache: ChunkCache;
  readonly #chunks = new Map<number, Uint8Array<ArrayBuffer>>();
  readonly #loading = new Map<number, Promise<void>>();

  constructor(file: FileSnapshot, cache: ChunkCache) {
    this.file = file;
    this.#cache = cache;
  }

  get size(): number {
    return this.file.size;
  }

  /** Whether all that `start` to `end` lies in is in memory. */
  has(start: number, end: number): boolean {
    return this.#missing(start, end).length === 0;
  }

  /** Brings what `start` to `end` lies in into memory. Rejects as the browser does. */
  async load(start: number, end: number): Promise<void> {
    const missing = this.#missing(start, end);
    const loading = missing.map((number) => this.#loading.get(number) ?? this.#load(number));
    const last = missing.at(-1);
    if (last !== undefined && this.#chunks.has(last - 1)) this.#loadAhead(last + 1);
    await Promise.all(loading);
  }

  /** Copies what `load` has brought; false where it has gone again. */
  copy(start: number, end: number, into: Uint8Array, at: number): boolean {
    for (let from = start; from < end;) {
      const number = Math.floor(from / chunkLength);
      const chunk = this.#chunks.get(number);
      if (chunk === undefined) return false;
      this.#cache.use(chunk);
      const first = from - number * chunkLength;
      const to = Math.min(end, (number + 1) * chunkLength);
      into.set(chunk.subarray(first, first + to - from), at + from - start);
      from = to;
    }
    return true;
  }

  /** Lets go of everything in memory. */
  drop(): void {
    for (const chunk of this.#chunks.values()) this.#cache.remove(chunk);
    this.#chunks.clear();
  }

  /** Numbers of chunks. */
  #missing(start: number, end: number): number[] {
    const missing: number[] = [];
    for (let number = Math.floor(start / chunkLength); number * chunkLength < end; number++) {
      if (!this.#chunks.has(number)) missing.push(number);
    }
    return missing;
  }

  /** Loads the chunk that comes next for who reads in order. */
  #loadAhead(number: number): void {
    if (number * chunkLength >= this.size || this.#chunks.has(number) || this.#loading.has(number)) return;
    // Who needs it finds out himself why it did not come.
    this.#load(number).catch(() => undefined);
  }

  #load(number: number): Promise<void> {
    const start = number * chunkLength;
    const loading = this.file
      .slice(start, Math.min(start + chunkLength, this.file.size))
      .arrayBuffer()
      .then((buffer) => {
        const chunk = new Uint8Array(buffer);
        this.#chunks.set(number, chunk);
        this.#cache.add(chunk, () => this.#chunks.delete(number));
      })
      .finally(() => this.#loading.delete(number));
    this.#loading.set(number, loading);
    return loading;
  }
}
