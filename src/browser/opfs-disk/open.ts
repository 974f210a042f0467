// Opens drives in the VM's worker of a browser. A page that has none need not fetch it.
import { DiskError } from '../../../devices/disk/disk.ts';
import type { Bytes } from '../../../devices/ports.ts';
import type { DiskFile } from '../../disk/disk-file.ts';
import { openDrive } from '../../disk/open-drive.ts';
import type { OpenedFile } from '../../disk/open-drive.ts';
import { VmError } from '../../errors.ts';
import type { Drive, DriveSource } from '../../vm-drives.ts';
import type { MachineDrive } from '../../worker-machine.ts';
import { lockStore } from '../store-lock.ts';
import { hasSyncAccess } from '../sync-access.ts';
import { isOpfsFile } from './source.ts';

/** The folder of all disks, in that of all stores. */
const folderNames = ['vm9', 'disks'];

/** Throws VmError 'bad-file' where the drive cannot be used. */
export function openBrowserDrive(drive: Drive): Promise<MachineDrive> {
  return openDrive(drive, openOpfsFile);
}

/** As `OpenFile` of src/disk/open-drive.ts. A file is its opener's alone, also one that is only read. */
async function openOpfsFile(source: DriveSource, { isNew }: { readonly isNew: boolean }): Promise<OpenedFile> {
  if (!isOpfsFile(source)) {
    throw new VmError('bad-option', `a drive of kind ${source.kind} has no meaning in a browser`);
  }
  const { name, size } = source;
  if (!hasSyncAccess()) {
    throw new DiskError('this browser has no OPFS: use a Blob that is read only');
  }
  const release = await lockStore('opfs-disk', name);
  try {
    let folder = await navigator.storage.getDirectory();
    for (const each of folderNames) folder = await folder.getDirectoryHandle(each, { create: true });
    // Not every name of a disk could be one of a file.
    const file = await folder.getFileHandle(encodeURIComponent(name), { create: isNew || size !== undefined });
    const handle = await file.createSyncAccessHandle();
    if (size !== undefined && handle.getSize() === 0) handle.truncate(size);
    return { file: new OpfsDiskFile(handle, release), time: 0n };
  } catch (error) {
    release();
    throw asDiskError(error);
  }
}

class OpfsDiskFile implements DiskFile {
  readonly #handle: FileSystemSyncAccessHandle;
  readonly #release: () => void;

  constructor(handle: FileSystemSyncAccessHandle, release: () => void) {
    this.#handle = handle;
    this.#release = release;
  }

  size(): number {
    return attempt(() => this.#handle.getSize());
  }

  read(offset: number, into: readonly Bytes[]): void {
    let at = offset;
    for (const piece of into) {
      const count = attempt(() => this.#handle.read(piece, { at }));
      if (count < piece.length) throw new DiskError(`the file ends at byte ${at + count}`);
      at += piece.length;
    }
  }

  write(offset: number, from: readonly Bytes[]): void {
    let at = offset;
    for (const piece of from) {
      const count = attempt(() => this.#handle.write(piece, { at }));
      if (count < piece.length) throw new DiskError('the browser has no room left for this site');
      at += piece.length;
    }
  }

  flush(): void {
    attempt(() => this.#handle.flush());
  }

  close(): void {
    this.#handle.close();
    this.#release();
  }
}

function attempt<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw asDiskError(error);
  }
}

function asDiskError(error: unknown): unknown {
  if (!(error instanceof DOMException)) return error;
  switch (error.name) {
    case 'NotFoundError':
      return new DiskError('there is no such file: give it a size, and it is made', { cause: error });
    case 'QuotaExceededError':
      return new DiskError('the browser has no room left for this site', { cause: error });
    default:
      return new DiskError(`the browser fails (${error.name}: ${error.message})`, { cause: error });
  }
}
