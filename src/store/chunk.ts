// A stretch of a file's data: in memory, on the medium, or both.
import type { Place } from './medium.ts';
import type { StoredData } from './stored-data.ts';

/** What waits for a chunk to come from the medium, in the order of the calls. */
export interface Waiting {
  /** Goes on with the bytes, which it may change. */
  run(chunk: Chunk): void;
  /** The medium failed. A write stays and is tried again; a read tells its caller and is over. */
  readonly fail: ((error: unknown) => void) | undefined;
}

export class Chunk {
  readonly data: StoredData;
  readonly number: number;
  /** Undefined: only on the medium. May be longer than `length`, with zeros there; or shorter, standing for zeros. */
  bytes: Uint8Array<ArrayBuffer> | undefined = undefined;
  /** Bytes of the chunk that count; the file goes on with zeros. */
  length = 0;
  /** Where it was last written. */
  place: Place | undefined = undefined;
  /** Whether it differs from what is at its place. */
  dirty = false;
  /** Commits under way that are writing it: until then its bytes are nowhere else. */
  storing = 0;
  /** It was cut off from the file. */
  gone = false;
  /** While it comes from the medium. */
  loading: Promise<void> | undefined = undefined;
  waiting: Waiting[] | undefined = undefined;

  constructor(data: StoredData, number: number) {
    this.data = data;
    this.number = number;
  }

  /** The bytes that count, to be written. */
  get content(): Uint8Array<ArrayBuffer> {
    if (this.bytes === undefined) throw new Error('a chunk that is not in memory');
    return this.bytes.subarray(0, this.length);
  }
}
