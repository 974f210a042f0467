// A share beside a host that lives its own life: files that come, go, change and are not files.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileType, openFlags } from '../../../devices/9p/backend.ts';
import { NodeFsBackend } from '../../../src/node/node-fs/backend.ts';
import { bytes, Guest, nobodySpecial, refused, typeOf } from '../../backend-suite/guest.ts';
import { SharedFolder } from './shared-folder.ts';

const { readOnly, readWrite, writeOnly, truncate, exclusive } = openFlags;

let share: SharedFolder;
let guest: Guest;

beforeEach(() => {
  share = new SharedFolder();
  ({ guest } = share);
});

afterEach(async () => {
  await guest.leave();
  await share.dispose();
});

const path = (name: string): string => join(share.path, name);

/** Writes a file and puts it in the place of another at once, as editors do. */
function replace(name: string, content: string): void {
  writeFileSync(path('.new'), content);
  renameSync(path('.new'), path(name));
}

describe('what the guest does', () => {
  it('is there on the host', async () => {
    await guest.file('file', 'content');
    await guest.mkdir('folder', 0o700);
    await guest.symlink('file', 'link');
    await guest.link('file', 'second');
    expect(readFileSync(path('file'), 'latin1')).toBe('content');
    expect(statSync(path('folder')).mode & 0o777).toBe(0o700);
    expect(lstatSync(path('link')).isSymbolicLink()).toBe(true);
    expect(statSync(path('second')).ino).toBe(statSync(path('file')).ino);
  });

  it('keeps names that are not UTF-8', async () => {
    await guest.file('\xff\n\x80');
    expect(readdirSync(path(''), 'buffer')).toEqual([Buffer.from('\xff\n\x80', 'latin1')]);
  });

  it('belongs to the user who runs the machine', async () => {
    await guest.file('file');
    const caller = { uid: 1234, gid: 4321 };
    guest.keep(share.backend.mkdir(await guest.root(), bytes('folder'), 0o755, caller));
    for (const name of ['file', 'folder'])
      expect(statSync(path(name))).toMatchObject({ uid: process.geteuid?.(), gid: process.getegid?.() });
  });

  it('leaves the umask alone', async () => {
    const before = process.umask();
    await guest.create('file', readWrite | exclusive, 0o666);
    expect(process.umask()).toBe(before);
  });

  it('is never more permitted than asked for, not for a moment', async () => {
    // Without a umask the mode of creation is all that there is.
    const umask = process.umask(0);
    try {
      await guest.create('file', readWrite | exclusive, 0o600);
      await guest.mkdir('folder', 0o700);
      expect(statSync(path('file')).mode & 0o777).toBe(0o600);
      expect(statSync(path('folder')).mode & 0o777).toBe(0o700);
    } finally {
      process.umask(umask);
    }
  });

  it('keeps the SGID bit of a folder that hands it down', async () => {
    mkdirSync(path('shared'));
    chmodSync(path('shared'), 0o2755);
    // Linux's client passes the bit on.
    guest.keep(share.backend.mkdir(await guest.at('shared'), bytes('with'), 0o2750, nobodySpecial));
    guest.keep(share.backend.mkdir(await guest.at('shared'), bytes('without'), 0o750, nobodySpecial));
    expect(statSync(path('shared/with')).mode & 0o7777).toBe(0o2750);
    expect(statSync(path('shared/without')).mode & 0o7777).toBe(0o2750);
    await guest.change('shared', { mode: 0o2775 });
    expect(statSync(path('shared')).mode & 0o7777).toBe(0o2775);
  });

  for (const [what, act] of Object.entries({
    write: async (): Promise<unknown> => guest.write(await guest.open('program', writeOnly), 0, 'x'),
    truncation: (): Promise<unknown> => guest.change('program', { size: 1 }),
    'opening with truncation': (): Promise<unknown> => guest.open('program', writeOnly | truncate),
  })) {
    it(`takes SUID and SGID from a program: ${what}`, async () => {
      writeFileSync(path('program'), 'content');
      chmodSync(path('program'), 0o6755);
      expect((await guest.attributes('program')).mode).toBe(0o106755);
      await act();
      expect(statSync(path('program')).mode & 0o7777).toBe(0o755);
    });
  }
});

describe('a file that the host changes', () => {
  it('is read as it is now, by a file that is open too', async () => {
    writeFileSync(path('file'), 'before');
    const file = await guest.open('file', readOnly);
    expect(await guest.read(file)).toBe('before');
    writeFileSync(path('file'), 'after');
    expect(await guest.read(file)).toBe('after');
    expect((await guest.attributes('file')).size).toBe(5);
  });

  it('shows an edit of the same size within the same second', async () => {
    const node = await guest.file('file', 'aaaa');
    const before = await guest.attributes(node);
    // A tick of the kernel's clock.
    await sleep(12);
    writeFileSync(path('file'), 'bbbb');
    const after = await guest.attributes(node);
    expect(after.size).toBe(before.size);
    expect(after.ino).toBe(before.ino);
    expect(after.mtime).toBeGreaterThan(before.mtime);
    expect(after.ctime).toBeGreaterThan(before.ctime);
    expect(after.mtime - before.mtime).toBeLessThan(1_000_000_000n);
  });

  it('grows under one that appends', async () => {
    const file = await guest.create('log', writeOnly | openFlags.append);
    await guest.write(file, 0, 'guest ');
    appendFileSync(path('log'), 'host ');
    await guest.write(file, 0, 'guest');
    expect(readFileSync(path('log'), 'latin1')).toBe('guest host guest');
  });
});

describe('a file that the host replaces', () => {
  it('is another node on the next lookup', async () => {
    await guest.file('file', 'old');
    const { ino } = await guest.attributes('file');
    replace('file', 'new one');
    expect(await guest.content('file')).toBe('new one');
    expect((await guest.attributes('file')).ino).not.toBe(ino);
  });

  it('is the new one through the old node too, whose attributes are ENOENT', async () => {
    const node = await guest.file('file', 'old');
    replace('file', 'new');
    // Linux's client looks a name up again when its attributes are gone, and not before it opens what it has cached.
    await refused(() => guest.attributes(node), 'ENOENT');
    expect(await guest.content(node)).toBe('new');
    await guest.change(node, { mode: 0o600 });
    await guest.link(node, 'second');
    const file = await guest.open(node, writeOnly | truncate);
    await guest.write(file, 0, 'written');
    await refused(() => guest.attributes(node), 'ENOENT');
    for (const name of ['file', 'second']) expect(readFileSync(path(name), 'latin1')).toBe('written');
    expect(statSync(path('file')).mode & 0o777).toBe(0o600);
  });

  it('again and again is each time the newest', async () => {
    const nodes = [await guest.file('file', '0')];
    for (const content of ['1', '2', '3']) {
      replace('file', content);
      for (const node of nodes) expect(await guest.content(node)).toBe(content);
      nodes.push(await guest.at('file'));
    }
    // The names of the old ones are not the new one's.
    await guest.unlink('file');
    for (const node of nodes.slice(0, -1)) await refused(() => guest.open(node, readOnly), 'ENOENT');
    await guest.file('file', 'made by the guest');
    expect(await guest.content('file')).toBe('made by the guest');
  });

  it('and the guest then removes is not the new one through the old node', async () => {
    const node = await guest.file('file', 'old');
    replace('file', 'new');
    // Kept by the host, to see that nothing is done to it.
    linkSync(path('file'), path('kept'));
    await guest.unlink('file');
    for (let attempt = 0; attempt < 2; attempt++) {
      await refused(() => guest.attributes(node), 'ESTALE');
      await refused(() => guest.open(node, readOnly), 'ESTALE');
      await refused(() => guest.change(node, { mode: 0o600, size: 0 }), 'ESTALE');
    }
    expect(readFileSync(path('kept'), 'utf8')).toBe('new');
    expect(existsSync(path('file'))).toBe(false);
  });

  it('by another type is ESTALE, and nothing is done to that', async () => {
    const node = await guest.file('file', 'old');
    unlinkSync(path('file'));
    mkdirSync(path('file'));
    await refused(() => guest.open(node, readOnly), 'ESTALE');
    await refused(() => guest.change(node, { mode: 0o700 }), 'ESTALE');
    rmSync(path('file'), { recursive: true });
    symlinkSync('elsewhere', path('file'));
    await refused(() => guest.open(node, writeOnly | truncate), 'ESTALE');
    expect(existsSync(path('elsewhere'))).toBe(false);
  });

  it('stays what it was where it is open', async () => {
    const node = await guest.file('file', 'old');
    const file = await guest.open(node, readWrite);
    replace('file', 'new');
    expect(await guest.read(file)).toBe('old');
    expect(await guest.content(node)).toBe('new');
    await guest.write(file, 0, 'OLD');
    expect((await guest.attributes(node)).nlink).toBe(0);
    expect(await guest.content('file')).toBe('new');
  });

  it('is a new link through the old node too', async () => {
    const node = await guest.symlink('old', 'link');
    unlinkSync(path('link'));
    symlinkSync('new', path('other'));
    symlinkSync('new', path('link'));
    expect(await guest.readlink(node)).toBe('new');
    expect(await guest.readlink('link')).toBe('new');
  });

  it('or removes: the old node is told so, and comes back with its file', async () => {
    const node = await guest.file('file', 'content');
    renameSync(path('file'), path('elsewhere'));
    await refused(() => guest.attributes(node), 'ENOENT');
    await refused(() => guest.open(node, readOnly), 'ENOENT');
    await refused(() => guest.change(node, { mode: 0o600 }), 'ENOENT');
    expect(await guest.find('file')).toBeUndefined();
    renameSync(path('elsewhere'), path('file'));
    expect((await guest.attributes(node)).size).toBe(7);
  });
});

describe('a folder that the host replaces', () => {
  it('is the new one, through the old node and through those below it', async () => {
    const old = await guest.mkdir('folder');
    await guest.mkdir('folder/below');
    const file = await guest.file('folder/below/file', 'old');
    // Something keeps the old folder's number from being used again.
    renameSync(path('folder'), join(share.place, 'kept'));
    mkdirSync(path('folder/below'), { recursive: true });
    writeFileSync(path('folder/below/file'), 'new');
    await sleep(5);
    expect(await guest.content(file)).toBe('new');
    expect(await guest.names(old)).toEqual(['below']);
    guest.keep(share.backend.mkdir(old, bytes('made'), 0o755, nobodySpecial));
    guest.keep(share.backend.symlink(old, bytes('link'), bytes('made'), nobodySpecial));
    guest.keep(share.backend.mknod(old, bytes('node'), fileType.file | 0o644, 0n, nobodySpecial));
    share.backend.rename(old, bytes('node'), old, bytes('renamed'), 0);
    share.backend.link(file, old, bytes('second'));
    share.backend.unlink(old, bytes('link'), false);
    expect(readdirSync(path('folder')).toSorted()).toEqual(['below', 'made', 'renamed', 'second']);
    expect(readFileSync(path('folder/second'), 'latin1')).toBe('new');
    expect(readdirSync(join(share.place, 'kept'))).toEqual(['below']);
    await refused(() => guest.attributes(old), 'ENOENT', 'ESTALE');
    expect(share.backend.statfs(old).nameLength).toBe(255);
  });

  it('by a link to the outside is ESTALE or ENOENT', async () => {
    const old = await guest.mkdir('folder');
    const file = await guest.file('folder/file', 'inside');
    mkdirSync(join(share.place, 'outside'));
    writeFileSync(join(share.place, 'outside/file'), 'outside');
    rmSync(path('folder'), { recursive: true });
    symlinkSync(join(share.place, 'outside'), path('folder'));
    await sleep(5);
    await refused(() => guest.open(file, readOnly), 'ESTALE', 'ENOENT');
    await refused(() => guest.open(old, readOnly), 'ESTALE', 'ENOENT');
    await refused(() => share.backend.lookup(old, bytes('file')), 'ESTALE', 'ENOENT');
    await refused(() => share.backend.mkdir(old, bytes('x'), 0o755, nobodySpecial), 'ESTALE', 'ENOENT');
    expect(readdirSync(join(share.place, 'outside'))).toEqual(['file']);
  });

  it('can be removed by the guest with what it then holds', async () => {
    await guest.mkdir('folder');
    const old = await guest.file('folder/file');
    rmSync(path('folder'), { recursive: true });
    mkdirSync(path('folder'));
    await guest.rmdir('folder');
    expect(existsSync(path('folder'))).toBe(false);
    await refused(() => guest.attributes(old), 'ENOENT', 'ESTALE');
  });
});

describe('what is no file', () => {
  it('is seen but never opened: a FIFO', async () => {
    execFileSync('mkfifo', [path('fifo')]);
    const node = await guest.at('fifo');
    expect(typeOf(await guest.attributes(node))).toBe(fileType.fifo);
    // Opened for writing without a reader, or for reading without a writer, it would block the whole machine.
    for (const flags of [readOnly, writeOnly, readWrite, writeOnly | truncate]) {
      await refused(() => guest.open(node, flags), 'ENXIO');
      await refused(() => guest.create('fifo', flags), 'ENXIO');
    }
    await refused(() => guest.change(node, { size: 0 }), 'EINVAL');
    await guest.change(node, { mode: 0o600, mtime: 7_000_000_000n });
    expect(await guest.attributes(node)).toMatchObject({ mode: fileType.fifo | 0o600, mtime: 7_000_000_000n });
    await guest.rename('fifo', 'renamed');
    await guest.unlink('renamed');
    expect(readdirSync(path(''))).toEqual([]);
  });

  it('is seen but never opened: a socket', async () => {
    const server = createServer(() => expect.fail('somebody has come in')).listen(path('socket'));
    await once(server, 'listening');
    try {
      expect(typeOf(await guest.attributes('socket'))).toBe(fileType.socket);
      await refused(() => guest.open('socket', readWrite), 'ENXIO');
      const entries = await guest.entries(await guest.open('', readOnly));
      expect(entries.find(({ name }) => name === 'socket')?.type).toBe(fileType.socket);
    } finally {
      server.close();
    }
  });

  it('is seen but never opened: a device', async () => {
    const backend = NodeFsBackend.open('/dev', { readOnly: true });
    const devices = new Guest(backend);
    const attributes = await devices.attributes('null');
    expect(attributes).toMatchObject({ rdev: 0x103n });
    expect(typeOf(attributes)).toBe(fileType.character);
    await refused(() => devices.open('null', readOnly), 'ENXIO');
    await refused(() => devices.open('null', writeOnly), 'ENXIO', 'EROFS');
    await devices.leave();
    await backend.close();
  });
});

describe('a folder of the host that the guest lists', () => {
  it('leaves out what the host has removed meanwhile', async () => {
    for (const name of ['a', 'b', 'c']) writeFileSync(path(name), '');
    const folder = await guest.open('', readOnly);
    const [first] = (await guest.entries(folder, 0n, 3)).slice(2);
    for (const name of ['a', 'b', 'c']) if (name !== first?.name) unlinkSync(path(name));
    expect(await guest.entries(folder, first?.cookie ?? 0n)).toEqual([]);
  });

  it('goes on at a cookie of another opening', async () => {
    for (const name of ['a', 'b', 'c']) writeFileSync(path(name), '');
    const all = await guest.entries(await guest.open('', readOnly));
    const rest = await guest.entries(await guest.open('', readOnly), all[2]?.cookie ?? 0n);
    expect(rest.map(({ name }) => name)).toEqual(all.slice(3).map(({ name }) => name));
  });

  it('has the number of a hard link twice', async () => {
    writeFileSync(path('one'), '');
    linkSync(path('one'), path('two'));
    const entries = await guest.entries(await guest.open('', readOnly));
    expect(new Set(entries.slice(2).map(({ ino }) => ino)).size).toBe(1);
  });
});
