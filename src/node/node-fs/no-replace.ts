// renameat2(2) with RENAME_NOREPLACE, which Node.js does not have: the new name is taken first, by what fails if it exists.
import { fileType } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { host, isErrno } from './host.ts';
import type { HostPath } from './host.ts';

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

/** Throws EEXIST where `to` exists. For a moment a file has both names. */
export function moveWithoutReplacing(from: HostPath, to: HostPath, type: number): void {
  if (type === fileType.folder) moveFolder(from, to);
  else moveFile(from, to);
}
