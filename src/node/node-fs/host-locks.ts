// The locks that the guests hold of one file, towards processes of the host: as locks of an opening of the file that is kept
// for them alone (open file description locks, fcntl(2) of Linux). They meet the host's own locks of fcntl and lockf; those
// of flock(2) are another kind, which Linux does not compare with these.
import { constants } from 'node:fs';
import { endOfLocks } from '../../../devices/9p/backend.ts';
import type { ByteLock, OutsideLocks } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { lockType } from '../../../devices/9p/messages.ts';
import { host, isErrno } from './host.ts';
import type { Native } from './native.ts';

const { O_RDONLY, O_RDWR } = constants;

/**
 * Milliseconds between looks at a lock that the host holds: the kernel would tell only a thread that blocks, which nothing
 * but a signal could call off. A look takes 2 us, and who waits is to be served within 10 ms.
 */
const pauses: readonly number[] = [1, 2, 4];
const longestPause = 5;

/** What other clients are told of who on the host holds a lock. */
const clientId = 'host';

function lengthOf({ start, end }: ByteLock): bigint {
  return end === endOfLocks ? 0n : end - start;
}

/** The parts of a range that none of `held`, which are in the order of their starts, has. */
export function unheld(
  { start, end }: Pick<ByteLock, 'start' | 'end'>,
  held: readonly Pick<ByteLock, 'start' | 'end'>[],
): Pick<ByteLock, 'start' | 'end'>[] {
  const parts: Pick<ByteLock, 'start' | 'end'>[] = [];
  let at = start;
  for (const lock of held) {
    if (lock.start >= end) break;
    if (lock.start > at) parts.push({ start: at, end: lock.start });
    if (lock.end > at) at = lock.end;
  }
  if (at < end) parts.push({ start: at, end });
  return parts;
}

export class HostLocks implements OutsideLocks {
  readonly #native: Native;
  readonly #fd: number;
  readonly #isWritable: boolean;
  readonly #onClose: (locks: HostLocks) => void;

  private constructor(native: Native, fd: number, isWritable: boolean, onClose: (locks: HostLocks) => void) {
    this.#native = native;
    this.#fd = fd;
    this.#isWritable = isWritable;
    this.#onClose = onClose;
  }

  /** `open` opens the file once more with the host's flags. Throws Errno. */
  static open(
    native: Native,
    open: (flags: number) => number,
    mayWrite: boolean,
    onClose: (locks: HostLocks) => void,
  ): HostLocks {
    if (mayWrite) {
      try {
        return new HostLocks(native, open(O_RDWR), true, onClose);
      } catch (error) {
        if (!isErrno(error, 'EACCES', 'EPERM', 'EROFS', 'ETXTBSY', 'EISDIR')) throw error;
      }
    }
    return new HostLocks(native, open(O_RDONLY), false, onClose);
  }

  set(lock: ByteLock): boolean {
    try {
      return this.#native.setLock(this.#fd, this.#typeOf(lock), lock.start, lengthOf(lock));
    } catch (error) {
      // A file system without locks: the guests have theirs.
      if (isErrno(error, 'EINVAL', 'EOPNOTSUPP', 'ENOSYS')) return true;
      throw error;
    }
  }

  unlock(range: ByteLock, held: readonly ByteLock[]): void {
    for (const { start, end } of unheld(range, held)) {
      try {
        this.set({ type: lockType.unlock, start, end });
      } catch (error) {
        // What can not be unlocked, for want of the kernel's memory, stays until `close`.
        if (!(error instanceof Errno)) throw error;
      }
    }
  }

  find(lock: ByteLock): ReturnType<OutsideLocks['find']> {
    const found = this.#native.findLock(this.#fd, this.#typeOf(lock), lock.start, lengthOf(lock));
    if (found === undefined) return undefined;
    const { type, start, length, pid } = found;
    // A lock like these belongs to no process (-1).
    return { type, start, end: length === 0n ? endOfLocks : start + length, procId: Math.max(0, pid), clientId };
  }

  watch(listener: () => void): () => void {
    let looks = 0;
    let timer: NodeJS.Timeout | undefined;
    const wait = (): void => {
      timer = setTimeout(() => {
        timer = undefined;
        wait();
        listener();
      }, pauses[looks++] ?? longestPause);
    };
    wait();
    return () => clearTimeout(timer);
  }

  close(): void {
    this.#onClose(this);
    try {
      host.close(this.#fd);
    } catch (error) {
      // Nothing was written through it, and it is closed whatever close(2) says.
      if (!(error instanceof Errno)) throw error;
    }
  }

  /** A file that this process may not write to can be locked to read only, which still keeps the host's writers out. */
  #typeOf({ type }: ByteLock): number {
    return type === lockType.write && !this.#isWritable ? lockType.read : type;
  }
}
