// A picked folder under load, in a worker: one of the origin's private file system, which has the interface of a user's.
import type { Node, OpenFile } from '../../../devices/9p/backend.ts';
import { openFlags } from '../../../devices/9p/backend.ts';
import type { PickedFolderBackend } from '../../../src/browser/picked-folder/backend.ts';
import { openPickedFolder } from '../../../src/browser/picked-folder/open.ts';
import { pickedFolder } from '../../../src/browser/picked-folder/source.ts';
import type { Figure } from '../../bench/store-figures.ts';
import { answerOrders, Samples, seconds } from './samples.ts';

const someone = { uid: 0, gid: 0 };
const files = 300;
const lookups = 100_000;
const transfer = 128 * 1024;
const fileLength = 64 * 2 ** 20;
/** Less than is kept in memory. */
const cachedLength = 32 * 2 ** 20;
const syncs = 60;
/** Milliseconds after which a file's time tells whether it has changed. */
const settling = 2500;

const encoder = new TextEncoder();
const names = Array.from({ length: files }, (_, index) => encoder.encode(`file-${index}`));

async function makeFile(
  folder: PickedFolderBackend,
  parent: Node,
  name: Uint8Array,
  content?: Uint8Array,
): Promise<void> {
  const { node, file } = await folder.create(parent, name, openFlags.readWrite, 0o644, someone);
  if (content !== undefined) await folder.write(file, 0, [content]);
  await folder.release(file);
  folder.forget(node);
}

async function openFile(folder: PickedFolderBackend, name: Uint8Array): Promise<OpenFile> {
  const node = await folder.lookup(folder.root(), name);
  if (node === undefined) throw new Error('a file that was made is there');
  return folder.open(node, openFlags.readOnly);
}

async function readThrough(folder: PickedFolderBackend, file: OpenFile, length: number): Promise<void> {
  const into = new Uint8Array(new SharedArrayBuffer(transfer));
  for (let at = 0; at < length; at += transfer) {
    const result = folder.read(file, at, [into]);
    if (result instanceof Promise) into.set(await result);
  }
}

async function measureOnce(handle: FileSystemDirectoryHandle, note: Samples['note']): Promise<void> {
  const source = pickedFolder(handle);
  const host = { now: () => BigInt(Date.now()) * 1_000_000n, log: () => undefined };
  let folder = await openPickedFolder(source, host);
  const empty = await folder.mkdir(folder.root(), encoder.encode('empty'), 0o755, someone);
  const created = await seconds(async () => {
    for (const name of names) await makeFile(folder, empty, name);
  });
  note('create and close', 'per s', files / created);
  const small = await folder.mkdir(folder.root(), encoder.encode('small'), 0o755, someone);
  const content = new Uint8Array(4096).fill(0x61);
  const stored = await seconds(async () => {
    for (const name of names) await makeFile(folder, small, name, content);
  });
  note('create, write 4 KiB, close', 'per s', files / stored);
  const { file } = await folder.create(folder.root(), encoder.encode('file'), openFlags.readWrite, 0o644, someone);
  for (let index = 0; index < syncs; index++) {
    await folder.write(file, index * 4096, [content]);
    note('write 4 KiB and fsync', 'ms', (await seconds(() => folder.fsync(file, false))) * 1000);
  }
  const piece = new Uint8Array(transfer).fill(0x62);
  const written = await seconds(async () => {
    for (let at = 0; at < fileLength; at += transfer) await folder.write(file, at, [piece]);
    await folder.release(file);
  });
  note('write 128 KiB after 128 KiB, with the close', 'MB/s', fileLength / 1e6 / written);
  await folder.close();
  await new Promise((resolve) => setTimeout(resolve, settling));

  const mounted = await seconds(async () => {
    folder = await openPickedFolder(source, host);
  });
  note('mount', 'ms', mounted * 1000);
  const parent = (await folder.lookup(folder.root(), encoder.encode('small'))) as Node;
  const walk = async (): Promise<void> => {
    for (const name of names) {
      const node = (await folder.lookup(parent, name)) as Node;
      await folder.getattr(node);
      folder.forget(node);
    }
  };
  note('lookup and getattr, first', 'per s', files / (await seconds(walk)));
  const known = await seconds(async () => {
    for (let index = 0; index < lookups; index++) {
      const node = folder.lookup(parent, names[index % files] as Uint8Array);
      if (typeof node !== 'number') throw new Error('a known name needs no look at the host');
      if (folder.getattr(node) instanceof Promise) throw new Error('known attributes need no look at the host');
      folder.forget(node);
    }
  });
  note('lookup and getattr, cached', 'per s', lookups / known);
  const opened = await openFile(folder, encoder.encode('file'));
  const cold = await seconds(() => readThrough(folder, opened, fileLength));
  note('read, cold', 'MB/s', fileLength / 1e6 / cold);
  await readThrough(folder, opened, cachedLength);
  const cached = await seconds(() => readThrough(folder, opened, cachedLength));
  note('read, cached', 'MB/s', cachedLength / 1e6 / cached);
  await folder.close();
}

async function measure(times: number): Promise<readonly Figure[]> {
  const samples = new Samples();
  const root = await navigator.storage.getDirectory();
  for (let time = 0; time < times; time++) {
    const name = `bench-picked-${time}`;
    await measureOnce(await root.getDirectoryHandle(name, { create: true }), (...sample) => samples.note(...sample));
    await root.removeEntry(name, { recursive: true });
  }
  return samples.figures;
}

answerOrders((_kind, times) => measure(times));
