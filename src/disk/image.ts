// A disk whose sectors are the bytes of one file: a raw image.
import type { Awaitable } from '../../devices/9p/backend.ts';
import type { Disk } from '../../devices/disk/disk.ts';
import { checkDiskSize } from '../../devices/disk/memory.ts';
import type { Bytes } from '../../devices/ports.ts';
import type { DiskFile } from './disk-file.ts';
import { writeZeros } from './zeros.ts';

export class ImageDisk implements Disk {
  readonly size: number;
  readonly isReadOnly: boolean;
  readonly discard?: (offset: number, length: number) => void;
  readonly #file: DiskFile;

  /** Takes over the file. Throws DiskError where its size is not one of a disk. */
  constructor(file: DiskFile, { readOnly = false }: { readonly readOnly?: boolean } = {}) {
    this.size = file.size();
    checkDiskSize(this.size);
    this.isReadOnly = readOnly;
    this.#file = file;
    if (file.punch !== undefined) this.discard = (offset, length) => void file.punch?.(offset, length);
  }

  read(offset: number, into: readonly Bytes[]): void {
    this.#file.read(offset, into);
  }

  write(offset: number, from: readonly Bytes[]): void {
    this.#file.write(offset, from);
  }

  flush(): Awaitable<void> {
    return this.#file.flush();
  }

  zero(offset: number, length: number, mayUnmap: boolean): void {
    if (mayUnmap && this.#file.punch?.(offset, length) === true) return;
    writeZeros(this.#file, offset, length);
  }

  async close(): Promise<void> {
    try {
      if (!this.isReadOnly) await this.#file.flush();
    } finally {
      await this.#file.close();
    }
  }
}
