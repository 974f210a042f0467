// renameat2(2) with RENAME_NOREPLACE, and what stands in for it: the new name is taken first, by what fails if it exists.
import { fileType, renameFlags } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { host, isErrno } from './host.ts';
import type { HostPath } from './host.ts';
import type { Native } from './native.ts';

const privateMode = 0o700;

function moveFolder(from: HostPath, to: HostPath): void {
  host.mkdir(to, privateMode);
  try {
    // An empty folder, and only that, is replaced.
    host.rename(from, to);
  } catch (error) {
    removeUnlessUsed(to);
    throw error;
  }
}

function removeUnlessUsed(path: HostPath): void {
  try {
    host.rmdir(path);
  } catch (error) {
    // Someone else has put something into it by now, or something else in its place.
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR')) throw error;
  }
}

function moveFile(from: HostPath, to: HostPath): void {
  try {
    host.link(from, to);
  } catch (error) {
    // No second names on this file system, or none more for this file: then it can not be done safely.
    throw isErrno(error, 'EPERM', 'EOPNOTSUPP', 'EMLINK') ? new Errno('EINVAL') : error;
  }
  try {
    host.unlink(from);
  } catch (error) {
    host.unlink(to);
    throw error;
  }
}

/** Whether renameat2 did it. Throws EEXIST. */
function moveAtOnce(from: HostPath, to: HostPath, native: Native): boolean {
  try {
    native.rename(from, to, renameFlags.noReplace);
    return true;
  } catch (error) {
    // The file system does not know the flag.
    if (isErrno(error, 'EINVAL', 'ENOSYS')) return false;
    throw error;
  }
}

/** Throws EEXIST where `to` exists. Without `native` a file has both names for a moment. */
export function moveWithoutReplacing(from: HostPath, to: HostPath, type: number, native: Native | undefined): void {
  if (native !== undefined && moveAtOnce(from, to, native)) return;
  if (type === fileType.folder) moveFolder(from, to);
  else moveFile(from, to);
}
