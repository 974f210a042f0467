import type { Bytes } from '../../devices/ports.ts';

/** A file that answers at once: the part of FileSystemSyncAccessHandle that is needed. */
export interface SyncFile {
  /** Returns the count: less than asked for at the end of the file. */
  read(into: Bytes, options: { readonly at: number }): number;
  /** Returns the count. */
  write(from: Bytes, options: { readonly at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  /** What was written outlives a loss of power once this returns. */
  flush(): void;
  close(): void;
}
