// When changes are stored, and what happens when they can not be.
import { expect, test } from 'vitest';
import { openFlags } from '../../../devices/9p/backend.ts';
import type { Node, OpenFile } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { StoreError } from '../../../src/store/store-error.ts';
import type { StoredBackend } from '../../../src/store/stored-backend.ts';
import { bytes, text } from '../../backend-suite/guest.ts';
import { Disk } from './fake-medium.ts';
import { freshFiles, mountFiles } from './file-stores.ts';
import { fsync, picture } from './operations.ts';
import { mount } from './stores.ts';
import type { Mounted } from './stores.ts';

const someone = { uid: 0, gid: 0 };
const slow = { slow: true } as const;

function make(store: StoredBackend, name: string): OpenFile {
  const { node, file } = store.create(store.root(), bytes(name), openFlags.readWrite, 0o644, someone);
  store.forget(node);
  return file;
}

async function write(store: StoredBackend, name: string, content: string): Promise<void> {
  const file = make(store, name);
  await store.write(file, 0, [bytes(content)]);
  store.release(file);
}

async function turn(): Promise<void> {
  for (let count = 0; count < 5; count++) await new Promise(setImmediate);
}

async function pictureOn(disk: Disk): Promise<string> {
  const { store } = await mount(disk, slow);
  return picture(store);
}

test('a change is stored within a second, and the loop is to turn until it is', async () => {
  const disk = new Disk();
  const { store, timers } = await mount(disk, slow);
  expect(store.busy).toBe(false);
  await write(store, 'file', 'content');
  expect(store.busy).toBe(true);
  expect(timers.due.map(({ milliseconds }) => milliseconds)).toEqual([400]);
  timers.fire();
  expect(store.busy).toBe(true);
  await turn();
  expect(store.busy).toBe(false);
  expect(await pictureOn(disk)).toBe(await picture(store));
});

test('changes during a commit are in the next one', async () => {
  const disk = new Disk();
  const { store, timers } = await mount(disk, slow);
  await write(store, 'one', '1');
  timers.fire();
  await write(store, 'two', '2');
  await turn();
  expect(timers.due).toHaveLength(1);
  timers.fire();
  await turn();
  expect(await pictureOn(disk)).toBe(await picture(store));
});

test('commits that are asked for during one are one', async () => {
  const { store, medium } = await mount(new Disk(), slow);
  await write(store, 'file', 'content');
  const before = medium.commits;
  const first = fsync(store);
  await write(store, 'other', 'content');
  await Promise.all([first, fsync(store), fsync(store), fsync(store)]);
  expect(medium.commits - before).toBe(2);
});

test('reading alone is no reason for a commit, and its time is stored with the next', async () => {
  const disk = new Disk();
  const { store, timers } = await mount(disk, slow);
  await write(store, 'file', 'content');
  await fsync(store);
  await picture(store);
  expect(timers.due).toHaveLength(0);
  await store.close();
  const again = await mount(disk, slow);
  const atime = (mounted: Mounted | { readonly store: StoredBackend }): bigint =>
    mounted.store.getattr(mounted.store.root()).atime;
  expect(atime(again)).toBe(atime({ store }));
});

test('fsync of what is stored already does not store it again', async () => {
  const { store, medium } = await mount(new Disk(), slow);
  await write(store, 'file', 'content');
  await fsync(store);
  const { commits } = medium;
  // Opening the folder reads nothing.
  await fsync(store);
  expect(medium.commits).toBe(commits);
});

test('fsync stores for good what was stored only for the process', async () => {
  const { store, medium, timers } = await mount(new Disk(), slow);
  await write(store, 'file', 'content');
  timers.fire();
  await turn();
  expect(medium.strictness.at(-1)).toBe(false);
  await fsync(store);
  expect(medium.strictness.at(-1)).toBe(true);
});

test('a medium that fails is EIO for fsync, and nothing is lost', async () => {
  const disk = new Disk();
  const { store, medium, timers, logged } = await mount(disk, slow);
  await write(store, 'file', 'content');
  const before = await pictureOn(disk);
  medium.failing = 0;
  await expect(fsync(store)).rejects.toMatchObject({ code: 'EIO' });
  timers.fire();
  await turn();
  timers.fire();
  await turn();
  expect(logged).toHaveLength(1);
  expect(await pictureOn(disk)).toBe(before);
  await write(store, 'other', 'more');
  medium.failing = Infinity;
  timers.fire();
  await turn();
  expect(await pictureOn(disk)).toBe(await picture(store));
});

test('a full medium is ENOSPC until there is room again, and nothing is lost', async () => {
  const disk = new Disk();
  const { store, medium } = await mount(disk, slow);
  await write(store, 'large', 'x'.repeat(50_000));
  await fsync(store);
  medium.room = disk.size + 1000;
  await write(store, 'file', 'y'.repeat(3000));
  await expect(fsync(store)).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(() => make(store, 'other')).toThrow(Errno);
  await expect(async () => write(store, 'file', 'z')).rejects.toMatchObject({ code: 'ENOSPC' });
  store.unlink(store.root(), bytes('large'), false);
  // The fake refuses what would not fit before it frees: as much as a browser does.
  medium.room += 4000;
  await fsync(store);
  await write(store, 'other', 'w');
  await fsync(store);
  expect(await pictureOn(disk)).toBe(await picture(store));
});

test('a write beyond the room that the medium has is ENOSPC at once', async () => {
  const { store } = await mount(new Disk(), { slow: true, room: 20_000 });
  const file = make(store, 'file');
  expect(await store.write(file, 0, [new Uint8Array(100_000)])).toBeLessThan(20_000);
  expect(() => store.write(file, 50_000, [new Uint8Array(8192)])).toThrow(Errno);
  const { blocks, blocksFree } = store.statfs();
  expect(blocks).toBeLessThan(6n);
  expect(blocksFree).toBeLessThan(2n);
});

test('capabilities that a write, a cut or another owner has taken are not there after the next mount', async () => {
  const disk = new Disk();
  const { store } = await mount(disk, slow);
  const capability = bytes('security.capability');
  const names = ['written', 'cut', 'given', 'left'];
  const at = (tree: StoredBackend, name: string): Node => tree.lookup(tree.root(), bytes(name)) as Node;
  for (const name of names) {
    await write(store, name, 'content');
    store.setxattr(at(store, name), capability, bytes('some'), 0);
    store.setxattr(at(store, name), bytes('user.x'), bytes('value'), 0);
  }
  await fsync(store);
  await write(store, 'written', 'x');
  store.setattr(at(store, 'cut'), { size: 1 });
  store.setattr(at(store, 'given'), { uid: 1 });
  store.setattr(at(store, 'left'), { mode: 0o755 });
  await fsync(store);
  const { store: later } = await mount(disk, slow);
  const left = names.map((name) => later.listxattr(at(later, name)).map((each) => text(each)));
  expect(left).toEqual([['user.x'], ['user.x'], ['user.x'], ['security.capability', 'user.x']]);
});

test('closing stores everything, or says that it could not', async () => {
  const disk = new Disk();
  const first = await mount(disk, slow);
  await write(first.store, 'file', 'content');
  await first.store.close();
  expect(await pictureOn(disk)).toBe(await picture(first.store));
  const second = await mount(disk, slow);
  await write(second.store, 'other', 'content');
  second.medium.failing = 0;
  await expect(second.store.close()).rejects.toThrow(StoreError);
  expect(second.timers.due).toHaveLength(0);
});

test('a file that was open without a name is gone after the next mount, and so is its data', async () => {
  const disk = new Disk();
  const { store } = await mount(disk, slow);
  const file = make(store, 'file');
  await store.write(file, 0, [new Uint8Array(10_000).fill(1)]);
  await fsync(store);
  store.unlink(store.root(), bytes('file'), false);
  await fsync(store);
  expect(disk.packs.size).toBeGreaterThan(0);
  const again = await mount(disk, slow);
  expect(disk.packs.size).toBe(0);
  expect(again.store.usedSpace).toBe(0);
});

test('the number of a file that is gone is not given again after a mount', async () => {
  const disk = new Disk();
  const first = await mount(disk, slow);
  await write(first.store, 'file', 'content');
  const node = first.store.lookup(first.store.root(), bytes('file'));
  if (node === undefined) throw new Error('it is there');
  const { ino } = first.store.getattr(node);
  first.store.unlink(first.store.root(), bytes('file'), false);
  await first.store.close();
  const { store } = await mount(disk, slow);
  const file = make(store, 'other');
  expect(store.getattrOpen(file).ino).toBeGreaterThan(ino);
});

test('what is left in packs that are mostly waste is written anew', async () => {
  const disk = new Disk();
  const { store, medium, timers } = await mount(disk, { slow: true, cacheLimit: 0 });
  await write(store, 'one', '1'.repeat(3000));
  await write(store, 'two', '2'.repeat(3000));
  await fsync(store);
  const old = [...disk.packs.keys()];
  medium.wornPacks = new Set(old.slice(0, 1));
  await write(store, 'three', '3');
  await fsync(store);
  await turn();
  medium.wornPacks = new Set();
  timers.fire();
  await turn();
  expect(disk.packs.has(old[0] ?? 0)).toBe(false);
  expect(disk.packs.has(old[1] ?? 0)).toBe(true);
  expect(await pictureOn(disk)).toBe(await picture(store));
});

test('places are used again only after the commit that gives them up', async () => {
  const files = freshFiles();
  const { store } = await mountFiles(files, { now: () => 0n, dirtyLimit: 1000 });
  const file = make(store, 'file');
  await store.write(file, 0, [new Uint8Array(128 * 1024).fill(1)]);
  await fsync(store);
  const size = files.data.getSize();
  // Written anew elsewhere, although no commit has come yet.
  await store.write(file, 0, [new Uint8Array(128 * 1024).fill(2)]);
  expect(files.data.getSize()).toBe(2 * size);
  expect(files.data.content[0]).toBe(1);
  await fsync(store);
  await store.write(file, 0, [new Uint8Array(128 * 1024).fill(3)]);
  expect(files.data.getSize()).toBe(2 * size);
  expect(files.data.content[0]).toBe(3);
});

test('many small files are written with few calls', async () => {
  const files = freshFiles();
  const { store } = await mountFiles(files, { now: () => 0n });
  for (let index = 0; index < 200; index++) await write(store, `file-${index}`, `content ${index}`);
  await fsync(store);
  expect(files.data.writes).toBe(1);
  expect(files.data.flushes).toBe(1);
  await fsync(store);
  expect(files.data.flushes).toBe(1);
});
