// Opens a store in a worker, where sync access handles are, and does there what its page asks for.
import { Errno } from '../../../devices/9p/errno.ts';
import { openIndexedDb } from '../../../src/browser/indexeddb/open.ts';
import { openOpfs } from '../../../src/browser/opfs/open.ts';
import type { StoredBackend } from '../../../src/store/stored-backend.ts';
import type { OpenFile } from '../../../devices/9p/backend.ts';
import type { Entry, Reply, Request } from './remote-store.ts';
import { host } from './stores.ts';

let store: StoredBackend | undefined;

async function serve({ method, args }: Request): Promise<unknown> {
  if (method === 'open store') {
    const [kind, name] = args as [string, string];
    store = kind === 'opfs' ? await openOpfs({ name }, host) : await openIndexedDb({ name }, host);
    return undefined;
  }
  if (store === undefined) throw new Error('no store is open');
  if (method === 'handleCount') return store.handleCount;
  if (method === 'read') {
    const [file, offset, lengths] = args as [OpenFile, number, number[]];
    const pieces = lengths.map((length) => new Uint8Array(new SharedArrayBuffer(length)));
    const result = await store.read(file, offset, pieces);
    return typeof result === 'number'
      ? (await new Blob(pieces.map((piece) => piece.slice())).bytes()).subarray(0, result)
      : result;
  }
  if (method === 'readdir') {
    const [file, cookie] = args as [OpenFile, bigint];
    const entries: Entry[] = [];
    store.readdir(file, cookie, (entry) => entries.push({ ...entry, name: entry.name.slice() }) > 0);
    return entries;
  }
  return Reflect.apply(store[method] as (...args: unknown[]) => unknown, store, args);
}

addEventListener('message', ({ data }: MessageEvent<Request>) => {
  const answer = (reply: Omit<Reply, 'id'>): void => postMessage({ id: data.id, ...reply });
  serve(data).then(
    (value) => answer({ value }),
    (error: unknown) => {
      if (error instanceof Errno) answer({ errno: error.code });
      else answer({ failure: error instanceof Error ? error.message : String(error) });
    },
  );
});
