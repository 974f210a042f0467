// The stores of the browser, each under a name of its own for every test.
import type { StoreHost } from '../../../src/browser/mount-store.ts';
import { RemoteStore } from './remote-store.ts';

let time = 1_700_000_000_000_000_000n;
let count = 0;

/** A clock that never shows the same time twice. */
export const host: StoreHost = { now: () => (time += 1000n), log: () => undefined };

export function freshName(): string {
  return `test/${performance.timeOrigin}/${++count}`;
}

export interface BrowserStore {
  readonly label: string;
  /** Opens it in a worker of its own. */
  open(name: string): Promise<RemoteStore>;
  remove(name: string): Promise<void>;
}

async function openRemotely(kind: 'opfs' | 'indexeddb', name: string): Promise<RemoteStore> {
  const store = new RemoteStore();
  try {
    await store.openStore(kind, name);
    return store;
  } catch (error) {
    store.kill();
    throw error;
  }
}

export const indexedDbStore: BrowserStore = {
  label: 'IndexedDB',
  open: (name) => openRemotely('indexeddb', name),
  remove: (name) =>
    new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(`vm9:${name}`);
      request.addEventListener('success', () => resolve());
      request.addEventListener('error', () => reject(request.error ?? new Error('no reason')));
    }),
};

export const opfsStore: BrowserStore = {
  label: 'OPFS',
  open: (name) => openRemotely('opfs', name),
  remove: async (name) => {
    const stores = await (await navigator.storage.getDirectory()).getDirectoryHandle('vm9');
    await stores.removeEntry(`store-${encodeURIComponent(name)}`, { recursive: true });
  },
};
