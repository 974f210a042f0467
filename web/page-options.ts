// What the page's address can ask for: `?store=indexeddb&memory=128`, for lessons that link to the page.

export const stores = ['storage', 'opfs', 'indexeddb', 'memory'] as const;
/** Where the shared folder is kept; 'storage' is the best that the browser has. */
export type Store = (typeof stores)[number];

export interface PageOptions {
  readonly store: Store;
  /** MiB of RAM. */
  readonly memory: number;
  /** How the guest reaches its devices. */
  readonly transport: Transport;
  /** Linux boots, whatever an earlier visit has kept. */
  readonly cold: boolean;
}

const transports = ['mmio', 'pci'] as const;
type Transport = (typeof transports)[number];

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
  const wanted = query.get('transport') ?? 'mmio';
  const transport = transports.find((one) => one === wanted);
  if (transport === undefined)
    throw new Error(`transport=${wanted} in the address is none of ${transports.join(', ')}`);
  return { store, memory, transport, cold: query.has('cold') };
}

function isStore(text: string): text is Store {
  return (stores as readonly string[]).includes(text);
}
