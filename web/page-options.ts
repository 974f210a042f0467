// What the page's address can ask for: `?store=indexeddb&memory=128`, for lessons that link to the page.

export const stores = ['storage', 'opfs', 'indexeddb', 'memory'] as const;
/** Where the shared folder is kept; 'storage' is the best that the browser has. */
export type Store = (typeof stores)[number];

export interface PageOptions {
  readonly store: Store;
  /** MiB of RAM. */
  readonly memory: number;
}

const defaultMemory = 256;

/** Throws an Error that names what is wrong with the address. */
export function pageOptions(search: string): PageOptions {
  const query = new URLSearchParams(search);
  const store = query.get('store') ?? 'storage';
  if (!isStore(store)) throw new Error(`store=${store} in the address is none of ${stores.join(', ')}`);
  const memory = Number(query.get('memory') ?? defaultMemory);
  if (!Number.isInteger(memory) || memory < 64 || memory > 2048) {
    throw new Error(`memory=${query.get('memory')} in the address: it is a whole number of MiB from 64 to 2048`);
  }
  return { store, memory };
}

function isStore(text: string): text is Store {
  return (stores as readonly string[]).includes(text);
}
