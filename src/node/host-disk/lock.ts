// One writer or several readers of an image: two machines that wrote to one would destroy it. Where there are native calls the
// host's kernel keeps the lock, with the opening of the file (fcntl(2), open file description locks, which QEMU respects). Else
// a file beside the image tells who writes to it; who only reads cannot be seen then.
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { Errno } from '../../../devices/9p/errno.ts';
import { DiskError } from '../../../devices/disk/disk.ts';
import type { Native } from '../node-fs/native.ts';

export interface FileLock {
  release(): void;
}

const readLock = 0;
const writeLock = 1;

/** Throws DiskError where somebody else has the file. */
export function lockFile(
  path: string,
  fd: number,
  { readOnly, native }: { readonly readOnly: boolean; readonly native: Native | undefined },
): FileLock {
  if (native !== undefined) {
    try {
      if (!native.setLock(fd, readOnly ? readLock : writeLock, 0n, 0n)) throw taken('');
      return { release: () => undefined };
    } catch (error) {
      // A file system without locks.
      if (!(error instanceof Errno && ['EINVAL', 'EOPNOTSUPP', 'ENOLCK', 'ENOSYS'].includes(error.code))) throw error;
    }
  }
  return lockBeside(path, readOnly);
}

function taken(how: string): DiskError {
  return new DiskError(
    `another machine has it, or another drive of this one${how}: stop that first, or give each an overlay of its own`,
  );
}

function lockBeside(path: string, readOnly: boolean): FileLock {
  const name = `${path}.lock`;
  checkOwner(name);
  if (readOnly) return { release: () => undefined };
  let fd: number;
  try {
    fd = openSync(name, 'wx');
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') throw taken(` (${name})`);
    throw new DiskError(`it cannot be locked: ${name} cannot be made (${codeOf(cause)})`, { cause });
  }
  writeSync(fd, `${process.pid}\n`);
  closeSync(fd);
  return { release: () => rmSync(name, { force: true }) };
}

/** Throws where a process that is there has the lock; takes away that of one which died. */
function checkOwner(name: string): void {
  const owner = ownerOf(name);
  if (owner === undefined) return;
  if (isAlive(owner)) throw taken(` (process ${owner} has made ${name}; if it is no machine, remove that file)`);
  // Renamed first: of two that find the dead one's lock, one takes it away, and not the other's new one.
  const aside = `${name}.${process.pid}`;
  try {
    renameSync(name, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw new DiskError(`the lock ${name} of a process that has ended cannot be removed (${codeOf(error)})`, {
      cause: error,
    });
  }
  const found = ownerOf(aside);
  if (found !== undefined && found !== owner) {
    renameSync(aside, name);
    throw taken(` (${name})`);
  }
  rmSync(aside, { force: true });
}

/** Undefined where there is no lock; 0 where it does not say whose it is. */
function ownerOf(name: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(name, 'latin1'), 10) || 0;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new DiskError(`its lock ${name} cannot be read (${codeOf(error)})`, { cause: error });
  }
}

function isAlive(pid: number): boolean {
  // Just made by somebody who has not written yet, or by another program.
  if (pid <= 0) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
