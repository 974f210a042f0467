// Files as OPFS has them, whose process or machine can die at any operation.
import type { Bytes } from '../../../devices/ports.ts';
import type { SyncFile } from '../../../src/store/sync-file.ts';

/** Thrown by the operation at which everything ends, and by all after it. */
export class Crash extends Error {}

type Change = { readonly at: number; readonly bytes: Uint8Array<ArrayBuffer> } | { readonly size: number };

/** Counts the operations on all files of a store, and ends at one of them. */
export class Power {
  /** The operation that does not happen any more. */
  failsAt = Infinity;
  operations = 0;

  spend(): void {
    if (++this.operations >= this.failsAt) throw new Crash();
  }
}

export class FakeFile implements SyncFile {
  readonly power: Power;
  /** What survives a loss of power for certain. */
  #safe = new Uint8Array(0);
  /** What has happened since, and would survive the end of the process. */
  #changes: Change[] = [];
  #content = new Uint8Array(0);
  /** Bytes that it may have. */
  room = Infinity;
  writes = 0;
  flushes = 0;

  constructor(power: Power) {
    this.power = power;
  }

  read(into: Bytes, { at }: { readonly at: number }): number {
    const part = this.#content.subarray(at, at + into.length);
    into.set(part);
    return part.length;
  }

  write(from: Bytes, { at }: { readonly at: number }): number {
    this.power.spend();
    if (at + from.length > this.room) throw new RangeError('no room');
    this.writes++;
    this.#do({ at, bytes: new Uint8Array(from) });
    return from.length;
  }

  truncate(size: number): void {
    this.power.spend();
    this.#do({ size });
  }

  getSize(): number {
    return this.#content.length;
  }

  flush(): void {
    this.power.spend();
    this.flushes++;
    this.#safe = this.#content.slice();
    this.#changes = [];
  }

  /** Begins a flush of what was written so far; the returned function ends it, and what comes in between is not part of it. */
  beginFlush(): () => void {
    const content = this.#content.slice();
    const count = this.#changes.length;
    return () => {
      this.power.spend();
      this.flushes++;
      this.#safe = content;
      this.#changes = this.#changes.slice(count);
    };
  }

  close(): void {
    // The content stays.
  }

  /** The file after the process has ended: everything that was done is there. */
  afterKill(): FakeFile {
    return this.#with(this.#content.slice());
  }

  /** The file after a loss of power: of what was not flushed, what `survives` says, and of the last write only a part. */
  afterPowerLoss(survives: (index: number) => boolean): FakeFile {
    let content = this.#safe.slice();
    for (const [index, change] of this.#changes.entries()) {
      if (!survives(index)) continue;
      const isTorn = 'bytes' in change && survives(index + 1000);
      content = apply(
        content,
        isTorn ? { at: change.at, bytes: change.bytes.subarray(0, change.bytes.length / 2) } : change,
      );
    }
    return this.#with(content);
  }

  /** The bytes themselves, to be damaged. */
  get content(): Uint8Array<ArrayBuffer> {
    return this.#content;
  }

  #with(content: Uint8Array<ArrayBuffer>): FakeFile {
    const file = new FakeFile(new Power());
    file.#content = content;
    file.#safe = content.slice();
    return file;
  }

  #do(change: Change): void {
    this.#changes.push(change);
    this.#content = apply(this.#content, change);
  }
}

function apply(content: Uint8Array<ArrayBuffer>, change: Change): Uint8Array<ArrayBuffer> {
  const size = 'size' in change ? change.size : Math.max(content.length, change.at + change.bytes.length);
  const result = size === content.length ? content : new Uint8Array(size);
  if (result !== content) result.set(content.subarray(0, size));
  if ('bytes' in change) result.set(change.bytes, change.at);
  return result;
}
