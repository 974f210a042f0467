// The native calls against node:fs, and what happens where they can not be had.
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { host, nameFromBytes } from '../../../src/node/node-fs/host.ts';
import type { HostName, HostPath } from '../../../src/node/node-fs/host.ts';
import { loadNative } from '../../../src/node/node-fs/load-native.ts';
import type { Native } from '../../../src/node/node-fs/native.ts';
import { bytes, refused } from '../../backend-suite/guest.ts';
import { capabilities, hasNative, SharedFolder } from './shared-folder.ts';

const unexpected = (line: string): never => {
  throw new Error(line);
};

describe.runIf(hasNative)('native calls', () => {
  let share: SharedFolder;
  let native: Native;
  let folder: number;

  beforeEach(() => {
    share = new SharedFolder();
    native = loadNative(unexpected)!;
    folder = openSync(share.path, 'r');
  });

  afterEach(async () => {
    closeSync(folder);
    await share.dispose();
  });

  const path = (name: string): HostPath => join(share.path, name) as HostPath;

  it('give a file a name whose name is gone, but not its last', async () => {
    const { guest } = share;
    const node = await guest.file('one', 'content');
    await guest.link(node, 'two');
    await guest.unlink('one');
    await guest.mkdir('folder');
    await guest.link(node, 'folder/three');
    expect(await guest.content('folder/three')).toBe('content');
    expect((await guest.attributes('two')).nlink).toBe(2);
    await refused(() => guest.link(node, 'two'), 'EEXIST');
    const link = await guest.symlink('two', 'link');
    await guest.link(link, 'second');
    await guest.unlink('link');
    await guest.link(link, 'third');
    expect(await guest.readlink('third')).toBe('two');
    await guest.unlink('two');
    await guest.unlink('folder/three');
    await refused(() => guest.link(node, 'other'), 'ENOENT');
  });

  it('see what node:fs sees, of every kind of file', () => {
    writeFileSync(path('file'), 'content', { mode: 0o640 });
    // Before 1970, and with a fraction.
    utimesSync(path('file'), -100.25, 1_700_000_000.123);
    mkdirSync(path('folder'));
    symlinkSync('nowhere', path('link'));
    const places = [path('file'), path('folder'), path('link'), '/dev/null', '/proc', '/proc/self/status', '/dev/pts'];
    for (const place of places) {
      const expected = host.lstat(place as HostPath);
      // A path that is absolute needs no folder.
      const found = native.statAt(folder, place as unknown as HostName);
      for (const [key, value] of Object.entries(found ?? {})) {
        // Of what the kernel makes up as it is looked at.
        if (place.startsWith('/proc') && key.endsWith('Ns')) continue;
        expect([place, key, value]).toEqual([place, key, expected?.[key as keyof typeof expected]]);
      }
      expect(Object.keys(found ?? {})).toHaveLength(13);
    }
    expect(native.statAt(folder, 'missing' as HostName)).toBeUndefined();
  });

  it('list what node:fs lists, with numbers, types and bytes that are not UTF-8', () => {
    const names = Array.from({ length: 3000 }, (_, index) => `${index}-${'n'.repeat(index % 200)}`);
    for (const name of [...names, '\xff\xfe']) host.close(host.open(`${share.path}/${name}` as HostPath, 0o101, 0o600));
    mkdirSync(path('folder'));
    symlinkSync('nowhere', path('link'));
    for (let round = 0; round < 2; round++) {
      const list = native.list(folder);
      const listed = Array.from({ length: list.length }, (_, index) => ({
        name: nameFromBytes(list.name(index)),
        ...list.listed(index)!,
      }));
      const expected = readdirSync(share.path, { encoding: 'latin1' });
      expect(listed.map(({ name }) => name).toSorted()).toEqual(expected.toSorted());
      for (const { name, ino, type } of listed.slice(0, 50)) {
        const stat = host.lstat(`${share.path}/${name}` as HostPath);
        expect([ino, type]).toEqual([stat?.ino, Number(stat?.mode) & 0o170000]);
      }
    }
  });

  it('set times to the nanosecond, one alone, or to now', () => {
    writeFileSync(path('file'), '');
    const set = (atime: bigint | 'now' | undefined, mtime: bigint | 'now' | undefined): void =>
      native.setTimes(path('file'), atime, mtime);
    const times = (): bigint[] => {
      const { atimeNs, mtimeNs } = lstatSync(path('file'), { bigint: true });
      return [atimeNs, mtimeNs];
    };
    set(1_700_000_000_123_456_789n, -1n);
    expect(times()).toEqual([1_700_000_000_123_456_789n, -1n]);
    set(undefined, -1_500_000_001n);
    expect(times()).toEqual([1_700_000_000_123_456_789n, -1_500_000_001n]);
    set('now', undefined);
    expect(times()[0]).toBeGreaterThan(1_700_000_000_123_456_789n);
    expect(times()[1]).toBe(-1_500_000_001n);
  });

  it('remove a name itself, and a folder only if it is said to be one', async () => {
    writeFileSync(path('file'), '');
    mkdirSync(path('empty'));
    mkdirSync(path('full'));
    writeFileSync(path('full/inner'), '');
    symlinkSync('full', path('link'));
    const remove = (name: string, isFolder: boolean) => (): void => native.removeAt(folder, name as HostName, isFolder);
    await refused(remove('file', true), 'ENOTDIR');
    await refused(remove('link', true), 'ENOTDIR');
    await refused(remove('empty', false), 'EISDIR');
    await refused(remove('full', true), 'ENOTEMPTY');
    await refused(remove('missing', false), 'ENOENT');
    for (const name of ['file', 'link']) remove(name, false)();
    remove('empty', true)();
    expect(readdirSync(share.path)).toEqual(['full']);
    expect(readdirSync(path('full'))).toEqual(['inner']);
  });

  it('have the errors of the kernel', async () => {
    writeFileSync(path('file'), '');
    await refused(() => native.statAt(folder, 'file/x' as HostName), 'ENOTDIR');
    await refused(() => native.statAt(folder, 'n'.repeat(256) as HostName), 'ENAMETOOLONG');
    await refused(() => native.statAt(folder, 'n'.repeat(5000) as HostName), 'ENAMETOOLONG');
    await refused(() => native.statAt(-5, 'file' as HostName), 'EBADF');
    await refused(() => native.rename(path('file'), path('missing/x'), 0), 'ENOENT');
    await refused(() => native.setTimes(path('missing'), 1n, 1n), 'ENOENT');
    await refused(() => native.getxattr(path('missing'), bytes('user.x')), 'ENOENT');
  });
});

describe.runIf(capabilities.xattrs)('extended attributes of the host', () => {
  it('of other namespaces than the users’ are out of reach', async () => {
    const share = new SharedFolder();
    const { backend, guest } = share;
    try {
      const node = await guest.file('file');
      for (const name of ['security.capability', 'trusted.x', 'system.posix_acl_x', 'user', 'users.x']) {
        expect(backend.getxattr(node, bytes(name))).toBeUndefined();
        await refused(() => backend.setxattr(node, bytes(name), bytes('1'), 0), 'EOPNOTSUPP');
        await refused(() => backend.removexattr(node, bytes(name)), 'ENODATA');
      }
      expect(backend.listxattr(node)).toEqual([]);
    } finally {
      await guest.leave();
      await share.dispose();
    }
  });
});

describe('without koffi', () => {
  const lines: string[] = [];
  const load = (require: (name: string) => unknown): unknown => {
    lines.length = 0;
    return loadNative((line) => lines.push(line), require);
  };

  it('that was not installed nothing is said', () => {
    expect(
      load(() => {
        throw Object.assign(new Error("Cannot find module 'koffi'"), { code: 'MODULE_NOT_FOUND' });
      }),
    ).toBeUndefined();
    expect(lines).toEqual([]);
  });

  const broken: Readonly<Record<string, [require: () => unknown, reason: RegExp]>> = {
    'can not be loaded': [
      () => {
        throw new Error('koffi.node: wrong ELF class');
      },
      /wrong ELF class/,
    ],
    'is something else': [() => ({}), /load/],
    'lacks a call': [
      () => ({
        load: () => ({
          func: () => {
            throw new Error('Cannot find function statx');
          },
        }),
      }),
      /Cannot find function statx/,
    ],
    'calls something else': [
      () => ({ load: () => ({ func: () => () => 0 }), errno: () => 0 }),
      /of \/ is 0, and was \d+/,
    ],
    'fails at every call': [() => ({ load: () => ({ func: () => () => -1 }), errno: () => 38 }), /ENOSYS/],
  };
  it.runIf(process.platform === 'linux').each(Object.entries(broken))(
    'that %s one line says so',
    (_, [require, reason]) => {
      expect(load(require)).toBeUndefined();
      expect(lines).toEqual([expect.stringMatching(reason)]);
      expect(lines[0]).toMatch(/^koffi is installed and can not be used \(.*\): shares do without/);
    },
  );
});
