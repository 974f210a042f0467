// A file of a disk whose process or machine can die between any two sectors.
import { DiskError } from '../../../devices/disk/disk.ts';
import type { Bytes } from '../../../devices/ports.ts';
import type { DiskFile } from '../../../src/disk/disk-file.ts';
import { FakeFile, Power } from '../store/fake-file.ts';

const sector = 512;

/** Writes come into the file sector by sector, each of which survives a loss of power or does not. */
export class FakeDiskFile implements DiskFile {
  readonly file: FakeFile;
  isClosed = false;
  /** Whether a flush takes a turn of the event loop. */
  isSlow = false;
  /** Thrown by what comes next. */
  failure: { readonly by: 'write' | 'flush'; readonly error: DiskError } | undefined;
  reads = 0;

  constructor(file = new FakeFile(new Power())) {
    this.file = file;
  }

  size(): number {
    return this.file.getSize();
  }

  read(offset: number, into: readonly Bytes[]): void {
    this.reads += 1;
    let at = offset;
    for (const piece of into) {
      if (this.file.read(piece, { at }) < piece.length) throw new DiskError(`nothing is at ${at}`);
      at += piece.length;
    }
  }

  write(offset: number, from: readonly Bytes[]): void {
    this.#fail('write');
    const whole = Buffer.concat(from.map((piece) => Buffer.from(piece)));
    // A file can have become longer, and what was to be there is zeros.
    if (offset + whole.length > this.size()) this.file.truncate(offset + whole.length);
    for (let done = 0; done < whole.length;) {
      const count = Math.min(sector - ((offset + done) % sector), whole.length - done);
      this.file.write(new Uint8Array(whole.subarray(done, done + count)), { at: offset + done });
      done += count;
    }
  }

  flush(): void | Promise<void> {
    this.#fail('flush');
    if (!this.isSlow) return this.file.flush();
    // What is written while it is under way may be safe after it, or not: this one takes only what was before.
    const before = this.file.beginFlush();
    return new Promise((resolve, reject) => {
      setImmediate(() => {
        try {
          before();
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  close(): void {
    this.isClosed = true;
  }

  #fail(by: 'write' | 'flush'): void {
    const { failure } = this;
    if (failure?.by !== by) return;
    this.failure = undefined;
    throw failure.error;
  }
}
