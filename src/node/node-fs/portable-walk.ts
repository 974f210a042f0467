// Reaches files by paths, on hosts without /proc: macOS and Windows. Every component is looked at before each operation, and
// what was opened is looked at again. The promise is weaker than that of descriptor-walk.ts: whoever may change the share
// on the host, and swaps a folder for a link between the look and the operation, can lead that one operation astray. Nor
// can a folder whose path is longer than the host allows be reached.
import { constants } from 'node:fs';
import { fileType } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { closeUnwritten } from './descriptors.ts';
import type { Descriptors } from './descriptors.ts';
import { host, isErrno, join } from './host.ts';
import type { HostName, HostPath, HostStat } from './host.ts';
import { PlainNames } from './name-lists.ts';
import type { NameList } from './name-lists.ts';
import { OpenTarget, PathTarget } from './targets.ts';
import type { Target } from './targets.ts';
import type { Entry } from './tree.ts';
import type { Walk } from './walk.ts';

// Undefined on Windows, which is 0 among bits.
const { O_NOFOLLOW, O_NONBLOCK, O_NOCTTY, O_RDONLY, O_TRUNC } = constants;

/** Names that lead elsewhere on Windows: separators, streams, devices, and what the system strips. */
export function isWindowsName(name: string): boolean {
  return !/[^ -\u00ff]|[<>:"/\\|?*]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(name);
}

export class PortableWalk implements Walk {
  readonly #root: HostPath;
  readonly #descriptors: Descriptors;
  readonly #checksNames: boolean;
  /** Of files whose names were removed. */
  readonly #pins = new Map<Entry, number>();

  /** `root` is absolute and without links. */
  constructor(root: HostPath, descriptors: Descriptors, { isWindows }: { isWindows: boolean }) {
    this.#root = root;
    this.#descriptors = descriptors;
    this.#checksNames = isWindows;
  }

  child(folder: Entry, name: HostName): HostPath {
    if (this.#checksNames && !isWindowsName(name))
      throw new Errno('EINVAL', 'a name that Windows takes for something else');
    return join(this.folder(folder), name);
  }

  place(): never {
    throw new Error('a native call for a file that is reached by its path');
  }

  descriptor(): never {
    return this.place();
  }

  children(folder: Entry, name: HostName, otherFolder: Entry, otherName: HostName): readonly [HostPath, HostPath] {
    return [this.child(folder, name), this.child(otherFolder, otherName)];
  }

  folder(folder: Entry): HostPath {
    const path = this.#pathOf(folder);
    this.#look(folder, path);
    return path;
  }

  stat(folder: Entry, name: HostName): HostStat | undefined {
    return host.lstat(this.child(folder, name));
  }

  found(): void {
    // Nothing is kept of it.
  }

  list(folder: Entry): NameList {
    const path = this.folder(folder);
    return new PlainNames(this.#descriptors.withRoom(() => host.list(path)));
  }

  statListed(folder: Entry, _fd: number, name: HostName): HostStat | undefined {
    return this.stat(folder, name);
  }

  remove(folder: Entry, name: HostName, isFolder: boolean): void {
    const path = this.child(folder, name);
    if (isFolder) host.rmdir(path);
    else host.unlink(path);
  }

  withTarget<T>(entry: Entry, action: (target: Target) => T): T {
    const fd = this.#pins.get(entry);
    if (fd !== undefined) return action(new OpenTarget(fd));
    const { openDescriptor } = entry;
    if (entry.isGone && openDescriptor !== undefined) return action(new OpenTarget(openDescriptor));
    const path = this.#pathOf(entry);
    return action(new PathTarget(path, this.#look(entry, path)));
  }

  open(entry: Entry, flags: number): number {
    const path = this.#pathOf(entry);
    this.#look(entry, path);
    // Truncated only once it is known to be the right one.
    const fd = this.#descriptors.withRoom(() =>
      host.open(path, (flags & ~O_TRUNC) | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY),
    );
    try {
      if (!entry.isSame(host.fstat(fd))) throw new Errno('ESTALE', 'another file has the name');
      if ((flags & O_TRUNC) !== 0) host.ftruncate(fd, 0);
      return fd;
    } catch (error) {
      host.close(fd);
      throw error;
    }
  }

  openAgain(): number {
    throw new Errno('ESTALE', 'a descriptor can not be opened again here');
  }

  pin(entry: Entry): void {
    const canOpen = entry.type === fileType.file || entry.type === fileType.folder;
    // On Windows a name stays as long as its file is open.
    if (entry.parent === undefined || !canOpen || this.#pins.has(entry) || this.#checksNames) return;
    try {
      this.#pins.set(entry, this.open(entry, O_RDONLY));
    } catch (error) {
      if (!isErrno(error, 'ESTALE', 'EACCES', 'EMFILE', 'ENFILE', 'ENOENT', 'ELOOP')) throw error;
    }
  }

  unpin(entry: Entry): void {
    const fd = this.#pins.get(entry);
    if (fd === undefined) return;
    this.#pins.delete(entry);
    closeUnwritten(fd);
  }

  freed(entry: Entry): void {
    this.unpin(entry);
  }

  canReopen(): boolean {
    // Who may open it can not be asked of a descriptor here, and the path may be another file's by then.
    return false;
  }

  close(): void {
    for (const entry of this.#pins.keys()) this.unpin(entry);
  }

  #pathOf(entry: Entry): HostPath {
    if (entry.parent !== undefined) return join(this.folder(entry.parent), entry.name);
    if (entry.isRoot) return this.#root;
    throw new Errno('ESTALE', 'a file whose name is gone');
  }

  #look(entry: Entry, path: HostPath): HostStat {
    const stat = host.lstat(path);
    if (stat === undefined || !entry.isSame(stat)) throw new Errno('ESTALE', 'another file has the name');
    return stat;
  }
}
