// Files in memory, and every operation at once.
import type { Bytes } from '../ports.ts';
import type { OpenFile } from './backend.ts';
import { FileTree } from './memory/file-tree.ts';
import { emptyTree } from './memory/name-tree.ts';
import { SparseData } from './memory/sparse-data.ts';

/** Bytes of file data by default: half of what a page can have without being killed on small machines. */
const defaultCapacity = 2 ** 30;
/** Linux's magic number of tmpfs, which this is most like. */
const tmpfsMagic = 0x0102_1994;

export interface MemoryBackendOptions {
  /** Nanoseconds since 1970. */
  readonly now: () => bigint;
  /** Bytes of file data. Default 1 GiB. */
  readonly capacity?: number;
  /** Permissions of the root folder. Default 0755. */
  readonly rootMode?: number;
}

export class MemoryBackend extends FileTree {
  constructor({ now, capacity, rootMode }: MemoryBackendOptions) {
    const space = { capacity: capacity ?? defaultCapacity, used: 0 };
    super({ now, space, magic: tmpfsMagic, ...emptyTree(now(), rootMode ?? 0o755) });
  }

  read(file: OpenFile, offset: number, into: readonly Bytes[]): number {
    // SparseData has everything at hand.
    return this.readData(file, offset, into) as number;
  }

  write(file: OpenFile, offset: number, from: readonly Bytes[]): number {
    return this.writeData(file, offset, from);
  }

  fsync(file: OpenFile): void {
    // Nothing outlives the process.
    this.checkOpen(file);
  }

  close(): void {
    // Memory goes with the object.
  }

  protected newData(): SparseData {
    return new SparseData(this.space);
  }
}
