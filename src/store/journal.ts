// Commits: takes the changes there are, gives data its places, and has the medium keep both together or neither.
import type { Awaitable } from '../../devices/9p/backend.ts';
import type { Inode } from '../../devices/9p/memory/inode.ts';
import { Changes } from './changes.ts';
import type { Chunk } from './chunk.ts';
import { encodeChanges, encodeSnapshot } from './encode.ts';
import { sealFrame } from './frame.ts';
import type { Frame } from './frame.ts';
import type { Place } from './medium.ts';
import type { Volume } from './volume.ts';

/** Bytes that a frame counts for at least: many small ones take long to read. */
const frameCost = 4096;

export interface Tree {
  readonly root: Inode;
  readonly nextIno: bigint;
}

/** A commit on its way. */
interface Batch {
  readonly changes: Changes;
  /** Chunks that it writes, and where. */
  readonly written: readonly (readonly [Chunk, Place])[];
  /** Whether it begins a new journal. */
  readonly isSnapshot: boolean;
  readonly frameLength: number;
  readonly strict: boolean;
}

export class Journal {
  /** What a snapshot is made of. */
  tree: (() => Tree) | undefined;
  readonly #volume: Volume;
  readonly #snapshotAfter: number;
  #sequence: number;
  /** Bytes of the last snapshot, and of the frames behind it. */
  #snapshotLength = 0;
  #logLength = 0;
  /** Something was committed that may not survive a loss of power. */
  #unflushed = false;
  /** Settles with the commit that is under way; never rejects. */
  #underWay: Promise<void> | undefined;
  /** The commit that is to follow it, for all who have asked since it began. */
  #following: Promise<void> | undefined;
  #followingStrict = false;

  /** A snapshot is made behind `snapshotAfter` bytes of frames, or behind as many as the last one had. */
  constructor(volume: Volume, frames: readonly Frame[], snapshotAfter: number) {
    this.#volume = volume;
    this.#snapshotAfter = snapshotAfter;
    this.#sequence = frames.at(-1)?.sequence ?? 0;
    for (const { kind, payload } of frames) {
      if (kind === 'snapshot') this.#snapshotLength = payload.length;
      else this.#logLength += Math.max(frameCost, payload.length);
    }
  }

  get committing(): boolean {
    return this.#underWay !== undefined;
  }

  /** Stores all changes made so far; `strict`: so that they survive a loss of power. Errors as the medium's. */
  commit(strict: boolean): Awaitable<void> {
    const underWay = this.#underWay;
    if (underWay === undefined) return this.#start(strict);
    this.#followingStrict ||= strict;
    this.#following ??= underWay.then(() => {
      const isStrict = this.#followingStrict;
      this.#following = undefined;
      this.#followingStrict = false;
      return this.commit(isStrict);
    });
    return this.#following;
  }

  /** Lets less data wait for a commit. Errors as the medium's. */
  relieve(): Awaitable<void> {
    if (this.#volume.medium.readInto === undefined) return this.commit(false);
    // What is written can be read at once: its place is enough until the commit.
    for (const [chunk] of this.#write(this.#volume.changes)) this.#settle(chunk);
    return undefined;
  }

  #start(strict: boolean): Awaitable<void> {
    const late = this.#volume.settled();
    const result = late === undefined ? this.#begin(strict) : late.then(() => this.#begin(strict));
    if (result === undefined) return undefined;
    const settled = (): void => {
      this.#underWay = undefined;
    };
    // The outcome is told to those who wait for `result`.
    this.#underWay = result.then(settled, settled);
    return result;
  }

  #begin(strict: boolean): Awaitable<void> {
    const { medium, changes } = this.#volume;
    if (changes.isEmpty && !(strict && this.#unflushed)) return undefined;
    const written = this.#write(changes);
    this.#volume.changes = this.#carryOver(changes);
    if (this.tree === undefined) throw new Error('a journal without a tree');
    const { root, nextIno } = this.tree();
    const isSnapshot = this.#logLength > Math.max(this.#snapshotAfter, this.#snapshotLength) || this.#sequence === 0;
    const frame = isSnapshot ? encodeSnapshot(root, nextIno) : encodeChanges(changes, nextIno);
    const kind = isSnapshot ? 'snapshot' : 'changes';
    sealFrame(frame, kind, this.#sequence + 1);
    const batch = { changes, written, isSnapshot, frameLength: frame.length, strict };
    let result: Awaitable<void>;
    try {
      result = medium.commit({ frame, kind, strict, freed: freedBy(changes) });
    } catch (error) {
      this.#undo(batch);
      throw error;
    }
    if (result === undefined) return this.#done(batch);
    return result.then(
      () => this.#done(batch),
      (error: unknown) => {
        this.#undo(batch);
        throw error;
      },
    );
  }

  /** Writes the chunks that differ from the medium; they keep their bytes until `#settle`. */
  #write(changes: Changes): (readonly [Chunk, Place])[] {
    const { medium } = this.#volume;
    const chunks = [...changes.chunks.keys()].filter(({ dirty, bytes }) => dirty && bytes !== undefined);
    const places = medium.write(chunks.map(({ content }) => content));
    const superseded: Place[] = [];
    const written = chunks.map((chunk, index) => {
      const place = places[index];
      if (place === undefined) throw new Error('a piece without a place');
      const before = chunk.place;
      if (before !== undefined && before !== changes.chunks.get(chunk)) superseded.push(before);
      this.#volume.clean(chunk, place);
      chunk.storing++;
      return [chunk, place] as const;
    });
    for (const [chunk, was] of changes.chunks) {
      if (!chunk.gone || chunk.place === was) continue;
      if (chunk.place !== undefined) superseded.push(chunk.place);
      chunk.place = was;
    }
    medium.discard(superseded);
    return written;
  }

  /** The changes that begin now: chunks that are still on their way from the medium stay for the next commit. */
  #carryOver(changes: Changes): Changes {
    const next = new Changes();
    for (const [chunk, was] of changes.chunks) {
      if (!chunk.dirty) continue;
      next.chunks.set(chunk, was);
      changes.chunks.delete(chunk);
    }
    return next;
  }

  #settle(chunk: Chunk): void {
    chunk.storing--;
    if (chunk.storing === 0 && !chunk.dirty && !chunk.gone && chunk.bytes !== undefined) this.#volume.cache.add(chunk);
  }

  #done({ written, isSnapshot, frameLength, strict }: Batch): void {
    this.#sequence++;
    this.#unflushed = !strict && !this.#volume.medium.alwaysStrict;
    this.#snapshotLength = isSnapshot ? frameLength : this.#snapshotLength;
    this.#logLength = isSnapshot ? 0 : this.#logLength + Math.max(frameCost, frameLength);
    for (const [chunk] of written) this.#settle(chunk);
  }

  /** Makes the changes wait for another commit, with those made since. */
  #undo({ changes, written }: Batch): void {
    const volume = this.#volume;
    volume.changes.absorb(changes);
    for (const [chunk, place] of written) {
      chunk.storing--;
      if (chunk.place !== place) continue;
      volume.medium.discard([place]);
      chunk.place = changes.chunks.get(chunk);
      if (!chunk.dirty && !chunk.gone) volume.soil(chunk, chunk.length);
    }
  }
}

/** Places that the journal speaks of, and will not any more. */
function freedBy(changes: Changes): Place[] {
  const freed: Place[] = [];
  for (const [chunk, was] of changes.chunks)
    if (was !== undefined && (chunk.gone || chunk.place !== was)) freed.push(was);
  return freed;
}
