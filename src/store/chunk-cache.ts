// Chunks that are in memory as well as on the medium: the least recently used go when there are too many bytes of them.
import type { Chunk } from './chunk.ts';

export class ChunkCache {
  readonly #limit: number;
  /** In the order of use. */
  readonly #chunks = new Map<Chunk, number>();
  #latest: Chunk | undefined;
  /** Bytes of memory. */
  size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes in a chunk that has its bytes, clean, and in no commit under way. */
  add(chunk: Chunk): void {
    this.remove(chunk);
    const length = chunk.bytes?.length ?? 0;
    this.#chunks.set(chunk, length);
    this.#latest = chunk;
    this.size += length;
    for (const [oldest] of this.#chunks) {
      if (this.size <= this.#limit || oldest === chunk) break;
      this.remove(oldest);
      oldest.bytes = undefined;
    }
  }

  /** Notes a use. */
  touch(chunk: Chunk): void {
    if (chunk === this.#latest) return;
    const length = this.#chunks.get(chunk);
    if (length === undefined) return;
    this.#chunks.delete(chunk);
    this.#chunks.set(chunk, length);
    this.#latest = chunk;
  }

  /** Lets go of a chunk, whose bytes stay. */
  remove(chunk: Chunk): void {
    const length = this.#chunks.get(chunk);
    if (length === undefined) return;
    this.#chunks.delete(chunk);
    this.size -= length;
    if (this.#latest === chunk) this.#latest = undefined;
  }
}
