// The chunks of a file by number. Most files have one, and a Map for each would be most of what they take.
import type { Chunk } from './chunk.ts';

export class ChunkMap {
  #first: Chunk | undefined = undefined;
  #others: Map<number, Chunk> | undefined = undefined;

  get(number: number): Chunk | undefined {
    return number === 0 ? this.#first : this.#others?.get(number);
  }

  add(chunk: Chunk): void {
    if (chunk.number === 0) this.#first = chunk;
    else (this.#others ??= new Map()).set(chunk.number, chunk);
  }

  remove(number: number): void {
    if (number === 0) this.#first = undefined;
    else this.#others?.delete(number);
  }

  /** All of them; removing one meanwhile is fine. */
  *[Symbol.iterator](): Generator<Chunk, void> {
    if (this.#first !== undefined) yield this.#first;
    if (this.#others !== undefined) yield* this.#others.values();
  }
}
