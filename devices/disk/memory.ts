// A disk in memory.
import { gather, scatter, totalLength } from '../9p/scatter.ts';
import type { Bytes } from '../ports.ts';
import { DiskError, sectorSize } from './disk.ts';
import type { Disk } from './disk.ts';

/** Its sectors are the bytes that it was given, which the guest changes. */
export class MemoryDisk implements Disk {
  readonly size: number;
  readonly isReadOnly: boolean;
  readonly #bytes: Bytes;

  /** Throws DiskError where the bytes are not whole sectors. */
  constructor(bytes: Bytes, { readOnly = false }: { readonly readOnly?: boolean } = {}) {
    checkDiskSize(bytes.length);
    this.#bytes = bytes;
    this.size = bytes.length;
    this.isReadOnly = readOnly;
  }

  read(offset: number, into: readonly Bytes[]): void {
    const length = totalLength(into);
    scatter(this.#bytes.subarray(offset, offset + length), length, into, 0);
  }

  write(offset: number, from: readonly Bytes[]): void {
    gather(from, 0, totalLength(from), this.#bytes, offset);
  }

  flush(): void {
    // There is nothing that it could outlive.
  }

  zero(offset: number, length: number): void {
    this.#bytes.fill(0, offset, offset + length);
  }

  close(): void {
    // The bytes are their owner's.
  }
}

/** Throws DiskError for a number of bytes that no disk can have. */
export function checkDiskSize(bytes: number): void {
  if (bytes === 0) throw new DiskError('it is empty, and a disk has at least one sector of 512 bytes');
  if (bytes % sectorSize === 0) return;
  throw new DiskError(`it has ${bytes} bytes, which is not a multiple of 512: make it ${nextSize(bytes)} bytes long`);
}

function nextSize(bytes: number): number {
  return Math.ceil(bytes / sectorSize) * sectorSize;
}
