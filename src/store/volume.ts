// What all files of a store share: the medium, the chunks in memory, and the changes that wait for a commit.
import type { Space } from '../../devices/9p/memory/sparse-data.ts';
import { Changes } from './changes.ts';
import type { Chunk, Waiting } from './chunk.ts';
import { ChunkCache } from './chunk-cache.ts';
import type { Medium, Place } from './medium.ts';

/** Space is counted in Linux's unit of st_blocks. */
const spaceUnit = 512;

export function spaceOf(length: number): number {
  return Math.ceil(length / spaceUnit) * spaceUnit;
}

export class Volume {
  readonly medium: Medium;
  readonly space: Space;
  readonly cache: ChunkCache;
  changes = new Changes();
  /** Bytes of chunks that are newer than on the medium. */
  dirtyBytes = 0;
  /** Chunks that are written to while they come from the medium. */
  readonly #late = new Set<Chunk>();

  constructor(medium: Medium, space: Space) {
    this.medium = medium;
    this.space = space;
    this.cache = new ChunkCache(medium.cacheLimit);
  }

  /** Notes that the journal will have to speak of the chunk. Before it changes. */
  note(chunk: Chunk): void {
    if (!this.changes.chunks.has(chunk)) this.changes.chunks.set(chunk, chunk.place);
  }

  /** Gives the chunk a length, and notes that its bytes differ from the medium's. */
  soil(chunk: Chunk, length: number): void {
    this.note(chunk);
    if (chunk.dirty) this.dirtyBytes -= chunk.length;
    else this.cache.remove(chunk);
    chunk.dirty = true;
    chunk.length = length;
    this.dirtyBytes += length;
  }

  /** Cuts a chunk off from its file. */
  drop(chunk: Chunk): void {
    this.note(chunk);
    if (chunk.dirty) this.dirtyBytes -= chunk.length;
    chunk.dirty = false;
    chunk.gone = true;
    this.cache.remove(chunk);
    this.#late.delete(chunk);
  }

  /** Notes that the chunk is on the medium as it is in memory. */
  clean(chunk: Chunk, place: Place): void {
    if (!chunk.dirty) throw new Error('a chunk that is clean already');
    this.dirtyBytes -= chunk.length;
    chunk.dirty = false;
    chunk.place = place;
  }

  /** Brings a chunk into memory if that can be done at once. */
  loadNow(chunk: Chunk): boolean {
    if (chunk.bytes !== undefined) return true;
    if (chunk.loading !== undefined) return false;
    const result = this.medium.read(placeOf(chunk));
    if (result instanceof Promise) {
      this.#expect(chunk, result as Promise<Uint8Array<ArrayBuffer>>);
      return false;
    }
    this.#arrive(chunk, result as Uint8Array<ArrayBuffer>, chunk.length);
    return chunk.bytes !== undefined;
  }

  /** Lets something wait for a chunk that `loadNow` could not bring. */
  await(chunk: Chunk, waiting: Waiting): void {
    (chunk.waiting ??= []).push(waiting);
    if (waiting.fail === undefined && !chunk.gone) this.#late.add(chunk);
    if (chunk.loading !== undefined) return;
    this.#expect(chunk, Promise.resolve(this.medium.read(placeOf(chunk))) as Promise<Uint8Array<ArrayBuffer>>);
  }

  /** Resolves when every write made so far is in memory as a whole; undefined when it is now. Rejects as the medium does. */
  settled(): Promise<unknown> | undefined {
    if (this.#late.size === 0) return undefined;
    for (const chunk of this.#late) this.loadNow(chunk);
    return Promise.all(Array.from(this.#late, (chunk) => chunk.loading ?? Promise.resolve()));
  }

  #expect(chunk: Chunk, bytes: Promise<Uint8Array<ArrayBuffer>>): void {
    const { length } = chunk;
    chunk.loading = bytes.then(
      (loaded) => {
        chunk.loading = undefined;
        this.#arrive(chunk, loaded, length);
      },
      (error: unknown) => {
        chunk.loading = undefined;
        const waiting = chunk.waiting ?? [];
        const reads = waiting.filter((each) => each.fail !== undefined);
        const writes = waiting.filter((each) => each.fail === undefined);
        chunk.waiting = writes;
        for (const read of reads) read.fail?.(error);
        if (writes.length > 0) throw error;
      },
    );
    // Who depends on it waits for `settled`; nobody may.
    chunk.loading.catch(() => undefined);
  }

  /** `length`: of the bytes that were there, how many counted when they were asked for. */
  #arrive(chunk: Chunk, loaded: Uint8Array<ArrayBuffer>, length: number): void {
    loaded.fill(0, Math.min(length, loaded.length));
    chunk.bytes = loaded;
    const waiting = chunk.waiting ?? [];
    chunk.waiting = undefined;
    for (const each of waiting) each.run(chunk);
    this.#late.delete(chunk);
    if (chunk.gone) chunk.bytes = undefined;
    else if (!chunk.dirty && chunk.storing === 0) this.cache.add(chunk);
  }
}

function placeOf(chunk: Chunk): Place {
  if (chunk.place === undefined) throw new Error('a chunk that is neither in memory nor on the medium');
  return chunk.place;
}
