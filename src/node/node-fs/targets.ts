// Three ways to name a file in a system call that changes its attributes.
import { constants } from 'node:fs';
import type { BigIntStats, TimeLike } from 'node:fs';
import { fileType } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { host } from './host.ts';
import type { HostPath } from './host.ts';
import { typeOf } from './tree.ts';

export interface Target {
  stat(): BigIntStats;
  chmod(mode: number): void;
  setTimes(atime: TimeLike, mtime: TimeLike): void;
  /** Only of regular files. */
  truncate(size: number): void;
}

/** A name in /proc for what a descriptor stands for. It leads there directly, never through a path. */
export function magicLink(fd: number): HostPath {
  return `/proc/self/fd/${fd}` as HostPath;
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

  constructor(fd: number) {
    this.#fd = fd;
  }

  stat(): BigIntStats {
    return host.fstat(this.#fd);
  }

  chmod(mode: number): void {
    host.fchmod(this.#fd, mode);
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

  constructor(fd: number) {
    this.#fd = fd;
  }

  stat(): BigIntStats {
    return host.fstat(this.#fd);
  }

  chmod(mode: number): void {
    host.chmod(magicLink(this.#fd), mode);
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
  readonly #path: HostPath;
  readonly #stat: BigIntStats;

  /** `stat` is what was found there. */
  constructor(path: HostPath, stat: BigIntStats) {
    this.#path = path;
    this.#stat = stat;
  }

  stat(): BigIntStats {
    return host.lstat(this.#path) ?? this.#stat;
  }

  chmod(mode: number): void {
    if (typeOf(this.#stat) === fileType.link) throw new Errno('EOPNOTSUPP', 'a symbolic link has no permissions');
    host.chmod(this.#path, mode);
  }

  setTimes(atime: TimeLike, mtime: TimeLike): void {
    host.lutimes(this.#path, atime, mtime);
  }

  truncate(size: number): void {
    truncateOpened(this.#path, constants.O_NOFOLLOW, size);
  }
}
