// Changes of names in the folders of a share: made, linked, removed, renamed. The host's calls take a path, so what a name
// leads to is looked at before, and the tree follows after.
import { constants } from 'node:fs';
import { fileType, renameFlags } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { Bytes } from '../../../devices/ports.ts';
import { statOpened } from './attributes.ts';
import type { Descriptors } from './descriptors.ts';
import { host, isErrno } from './host.ts';
import type { HostName, HostPath, HostStat } from './host.ts';
import { placeOf } from './kept-attributes.ts';
import type { Native } from './native.ts';
import { moveWithoutReplacing } from './no-replace.ts';
import { reopenFiles } from './open-files.ts';
import type { Making, Security } from './security.ts';
import { linkOf, OpenTarget } from './targets.ts';
import { typeOf } from './tree.ts';
import type { Entry, Tree } from './tree.ts';
import { UnnamedFiles } from './unnamed-files.ts';
import type { Walk } from './walk.ts';

const { O_CREAT, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_TRUNC, O_WRONLY } = constants;

interface NameChangesOptions {
  readonly walk: Walk;
  readonly tree: Tree;
  readonly descriptors: Descriptors;
  readonly native: Native | undefined;
  readonly security: Security;
}

/** All throw Errno; ESTALE where a folder has another place by now. What is made has one more hold. */
export class NameChanges {
  readonly #walk: Walk;
  readonly #tree: Tree;
  readonly #descriptors: Descriptors;
  readonly #native: Native | undefined;
  readonly #security: Security;
  /** Undefined where there are no native calls. */
  readonly #unnamed: UnnamedFiles | undefined;

  constructor({ walk, tree, descriptors, native, security }: NameChangesOptions) {
    this.#walk = walk;
    this.#tree = tree;
    this.#descriptors = descriptors;
    this.#native = native;
    this.#security = security;
    this.#unnamed = native && new UnnamedFiles(walk, descriptors, native);
  }

  mkdir(folder: Entry, name: HostName, making: Making): Entry {
    host.mkdir(this.#walk.child(folder, name), this.#hostMode(folder, making));
    const entry = this.#made(folder, name);
    this.#completing(folder, entry, () =>
      this.#walk.withTarget(entry, (target) => this.#security.made(target, target.stat(), making)),
    );
    return entry;
  }

  /** A device node, FIFO or socket. Nothing here ever opens one. */
  mknod(folder: Entry, name: HostName, making: Making): Entry {
    const native = this.#native;
    if (native === undefined) throw new Errno('EPERM', 'special files need koffi, on Linux with /proc');
    const mode = (making.mode & fileType.mask) | this.#hostMode(folder, making);
    try {
      native.makeNode(this.#walk.place(folder, name), mode, making.rdev);
    } catch (error) {
      if (!isErrno(error, 'EPERM')) throw error;
      throw new Errno('EPERM', 'this process may make no device nodes: it lacks CAP_MKNOD');
    }
    const entry = this.#made(folder, name);
    this.#completing(folder, entry, () =>
      this.#walk.withTarget(entry, (target) => this.#security.made(target, target.stat(), making)),
    );
    return entry;
  }

  symlink(folder: Entry, name: HostName, target: Bytes, making: Making): Entry {
    if (this.#security.hidesTypes) return this.#hiddenLink(folder, name, target, making);
    host.symlink(target, this.#walk.child(folder, name));
    const entry = this.#made(folder, name);
    this.#completing(folder, entry, () =>
      this.#walk.withTarget(entry, (link) => this.#security.made(link, link.stat(), making)),
    );
    return entry;
  }

  /**
   * Creates a file, or what is one on the host, and opens it with the host's flags; undefined where the name is taken. What
   * takes several steps is done before the file has its name, where the host can: a process that dies leaves none half made.
   */
  createFile(
    folder: Entry,
    name: HostName,
    asked: number,
    making: Making,
    content?: Bytes,
  ): { readonly entry: Entry; readonly fd: number } | undefined {
    const mode = this.#hostMode(folder, making);
    const complete = (fd: number, stat: HostStat): void => {
      this.#security.made(new OpenTarget(fd), stat, making);
      if (content !== undefined && host.write(fd, content, 0) < content.length) throw new Errno('ENOSPC');
    };
    this.#descriptors.requireFile();
    if (this.#security.makesInSteps(making)) {
      const made = this.#unnamed?.make(folder, name, asked, mode, complete);
      if (made === 'taken') return undefined;
      if (made !== undefined) return { entry: this.#tree.reach(folder, name, made.stat), fd: made.fd };
    }
    const path = this.#walk.child(folder, name);
    const flags = (asked & ~O_TRUNC) | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    let fd: number;
    try {
      fd = this.#descriptors.withRoom(() => host.open(path, flags, mode));
    } catch (error) {
      if (isErrno(error, 'EEXIST')) return undefined;
      throw error;
    }
    try {
      const stat = statOpened(fd, this.#native);
      const entry = this.#tree.reach(folder, name, stat);
      this.#completing(folder, entry, () => complete(fd, stat));
      return { entry, fd };
    } catch (error) {
      host.close(fd);
      throw error;
    }
  }

  /** Without native calls the name must lead to the file before, and should after. */
  link(entry: Entry, folder: Entry, name: HostName): void {
    if (entry.parent === undefined) return this.#linkGone(entry, folder, name);
    const [from, to] = this.#walk.children(entry.parent, entry.name, folder, name);
    const isThere = (path: HostPath): boolean => {
      const stat = host.lstat(path);
      return stat !== undefined && entry.isSame(stat);
    };
    if (!isThere(from)) throw new Errno('ESTALE', 'another file has the name');
    host.link(from, to);
    if (!isThere(to)) throw new Errno('EIO', 'the host has replaced the file meanwhile');
  }

  unlink(folder: Entry, name: HostName, isFolder: boolean): void {
    this.#removing(this.#tree.find(folder, name), () => this.#walk.remove(folder, name, isFolder));
  }

  /** `flags` are renameat2's; to exchange names takes the native call. */
  rename(folder: Entry, name: HostName, newFolder: Entry, newName: HostName, flags: number): void {
    const paths = (): readonly [HostPath, HostPath] => this.#walk.children(folder, name, newFolder, newName);
    const [from, to] = paths();
    const moved = host.lstat(from);
    if (moved === undefined) throw new Errno('ENOENT');
    if ((flags & renameFlags.exchange) !== 0) {
      this.#native?.rename(from, to, flags);
      this.#tree.exchange(folder, name, newFolder, newName);
      return;
    }
    if ((flags & renameFlags.noReplace) !== 0) moveWithoutReplacing(from, to, typeOf(moved), this.#native);
    else {
      const replaced = host.lstat(to);
      // rename(2): two names of one file both stay.
      if (replaced?.ino === moved.ino && replaced.dev === moved.dev) return;
      this.#removing(this.#tree.find(newFolder, newName), () => host.rename(...paths()));
    }
    const entry = this.#tree.find(folder, name);
    if (entry !== undefined) this.#tree.move(entry, newFolder, newName);
  }

  /**
   * Of a file whose name is gone, which may have others: a client that caches names (cache=loose) means the file by whatever
   * it has of it.
   */
  #linkGone(entry: Entry, folder: Entry, name: HostName): void {
    const native = this.#native;
    if (native === undefined) throw new Errno('ENOENT');
    this.#walk.withTarget(entry, (target) => native.link(linkOf(target), this.#walk.child(folder, name)));
  }

  /** A file with the target as its content. */
  #hiddenLink(folder: Entry, name: HostName, target: Bytes, making: Making): Entry {
    const made = this.createFile(folder, name, O_WRONLY, making, target);
    if (made === undefined) throw new Errno('EEXIST');
    const { entry, fd } = made;
    this.#completing(folder, entry, () => host.close(fd));
    return entry;
  }

  #hostMode(folder: Entry, making: Making): number {
    return this.#security.hostMode(making, () =>
      this.#walk.withTarget(folder, (target) => ({ stat: target.stat(), reach: () => placeOf(target) })),
    );
  }

  /** Does what is left to do for a file that was just made. Where that throws, the file goes again. */
  #completing(folder: Entry, entry: Entry, action: () => void): void {
    try {
      action();
    } catch (error) {
      try {
        this.unlink(folder, entry.name, entry.type === fileType.folder);
      } catch (other) {
        // The host has taken it away already, or has put something into it.
        if (!(other instanceof Errno)) throw other;
      } finally {
        this.#tree.release(entry);
      }
      throw error;
    }
  }

  /** The entry of a name that was just made. */
  #made(folder: Entry, name: HostName): Entry {
    const stat = this.#walk.stat(folder, name);
    if (stat === undefined) throw new Errno('ENOENT', 'removed as soon as made');
    return this.#tree.reach(folder, name, stat);
  }

  /** Removes a name by `action`, while its entry, if there is one, keeps its file. */
  #removing(entry: Entry | undefined, action: () => void): void {
    if (entry === undefined) return action();
    reopenFiles(entry);
    this.#walk.pin(entry);
    try {
      action();
    } catch (error) {
      this.#walk.unpin(entry);
      throw error;
    }
    this.#tree.detach(entry);
  }
}
