// Files of the guest in the origin private file system.
import { VmError } from '../../errors.ts';
import { FileMedium } from '../../store/file-medium.ts';
import type { StoredBackend } from '../../store/stored-backend.ts';
import { mountStore } from '../mount-store.ts';
import type { StoreHost } from '../mount-store.ts';
import { availableStorage, storageError } from '../storage-error.ts';
import { lockStore } from '../store-lock.ts';
import { hasSyncAccess } from '../sync-access.ts';
import type { OpfsSource } from './source.ts';

/** The folder of all stores. */
const folderName = 'vm9';

/** Only in a dedicated worker. Throws VmError 'bad-file'. */
export function openOpfs({ name }: Pick<OpfsSource, 'name'>, host: StoreHost): Promise<StoredBackend> {
  return mountStore(name, host, async () => {
    if (!hasSyncAccess()) {
      throw new VmError('bad-file', `this browser has no OPFS for the files "${name}": keep them in IndexedDB`);
    }
    const release = await lockStore('opfs', name);
    const handles: FileSystemSyncAccessHandle[] = [];
    try {
      const folder = await storeFolder(name);
      const open = async (file: string): Promise<FileSystemSyncAccessHandle> => {
        const handle = await (await folder.getFileHandle(file, { create: true })).createSyncAccessHandle();
        handles.push(handle);
        return handle;
      };
      const data = await open('data');
      const logs = [await open('log-0'), await open('log-1')] as const;
      return new FileMedium({ data, logs, available: availableStorage, asErrno: storageError, release });
    } catch (error) {
      for (const handle of handles) handle.close();
      release();
      throw error;
    }
  });
}

async function storeFolder(name: string): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  const stores = await root.getDirectoryHandle(folderName, { create: true });
  // Not every name of a store could be one of a folder.
  return stores.getDirectoryHandle(`store-${encodeURIComponent(name)}`, { create: true });
}
