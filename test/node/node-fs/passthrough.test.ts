// Owners and modes that are the host's own, set by a process that may set any.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { fileType, noId, openFlags } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { hostPath } from '../../../src/node/node-fs/host.ts';
import { loadNative } from '../../../src/node/node-fs/load-native.ts';
import { backendSuite } from '../../backend-suite.ts';
import { bytes, refused, text } from '../../backend-suite/guest.ts';
import { capabilities, hasNative, SharedFolder } from './shared-folder.ts';

const isRoot = process.getuid?.() === 0;
const passthrough = { security: { model: 'passthrough' } } as const;

describe.runIf(isRoot)('passthrough, as root', () => {
  let share: SharedFolder;
  afterEach(async () => {
    await share.guest.leave();
    await share.dispose();
  });

  const onHost = (name: string): object => {
    const { uid, gid, mode } = lstatSync(join(share.path, name));
    return { uid, gid, mode: mode & 0o7777 };
  };

  it('makes and changes what the host has, links too', async () => {
    share = new SharedFolder(passthrough);
    const { guest, backend } = share;
    const root = await guest.root();
    const alice = { uid: 1000, gid: 1001 };
    const { node, file } = backend.create(root, bytes('file'), openFlags.readWrite, 0o4644, alice);
    await backend.release(file);
    guest.keep(node);
    guest.keep(backend.mkdir(root, bytes('folder'), 0o2770, alice));
    guest.keep(backend.symlink(root, bytes('link'), bytes('nowhere'), alice));
    expect(onHost('file')).toEqual({ ...alice, mode: 0o4644 });
    expect(onHost('folder')).toEqual({ ...alice, mode: 0o2770 });
    expect(onHost('link')).toEqual({ ...alice, mode: 0o777 });
    await guest.change('link', { uid: 7 });
    await guest.change('file', { gid: 8, mode: 0o2755 });
    expect(onHost('link')).toEqual({ uid: 7, gid: 1001, mode: 0o777 });
    expect(onHost('file')).toEqual({ uid: 1000, gid: 8, mode: 0o2755 });
    expect(await guest.attributes('file')).toMatchObject({ uid: 1000, gid: 8, mode: 0o102755 });
    // The kernel spares root.
    await guest.write(await guest.open('file'), 0, 'x');
    expect(onHost('file')).toEqual({ uid: 1000, gid: 8, mode: 0o755 });
  });

  it('takes SUID with a change of the owner, also where that stays', async () => {
    share = new SharedFolder(passthrough);
    const { guest } = share;
    await guest.file('file');
    for (const change of [{ uid: 0 }, { gid: 0 }, { uid: 0, gid: 0 }]) {
      await guest.change('file', { mode: 0o4755 });
      await guest.change('file', change);
      expect(onHost('file')).toEqual({ uid: 0, gid: 0, mode: 0o755 });
    }
    await guest.change('file', { mode: 0o4755 });
    await guest.change('file', { mtime: 1n });
    expect(onHost('file')).toMatchObject({ mode: 0o4755 });
  });

  it('translates by the map, both ways', async () => {
    const map = [{ guest: 0, host: 100_000, count: 1000 }];
    share = new SharedFolder({
      security: { model: 'passthrough', owner: { uid: 5, gid: 5 }, uidMap: map, gidMap: map },
    });
    const { guest, backend } = share;
    guest.keep(backend.mkdir(await guest.root(), bytes('roots'), 0o755, { uid: 0, gid: noId }));
    expect(onHost('roots')).toMatchObject({ uid: 100_000, gid: 0 });
    expect(await guest.attributes('roots')).toMatchObject({ uid: 0, gid: 5 });
    await guest.change('roots', { uid: 5, gid: 999 });
    expect(onHost('roots')).toMatchObject({ uid: 0, gid: 100_999 });
    expect(await guest.attributes('roots')).toMatchObject({ uid: 5, gid: 999 });
    await refused(() => guest.change('roots', { uid: 1000 }), 'EINVAL');
  });
});

/** An access list: tag, permissions, and who, of each entry. */
function accessList(...entries: readonly (readonly [tag: number, permissions: number, id?: number])[]): Uint8Array {
  const list = Buffer.alloc(4 + 8 * entries.length);
  list.writeUInt32LE(2);
  for (const [index, [tag, permissions, id = noId]] of entries.entries()) {
    list.writeUInt16LE(tag, 4 + 8 * index);
    list.writeUInt16LE(permissions, 6 + 8 * index);
    list.writeUInt32LE(id, 8 + 8 * index);
  }
  return new Uint8Array(list);
}

const [owner, user, group, namedGroup, mask, other] = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20];
const forAlice = (uid: number, gid: number): Uint8Array =>
  accessList([owner, 6], [user, 4, uid], [group, 0], [namedGroup, 4, gid], [mask, 4], [other, 0]);
const access = bytes('system.posix_acl_access');
const inherited = bytes('system.posix_acl_default');

/** Whether the host's file systems have access lists here. */
function hasLists(): boolean {
  const share = new SharedFolder(passthrough);
  const root = share.backend.root();
  try {
    share.backend.setxattr(root, access, forAlice(1000, 1000), 0);
    return true;
  } catch (error) {
    if (error instanceof Errno && error.code === 'EOPNOTSUPP') return false;
    throw error;
  } finally {
    share.backend.forget(root);
    void share.dispose();
  }
}

describe.runIf(isRoot && hasNative)('access lists of passthrough', () => {
  const lacking = isRoot && hasNative && !hasLists() && 'the file system of temporary folders has no access lists';
  let share: SharedFolder;
  afterEach(async () => {
    await share.guest.leave();
    await share.dispose();
  });

  const onHost = (name: string, list: Uint8Array): Uint8Array | undefined =>
    loadNative(() => undefined)?.getxattr(hostPath(join(share.path, name)), list);

  it('are the host’s, which obeys them', async ({ skip }) => {
    skip(lacking !== false, String(lacking));
    share = new SharedFolder(passthrough);
    const { guest, backend } = share;
    const node = await guest.file('file', 'content');
    await guest.change('file', { mode: 0o600 });
    chmodSync(share.place, 0o755);
    chmodSync(share.path, 0o755);
    const alice = { uid: 1000, gid: 1000, encoding: 'utf8' } as const;
    const read = (): string => execFileSync('cat', [join(share.path, 'file')], { ...alice, stdio: 'pipe' });
    expect(read).toThrow('Permission denied');
    const list = forAlice(1000, 1001);
    expect(backend.getxattr(node, access)).toBeUndefined();
    backend.setxattr(node, access, list, 0);
    expect(read()).toBe('content');
    expect(onHost('file', access)).toEqual(list);
    expect(backend.getxattr(node, access)).toEqual(list);
    expect(backend.listxattr(node).map(text)).toEqual(['system.posix_acl_access']);
    // The group's permissions are the mask's.
    expect((await guest.attributes('file')).mode).toBe(0o100640);
    backend.removexattr(node, access);
    expect(backend.getxattr(node, access)).toBeUndefined();
    expect(read).toThrow('Permission denied');
  });

  it('of a folder go to what is made in it', async ({ skip }) => {
    skip(lacking !== false, String(lacking));
    share = new SharedFolder(passthrough);
    const { guest, backend } = share;
    const folder = await guest.mkdir('folder');
    backend.setxattr(folder, inherited, forAlice(1000, 1000), 0);
    const { node, file } = backend.create(folder, bytes('file'), openFlags.readWrite, 0o640, { uid: 0, gid: 0 });
    await backend.release(file);
    expect(backend.getxattr(node, access)).toEqual(forAlice(1000, 1000));
    backend.forget(node);
  });

  it('name users and groups by the map', async ({ skip }) => {
    skip(lacking !== false, String(lacking));
    const [uidMap, gidMap] = [[{ guest: 0, host: 100_000, count: 2000 }], [{ guest: 0, host: 200_000, count: 2000 }]];
    share = new SharedFolder({ security: { model: 'passthrough', uidMap, gidMap } });
    const { guest, backend } = share;
    const node = await guest.file('file');
    backend.setxattr(node, access, forAlice(1000, 1001), 0);
    expect(onHost('file', access)).toEqual(forAlice(101_000, 201_001));
    expect(backend.getxattr(node, access)).toEqual(forAlice(1000, 1001));
    await refused(() => backend.setxattr(node, access, forAlice(3000, 0), 0), 'EINVAL');
  });

  it('are refused where they are none, or the file can have none', async ({ skip }) => {
    skip(lacking !== false, String(lacking));
    share = new SharedFolder(passthrough);
    const { guest, backend } = share;
    const node = await guest.file('file');
    for (const list of [bytes('x'), bytes('none of them'), accessList([owner, 6])])
      // Another version is EOPNOTSUPP.
      await refused(() => backend.setxattr(node, access, list, 0), 'EINVAL', 'EOPNOTSUPP');
    await refused(() => backend.setxattr(node, inherited, forAlice(1000, 1000), 0), 'EACCES');
    const link = await guest.symlink('file', 'link');
    await refused(() => backend.setxattr(link, access, forAlice(1000, 1000), 0), 'EOPNOTSUPP');
    expect(backend.listxattr(node)).toEqual([]);
  });
});

/** Why this process can make no device nodes; undefined where it can. */
function obstacle(): string | undefined {
  const place = mkdtempSync(join(tmpdir(), 'vm9-device-'));
  const { status, stderr, error } = spawnSync('mknod', [join(place, 'null'), 'c', '1', '3'], { encoding: 'utf8' });
  rmSync(place, { recursive: true });
  return status === 0 ? undefined : (error?.message ?? stderr);
}

it.runIf(isRoot && hasNative)('device nodes of passthrough are the host’s, and are never opened', async ({ skip }) => {
  const reason = obstacle();
  skip(reason !== undefined, `no device nodes can be made: ${reason}`);
  const share = new SharedFolder(passthrough);
  const { guest, backend } = share;
  const root = await guest.root();
  // Of glibc's numbers: 12 bits of major, 20 of minor.
  guest.keep(backend.mknod(root, bytes('full'), fileType.character | 0o666, 0x107n, { uid: 1000, gid: 1001 }));
  guest.keep(backend.mknod(root, bytes('disk'), fileType.block | 0o600, 0x1230_8c45n, { uid: 0, gid: 0 }));
  const full = lstatSync(join(share.path, 'full'));
  expect([full.isCharacterDevice(), full.rdev, full.uid, full.gid, full.mode & 0o777]).toEqual([
    true,
    0x107,
    1000,
    1001,
    0o666,
  ]);
  const disk = lstatSync(join(share.path, 'disk'));
  expect([disk.isBlockDevice(), disk.rdev]).toEqual([true, 0x1230_8c45]);
  expect(await guest.attributes('disk')).toMatchObject({ mode: fileType.block | 0o600, rdev: 0x1230_8c45n });
  // To open /dev/full would do: the guest's kernel has its own.
  for (const flags of [openFlags.readOnly, openFlags.writeOnly, openFlags.writeOnly | openFlags.truncate])
    await refused(() => guest.open('full', flags), 'ENXIO');
  await guest.change('full', { mode: 0o600, uid: 7 });
  expect(lstatSync(join(share.path, 'full'))).toMatchObject({ uid: 7 });
  await guest.rename('full', 'moved');
  await guest.unlink('moved');
  await guest.leave();
  await share.dispose();
});

if (isRoot)
  backendSuite('NodeFsBackend, passthrough', () => new SharedFolder(passthrough), {
    ...capabilities,
    chown: true,
    setIds: true,
    specials: hasNative && obstacle() === undefined,
  });
