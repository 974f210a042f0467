// What a store in the browser is measured with, in a worker: the same load for each.
import type { Node, OpenFile } from '../../../devices/9p/backend.ts';
import { openFlags } from '../../../devices/9p/backend.ts';
import type { FileTree } from '../../../devices/9p/memory/file-tree.ts';
import { MemoryBackend } from '../../../devices/9p/memory.ts';
import { openIndexedDb } from '../../../src/browser/indexeddb/open.ts';
import { openOpfs } from '../../../src/browser/opfs/open.ts';
import type { Figure, StoreKind } from '../../bench/store-figures.ts';
import { answerOrders, Samples, seconds } from './samples.ts';

const someone = { uid: 0, gid: 0 };
const host = { now: () => BigInt(Date.now()) * 1_000_000n, log: () => undefined };
const mebibyte = 2 ** 20;
const lookups = 200_000;
const creates = 30_000;
const smallFiles = 10_000;
const transfer = 128 * 1024;
/** More than any cache holds. */
const fileLength = 256 * mebibyte;
/** Few enough to stay in memory. */
const cachedLength = 32 * mebibyte;
const syncs = 60;
/** Files of the mount: an inode and an entry each. */
const mountedFiles = 50_000;

const encoder = new TextEncoder();
const nameOf = (index: number): Uint8Array => encoder.encode(`file-${index}`);

function open(kind: StoreKind, name: string): Promise<FileTree> {
  if (kind === 'opfs') return openOpfs({ name }, host);
  if (kind === 'indexeddb') return openIndexedDb({ name }, host);
  return Promise.resolve(new MemoryBackend(host));
}

async function remove(kind: StoreKind, name: string): Promise<void> {
  if (kind === 'opfs') {
    const stores = await (await navigator.storage.getDirectory()).getDirectoryHandle('vm9');
    await stores.removeEntry(`store-${name}`, { recursive: true });
  }
  if (kind === 'indexeddb') indexedDB.deleteDatabase(`vm9:${name}`);
}

async function makeFile(store: FileTree, folder: Node, name: Uint8Array, content?: Uint8Array): Promise<void> {
  const { node, file } = store.create(folder, name, openFlags.readWrite, 0o644, someone);
  if (content !== undefined) {
    // A promise for every file would be what is measured.
    const written = store.write(file, 0, [content]);
    if (written instanceof Promise) await written;
  }
  store.release(file);
  store.forget(node);
}

async function sync(store: FileTree): Promise<void> {
  const folder = store.open(store.root(), openFlags.readOnly);
  await store.fsync(folder, false);
  store.release(folder);
}

function newFolder(store: FileTree, name: string): Node {
  return store.mkdir(store.root(), encoder.encode(name), 0o755, someone);
}

function newFile(store: FileTree, name: string): OpenFile {
  return store.create(store.root(), encoder.encode(name), openFlags.readWrite, 0o644, someone).file;
}

function oldFile(store: FileTree, name: string): OpenFile {
  const node = store.lookup(store.root(), encoder.encode(name));
  if (node === undefined) throw new Error(`${name} is not there`);
  return store.open(node, openFlags.readWrite);
}

async function writeThrough(store: FileTree, file: OpenFile, length: number, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < length; at += transfer) {
    const written = store.write(file, at, [piece]);
    if (written instanceof Promise) await written;
  }
}

async function readThrough(store: FileTree, file: OpenFile, length: number, into: Uint8Array): Promise<void> {
  for (let at = 0; at < length; at += transfer) {
    const result = store.read(file, at, [into]);
    if (result instanceof Promise) into.set(await result);
  }
}

/** Measures one kind; each figure `times` times. */
async function measure(kind: StoreKind, times: number): Promise<readonly Figure[]> {
  const samples = new Samples();
  const note = (...sample: Parameters<Samples['note']>): void => samples.note(...sample);
  const shared = new Uint8Array(new SharedArrayBuffer(transfer));
  // Chromium packs what it stores in IndexedDB: of this it can make nothing.
  shared.set(crypto.getRandomValues(new Uint8Array(2 ** 16)));
  shared.set(crypto.getRandomValues(new Uint8Array(2 ** 16)), 2 ** 16);
  for (let time = 0; time < times; time++) {
    const name = `bench-${kind}-${time}`;
    let store = await open(kind, name);
    const folder = newFolder(store, 'folder');
    const empty = await seconds(async () => {
      for (let index = 0; index < creates; index++) await makeFile(store, folder, nameOf(index));
      note('commit of the created', 'ms', (await seconds(() => sync(store))) * 1000);
    });
    note('create and close, with the commit', 'per s', creates / empty);
    const looked = await seconds(async () => {
      for (let index = 0; index < lookups; index++) {
        const node = store.lookup(folder, names[index % names.length] as Uint8Array) as Node;
        store.getattr(node);
        store.forget(node);
      }
    });
    note('lookup and getattr', 'per s', lookups / looked);
    const small = newFolder(store, 'small');
    const content = shared.subarray(0, 4096);
    const made = await seconds(async () => {
      for (let index = 0; index < smallFiles; index++) await makeFile(store, small, nameOf(index), content);
      await sync(store);
    });
    note('create, write 4 KiB, close, with the commit', 'per s', smallFiles / made);
    const file = newFile(store, 'file');
    const written = await seconds(async () => {
      await writeThrough(store, file, fileLength, shared);
      await sync(store);
    });
    note('write 128 KiB after 128 KiB, with the commit', 'MB/s', fileLength / 1e6 / written);
    for (let index = 0; index < syncs; index++) {
      const at = ((index * 7919) % (fileLength / 4096)) * 4096;
      if (index % 2 === 0) await sync(store);
      const stored = await seconds(async () => {
        await store.write(file, at, [content]);
        await store.fsync(file, false);
      });
      note('write 4 KiB and fsync', 'ms', stored * 1000);
    }
    if (kind !== 'memory') {
      await store.close();
      store = await open(kind, name);
    }
    const again = oldFile(store, 'file');
    note('read, cold', 'MB/s', fileLength / 1e6 / (await seconds(() => readThrough(store, again, fileLength, shared))));
    await readThrough(store, again, cachedLength, shared);
    const cached = await seconds(async () => {
      for (let round = 0; round < 8; round++) await readThrough(store, again, cachedLength, shared);
    });
    note('read, cached', 'MB/s', (8 * cachedLength) / 1e6 / cached);
    await store.close();
    await remove(kind, name);
    if (kind === 'memory') continue;
    store = await open(kind, `${name}-many`);
    const many = newFolder(store, 'many');
    for (let index = 0; index < mountedFiles; index++) await makeFile(store, many, nameOf(index));
    await store.close();
    const mounted = await seconds(async () => {
      store = await open(kind, `${name}-many`);
    });
    note('mount of 100,000 records', 'ms', mounted * 1000);
    await store.close();
    await remove(kind, `${name}-many`);
  }
  return samples.figures;
}

const names = Array.from({ length: 1000 }, (_, index) => nameOf(index));

answerOrders((kind, times) => measure(kind, times));
