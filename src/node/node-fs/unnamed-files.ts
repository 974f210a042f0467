// Files that are complete before they have a name: open(2)'s O_TMPFILE, then linkat(2). Whoever dies in between leaves nothing.
import { constants } from 'node:fs';
import { closeUnwritten } from './descriptors.ts';
import type { Descriptors } from './descriptors.ts';
import { host, isErrno, magicLink } from './host.ts';
import type { HostName, HostStat } from './host.ts';
import type { Native } from './native.ts';
import type { Entry } from './tree.ts';
import type { Walk } from './walk.ts';

const { O_DIRECTORY, O_NOCTTY, O_NONBLOCK, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;

/** Linux's, which node:fs does not name. */
const O_TMPFILE = 0o2000_0000 | O_DIRECTORY;

export interface MadeFile {
  readonly fd: number;
  readonly stat: HostStat;
}

/** Only where files are reached through descriptors. */
export class UnnamedFiles {
  readonly #walk: Walk;
  readonly #descriptors: Descriptors;
  readonly #native: Native;
  /** Devices whose file systems have no such files. */
  readonly #without = new Set<bigint>();

  constructor(walk: Walk, descriptors: Descriptors, native: Native) {
    this.#walk = walk;
    this.#descriptors = descriptors;
    this.#native = native;
  }

  /**
   * Makes a file, completes it by `complete`, gives it its name, and opens it with the host's flags. 'taken' where another
   * has the name; undefined where the file system has no files without a name. Throws Errno, with nothing made.
   */
  make(
    folder: Entry,
    name: HostName,
    asked: number,
    mode: number,
    complete: (fd: number, stat: HostStat) => void,
  ): MadeFile | 'taken' | undefined {
    // Such a file can not be opened to be read only.
    const isForReading = (asked & (O_RDONLY | O_WRONLY | O_RDWR)) === O_RDONLY;
    const flags = (asked & ~O_TRUNC) | O_NONBLOCK | O_NOCTTY;
    const fd = this.#open(folder, flags | O_TMPFILE | (isForReading ? O_RDWR : 0), mode);
    if (fd === undefined) return undefined;
    let readable: number | undefined;
    try {
      const stat = this.#native.stat(fd);
      complete(fd, stat);
      if (isForReading) readable = this.#walk.openAgain(fd, asked & ~O_TRUNC);
      this.#native.link(magicLink(fd), this.#walk.child(folder, name));
      if (readable === undefined) return { fd, stat };
      closeUnwritten(fd);
      return { fd: readable, stat };
    } catch (error) {
      closeUnwritten(fd);
      if (readable !== undefined) closeUnwritten(readable);
      if (isErrno(error, 'EEXIST')) return 'taken';
      throw error;
    }
  }

  #open(folder: Entry, flags: number, mode: number): number | undefined {
    if (this.#without.has(folder.dev)) return undefined;
    const path = this.#walk.folder(folder);
    try {
      return this.#descriptors.withRoom(() => host.open(path, flags, mode));
    } catch (error) {
      // open(2): EISDIR from a kernel that does not know the flag, EOPNOTSUPP from a file system.
      if (!isErrno(error, 'EOPNOTSUPP', 'EISDIR')) throw error;
      this.#without.add(folder.dev);
      return undefined;
    }
  }
}
