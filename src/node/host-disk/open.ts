// Opens what `hostFile` named, in the VM's worker.
import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import { DiskError } from '../../../devices/disk/disk.ts';
import type { OpenedFile } from '../../disk/open-drive.ts';
import { VmError } from '../../errors.ts';
import { nameOf } from '../../vm-drives.ts';
import type { DriveSource } from '../../vm-drives.ts';
import { loadNative } from '../node-fs/load-native.ts';
import type { Native } from '../node-fs/native.ts';
import { HostDiskFile } from './file.ts';
import { lockFile } from './lock.ts';
import { isHostFile } from './source.ts';

const { O_CREAT, O_EXCL, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;
/** Of an overlay: what the guest has written is its user's alone. */
const newFileMode = 0o600;

/** As `OpenFile` of src/disk/open-drive.ts; `findNative` finds the host's calls that Node.js lacks, where they can be had. */
export async function openHostFile(
  source: DriveSource,
  { readOnly, isNew }: { readonly readOnly: boolean; readonly isNew: boolean },
  // Who wants to know why there are none is told by the shares.
  findNative: () => Native | undefined = () => loadNative(() => undefined),
): Promise<OpenedFile> {
  if (!isHostFile(source)) {
    throw new VmError('bad-option', `a drive of kind ${source.kind} has no meaning in Node.js`);
  }
  const { path } = source;
  const native = findNative();
  const fd = openRegular(path, readOnly, isNew);
  try {
    const { mtimeNs } = fstatSync(fd, { bigint: true });
    const lock = lockFile(path, fd, { readOnly, native });
    return { file: new HostDiskFile(fd, nameOf(source), lock, native), time: mtimeNs };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openRegular(path: string, readOnly: boolean, isNew: boolean): number {
  try {
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined && !isNew) throw new DiskError('there is no such file');
    if (status !== undefined) checkType(status);
    // Nothing that took the file's place meanwhile may make this wait.
    const flags = (readOnly ? O_RDONLY : O_RDWR) | (O_NONBLOCK ?? 0);
    const fd = openSync(path, status === undefined ? flags | O_CREAT | O_EXCL : flags, newFileMode);
    try {
      checkType(fstatSync(fd));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return fd;
  } catch (error) {
    throw error instanceof DiskError ? error : refusal(error, readOnly);
  }
}

function checkType(status: { isFile(): boolean; isDirectory(): boolean }): void {
  if (status.isDirectory()) throw new DiskError('it is a folder, not a file: --share is for folders');
  if (!status.isFile()) throw new DiskError('it is a device, a pipe or a socket, and only regular files become drives');
}

function refusal(error: unknown, readOnly: boolean): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  switch (error.code) {
    case 'ENOENT':
      return new DiskError('there is no such folder', { cause: error });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return readOnly
        ? new DiskError('it may not be read by this user', { cause: error })
        : new DiskError('it may not be written by this user: give ro, or an overlay elsewhere', { cause: error });
    default:
      return new DiskError(`it cannot be opened (${error.code})`, { cause: error });
  }
}
