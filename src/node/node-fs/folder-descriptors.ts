// Descriptors of folders, kept to save walks. Clients let go of the folders that they only walk through and come again a moment
// later, so one stays when its folder's entry has gone, for the next entry of the same folder. As long as it is open no other
// folder can have that folder's inode number: whether a name leads to it is told by the name's attributes alone.
import { LastingMap } from '../../../devices/9p/lasting-map.ts';
import { closeUnwritten, Reclaimable } from './descriptors.ts';
import type { Descriptors } from './descriptors.ts';
import type { HostPath } from './host.ts';

/** Whose folder a descriptor stands for, and a file's identity. */
interface Holder {
  readonly dev: bigint;
  readonly ino: bigint;
  /** Undefined where none is kept. */
  folder: FolderDescriptor | undefined;
}

export class FolderDescriptor extends Reclaimable {
  readonly fd: number;
  /** When it was known to be where its entry is (`performance.now()`). */
  seenAt = -Infinity;
  /** Whether a path through it is about to be used. */
  isHeld = false;
  /** Undefined once that has gone. */
  holder: Holder | undefined = undefined;
  /** The path of its entry on the host, once somebody had to know. */
  place: HostPath | undefined = undefined;
  readonly #closed: (descriptor: FolderDescriptor) => void;

  constructor(fd: number, closed: (descriptor: FolderDescriptor) => void) {
    super();
    this.fd = fd;
    this.#closed = closed;
  }

  reclaim(): boolean {
    if (this.isHeld) return false;
    if (this.holder !== undefined) this.holder.folder = undefined;
    this.#closed(this);
    closeUnwritten(this.fd);
    return true;
  }
}

export class FolderDescriptors {
  readonly #descriptors: Descriptors;
  /** One that is kept without an entry would keep its file system from being unmounted: the root's is in use anyhow. */
  readonly #rootDevice: bigint;
  readonly #all = new Set<FolderDescriptor>();
  /** Of the root's file system, by inode number (as a double: a place, no proof). A later one takes the place of an earlier. */
  readonly #byNumber = new LastingMap<number, { readonly ino: bigint; readonly descriptor: FolderDescriptor }>();

  constructor(descriptors: Descriptors, rootDevice: bigint) {
    this.#descriptors = descriptors;
    this.#rootDevice = rootDevice;
  }

  /** Keeps `fd`, which was opened for the folder of `holder`. */
  keep(holder: Holder, fd: number): FolderDescriptor {
    const { dev, ino } = holder;
    const number = Number(ino);
    const descriptor = new FolderDescriptor(fd, (closed) => {
      this.#all.delete(closed);
      if (this.#byNumber.get(number)?.descriptor === closed) this.#byNumber.delete(number);
    });
    this.#all.add(descriptor);
    if (dev === this.#rootDevice) this.#byNumber.set(number, { ino, descriptor });
    this.#give(holder, descriptor);
    return descriptor;
  }

  /** What is kept of a folder, by its entry or by one that has gone; where it is now has to be looked at. */
  of(holder: Holder): FolderDescriptor | undefined {
    if (holder.folder !== undefined || holder.dev !== this.#rootDevice) return holder.folder;
    const known = this.#byNumber.get(Number(holder.ino));
    if (known?.ino !== holder.ino || known.descriptor.holder !== undefined) return undefined;
    this.#give(holder, known.descriptor);
    return known.descriptor;
  }

  use(descriptor: FolderDescriptor): void {
    this.#descriptors.folders.use(descriptor);
  }

  /** An entry has gone whose folder is where it was. */
  letGo(holder: Holder): void {
    const kept = holder.folder;
    if (kept === undefined) return;
    if (this.#byNumber.get(Number(holder.ino))?.descriptor !== kept) return this.drop(holder);
    holder.folder = undefined;
    kept.holder = undefined;
  }

  /** Closes what is kept of a folder. */
  drop(holder: Holder): void {
    if (holder.folder !== undefined) this.#close(holder.folder);
  }

  close(): void {
    for (const descriptor of this.#all) this.#close(descriptor);
  }

  #give(holder: Holder, descriptor: FolderDescriptor): void {
    holder.folder = descriptor;
    descriptor.holder = holder;
    descriptor.place = undefined;
  }

  #close(descriptor: FolderDescriptor): void {
    this.#descriptors.folders.delete(descriptor);
    descriptor.reclaim();
  }
}
