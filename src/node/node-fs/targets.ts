// Three ways to name a file in a system call that changes its attributes.
import { constants } from 'node:fs';
import type { TimeLike } from 'node:fs';
import { fileType } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { host, magicLink } from './host.ts';
import type { HostPath, HostStat } from './host.ts';
import { typeOf } from './tree.ts';

export interface Target {
  /** A path that leads to the file itself, whatever happens to names; undefined where there is none. */
  readonly link: HostPath | undefined;
  /** A descriptor with which the file is open; undefined where there is none. */
  readonly opened?: number;
  stat(): HostStat;
  chmod(mode: number): void;
  chown(uid: number, gid: number): void;
  setTimes(atime: TimeLike, mtime: TimeLike): void;
  /** Only of regular files. */
  truncate(size: number): void;
}

/** The path of a target for the native calls, which are used only where files are reached through descriptors. */
export function linkOf({ link }: Target): HostPath {
  if (link === undefined) throw new Error('a native call for a file that is reached by its path');
  return link;
}

function truncateOpened(path: HostPath, flags: number, size: number): void {
  // O_NONBLOCK: neither the end of a FIFO nor a lease on the file is waited for.
  const fd = host.open(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY | flags);
  try {
    host.ftruncate(fd, size);
  } finally {
    host.close(fd);
  }
}

/** A file that is open. */
export class OpenTarget implements Target {
  readonly #fd: number;

  get opened(): number {
    return this.#fd;
  }

  get link(): HostPath {
    return magicLink(this.#fd);
  }

  constructor(fd: number) {
    this.#fd = fd;
  }

  stat(): HostStat {
    return host.fstat(this.#fd);
  }

  chmod(mode: number): void {
    host.fchmod(this.#fd, mode);
  }

  chown(uid: number, gid: number): void {
    host.fchown(this.#fd, uid, gid);
  }

  setTimes(atime: TimeLike, mtime: TimeLike): void {
    host.futimes(this.#fd, atime, mtime);
  }

  truncate(size: number): void {
    host.ftruncate(this.#fd, size);
  }
}

/** An O_PATH descriptor, which fchmod and the like refuse but /proc makes a path of. */
export class PathDescriptorTarget implements Target {
  readonly #fd: number;

  get link(): HostPath {
    return magicLink(this.#fd);
  }

  constructor(fd: number) {
    this.#fd = fd;
  }

  stat(): HostStat {
    return host.fstat(this.#fd);
  }

  chmod(mode: number): void {
    host.chmod(magicLink(this.#fd), mode);
  }

  chown(uid: number, gid: number): void {
    host.chown(magicLink(this.#fd), uid, gid);
  }

  setTimes(atime: TimeLike, mtime: TimeLike): void {
    host.utimes(magicLink(this.#fd), atime, mtime);
  }

  truncate(size: number): void {
    truncateOpened(magicLink(this.#fd), 0, size);
  }
}

/** A path, where there is nothing better. */
export class PathTarget implements Target {
  readonly link = undefined;
  readonly #path: HostPath;
  readonly #stat: HostStat;

  /** `stat` is what was found there. */
  constructor(path: HostPath, stat: HostStat) {
    this.#path = path;
    this.#stat = stat;
  }

  stat(): HostStat {
    return host.lstat(this.#path) ?? this.#stat;
  }

  chmod(mode: number): void {
    if (typeOf(this.#stat) === fileType.link) throw new Errno('EOPNOTSUPP', 'a symbolic link has no permissions');
    host.chmod(this.#path, mode);
  }

  chown(uid: number, gid: number): void {
    host.lchown(this.#path, uid, gid);
  }

  setTimes(atime: TimeLike, mtime: TimeLike): void {
    host.lutimes(this.#path, atime, mtime);
  }

  truncate(size: number): void {
    truncateOpened(this.#path, constants.O_NOFOLLOW, size);
  }
}
