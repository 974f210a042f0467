// Reaches files through descriptors: `/proc/self/fd/N/name` is openat(2) for a process that has none. A folder is opened
// with O_PATH | O_NOFOLLOW from its parent's descriptor, one component at a time, so that no link, no ".." and no renamed
// folder can lead out of the share, however fast the host changes. Linux only.
import { constants } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { Errno } from '../../../devices/9p/errno.ts';
import { closeUnwritten } from './descriptors.ts';
import type { Descriptors } from './descriptors.ts';
import { FolderDescriptors } from './folder-descriptors.ts';
import type { FolderDescriptor } from './folder-descriptors.ts';
import { host, isErrno, join, magicLink, O_PATH, ownDescriptors } from './host.ts';
import type { HostName, HostPath, HostStat } from './host.ts';
import { PlainNames } from './name-lists.ts';
import type { NameList } from './name-lists.ts';
import type { NamePlace, Native } from './native.ts';
import { PathDescriptorTarget } from './targets.ts';
import type { Target } from './targets.ts';
import type { Entry } from './tree.ts';
import type { Walk } from './walk.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;

/**
 * Milliseconds after which a kept descriptor has to show that its folder is still where it was: the host may have moved it
 * out of the share. An operation under way at that moment still reaches it, as it would through any sequence of system
 * calls; a look before every operation would buy no more than this and cost a third of them (5 us).
 */
const trustTime = 1;
/** Looks at names from a folder that is certain; where it is further up, one look at the kernel's path costs less than more. */
const mostLooks = 3;

/** Where the kernel says that a folder is; undefined where it can not say (a path of more than 4,095 bytes). */
function placeOf(path: HostPath): HostPath | undefined {
  try {
    return host.readlink(path);
  } catch (error) {
    if (isErrno(error, 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}

/** Makes something of a descriptor, which is closed where that fails. */
function orClose<T>(fd: number, make: () => T): T {
  try {
    return make();
  } catch (error) {
    host.close(fd);
    throw error;
  }
}

/** What had an entry's name when the guest removed it. */
interface Pin {
  readonly fd: number;
  /** Whether that is the entry's file. Most names are removed for good, and nobody asks: it is looked at when somebody does. */
  isProven: boolean;
}

export class DescriptorWalk implements Walk {
  readonly #root: number;
  readonly #rootPath: HostPath;
  /** The folder of the links to what is open, for native calls: the way to it takes as long as the look (1 us). */
  readonly #links: number | undefined;
  readonly #descriptors: Descriptors;
  readonly #native: Native | undefined;
  readonly #folders: FolderDescriptors;
  /** Of files whose names were removed. */
  readonly #pins = new Map<Entry, Pin>();

  /** Whether this system has what the walk needs. */
  static isPossible(): boolean {
    return process.platform === 'linux' && host.lstat('/proc/self/fd' as HostPath) !== undefined;
  }

  /** Opens the share's root folder, which may be named through links. Throws Errno. */
  constructor(root: HostPath, descriptors: Descriptors, native?: Native) {
    this.#descriptors = descriptors;
    this.#native = native;
    this.#root = descriptors.withRoom(() => host.open(root, O_PATH | O_DIRECTORY));
    this.#rootPath = magicLink(this.#root);
    this.#folders = new FolderDescriptors(
      descriptors,
      orClose(this.#root, () => this.rootStat().dev),
    );
    this.#links =
      native && orClose(this.#root, () => descriptors.withRoom(() => host.open(ownDescriptors, O_PATH | O_DIRECTORY)));
  }

  rootStat(): HostStat {
    return host.fstat(this.#root);
  }

  /** Whether /proc lets this process through. */
  reachesRoot(): boolean {
    try {
      return host.lstat(join(this.#rootPath, '.' as HostName))?.ino === this.rootStat().ino;
    } catch (error) {
      if (isErrno(error, 'EACCES', 'EPERM')) return false;
      throw error;
    }
  }

  child(folder: Entry, name: HostName): HostPath {
    return join(this.folder(folder), name);
  }

  children(folder: Entry, name: HostName, otherFolder: Entry, otherName: HostName): readonly [HostPath, HostPath] {
    const path = this.child(folder, name);
    const kept = folder.folder;
    if (kept === undefined) return [path, this.child(otherFolder, otherName)];
    kept.isHeld = true;
    try {
      return [path, this.child(otherFolder, otherName)];
    } finally {
      kept.isHeld = false;
      this.#folders.use(kept);
    }
  }

  stat(folder: Entry, name: HostName): HostStat | undefined {
    return this.statListed(folder, this.#descriptorOf(folder), name);
  }

  remove(folder: Entry, name: HostName, isFolder: boolean): void {
    if (this.#native !== undefined) this.#native.removeAt(this.#descriptorOf(folder), name, isFolder);
    else if (isFolder) host.rmdir(this.child(folder, name));
    else host.unlink(this.child(folder, name));
  }

  folder(folder: Entry): HostPath {
    return magicLink(this.#descriptorOf(folder));
  }

  place(folder: Entry, name: HostName): NamePlace {
    return { folder: this.#descriptorOf(folder), name };
  }

  descriptor(folder: Entry): number {
    return this.#descriptorOf(folder);
  }

  list(_folder: Entry, fd: number): NameList {
    if (this.#native !== undefined) return this.#native.list(fd);
    return new PlainNames(this.#descriptors.withRoom(() => host.list(magicLink(fd))));
  }

  found(entry: Entry): void {
    if (!entry.isFolder || entry.parent === undefined) return;
    const kept = this.#folders.of(entry);
    if (kept !== undefined) kept.seenAt = Math.max(kept.seenAt, this.#seenAt(entry.parent));
  }

  statListed(_folder: Entry, fd: number, name: HostName): HostStat | undefined {
    return this.#native === undefined ? host.lstat(join(magicLink(fd), name)) : this.#native.statAt(fd, name);
  }

  withTarget<T>(entry: Entry, action: (target: Target) => T): T {
    return this.#withDescriptor(entry, (fd) => action(new PathDescriptorTarget(fd)));
  }

  open(entry: Entry, flags: number): number {
    // The link in /proc leads to the very file that was looked at, so that nothing else is ever opened.
    return this.#withDescriptor(entry, (fd) => this.openAgain(fd, flags));
  }

  openAgain(fd: number, flags: number): number {
    return this.#descriptors.withRoom(() => host.open(magicLink(fd), flags | O_NONBLOCK | O_NOCTTY));
  }

  pin(entry: Entry): void {
    if (entry.parent === undefined || this.#pins.has(entry) || this.#pins.size >= this.#descriptors.mostPins) return;
    try {
      this.#pins.set(entry, { fd: this.#openName(entry, this.#descriptorOf(entry.parent), 0), isProven: false });
    } catch (error) {
      // Without a pin the file is out of reach once its name is gone, as it is when the host removes it.
      if (!isErrno(error, 'ESTALE', 'EACCES', 'EMFILE', 'ENFILE')) throw error;
    }
  }

  unpin(entry: Entry): void {
    const pin = this.#pins.get(entry);
    if (pin === undefined) return;
    this.#pins.delete(entry);
    closeUnwritten(pin.fd);
  }

  freed(entry: Entry): void {
    // What the guest has removed does not come again.
    if (entry.isGone) this.#folders.drop(entry);
    else this.#folders.letGo(entry);
    this.unpin(entry);
  }

  canReopen(entry: Entry, fd: number, how: number): boolean {
    if (entry.parent === undefined) return false;
    try {
      host.access(magicLink(fd), how);
      const stat = this.stat(entry.parent, entry.name);
      return stat !== undefined && entry.isSame(stat);
    } catch (error) {
      if (error instanceof Errno) return false;
      throw error;
    }
  }

  close(): void {
    this.#folders.close();
    for (const entry of this.#pins.keys()) this.unpin(entry);
    if (this.#links !== undefined) host.close(this.#links);
    host.close(this.#root);
  }

  #pinOf(entry: Entry): number {
    const pin = this.#pins.get(entry);
    if (pin !== undefined) {
      pin.isProven ||= entry.isSame(this.#stat(pin.fd));
      if (pin.isProven) return pin.fd;
      this.unpin(entry);
    }
    const fd = entry.openDescriptor;
    if (fd === undefined) throw new Errno('ESTALE', 'a file whose name is gone');
    return fd;
  }

  #stat(fd: number): HostStat {
    return this.#native?.stat(fd) ?? host.fstat(fd);
  }

  #withDescriptor<T>(entry: Entry, action: (fd: number) => T): T {
    if (entry.parent === undefined) return action(entry.isRoot ? this.#root : this.#pinOf(entry));
    const fd = this.#openPath(entry, this.#descriptorOf(entry.parent), 0);
    try {
      return action(fd);
    } finally {
      host.close(fd);
    }
  }

  /** A descriptor of a folder, for the system calls that come next: another use of the walk may close it. */
  #descriptorOf(folder: Entry): number {
    const known = this.#known(folder);
    if (known !== undefined) return known;
    // Up to a folder that is certain, and down again. Not recursive: the guest decides how deep its folders are.
    const uncertain = [folder];
    let above = folder.parent;
    let fd: number | undefined;
    for (; above !== undefined; above = above.parent) {
      fd = this.#known(above);
      if (fd !== undefined) break;
      if (uncertain.length === mostLooks && this.#isInPlace(folder))
        return this.#used(folder.folder as FolderDescriptor);
      uncertain.push(above);
    }
    if (fd === undefined) throw new Error('a tree of folders without a root');
    for (let entry = uncertain.pop(); entry !== undefined; entry = uncertain.pop()) fd = this.#reach(entry, fd);
    return fd;
  }

  /** The descriptor of a folder that was seen where it should be a moment ago; undefined where one has to look. */
  #known(folder: Entry): number | undefined {
    if (folder.parent === undefined) return folder.isRoot ? this.#root : this.#pinOf(folder);
    const kept = folder.folder;
    // One that a path goes through must not be closed, which a look could end in: its number would soon be another folder's.
    if (kept === undefined || !(kept.isHeld || performance.now() - kept.seenAt < trustTime)) return undefined;
    return this.#used(kept);
  }

  /** When a folder was known to be where it should. */
  #seenAt(folder: Entry): number {
    return folder.isRoot ? performance.now() : (folder.folder?.seenAt ?? -Infinity);
  }

  #used(kept: FolderDescriptor): number {
    this.#folders.use(kept);
    return kept.fd;
  }

  /** Whether a folder is where it should be, by the path that the kernel has of its descriptor. */
  #isInPlace(folder: Entry): boolean {
    const kept = folder.folder;
    if (kept === undefined) return false;
    const now = performance.now();
    const place = (kept.place ??= this.#placeOf(folder));
    if (place === undefined || !this.#isAt(kept.fd, place)) {
      kept.place = undefined;
      return false;
    }
    kept.seenAt = now;
    return true;
  }

  /** Where a folder should be; undefined where that can not be said. */
  #placeOf(folder: Entry): HostPath | undefined {
    const names: HostName[] = [];
    let top = folder;
    for (; top.parent !== undefined; top = top.parent) names.push(top.name);
    // The root may be moved, and stays the root.
    const place = top.isRoot ? placeOf(this.#rootPath) : undefined;
    if (place === undefined) return undefined;
    return names.reduceRight<HostPath>(join, place === '/' ? ('' as HostPath) : place);
  }

  #isAt(fd: number, place: HostPath): boolean {
    return this.#links === undefined || this.#native === undefined
      ? placeOf(magicLink(fd)) === place
      : this.#native.isLinkTo(this.#links, String(fd) as HostName, place);
  }

  /** Walks from a folder's parent to the folder. */
  #reach(folder: Entry, parent: number): number {
    let kept = this.#folders.of(folder);
    if (kept === undefined) {
      kept = this.#folders.keep(folder, this.#openPath(folder, parent, O_DIRECTORY));
    } else {
      const stat = this.statListed(folder, parent, folder.name);
      if (stat === undefined || !folder.isSame(stat)) {
        this.#folders.drop(folder);
        throw new Errno('ESTALE', 'another file has the name');
      }
    }
    // It is as certain as what is above it, which a moment ago led there; the root is always where it should be.
    kept.seenAt = folder.parent === undefined ? -Infinity : this.#seenAt(folder.parent);
    return this.#used(kept);
  }

  /** A descriptor of the entry's file that opens nothing: FIFOs and devices do not notice. */
  #openPath(entry: Entry, parent: number, flags: number): number {
    const fd = this.#openName(entry, parent, flags);
    return orClose(fd, () => {
      if (entry.isSame(this.#stat(fd))) return fd;
      throw new Errno('ESTALE', 'another file has the name');
    });
  }

  /** The same of whatever has the entry's name. */
  #openName({ name }: Entry, parent: number, flags: number): number {
    const path = join(magicLink(parent), name);
    try {
      return this.#descriptors.withRoom(() => host.open(path, O_PATH | O_NOFOLLOW | flags));
    } catch (error) {
      throw isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP') ? new Errno('ESTALE', 'the name is gone') : error;
    }
  }
}
