// The files and folders of a share that the guest has open.
import { constants } from 'node:fs';
import { fileType, openFlags } from '../../../devices/9p/backend.ts';
import type { Awaitable, OpenFile } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { Handles } from '../../../devices/9p/memory/handles.ts';
import { statOpened } from './attributes.ts';
import { HostFile, hostFlags } from './host-file.ts';
import type { Share } from './host-file.ts';
import { host, isErrno } from './host.ts';
import { placeOf } from './kept-attributes.ts';
import type { Places } from './places.ts';
import { OpenTarget } from './targets.ts';
import type { Entry, Tree } from './tree.ts';

const { O_RDONLY, O_TRUNC } = constants;

/** Opens what was closed for want of descriptors, before a change that must not keep it from being opened again. */
export function reopenFiles(entry: Entry): void {
  for (const file of entry.files) {
    try {
      file.opened();
    } catch (error) {
      // The host has taken it away already.
      if (!isErrno(error, 'ESTALE', 'ENOENT', 'EACCES', 'EPERM')) throw error;
    }
  }
}

interface OpenFilesOptions {
  readonly tree: Tree;
  readonly places: Places;
  readonly share: Share;
  /** Comes before every opening that changes a file, or lets it be changed. Throws EROFS. */
  readonly changing: () => void;
}

export class OpenFiles {
  readonly #tree: Tree;
  readonly #places: Places;
  readonly #share: Share;
  readonly #changing: () => void;
  readonly #handles = new Handles<HostFile, OpenFile>('open file');

  constructor({ tree, places, share, changing }: OpenFilesOptions) {
    this.#tree = tree;
    this.#places = places;
    this.#share = share;
    this.#changing = changing;
  }

  get count(): number {
    return this.#handles.count;
  }

  get(file: OpenFile): HostFile {
    return this.#handles.get(file);
  }

  /** As `Backend.open`. Throws Errno. */
  open(entry: Entry, flags: number): OpenFile {
    const asked = hostFlags(flags);
    const changes = (flags & openFlags.accessMode) !== openFlags.readOnly || (flags & openFlags.truncate) !== 0;
    const type = this.#typeOf(entry);
    if (type === fileType.link) throw new Errno('ELOOP');
    if (!entry.isFolder && (flags & openFlags.directory) !== 0) throw new Errno('ENOTDIR');
    if (entry.isFolder && changes) throw new Errno('EISDIR');
    // What they lead to is on this host, not in the guest.
    if (!entry.isFolder && type !== fileType.file) throw new Errno('ENXIO');
    if (changes) this.#changing();
    const hostsFlags = entry.isFolder ? O_RDONLY : asked;
    const { walk, descriptors } = this.#share;
    descriptors.requireFile();
    return this.#places.reaching(
      entry,
      (found) => this.#addOpened(found, walk.open(found, hostsFlags), asked),
      (fd) => this.#addOpened(entry, walk.openAgain(fd, hostsFlags), asked),
    );
  }

  /** Takes over `fd`, which was opened with the host's `flags`. */
  add(entry: Entry, fd: number, flags: number): OpenFile {
    const file = new HostFile(entry, fd, flags, this.#share);
    this.#tree.hold(entry);
    return this.#handles.add(file);
  }

  release(file: OpenFile): Awaitable<void> {
    const opened = this.#handles.remove(file);
    try {
      return opened.close();
    } finally {
      this.#tree.release(opened.entry);
    }
  }

  /** Closes all, and tells of each how that went. */
  async close(): Promise<readonly PromiseSettledResult<void>[]> {
    return Promise.allSettled(this.#handles.removeAll().map(async (file) => file.close()));
  }

  /** What an entry is to the guest. */
  #typeOf(entry: Entry): number {
    const { security, walk } = this.#share;
    if (!security.hidesTypes || entry.type !== fileType.file) return entry.type;
    return (
      this.#places.reaching(
        entry,
        (found) => walk.withTarget(found, (target) => security.seen(target.stat(), () => placeOf(target)).mode),
        (fd) => security.seen(host.fstat(fd), () => placeOf(new OpenTarget(fd))).mode,
      ) & fileType.mask
    );
  }

  #addOpened(entry: Entry, fd: number, asked: number): OpenFile {
    const { security, native } = this.#share;
    try {
      if ((asked & O_TRUNC) !== 0 && security.epoch > 0)
        security.dropPrivileges(new OpenTarget(fd), statOpened(fd, native));
    } catch (error) {
      host.close(fd);
      throw error;
    }
    return this.add(entry, fd, asked);
  }
}
