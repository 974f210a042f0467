// What only a store does with data: fetching chunks, and changing them while they are on their way.
import { expect, test } from 'vitest';
import { openFlags } from '../../../devices/9p/backend.ts';
import type { OpenFile } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { StoredBackend } from '../../../src/store/stored-backend.ts';
import { bytes, text } from '../../backend-suite/guest.ts';
import { Disk } from './fake-medium.ts';
import { mount } from './stores.ts';
import type { Mounted } from './stores.ts';

const options = { slow: true, chunkLength: 16 };
const someone = { uid: 0, gid: 0 };

/** A store with one file, just mounted: none of its data is in memory. */
async function withColdFile(
  content: string,
  more: { readonly slow?: boolean; readonly dirtyLimit?: number } = {},
): Promise<Mounted & { readonly disk: Disk; readonly file: OpenFile }> {
  const disk = new Disk();
  const first = await mount(disk, { ...options, ...more });
  const { file } = first.store.create(first.store.root(), bytes('file'), openFlags.readWrite, 0o644, someone);
  await first.store.write(file, 0, [bytes(content)]);
  await first.store.close();
  const mounted = await mount(disk, { ...options, ...more });
  return { ...mounted, disk, file: openFile(mounted.store) };
}

function openFile(store: StoredBackend): OpenFile {
  const node = store.lookup(store.root(), bytes('file'));
  if (node === undefined) throw new Error('the file is there');
  return store.open(node, openFlags.readWrite);
}

async function read(store: StoredBackend, file: OpenFile, offset = 0, length = 100): Promise<string> {
  const into = new Uint8Array(length);
  const result = store.read(file, offset, [into]);
  return text(typeof result === 'number' ? into.subarray(0, result) : await result);
}

test('the first read waits, the next does not', async () => {
  const { store, file, medium } = await withColdFile('0123456789abcdefghij');
  const into = new Uint8Array(20);
  const first = store.read(file, 0, [into]);
  expect(first).toBeInstanceOf(Promise);
  expect(await first).toEqual(bytes('0123456789abcdefghij'));
  expect(store.read(file, 0, [into])).toBe(20);
  expect(medium.reads).toBe(2);
});

test('operations on a chunk that is on its way take effect in the order of the calls', async () => {
  const { store, file } = await withColdFile('0123456789');
  const before = read(store, file);
  await store.write(file, 2, [bytes('XY')]);
  const written = read(store, file);
  store.setattrOpen(file, { size: 5 });
  const cut = read(store, file);
  await store.write(file, 7, [bytes('Z')]);
  const extended = read(store, file);
  expect(store.getattrOpen(file).size).toBe(8);
  expect(await Promise.all([before, written, cut, extended])).toEqual([
    '0123456789',
    '01XY456789',
    '01XY4',
    '01XY4\0\0Z',
  ]);
});

test('what was cut off does not come back when the file grows', async () => {
  const { store, file, disk } = await withColdFile('0123456789');
  store.setattrOpen(file, { size: 3 });
  await store.fsync(file, false);
  const second = await mount(disk, options);
  const again = openFile(second.store);
  await second.store.write(again, 6, [bytes('X')]);
  expect(await read(second.store, again)).toBe('012\0\0\0X');
});

test('a chunk that is replaced as a whole is not fetched', async () => {
  const { store, file, medium } = await withColdFile('0123456789');
  await store.write(file, 0, [bytes('ABCDEFGHIJ')]);
  expect(await read(store, file)).toBe('ABCDEFGHIJ');
  expect(medium.reads).toBe(0);
});

test('fsync waits for a write whose chunk is on its way', async () => {
  const { store, file, disk } = await withColdFile('0123456789');
  await store.write(file, 3, [bytes('XYZ')]);
  await store.fsync(file, false);
  const second = await mount(disk, options);
  expect(await read(second.store, openFile(second.store))).toBe('012XYZ6789');
});

test('a write to a chunk that comes during a commit is in the next one', async () => {
  const { store, file, disk, timers } = await withColdFile('0123456789abcdefghij');
  await store.write(file, 0, [bytes('X')]);
  timers.fire();
  // The commit waits for the first chunk, in a turn of the event loop. The second is asked for afterwards.
  await Promise.resolve();
  await store.write(file, 17, [bytes('Y')]);
  await store.fsync(file, false);
  const second = await mount(disk, options);
  expect(await read(second.store, openFile(second.store))).toBe('X123456789abcdefgYij');
});

test('a chunk that the medium does not give is EIO for the read, and is asked for again by the next', async () => {
  const { store, file, medium } = await withColdFile('0123456789');
  medium.failingReads = 1;
  const failed = read(store, file);
  await store.write(file, 2, [bytes('X')]);
  await expect(failed).rejects.toThrow(Errno);
  expect(await read(store, file)).toBe('01X3456789');
  await store.close();
});

test('as many bytes as the cache has room for stay in memory', async () => {
  const disk = new Disk();
  const small = { ...options, cacheLimit: 64 };
  const first = await mount(disk, small);
  const { file } = first.store.create(first.store.root(), bytes('file'), openFlags.readWrite, 0o644, someone);
  await first.store.write(file, 0, [new Uint8Array(160).fill(7)]);
  await first.store.fsync(file, false);
  const before = first.medium.reads;
  await read(first.store, file, 0, 160);
  expect(first.medium.reads - before).toBeGreaterThanOrEqual(6);
  const again = first.medium.reads;
  // The last two that came.
  await read(first.store, file, 64, 32);
  expect(first.medium.reads).toBe(again);
});

test('a writer waits when too much waits to be stored', async () => {
  const { store, file } = await withColdFile('', { dirtyLimit: 100 });
  expect(store.write(file, 0, [new Uint8Array(100)])).toBe(100);
  const waiting = store.write(file, 100, [new Uint8Array(200)]);
  expect(waiting).toBeInstanceOf(Promise);
  expect(await waiting).toBe(200);
  expect(store.write(file, 300, [new Uint8Array(90)])).toBe(90);
});

test('a medium that answers at once takes what is too much before the commit', async () => {
  const { store, file, medium, disk } = await withColdFile('', { slow: false, dirtyLimit: 100 });
  const { commits } = medium;
  for (let at = 0; at < 1600; at += 16) expect(store.write(file, at % 400, [bytes(`at ${at}`.padEnd(16))])).toBe(16);
  expect(medium.commits).toBe(commits);
  await store.fsync(file, false);
  // The journal speaks of 25 chunks, and no others are kept.
  expect(medium.taken.size).toBe(25);
  const second = await mount(disk, { ...options, slow: false });
  expect(await read(second.store, openFile(second.store), 384, 16)).toBe('at 1584         ');
});

test('a file opened with O_SYNC is stored before a write is answered', async () => {
  const { store, disk } = await withColdFile('0123456789');
  const node = store.lookup(store.root(), bytes('file'));
  if (node === undefined) throw new Error('the file is there');
  const file = store.open(node, openFlags.readWrite | openFlags.dsync);
  await store.write(file, 0, [bytes('abc')]);
  const second = await mount(disk, options);
  expect(await read(second.store, openFile(second.store))).toBe('abc3456789');
});
