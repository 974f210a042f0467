// What the computer needs of the place it runs in. The Node.js and the browser worker each bring one.
import type { Bytes } from '../devices/ports.ts';
import type { Sleep } from './sleep.ts';

export interface Zlib {
  /** Quickly rather than tightly. */
  deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Bytes>;
  /** Unpacks what `deflate` has packed, at most `length` bytes of it. Rejects where the data is damaged, or more. */
  inflate(bytes: Bytes, length: number): Promise<Bytes>;
}

/** The host's side of a machine: time, randomness, and the event loop of the worker the machine runs in. */
export interface Host {
  /** Milliseconds of a monotonic clock, with fractions. */
  now(): number;
  /** Nanoseconds since 1970. */
  wallNanoseconds(): bigint;
  /** Fills with cryptographic randomness; any length, never a view of shared memory. */
  randomFill(bytes: Uint8Array<ArrayBuffer>): void;
  /** Unpacks gzip. Throws or rejects where the data is damaged. */
  gunzip(bytes: Bytes): Bytes | Promise<Bytes>;
  /** What packs and unpacks as zlib does (RFC 1950), loaded when it is used. */
  zlib(): Promise<Zlib>;
  /** Lets the event loop turn once: what waits there (messages, completions) is delivered before it resolves. */
  turn(): Promise<void>;
  /**
   * Resolves after `milliseconds` (fractions allowed, Infinity for never) or as soon as `wake` is called, whichever is
   * first, with the event loop free meanwhile.
   */
  sleep(milliseconds: number): Sleep;
  /**
   * Raised by every sender before it posts a message to the worker: element 0 counts. The run loop reads it after every
   * slice and blocks on it where nothing else can happen. Shared memory wherever the host has it; where it has none the
   * doorbell never rings, and the run loop looks for messages by itself.
   */
  readonly doorbell: Int32Array<ArrayBufferLike>;
  /** Whether the thread may block in Atomics.wait on the doorbell. */
  readonly canBlock: boolean;
}
