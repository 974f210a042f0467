// The journal in two files, of which one counts: a snapshot goes to the other, and only when it is safe the first is emptied.
import { readFrame, readLog } from './frame.ts';
import type { Frame, FrameKind } from './frame.ts';
import { StoreError } from './store-error.ts';
import type { SyncFile } from './sync-file.ts';

/** The most bytes that the journal of an empty store can have: less, and unreadable, is one that was never finished. */
const emptyStore = 256;

export class FileLog {
  /** The file that counts, and the other. */
  #current: SyncFile;
  #other: SyncFile;
  /** Bytes of frames in the current file. */
  #end = 0;

  constructor(one: SyncFile, other: SyncFile) {
    this.#current = one;
    this.#other = other;
  }

  /** The frames since and with the last snapshot. Throws StoreError. */
  open(): readonly Frame[] {
    const contents = [this.#current, this.#other].map((file) => {
      const bytes = readAll(file);
      return { file, bytes, sequence: readFrame(bytes, 0)?.sequence };
    });
    const [later, earlier] = contents.sort((one, other) => (other.sequence ?? 0) - (one.sequence ?? 0));
    if (later === undefined || earlier === undefined) throw new RangeError('two files');
    this.#current = later.file;
    this.#other = earlier.file;
    if (later.sequence === undefined && Math.max(later.bytes.length, earlier.bytes.length) > emptyStore) {
      throw new StoreError('damaged', 'the journal does not begin as it should');
    }
    const { frames, end } = readLog(later.bytes);
    checkRow(frames);
    this.#end = end;
    // What is left of an interrupted commit.
    if (later.bytes.length > end) later.file.truncate(end);
    if (earlier.bytes.length > 0) earlier.file.truncate(0);
    return frames;
  }

  /** Adds a frame, or begins anew with a snapshot. It lasts when this returns; if it throws, nothing has changed. */
  add(frame: Uint8Array<ArrayBuffer>, kind: FrameKind): void {
    const isSnapshot = kind === 'snapshot';
    const file = isSnapshot ? this.#other : this.#current;
    const at = isSnapshot ? 0 : this.#end;
    try {
      file.write(frame, { at });
      file.flush();
    } catch (error) {
      file.truncate(at);
      throw error;
    }
    this.#end = at + frame.length;
    if (!isSnapshot) return;
    this.#other = this.#current;
    this.#current = file;
    // Even if this does not last: the frames there are older than the snapshot.
    this.#other.truncate(0);
  }

  close(): void {
    this.#current.close();
    this.#other.close();
  }
}

/** Throws StoreError 'damaged' where frames are missing. */
export function checkRow(frames: readonly Frame[]): void {
  for (const [index, { kind, sequence }] of frames.entries()) {
    const expected = (frames[0]?.sequence ?? 0) + index;
    if (sequence !== expected || (kind === 'snapshot') !== (index === 0)) {
      throw new StoreError('damaged', `commit ${expected} of the journal is missing`);
    }
  }
}

function readAll(file: SyncFile): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(file.getSize());
  const count = file.read(bytes, { at: 0 });
  return bytes.subarray(0, count);
}
