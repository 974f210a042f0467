// What a block device reads and writes: sectors, wherever they are kept.
import type { Awaitable } from '../9p/backend.ts';
import type { Bytes } from '../ports.ts';

/** Bytes of a sector. All offsets and lengths of a disk are multiples of it. */
export const sectorSize = 512;

/** What could not be done; the guest is told of an I/O error, and the person who runs the machine of the message. */
export class DiskError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DiskError';
  }
}

/**
 * A disk of a fixed size. The device asks only for what lies within it. Results are there at once wherever that can be,
 * and promises only where the disk must wait. Each method throws, or rejects with, DiskError; anything else is a defect.
 * Several operations may be under way; who starts two that overlap does not know which comes first.
 */
export interface Disk {
  /** Bytes. */
  readonly size: number;
  readonly isReadOnly: boolean;
  /**
   * Fills all of `into`, which is guest memory. A disk that must wait returns a promise of as many bytes instead, and does
   * not touch `into` after that: its guest may have gone.
   */
  read(offset: number, into: readonly Bytes[]): void | Promise<Bytes>;
  /** Takes all of `from`, which is guest memory, before it returns, also where it returns a promise. */
  write(offset: number, from: readonly Bytes[]): Awaitable<void>;
  /** What was written before outlives a loss of power once this is done. */
  flush(): Awaitable<void>;
  /** Bytes of which only whole ones are discarded; default 4,096. */
  readonly discardGranularity?: number;
  /** The guest has no use for the contents of these sectors any more. Absent where nothing would come of it. */
  discard?(offset: number, length: number): Awaitable<void>;
  /** Makes sectors zero; `mayUnmap`: they need no room of their own any more. */
  zero(offset: number, length: number, mayUnmap: boolean): Awaitable<void>;
  /** Flushes, and lets go of what the disk has. Called once, when nothing is under way. */
  close(): Awaitable<void>;
}
