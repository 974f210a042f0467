// Opening and closing a share, and one that is read-only.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileType, openFlags } from '../../../devices/9p/backend.ts';
import { NodeFsBackend } from '../../../src/node/node-fs/backend.ts';
import { bytes, Guest, nobodySpecial, refused } from '../../backend-suite/guest.ts';

const { readOnly, readWrite, writeOnly, truncate, exclusive } = openFlags;
let place: string;

/** Where a descriptor leads; '' where it has been closed. */
function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'vm9-opening-'));
});

afterEach(() => rmSync(place, { recursive: true, force: true }));

describe('a share', () => {
  it('of a missing folder is refused by name', () => {
    const missing = join(place, 'missing');
    expect(() => NodeFsBackend.open(missing, { readOnly: false })).toThrow(`${missing}: there is no such folder`);
  });

  it('of a file is refused by name', () => {
    const file = join(place, 'file');
    writeFileSync(file, '');
    expect(() => NodeFsBackend.open(file, { readOnly: false })).toThrow(`${file}: it is not a folder`);
  });

  it('may be named through a link', async () => {
    mkdirSync(join(place, 'folder'));
    writeFileSync(join(place, 'folder', 'file'), 'content');
    symlinkSync('folder', join(place, 'link'));
    for (const walk of ['descriptors', 'portable'] as const) {
      const backend = NodeFsBackend.open(join(place, 'link'), { readOnly: true, walk });
      const guest = new Guest(backend);
      expect(await guest.content('file')).toBe('content');
      await guest.leave();
      await backend.close();
    }
  });

  it('leaves no descriptor open, whatever was in use', async () => {
    const before = readdirSync('/proc/self/fd').length;
    for (const walk of ['descriptors', 'portable'] as const) {
      const backend = NodeFsBackend.open(place, { readOnly: false, walk });
      const guest = new Guest(backend);
      await guest.mkdir('folder');
      await guest.mkdir('folder/below');
      await guest.file('folder/below/file', 'content');
      await guest.at('folder/below/file');
      await guest.open('folder/below/file');
      await guest.open('folder', readOnly);
      await guest.file('gone');
      await guest.open('gone');
      await guest.unlink('gone');
      const synced = backend.fsync(await guest.open('folder/below/file'), false);
      expect(readdirSync('/proc/self/fd').length).toBeGreaterThan(before);
      await backend.close();
      expect(readdirSync('/proc/self/fd').length).toBe(before);
      await synced;
      rmSync(join(place, 'folder'), { recursive: true });
    }
  });

  it.runIf(existsSync('/proc/self/fd'))(
    'keeps what it has of a folder for the next walk, unless the guest removes it',
    async () => {
      const backend = NodeFsBackend.open(place, { readOnly: false });
      const guest = new Guest(backend);
      /** Numbers of the descriptors that stand for what is below the share, by its name there. */
      const descriptors = (): Record<string, string> =>
        Object.fromEntries(
          readdirSync('/proc/self/fd').flatMap((fd) => {
            const path = linkOf(fd);
            return path.startsWith(`${place}/`) ? [[path.slice(place.length + 1), fd]] : [];
          }),
        );
      for (const name of ['a', 'a/b', 'other']) await guest.mkdir(name);
      for (const name of ['a/b/file', 'other/file']) await guest.file(name);
      await guest.leave();
      const kept = descriptors();
      expect(Object.keys(kept).toSorted()).toEqual(['a', 'a/b', 'other']);
      await guest.at('a/b/file');
      await guest.leave();
      expect(descriptors()).toEqual(kept);
      await guest.unlink('a/b/file');
      const folder = await guest.at('a/b');
      await guest.rmdir('a/b');
      await refused(() => backend.mkdir(folder, bytes('new'), 0o755, nobodySpecial), 'ENOENT');
      await guest.leave();
      expect(descriptors()).toEqual({ a: kept['a'], other: kept['other'] });
      await backend.close();
      expect(descriptors()).toEqual({});
    },
  );

  it('lets a file be released while its fsync is under way', async () => {
    const backend = NodeFsBackend.open(place, { readOnly: false });
    const before = readdirSync('/proc/self/fd').length;
    const { node, file } = backend.create(backend.root(), bytes('file'), readWrite, 0o644, nobodySpecial);
    backend.write(file, 0, [bytes('content')]);
    const synced = backend.fsync(file, false);
    const released = backend.release(file);
    await Promise.all([synced, released]);
    backend.forget(node);
    expect(readdirSync('/proc/self/fd').length).toBe(before);
    await backend.close();
  });

  it('does not hold the thread up while a file is stored', async () => {
    const backend = NodeFsBackend.open(place, { readOnly: false });
    const { file } = backend.create(backend.root(), bytes('file'), readWrite, 0o644, nobodySpecial);
    backend.write(file, 0, [new Uint8Array(4 << 20)]);
    let isStored = false;
    const synced = backend.fsync(file, false).then(() => (isStored = true));
    expect(isStored).toBe(false);
    expect(backend.getattrOpen(file).size).toBe(4 << 20);
    await synced;
    await backend.close();
  });
});

describe('a read-only share', () => {
  let backend: NodeFsBackend;
  let guest: Guest;

  beforeEach(() => {
    writeFileSync(join(place, 'file'), 'content');
    mkdirSync(join(place, 'folder'));
    symlinkSync('file', join(place, 'link'));
    backend = NodeFsBackend.open(place, { readOnly: true });
    guest = new Guest(backend);
  });

  afterEach(async () => {
    await guest.leave();
    await backend.close();
  });

  it('is read', async () => {
    expect(await guest.content('file')).toBe('content');
    expect(await guest.readlink('link')).toBe('file');
    expect(await guest.names('')).toEqual(['file', 'folder', 'link']);
    const file = await guest.create('file', readOnly);
    expect(await guest.read(file)).toBe('content');
    await backend.fsync(file, false);
  });

  it('is changed by nothing: EROFS', async () => {
    const root = await guest.root();
    const node = await guest.at('file');
    const file = await guest.open('file', readOnly);
    const before = statSync(join(place, 'file'), { bigint: true });
    const changes: readonly (() => unknown)[] = [
      () => guest.open('file', writeOnly),
      () => guest.open('file', readWrite),
      () => guest.open('file', readOnly | truncate),
      () => guest.create('file', readWrite),
      () => guest.create('new', readOnly),
      () => guest.create('new', readWrite | exclusive),
      () => guest.mkdir('new'),
      () => guest.symlink('x', 'new'),
      () => guest.link(node, 'new'),
      () => guest.unlink('file'),
      () => guest.rmdir('folder'),
      () => guest.rename('file', 'new'),
      () => guest.change(node, { mode: 0o600 }),
      () => guest.change(node, { size: 0 }),
      () => guest.change(node, { mtime: 'now' }),
      () => guest.change(node, { uid: 0 }),
      () => guest.change(node, {}),
      () => backend.setattrOpen(file, { mode: 0o600 }),
      () => backend.mknod(root, bytes('new'), fileType.file | 0o644, 0n, nobodySpecial),
    ];
    for (const change of changes) await refused(change, 'EROFS');
    await refused(() => guest.write(file, 0, 'x'), 'EBADF');
    await refused(() => guest.create('file', readOnly | exclusive), 'EEXIST');
    expect(readFileSync(join(place, 'file'), 'latin1')).toBe('content');
    expect(statSync(join(place, 'file'), { bigint: true }).ctimeNs).toBe(before.ctimeNs);
    expect(readdirSync(place)).toEqual(['file', 'folder', 'link']);
  });
});
