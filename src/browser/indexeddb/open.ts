// Files of the guest in IndexedDB.
import { openDB } from 'idb';
import type { StoredBackend } from '../../store/stored-backend.ts';
import { mountStore } from '../mount-store.ts';
import type { StoreHost } from '../mount-store.ts';
import { lockStore } from '../store-lock.ts';
import { IndexedDbMedium } from './medium.ts';
import type { Schema } from './medium.ts';
import type { IndexedDbSource } from './source.ts';

const databaseVersion = 1;

export function databaseName(name: string): string {
  return `vm9:${name}`;
}

/** Throws VmError 'bad-file'. */
export function openIndexedDb({ name }: Pick<IndexedDbSource, 'name'>, host: StoreHost): Promise<StoredBackend> {
  return mountStore(name, host, async () => {
    const release = await lockStore('indexeddb', name);
    try {
      const database = await openDB<Schema>(databaseName(name), databaseVersion, {
        upgrade: (made) => {
          made.createObjectStore('journal');
          made.createObjectStore('packs');
        },
        // Another version of this page wants to change the database: it has to wait until this owner is gone.
        blocking: () => host.log(`another page waits to change the files "${name}"`),
      });
      return new IndexedDbMedium(database, release);
    } catch (error) {
      release();
      throw error;
    }
  });
}
