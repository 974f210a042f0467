import type { Awaitable } from '../../devices/9p/backend.ts';
import type { Bytes } from '../../devices/ports.ts';

/** A file of the host in which a disk is kept. Each method throws, or rejects with, DiskError. */
export interface DiskFile {
  /** Bytes. */
  size(): number;
  /** When it was last changed, in nanoseconds since 1970. Absent where nobody knows. */
  changed?(): bigint;
  /** Fills all of `into`, which may be guest memory. What is asked for is there. */
  read(offset: number, into: readonly Bytes[]): void;
  /** Writes all of `from`, which may be guest memory, and makes the file longer where it has to be. */
  write(offset: number, from: readonly Bytes[]): void;
  /** What was written before outlives a loss of power once this is done. */
  flush(): Awaitable<void>;
  /** Makes a range zero that takes no room. False: this file system cannot. Absent: nor can this host. */
  punch?(offset: number, length: number): boolean;
  /** Waits for what is under way. */
  close(): Awaitable<void>;
}
