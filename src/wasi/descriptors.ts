// The file descriptors of a WASI program from 3 on: its preopened folders and what it opened in them.
import type { Files } from '../../devices/9p/client-files.ts';
import { Errno } from '../../devices/9p/errno.ts';

/** The first descriptor that is not a standard stream. */
export const firstDescriptor = 3;

export interface Descriptor {
  /** The share it is in. */
  readonly files: Files;
  /** A fid that is not open: a folder's paths begin there. */
  readonly fid: number;
  /** A fid of the same, open. A folder has one from its first listing on. */
  opened: number | undefined;
  readonly isFolder: boolean;
  /** Whether ".." and absolute links are refused that lead out of a folder; one that the program has as "/" is its root. */
  readonly confined: boolean;
  /** Of a preopened folder: its name for the program. */
  readonly preopen: Uint8Array | undefined;
  /** Linux's open flags. */
  flags: number;
  /** `fdflags`. */
  fdFlags: number;
  rights: bigint;
  inheriting: bigint;
  offset: bigint;
}

export class Descriptors {
  readonly #table = new Map<number, Descriptor>();

  /** Returns the lowest number that is free. */
  add(descriptor: Descriptor): number {
    let number = firstDescriptor;
    while (this.#table.has(number)) number++;
    this.#table.set(number, descriptor);
    return number;
  }

  /** EBADF where there is none. */
  get(number: number): Descriptor {
    const descriptor = this.#table.get(number);
    if (descriptor === undefined) throw new Errno('EBADF');
    return descriptor;
  }

  folder(number: number): Descriptor {
    const descriptor = this.get(number);
    if (!descriptor.isFolder) throw new Errno('ENOTDIR');
    return descriptor;
  }

  /** An open file, and the fid to transfer its data through. */
  file(number: number): { readonly descriptor: Descriptor; readonly fid: number } {
    const descriptor = this.get(number);
    if (descriptor.isFolder) throw new Errno('EISDIR');
    if (descriptor.opened === undefined) throw new Errno('EBADF');
    return { descriptor, fid: descriptor.opened };
  }

  remove(number: number): Descriptor {
    const descriptor = this.get(number);
    this.#table.delete(number);
    return descriptor;
  }

  /** Gives a descriptor another's number. Returns what had it. */
  renumber(from: number, to: number): Descriptor {
    const replaced = this.get(to);
    this.#table.set(to, this.remove(from));
    return replaced;
  }
}
