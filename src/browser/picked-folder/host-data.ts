// The data of a file of the picked folder: what the host has, and over it what the guest has written and the host has not
// got yet.
import type { FileData } from '../../../devices/9p/memory/inode.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { Entry } from '../../../devices/9p/memory/folder.ts';
import { SparseData } from '../../../devices/9p/memory/sparse-data.ts';
import type { Space } from '../../../devices/9p/memory/sparse-data.ts';
import { scatter, totalLength } from '../../../devices/9p/scatter.ts';
import type { Bytes } from '../../../devices/ports.ts';
import type { FileSnapshot, Stamp } from './access.ts';
import { isHostError, throwErrno } from './host-errors.ts';
import { Ranges } from './ranges.ts';
import type { Range } from './ranges.ts';
import { chunkLength, Snapshot } from './snapshots.ts';
import type { ChunkCache } from './snapshots.ts';
import { Turns } from './turns.ts';

/** Units of st_blocks. */
const blockLength = 512;
/** Bytes of a file that the host has lost, or is about to lose, and that fit into a worker's memory. */
const preservable = 512 * 2 ** 20;
/** How often a file may change on the host while it is being read. */
const mostAttempts = 4;

export class HostData implements FileData {
  /** The names of the file, with the state of the host's file in which the guest's is known to be stored. */
  readonly names = new Map<Entry, Stamp | undefined>();
  /** Stores, removals and renames of the file, one after another. */
  readonly turns = new Turns();
  /** Milliseconds of the host's clock at the last look at the host's file. */
  checkedAt = -Infinity;
  /** Milliseconds since 1970 at that look. */
  seenAt = 0;
  /** Files that are open, and those of them that may write. */
  openings = 0;
  writers = 0;
  /** Counts the guest's changes. */
  version = 0;
  #storedVersion = 0;
  #length = 0;
  #snapshot: Snapshot | undefined;
  /** Bytes of the snapshot that show: the guest may have cut it. */
  #showing = 0;
  readonly #space: Space;
  readonly #cache: ChunkCache;
  readonly #soiled: (data: HostData) => void;
  readonly #look: (data: HostData) => Promise<FileSnapshot>;
  #written: SparseData;
  readonly #ranges = new Ranges();

  /**
   * `soiled` hears of each change that has to be stored. `look` fetches the file's present snapshot, when the one that was
   * given does not hold any more.
   */
  constructor(
    space: Space,
    cache: ChunkCache,
    soiled: (data: HostData) => void,
    look: (data: HostData) => Promise<FileSnapshot>,
  ) {
    this.#space = space;
    this.#cache = cache;
    this.#soiled = soiled;
    this.#look = look;
    this.#written = new SparseData(space);
  }

  get length(): number {
    return this.#length;
  }

  get allocated(): number {
    return Math.ceil(this.#showing / blockLength) * blockLength + this.#written.allocated;
  }

  /** Whether the guest's file differs from the host's. */
  get isDirty(): boolean {
    return this.version !== this.#storedVersion;
  }

  /** Bytes that wait in memory for being stored. */
  get waiting(): number {
    return this.#written.allocated;
  }

  /** Whether the stored file has bytes that count. */
  get showsHost(): boolean {
    return this.#ranges.gaps(0, this.#showing).length > 0;
  }

  /** Takes the host's file as the content. Only while the guest's does not differ. */
  show(file: FileSnapshot, keepsChunks: boolean): void {
    if (!keepsChunks) this.#snapshot?.drop();
    if (!keepsChunks || this.#snapshot === undefined) this.#snapshot = new Snapshot(file, this.#cache);
    if (this.#ranges.all.length > 0) this.#forgetWritten();
    this.#written.length = file.size;
    this.#length = file.size;
    this.#showing = file.size;
  }

  /** Notes that the host has everything up to `version`, in this file. */
  stored(version: number, file: FileSnapshot): void {
    this.#storedVersion = version;
    this.#snapshot?.drop();
    this.#snapshot = new Snapshot(file, this.#cache);
    // What was written meanwhile lies over it as before: what shows of the old file is the same in this one.
    if (this.isDirty) return;
    this.show(file, true);
  }

  read(offset: number, into: readonly Bytes[]): number | Promise<Bytes> {
    const count = Math.min(totalLength(into), this.#length - offset);
    if (count <= 0) return 0;
    const gaps = this.#ranges.gaps(offset, Math.min(offset + count, this.#showing));
    if (gaps.length === 0) return this.#written.read(offset, into);
    const [gap] = gaps;
    const isUntouched = gap?.start === offset && gap.end === offset + count;
    if (isUntouched && this.#snapshot?.has(gap.start, gap.end) === true) return this.#copy(offset, count, into);
    const bytes = new Uint8Array(count);
    // Now: a write that follows is not to be seen.
    this.#written.read(offset, [bytes]);
    const snapshot = this.#snapshot;
    const isAtHand = snapshot !== undefined && gaps.every((gap) => snapshot.has(gap.start, gap.end));
    if (!isAtHand) return this.#fill(gaps, bytes, offset);
    for (const { start, end } of gaps) snapshot.copy(start, end, bytes, start - offset);
    scatter(bytes, count, into, 0);
    return count;
  }

  write(offset: number, from: readonly Bytes[]): number {
    const count = this.#written.write(offset, from);
    this.#ranges.add(offset, offset + count);
    this.#length = Math.max(this.#length, offset + count);
    this.#change();
    return count;
  }

  resize(length: number): void {
    if (length === this.#length) return;
    this.#showing = Math.min(this.#showing, length);
    this.#ranges.cut(length);
    this.#written.resize(length);
    this.#length = length;
    this.#change();
  }

  /** Brings all that shows of the host's file into memory, which then counts as the guest's. Throws Errno. */
  async preserveShown(): Promise<void> {
    // EBUSY: it can be removed when it is not open any more.
    if (this.#showing > preservable)
      throw new Errno('EBUSY', `${this.#showing} bytes are too many to be kept in memory`);
    for (const { start, end } of this.#ranges.gaps(0, this.#showing)) {
      for (let at = start; at < end; at += chunkLength) {
        const bytes = new Uint8Array(Math.min(chunkLength, end - at));
        await this.#fill([{ start: at, end: at + bytes.length }], bytes, at);
        // The guest may have written here meanwhile, or cut the file.
        for (const gap of this.#ranges.gaps(at, Math.min(at + bytes.length, this.#showing))) {
          this.#written.write(gap.start, [bytes.subarray(gap.start - at, gap.end - at)]);
          this.#ranges.add(gap.start, gap.end);
        }
      }
    }
  }

  /** What has to be written over `showing` bytes of the host's file to make it the guest's. */
  get changes(): { readonly showing: number; readonly length: number; readonly ranges: readonly Range[] } {
    return { showing: this.#showing, length: this.#length, ranges: [...this.#ranges.all] };
  }

  /** Bytes that the guest has written. */
  written(start: number, end: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(end - start);
    this.#written.read(start, [bytes]);
    return bytes;
  }

  /** Copies what is in memory of the snapshot straight to where it is wanted. */
  #copy(offset: number, count: number, into: readonly Bytes[]): number {
    let at = offset;
    for (const piece of into) {
      const end = Math.min(at + piece.length, offset + count);
      this.#snapshot?.copy(at, end, piece, 0);
      at = end;
    }
    return count;
  }

  #change(): void {
    this.version++;
    this.#soiled(this);
  }

  #forgetWritten(): void {
    this.#written.resize(0);
    this.#written = new SparseData(this.#space);
    this.#ranges.clear();
  }

  /** Fills the gaps from the host's file, whatever becomes of it meanwhile. */
  async #fill(gaps: readonly Range[], bytes: Uint8Array<ArrayBuffer>, offset: number): Promise<Bytes> {
    for (let attempt = 1; ; attempt++) {
      try {
        const snapshot = this.#snapshot ?? (await this.#lookAgain());
        for (const { start, end } of gaps) {
          while (!snapshot.copy(start, Math.min(end, snapshot.size), bytes, start - offset)) {
            await snapshot.load(start, Math.min(end, snapshot.size));
          }
        }
        return bytes;
      } catch (error) {
        // The snapshot does not hold any more: the file was changed, moved or replaced.
        if (!isHostError(error, 'NotReadableError', 'NotFoundError') || attempt === mostAttempts) throwErrno(error);
        await this.#lookAgain();
      }
    }
  }

  async #lookAgain(): Promise<Snapshot> {
    const file = await this.#look(this);
    this.#snapshot?.drop();
    this.#snapshot = new Snapshot(file, this.#cache);
    return this.#snapshot;
  }
}
