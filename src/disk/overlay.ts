// A disk in front of another that stays as it is: what is written goes into a file, sector by sector, so that nothing of the
// base has ever to be copied.
import type { Awaitable } from '../../devices/9p/backend.ts';
import { gather, slice, totalLength } from '../../devices/9p/scatter.ts';
import { DiskError } from '../../devices/disk/disk.ts';
import type { Disk } from '../../devices/disk/disk.ts';
import type { Bytes } from '../../devices/ports.ts';
import type { DiskFile } from './disk-file.ts';
import type { Identity } from './identity.ts';
import { clusterLength, damaged, dataStart, decodeHeader, encodeHeader, headerLength } from './overlay-format.ts';
import { OverlayTable } from './overlay-table.ts';
import { SharedRuns } from './shared-runs.ts';
import { writeZeros, zeroPieces } from './zeros.ts';

export interface OverlayOptions {
  /** Taken over, as the file is, once this has resolved. */
  readonly base: Disk;
  /** Empty for a new overlay. */
  readonly file: DiskFile;
  readonly identity: Identity;
  readonly readOnly?: boolean;
}

export class OverlayDisk implements Disk {
  readonly size: number;
  readonly isReadOnly: boolean;
  readonly discardGranularity = clusterLength;
  readonly #base: Disk;
  readonly #file: DiskFile;
  readonly #table: OverlayTable;
  /** Whether anything was written into the file since the last flush began. */
  #isDirty = false;
  readonly #flushes = new SharedRuns(() => this.#flushNow());

  private constructor({ base, file, readOnly = false }: OverlayOptions, table: OverlayTable) {
    this.size = base.size;
    this.isReadOnly = readOnly;
    this.#base = base;
    this.#file = file;
    this.#table = table;
  }

  /** Throws DiskError for a file that is no overlay of this base, or is damaged. */
  static async open(options: OverlayOptions): Promise<OverlayDisk> {
    const { file, identity } = options;
    const { size } = identity;
    const table = new OverlayTable(size);
    if (isUnfinished(file, size)) {
      if (options.readOnly === true) throw new DiskError('the overlay is empty, and nothing can be written into it');
      await begin(file, identity);
      return new OverlayDisk(options, table);
    }
    const header = new Uint8Array(Math.min(headerLength, file.size()));
    file.read(0, [header]);
    checkBase(decodeHeader(header), identity);
    if (file.size() < dataStart(size)) throw damaged('it ends within its table');
    table.load(file);
    return new OverlayDisk(options, table);
  }

  read(offset: number, into: readonly Bytes[]): void | Promise<Bytes> {
    const waiting: { readonly start: number; readonly bytes: Promise<Bytes> }[] = [];
    const length = totalLength(into);
    for (const run of this.#table.find(offset, length)) {
      const part = run.length === length ? into : slice(into, run.start, run.length);
      if (run.kind === 'own') this.#file.read(run.at, part);
      else if (run.kind === 'zero') for (const piece of part) piece.fill(0);
      else {
        const bytes = this.#base.read(offset + run.start, part);
        if (bytes !== undefined) waiting.push({ start: run.start, bytes });
      }
    }
    return waiting.length === 0 ? undefined : assemble(into, waiting);
  }

  write(offset: number, from: readonly Bytes[]): void {
    const length = totalLength(from);
    const fill = (at: number, count: number): void => writeZeros(this.#file, at, count);
    this.#isDirty = true;
    // Clusters that lie together in the file are written together.
    let runStart = 0;
    let runAt = -1;
    for (let done = 0; done < length;) {
      const count = Math.min(clusterLength - ((offset + done) % clusterLength), length - done);
      const at = this.#table.place(offset + done, count, fill);
      if (runAt >= 0 && at !== runAt + done - runStart) {
        this.#writeRun(offset, from, runStart, done, runAt);
        runAt = -1;
      }
      if (runAt < 0) {
        runStart = done;
        runAt = at;
      }
      done += count;
    }
    if (length > 0) this.#writeRun(offset, from, runStart, length, runAt);
  }

  #writeRun(offset: number, from: readonly Bytes[], start: number, end: number, at: number): void {
    this.#file.write(at, slice(from, start, end - start));
    this.#eachCluster(offset + start, end - start, (place, length) => this.#table.mark(place, length));
  }

  /** What was written before, first; then the table that tells of it. */
  flush(): Awaitable<void> {
    return this.#flushes.run();
  }

  discard(offset: number, length: number): void {
    this.#isDirty = true;
    this.#eachCluster(offset, length, (place, count) => {
      if (this.#isWhole(place, count)) this.#table.clear(place);
    });
  }

  zero(offset: number, length: number, mayUnmap: boolean): void {
    this.#isDirty = true;
    this.#eachCluster(offset, length, (place, count) => {
      if (mayUnmap && this.#isWhole(place, count)) this.#table.clear(place);
      else if (mayUnmap && this.#table.isUnplaced(place)) this.#table.mark(place, count);
      else this.write(place, zeroPieces(count));
    });
  }

  async close(): Promise<void> {
    try {
      if (!this.isReadOnly) await this.flush();
    } finally {
      await this.#file.close();
      await this.#base.close();
    }
  }

  #flushNow(): void | Promise<void> {
    if (!this.#isDirty && !this.#table.hasChanges) return undefined;
    const changes = this.#table.takeChanges();
    this.#isDirty = false;
    const failed = (error: unknown): never => {
      this.#isDirty = true;
      this.#table.putBack(changes);
      throw error;
    };
    const writeTable = (): Awaitable<void> => {
      if (changes.writes.length === 0) return undefined;
      for (const { offset, bytes } of changes.writes) this.#file.write(offset, [bytes]);
      return this.#file.flush();
    };
    const done = (): void => this.#table.committed(changes);
    try {
      const flushed = this.#file.flush();
      if (flushed !== undefined) return flushed.then(writeTable).then(done).catch(failed);
      const written = writeTable();
      if (written !== undefined) return written.then(done).catch(failed);
    } catch (error) {
      failed(error);
    }
    return done();
  }

  #eachCluster(offset: number, length: number, work: (offset: number, length: number) => void): void {
    for (let done = 0; done < length;) {
      const count = Math.min(clusterLength - ((offset + done) % clusterLength), length - done);
      work(offset + done, count);
      done += count;
    }
  }

  /** Whether a part of a cluster is all that the disk has of it. */
  #isWhole(offset: number, length: number): boolean {
    return offset % clusterLength === 0 && (length === clusterLength || offset + length === this.size);
  }
}

/** What is there already, and what is on its way, as one piece. */
async function assemble(
  into: readonly Bytes[],
  waiting: readonly { readonly start: number; readonly bytes: Promise<Bytes> }[],
): Promise<Bytes> {
  const whole = new Uint8Array(totalLength(into));
  gather(into, 0, whole.length, whole, 0);
  // All at once: where one fails, the others are heeded too.
  const pieces = await Promise.all(waiting.map(({ bytes }) => bytes));
  for (const [index, piece] of pieces.entries()) whole.set(piece, waiting[index]?.start);
  return whole;
}

/** Whether a file is one that was to become an overlay, and has nothing yet. */
function isUnfinished(file: DiskFile, size: number): boolean {
  const length = file.size();
  if (length === 0) return true;
  if (length > dataStart(size)) return false;
  const bytes = new Uint8Array(length);
  file.read(0, [bytes]);
  return bytes.every((byte) => byte === 0);
}

/** The table, all zeros, is there before the header that calls for it. */
async function begin(file: DiskFile, identity: Identity): Promise<void> {
  const header = encodeHeader(identity);
  file.write(dataStart(identity.size) - 1, [new Uint8Array(1)]);
  await file.flush();
  file.write(0, [header]);
  await file.flush();
}

/** Throws DiskError where an overlay was not made for this base, or for one that it was before. */
function checkBase(made: Identity, base: Identity): void {
  if (made.size !== base.size) {
    throw new DiskError(
      `the overlay was made for a disk of ${made.size} bytes, and this one has ${base.size}: it is that of another disk`,
    );
  }
  if (made.digest !== base.digest) {
    throw new DiskError('the overlay was made for other contents: the disk below it is another, or was changed since');
  }
  if (made.time === base.time || made.time === 0n || base.time === 0n) return;
  throw new DiskError(
    `the disk below the overlay was changed after the overlay was made: at ${seconds(base.time)}, and not as then at ` +
      `${seconds(made.time)}. If it is the same all the same, such as a copy: touch -d @${seconds(made.time)} FILE`,
  );
}

/** Nanoseconds since 1970 as seconds. */
function seconds(time: bigint): string {
  return `${time / 1_000_000_000n}.${String(time % 1_000_000_000n).padStart(9, '0')}`;
}
