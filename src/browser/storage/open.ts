import type { StoredBackend } from '../../store/stored-backend.ts';
import { databaseName, openIndexedDb } from '../indexeddb/open.ts';
import type { StoreHost } from '../mount-store.ts';
import { openOpfs } from '../opfs/open.ts';
import { hasSyncAccess } from '../sync-access.ts';
import type { StorageSource } from './source.ts';

/** Only in a dedicated worker. Throws VmError 'bad-file'. */
export async function openStorage(source: StorageSource, host: StoreHost): Promise<StoredBackend> {
  // Files that came into IndexedDB while there was no OPFS must not seem lost once there is.
  const inOpfs = (await hasOpfs()) && !(await isInIndexedDb(source.name));
  const backend = await (inOpfs ? openOpfs(source, host) : openIndexedDb(source, host));
  host.log(`the files "${source.name}" are kept in ${inOpfs ? 'OPFS' : 'IndexedDB'}`);
  return backend;
}

/** Private windows of some browsers have OPFS and refuse it. */
async function hasOpfs(): Promise<boolean> {
  if (!hasSyncAccess()) return false;
  return navigator.storage.getDirectory().then(
    () => true,
    () => false,
  );
}

async function isInIndexedDb(name: string): Promise<boolean> {
  const databases = await indexedDB.databases();
  return databases.some((database) => database.name === databaseName(name));
}
