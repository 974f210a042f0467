// A medium in memory that a test can look into, slow down, and have fail at any point of a commit.
import { Errno } from '../../../devices/9p/errno.ts';
import type { Bytes } from '../../../devices/ports.ts';
import { readLog } from '../../../src/store/frame.ts';
import type { Frame } from '../../../src/store/frame.ts';
import type { Commit, Medium, Place } from '../../../src/store/medium.ts';

/** What survives the process. */
export class Disk {
  /** The journal since the last snapshot: frames as bytes. */
  frames: Uint8Array<ArrayBuffer>[] = [];
  readonly packs = new Map<number, Uint8Array<ArrayBuffer>>();

  get size(): number {
    const lengths = [...this.frames, ...this.packs.values()].map(({ length }) => length);
    return lengths.reduce((sum, length) => sum + length, 0);
  }
}

export interface FakeOptions {
  /** Reads and commits take a turn of the event loop, as with IndexedDB. */
  readonly slow: boolean;
  readonly chunkLength?: number;
  readonly dirtyLimit?: number;
  readonly cacheLimit?: number;
  /** Bytes that the disk has room for. */
  readonly room?: number;
}

/** Each piece is a pack of its own. A commit is atomic, as a transaction is. */
export class FakeMedium implements Medium {
  readonly chunkLength: number;
  readonly dirtyLimit: number;
  readonly cacheLimit: number;
  readonly alwaysStrict = false;
  readonly disk: Disk;
  /** Commits from which on all fail with EIO. */
  failing = Infinity;
  /** Reads that fail with EIO, from the next one on. */
  failingReads = 0;
  commits = 0;
  /** Whether each commit was strict. */
  readonly strictness: boolean[] = [];
  /** What `worn` answers. */
  wornPacks: ReadonlySet<number> = new Set();
  reads = 0;
  room: number;
  /** Places that are taken, to find out which are lost or given back twice. */
  readonly taken = new Map<number, number>();
  readInto?: (place: Place, offset: number, into: Bytes) => void;
  readonly #slow: boolean;
  readonly #staged = new Map<number, Uint8Array<ArrayBuffer>>();
  #nextPack = 1;

  constructor(disk: Disk, { slow, chunkLength, dirtyLimit, cacheLimit, room }: FakeOptions) {
    this.disk = disk;
    this.#slow = slow;
    this.dirtyLimit = dirtyLimit ?? 2 ** 20;
    this.cacheLimit = cacheLimit ?? 2 ** 20;
    this.chunkLength = chunkLength ?? 4096;
    this.room = room ?? 2 ** 40;
    if (!slow) {
      this.readInto = (place, offset, into) => into.set(this.#piece(place).subarray(offset, offset + into.length));
    }
  }

  open(): readonly Frame[] {
    return this.disk.frames.map((bytes) => {
      const { frames, end } = readLog(bytes);
      const [frame] = frames;
      if (frame === undefined || end !== bytes.length) throw new Error('a frame that is none');
      return frame;
    });
  }

  adopt(places: Iterable<Place>): void {
    for (const { pack, length } of places) {
      if (this.disk.packs.get(pack)?.length !== length) throw new Error(`pack ${pack} is not what the journal says`);
      this.taken.set(pack, length);
      this.#nextPack = Math.max(this.#nextPack, pack + 1);
    }
    for (const pack of this.disk.packs.keys()) if (!this.taken.has(pack)) this.disk.packs.delete(pack);
  }

  read(place: Place): Bytes | Promise<Bytes> {
    this.reads++;
    if (this.failingReads > 0) {
      this.failingReads--;
      return Promise.reject(new Errno('EIO', 'the medium fails'));
    }
    if (!this.#slow) return this.#piece(place).slice();
    return later(() => this.#piece(place).slice());
  }

  write(pieces: readonly Bytes[]): readonly Place[] {
    return pieces.map((piece) => {
      const pack = this.#nextPack++;
      this.#staged.set(pack, piece.slice());
      this.taken.set(pack, piece.length);
      return { pack, offset: 0, length: piece.length };
    });
  }

  discard(places: readonly Place[]): void {
    for (const place of places) {
      this.#release(place);
      this.#staged.delete(place.pack);
    }
  }

  commit(commit: Commit): void | Promise<void> {
    const number = ++this.commits;
    this.strictness.push(commit.strict);
    const frame = commit.frame.slice();
    const staged = [...this.#staged];
    if (this.#slow) return later(() => this.#store(number, { ...commit, frame }, staged));
    return this.#store(number, { ...commit, frame }, staged);
  }

  worn(): ReadonlySet<number> {
    return this.wornPacks;
  }

  available(): number {
    return this.room - this.disk.size;
  }

  close(): void {
    // The disk stays.
  }

  #store(number: number, { frame, kind, freed }: Commit, staged: [number, Uint8Array<ArrayBuffer>][]): void {
    if (number >= this.failing) throw new Errno('EIO', 'the medium fails');
    const added = staged.reduce((sum, [, { length }]) => sum + length, frame.length);
    if (this.disk.size + added > this.room) throw new Errno('ENOSPC');
    for (const [pack, piece] of staged) {
      this.disk.packs.set(pack, piece);
      this.#staged.delete(pack);
    }
    if (kind === 'snapshot') this.disk.frames = [];
    this.disk.frames.push(frame);
    for (const place of freed) {
      this.#release(place);
      this.disk.packs.delete(place.pack);
    }
  }

  #piece({ pack, offset, length }: Place): Uint8Array<ArrayBuffer> {
    const piece = this.#staged.get(pack) ?? this.disk.packs.get(pack);
    if (piece === undefined || !this.taken.has(pack)) throw new Error(`pack ${pack} is not there`);
    return piece.subarray(offset, offset + length);
  }

  #release({ pack }: Place): void {
    if (!this.taken.delete(pack)) throw new Error(`pack ${pack} is given back twice`);
  }
}

function later<T>(run: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(run());
      } catch (error) {
        reject(error instanceof Error ? error : new Error('not an error', { cause: error }));
      }
    });
  });
}
