// Host and guest change the folder beside each other: each sees what the other did, and nothing is lost without a word.
import { expect, onTestFinished, test } from 'vitest';
import { openFlags } from '../../../devices/9p/backend.ts';
import { bytes, refused, text } from '../../backend-suite/guest.ts';
import { FakeHost } from './fake-host.ts';
import { MemoryRecords, mount } from './mount.ts';
import type { Mounted } from './mount.ts';

const { readOnly, readWrite, truncate, writeOnly } = openFlags;

async function mounted(...args: Parameters<typeof mount>): Promise<Mounted> {
  const folder = await mount(...args);
  onTestFinished(() => folder.leave());
  return folder;
}

/** Longer than a look at the host serves. */
async function aWhile(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 120));
}

test('what the host has is there, with permissions of our own', async () => {
  const host = new FakeHost();
  host.mkdir('folder');
  host.write('folder/file', 'content');
  const { guest } = await mounted(host);
  expect(await guest.content('folder/file')).toBe('content');
  const { mode, uid, nlink, mtime } = await guest.attributes('folder/file');
  expect({ mode, uid, nlink }).toEqual({ mode: 0o100644, uid: 0, nlink: 1 });
  expect(mtime % 1_000_000n).toBe(0n);
  expect((await guest.attributes('folder')).mode).toBe(0o040755);
});

test('an edit on the host is seen by the next open, at once', async () => {
  const { guest, host } = await mounted();
  await guest.file('file', 'guest');
  host.write('file', 'HOST!');
  expect(await guest.content('file')).toBe('HOST!');
  host.write('file', 'longer than before');
  expect(await guest.content('file')).toBe('longer than before');
});

test('a file that is open follows an edit on the host', async () => {
  const { guest, host } = await mounted();
  await guest.file('file', 'before');
  const file = await guest.open('file', readOnly);
  expect(await guest.read(file)).toBe('before');
  host.write('file', 'afterwards');
  await guest.content('file');
  expect(await guest.read(file)).toBe('afterwards');
});

test('names that come and go on the host come and go in the guest after a moment', async () => {
  const { guest, host } = await mounted();
  await guest.file('old', 'x');
  host.write('new', 'content');
  host.mkdir('folder');
  host.write('folder/below', 'deep');
  host.remove('old');
  await aWhile();
  expect(await guest.names('')).toEqual(['folder', 'new']);
  expect(await guest.content('folder/below')).toBe('deep');
  expect(await guest.find('old')).toBeUndefined();
});

test('a walk of known names asks the host for nothing', async () => {
  const { guest, backend, host } = await mounted();
  await guest.mkdir('folder');
  await guest.file('folder/file', 'content');
  await guest.attributes('folder/file');
  const before = new Map(host.calls);
  const root = await guest.root();
  const folder = backend.lookup(
    root,
    Uint8Array.from('folder', (c) => c.charCodeAt(0)),
  );
  expect(folder).toBeTypeOf('number');
  guest.keep(folder as Awaited<typeof folder> & number);
  expect(backend.getattr(folder as never)).toMatchObject({ nlink: 1 });
  expect(host.calls).toEqual(before);
});

test('an edit in the guest is on the host after close', async () => {
  const { guest, host } = await mounted();
  const file = await guest.create('file');
  await guest.write(file, 0, 'content');
  await guest.release(file);
  expect(host.read('file')).toBe('content');
});

test('an edit in the guest is on the host after fsync', async () => {
  const { guest, backend, host } = await mounted();
  const file = await guest.create('file');
  await guest.write(file, 0, 'content');
  await backend.fsync(file, false);
  expect(host.read('file')).toBe('content');
  await guest.write(file, 3, 'ENT and more');
  await backend.fsync(file, true);
  expect(host.read('file')).toBe('conENT and more');
});

test('a change of size by name is on the host when it returns', async () => {
  const host = new FakeHost();
  host.write('file', '0123456789');
  const { guest } = await mounted(host);
  await guest.change('file', { size: 4 });
  expect(host.read('file')).toBe('0123');
  await guest.change('file', { size: 6 });
  expect(host.read('file')).toBe('0123\0\0');
});

test('a change in the middle leaves the rest of the host file', async () => {
  const host = new FakeHost();
  host.write('file', 'a'.repeat(100_000));
  const { guest } = await mounted(host);
  const file = await guest.open('file', writeOnly);
  await guest.write(file, 50_000, 'B');
  await guest.release(file);
  expect(host.read('file')).toBe(`${'a'.repeat(50_000)}B${'a'.repeat(49_999)}`);
});

test('a file cut and grown again has zeros, not what was there', async () => {
  const host = new FakeHost();
  host.write('file', '0123456789');
  const { guest, backend } = await mounted(host);
  const file = await guest.open('file', readWrite);
  backend.setattrOpen(file, { size: 3 }, { uid: 0, gid: 0 });
  await guest.write(file, 8, 'x');
  expect(await guest.read(file)).toBe('012\0\0\0\0\0x');
  await guest.release(file);
  expect(host.read('file')).toBe('012\0\0\0\0\0x');
});

test('nothing of ours appears in the folder', async () => {
  const { guest, host } = await mounted();
  await guest.file('file', 'content');
  await guest.symlink('file', 'link');
  await guest.change('file', { mode: 0o755 });
  guest.keep(await guest.backend.mknod(await guest.root(), Uint8Array.of(0x70), 0o010644, 0n, { uid: 0, gid: 0 }));
  const opened = await guest.open('file');
  await guest.unlink('file');
  await guest.write(opened, 0, 'CONTENT');
  expect(host.names()).toEqual([]);
});

test('a file that both have changed is kept twice: the host keeps the name', async () => {
  const host = new FakeHost();
  host.write('notes.txt', 'before');
  const { guest, log } = await mounted(host);
  const file = await guest.open('notes.txt', writeOnly | truncate);
  await guest.write(file, 0, 'by the guest');
  host.write('notes.txt', 'by the host');
  await guest.release(file);
  const [aside = '', kept] = host.names();
  expect(kept).toBe('notes.txt');
  expect(aside).toMatch(/^notes\.guest-\d{8}-\d{6}\.txt$/);
  expect(host.read('notes.txt')).toBe('by the host');
  expect(host.read(aside)).toBe('by the guest');
  expect(await guest.content('notes.txt')).toBe('by the host');
  expect(await guest.content(aside)).toBe('by the guest');
  expect(log).toEqual([
    `notes.txt was changed on the host and in the guest at the same time: the host's version has kept the name, the guest's is ${aside}`,
  ]);
});

test('what the guest writes on after a conflict goes on beside the host version', async () => {
  const host = new FakeHost();
  host.write('log', 'one\n');
  const { guest, backend } = await mounted(host);
  const file = await guest.open('log', writeOnly | openFlags.append);
  await guest.write(file, 0, 'two\n');
  host.write('log', 'host\n');
  await backend.fsync(file, false);
  await guest.write(file, 0, 'three\n');
  await guest.release(file);
  expect(host.read('log')).toBe('host\n');
  const [, aside = ''] = host.names();
  // What the guest had not touched is gone from the host: the host's bytes stand in.
  expect(host.read(aside)).toMatch(/two\nthree\n$/);
});

test('a file that the host removes while the guest changes it is made again', async () => {
  const { guest, host, log } = await mounted();
  await guest.mkdir('folder');
  await guest.file('folder/file', 'before');
  const file = await guest.open('folder/file', writeOnly | truncate);
  await guest.write(file, 0, 'unsaved');
  host.remove('folder/file');
  host.remove('folder');
  await guest.release(file);
  expect(host.read('folder/file')).toBe('unsaved');
  expect(log).toEqual(['folder/file was removed on the host while the guest was changing it: it is made again']);
});

test('a folder that the host puts in the place of a changed file gets the name', async () => {
  const { guest, host } = await mounted();
  await guest.file('thing', 'before');
  const file = await guest.open('thing', writeOnly | truncate);
  await guest.write(file, 0, 'unsaved');
  host.remove('thing');
  host.mkdir('thing');
  await guest.release(file);
  const [kept, aside = ''] = host.names();
  expect(kept).toBe('thing');
  expect(host.read(aside)).toBe('unsaved');
});

test('a host file takes the place of a link of the guest', async () => {
  const { guest, host, log } = await mounted();
  await guest.symlink('somewhere', 'name');
  host.write('name', 'content');
  await aWhile();
  expect(await guest.content('name')).toBe('content');
  expect(log).toEqual(["name: the host has a file of this name now, which takes the place of the guest's link"]);
});

test('a host file that is replaced keeps the permissions that the guest gave the name', async () => {
  const { guest, host } = await mounted();
  await guest.file('script', 'one');
  await guest.change('script', { mode: 0o755 });
  await aWhile();
  await aWhile();
  host.remove('script');
  await aWhile();
  expect(await guest.find('script')).toBeUndefined();
  host.write('script', 'two');
  await aWhile();
  expect(await guest.content('script')).toBe('two');
  expect((await guest.attributes('script')).mode).toBe(0o100755);
});

test('of two names of a file, the one that the host changes becomes a file of its own', async () => {
  const { guest, host } = await mounted();
  const node = await guest.file('one', 'shared');
  await guest.link(node, 'two');
  expect([host.read('one'), host.read('two')]).toEqual(['shared', 'shared']);
  host.write('two', 'apart');
  expect(await guest.content('two')).toBe('apart');
  expect(await guest.content('one')).toBe('shared');
  const [one, two] = [await guest.attributes('one'), await guest.attributes('two')];
  expect([one.nlink, two.nlink]).toEqual([1, 1]);
  expect(one.ino).not.toBe(two.ino);
});

test('a write through one name of a file is in all of them on the host', async () => {
  const { guest, host } = await mounted();
  const node = await guest.file('one', 'shared');
  await guest.link(node, 'two');
  const file = await guest.open('two', writeOnly);
  await guest.write(file, 0, 'SHARED');
  await guest.release(file);
  expect([host.read('one'), host.read('two')]).toEqual(['SHARED', 'SHARED']);
  await guest.unlink('one');
  expect(host.names()).toEqual(['two']);
});

test('everything that the host can not hold is there on the next visit', async () => {
  const first = await mount();
  const { guest } = first;
  await guest.mkdir('folder', 0o750);
  const node = await guest.file('folder/file', 'content');
  await guest.link(node, 'folder/second');
  await guest.symlink('file', 'folder/link');
  guest.keep(
    await guest.backend.mknod(await guest.at('folder'), Uint8Array.of(0x70), 0o010600, 0n, { uid: 3, gid: 4 }),
  );
  await guest.change('folder/file', { mode: 0o4711, uid: 1, gid: 2, atime: 1n, mtime: -123_456_789n });
  await guest.backend.setxattr(node, Uint8Array.of(0x75, 0x2e, 0x61), Uint8Array.of(1, 2, 3), 0);
  const names = ['folder', 'folder/file', 'folder/second', 'folder/link', 'folder/p'];
  const before = await Promise.all(names.map((name) => guest.attributes(name)));
  const again = await first.again();
  onTestFinished(() => again.leave());
  const after = await Promise.all(names.map((name) => again.guest.attributes(name)));
  const essence = ({ ino, mode, nlink, uid, gid, size, atime, mtime }: (typeof after)[0]): object => {
    return { ino, mode, nlink, uid, gid, size, atime, mtime };
  };
  expect(after.map(essence)).toEqual(before.map(essence));
  expect(await again.guest.readlink('folder/link')).toBe('file');
  const file = await again.guest.at('folder/file');
  expect(again.backend.getxattr(file, Uint8Array.of(0x75, 0x2e, 0x61))).toEqual(Uint8Array.of(1, 2, 3));
});

test('capabilities that a write, a cut or another owner has taken are not there on the next visit', async () => {
  const first = await mount();
  const { guest, backend } = first;
  const names = ['written', 'cut', 'emptied', 'given', 'left'];
  for (const name of names) {
    const node = await guest.file(name, 'content');
    backend.setxattr(node, bytes('security.capability'), bytes('some'), 0);
    backend.setxattr(node, bytes('user.x'), bytes('value'), 0);
  }
  const again = await first.again();
  await again.guest.write(await again.guest.open('written'), 0, 'x');
  await again.guest.change('cut', { size: 1 });
  await again.guest.open('emptied', writeOnly | truncate);
  await again.guest.change('given', { gid: 1 });
  await again.guest.change('left', { mode: 0o755 });
  const last = await again.again();
  onTestFinished(() => last.leave());
  const left = names.map(async (name) => last.backend.listxattr(await last.guest.at(name)).map((each) => text(each)));
  expect(await Promise.all(left)).toEqual([
    ['user.x'],
    ['user.x'],
    ['user.x'],
    ['user.x'],
    ['security.capability', 'user.x'],
  ]);
});

test('without the records every file is there, under its name', async () => {
  const host = new FakeHost({ refuses: /[:?]/ });
  const first = await mount(host);
  const node = await first.guest.file('file', 'content');
  await first.guest.link(node, 'second');
  await first.guest.file('what: this?', 'odd');
  await first.guest.file('\xff\xfe', 'no text');
  await first.leave();
  const { guest } = await mounted(host, { records: new MemoryRecords() });
  expect(await guest.names('')).toEqual(['file', 'second', 'what: this?', '\xff\xfe']);
  expect(await guest.content('second')).toBe('content');
  expect(await guest.content('what: this?')).toBe('odd');
  expect(await guest.content('\xff\xfe')).toBe('no text');
});

test('numbers of files stay, without records too, and through renames', async () => {
  const host = new FakeHost();
  host.mkdir('a');
  host.write('a/file', 'x');
  const first = await mount(host);
  const untouched = (await first.guest.attributes('a/file')).ino;
  const second = await first.again();
  expect((await second.guest.attributes('a/file')).ino).toBe(untouched);
  await second.guest.rename('a', 'b');
  host.mkdir('a');
  host.write('a/file', 'another');
  await aWhile();
  const other = (await second.guest.attributes('a/file')).ino;
  expect(other).not.toBe(untouched);
  const third = await second.again();
  onTestFinished(() => third.leave());
  expect((await third.guest.attributes('b/file')).ino).toBe(untouched);
  expect((await third.guest.attributes('a/file')).ino).toBe(other);
});

test('a renamed folder keeps the times of its files', async () => {
  const host = new FakeHost();
  host.mkdir('a');
  host.write('a/file', 'x');
  const first = await mount(host);
  const { mtime } = await first.guest.attributes('a/file');
  await first.guest.rename('a', 'b');
  expect((await first.guest.attributes('b/file')).mtime).toBe(mtime);
  const second = await first.again();
  onTestFinished(() => second.leave());
  expect((await second.guest.attributes('b/file')).mtime).toBe(mtime);
  expect(host.names()).toEqual(['b']);
});

test('names that differ in case do not touch each other where the host takes them for one', async () => {
  const host = new FakeHost({ ignoresCase: true });
  host.write('Makefile', 'of the host');
  const { guest } = await mounted(host);
  await guest.file('makefile', 'of the guest');
  expect(host.read('Makefile')).toBe('of the host');
  expect([await guest.content('Makefile'), await guest.content('makefile')]).toEqual(['of the host', 'of the guest']);
  await refused(() => guest.create('makefile'), 'EEXIST');
  await guest.unlink('makefile');
  expect(host.names()).toEqual(['Makefile']);
});

test('a share that may only be read is EROFS for every change', async () => {
  const host = new FakeHost();
  host.write('file', 'content');
  const { guest, backend } = await mounted(host, { readOnly: true });
  const node = await guest.at('file');
  const root = await guest.root();
  const name = Uint8Array.of(0x78);
  const caller = { uid: 0, gid: 0 };
  for (const change of [
    () => guest.create('new'),
    () => guest.mkdir('new'),
    () => guest.symlink('x', 'new'),
    () => backend.mknod(root, name, 0o010644, 0n, caller),
    () => guest.link(node, 'new'),
    () => guest.rename('file', 'new'),
    () => guest.unlink('file'),
    () => guest.change('file', { mode: 0o600 }),
    () => guest.open('file', writeOnly),
    () => guest.open('file', readOnly | truncate),
    () => backend.setxattr(node, name, name, 0),
    () => backend.removexattr(node, name),
  ]) {
    await refused(change, 'EROFS');
  }
  expect(await guest.content('file')).toBe('content');
  expect(host.names()).toEqual(['file']);
});

test('two that create one file at the same time have one file', async () => {
  const { guest, backend, host } = await mounted();
  const root = await guest.root();
  const name = Uint8Array.of(0x66);
  const caller = { uid: 0, gid: 0 };
  const made = await Promise.all([1, 2, 3].map(() => backend.create(root, name, readWrite, 0o644, caller)));
  expect(new Set(made.map(({ file }) => backend.getattrOpen(file).ino)).size).toBe(1);
  for (const { node, file } of made) {
    await backend.release(file);
    backend.forget(node);
  }
  expect(host.names()).toEqual(['f']);
});

test('a file that the host makes at the moment of creation is opened, not emptied', async () => {
  const { guest, host } = await mounted();
  host.before = (operation, path) => {
    if (operation === 'create' && path === 'file') host.write('file', 'of the host');
  };
  const file = await guest.create('file', readWrite);
  host.before = undefined;
  expect(await guest.read(file)).toBe('of the host');
  expect(host.read('file')).toBe('of the host');
});
