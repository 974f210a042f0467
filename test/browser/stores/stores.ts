// The stores of the browser, each under a name of its own for every test.
import { openIndexedDb } from '../../../src/browser/indexeddb/open.ts';
import type { StoreHost } from '../../../src/browser/mount-store.ts';
import type { StoredBackend } from '../../../src/store/stored-backend.ts';

let time = 1_700_000_000_000_000_000n;
let count = 0;

/** A clock that never shows the same time twice. */
export const host: StoreHost = { now: () => (time += 1000n), log: () => undefined };

export function freshName(): string {
  return `test ${performance.timeOrigin} ${++count}`;
}

export interface BrowserStore {
  readonly label: string;
  open(name: string): Promise<StoredBackend>;
  remove(name: string): Promise<void>;
}

export const indexedDbStore: BrowserStore = {
  label: 'IndexedDB',
  open: (name) => openIndexedDb({ name }, host),
  remove: (name) =>
    new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(`vm9:${name}`);
      request.addEventListener('success', () => resolve());
      request.addEventListener('error', () => reject(request.error ?? new Error('no reason')));
    }),
};
