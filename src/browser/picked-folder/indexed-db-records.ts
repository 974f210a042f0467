// The records of picked folders in IndexedDB, found by the folder's handle. Not in the folder itself, which is the user's:
// nothing of ours is to appear there, in version control, or on the computers it is copied to. Losing the records loses
// permissions, owners, links and exact times; files are whole without them.
import { openDB } from 'idb';
import type { DBSchema, IDBPDatabase } from 'idb';
import type { FolderHandle } from './access.ts';
import type { Records, RecordStore } from './records.ts';

const databaseName = 'vm9-picked-folders';
const databaseVersion = 1;
/** What fsync returned for is to outlive a loss of power. */
const durability = 'strict';

interface Schema extends DBSchema {
  folders: { key: number; value: { readonly handle: FolderHandle } };
  records: {
    key: number;
    value: { readonly folder: number; readonly records: Records };
    indexes: { folder: number };
  };
}

export class IndexedDbRecords implements RecordStore {
  readonly #database: IDBPDatabase<Schema>;
  readonly #folder: number;
  readonly #release: () => void;

  /**
   * Finds or makes the records of a folder. `own` makes this their only user, by the folder's number, until the function that
   * it returns is called. Rejects as `own` does, and with the browser's DOMException.
   */
  static async open(handle: FolderHandle, own: (folder: number) => Promise<() => void>): Promise<IndexedDbRecords> {
    const database = await openDB<Schema>(databaseName, databaseVersion, {
      upgrade: (made) => {
        made.createObjectStore('folders', { autoIncrement: true });
        made.createObjectStore('records', { autoIncrement: true }).createIndex('folder', 'folder');
      },
    });
    try {
      const folder = await numberOf(handle, database);
      return new IndexedDbRecords(database, folder, await own(folder));
    } catch (error) {
      database.close();
      throw error;
    }
  }

  private constructor(database: IDBPDatabase<Schema>, folder: number, release: () => void) {
    this.#database = database;
    this.#folder = folder;
    this.#release = release;
  }

  async load(): Promise<readonly Records[]> {
    const values = await this.#database.getAllFromIndex('records', 'folder', this.#folder);
    return values.map(({ records }) => records);
  }

  async append(records: Records): Promise<void> {
    const transaction = this.#database.transaction('records', 'readwrite', { durability });
    await Promise.all([transaction.store.add({ folder: this.#folder, records }), transaction.done]);
  }

  async replace(records: Records): Promise<void> {
    const transaction = this.#database.transaction('records', 'readwrite', { durability });
    const keys = await transaction.store.index('folder').getAllKeys(this.#folder);
    const deletions = keys.map((key) => transaction.store.delete(key));
    await Promise.all([...deletions, transaction.store.add({ folder: this.#folder, records }), transaction.done]);
  }

  close(): void {
    this.#database.close();
    this.#release();
  }
}

async function numberOf(handle: FolderHandle, database: IDBPDatabase<Schema>): Promise<number> {
  const [keys, folders] = await Promise.all([database.getAllKeys('folders'), database.getAll('folders')]);
  for (const [index, folder] of folders.entries()) {
    if (await handle.isSameEntry(folder.handle)) return keys[index] as number;
  }
  return database.add('folders', { handle });
}
