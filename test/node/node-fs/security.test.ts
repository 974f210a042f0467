// Owners, modes and types that the host does not have: what is kept of them in extended attributes, and what without those. As
// a user without privileges, whom the kernel allows the least.
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { fileType, noId, openFlags } from '../../../devices/9p/backend.ts';
import type { Attributes, Caller } from '../../../devices/9p/backend.ts';
import { NodeFsBackend } from '../../../src/node/node-fs/backend.ts';
import type { NodeFsOptions } from '../../../src/node/node-fs/backend.ts';
import type { HostPath } from '../../../src/node/node-fs/host.ts';
import { loadNative } from '../../../src/node/node-fs/load-native.ts';
import { bytes, permissionsOf, refused, text, typeOf } from '../../backend-suite/guest.ts';
import { becomeNobody } from './nobody.ts';
import { capabilities, hasNative, SharedFolder } from './shared-folder.ts';

const alice: Caller = { uid: 1000, gid: 1001 };
const { readWrite, exclusive, writeOnly, truncate } = openFlags;

const place = mkdtempSync(join(tmpdir(), 'vm9-nobody-'));
process.env['TMPDIR'] = place;
becomeNobody((uid) => chownSync(place, uid, uid));
afterAll(() => rmdirSync(place));

let shares: SharedFolder[] = [];
afterEach(async () => {
  for (const share of shares) {
    await share.guest.leave();
    await share.dispose();
  }
  shares = [];
});

function sharing(options: Partial<NodeFsOptions> = {}, prepare?: (path: string) => void): SharedFolder {
  const share = new SharedFolder(options, prepare);
  shares.push(share);
  return share;
}

function native(): NonNullable<ReturnType<typeof loadNative>> {
  const loaded = loadNative(() => undefined);
  if (loaded === undefined) throw new Error('only where there are native calls');
  return loaded;
}

/** Attributes of a host's file, with their values in hexadecimal. */
function xattrsOf(path: string): Record<string, string> {
  const found = native().listxattr(path as HostPath);
  return Object.fromEntries(
    found.map((name) => [text(name), Buffer.from(native().getxattr(path as HostPath, name) ?? []).toString('hex')]),
  );
}

function hostMode(share: SharedFolder, name: string): number {
  return statSync(join(share.path, name)).mode & 0o7777;
}

/** The same, by a machine that was started anew. */
async function afterwards(
  share: SharedFolder,
  name: string,
  options: Partial<NodeFsOptions> = {},
): Promise<Attributes> {
  const backend = NodeFsBackend.open(share.path, { readOnly: true, ...options });
  try {
    const root = backend.root();
    const node = backend.lookup(root, bytes(name));
    if (node === undefined) throw new Error(`${name} is missing`);
    const attributes = backend.getattr(node);
    backend.forget(node);
    backend.forget(root);
    return attributes;
  } finally {
    await backend.close();
  }
}

describe.runIf(capabilities.xattrs)('owners by default', () => {
  it('are kept where they are not the host’s user', async () => {
    const share = sharing();
    const { guest, path, backend } = share;
    await guest.file('file');
    await guest.mkdir('folder');
    for (const name of ['file', 'folder']) {
      await guest.change(name, { uid: 1000, gid: 0x01020304 });
      expect(await guest.attributes(name)).toMatchObject({ uid: 1000, gid: 0x01020304 });
      expect(await afterwards(share, name)).toMatchObject({ uid: 1000, gid: 0x01020304 });
      expect(statSync(join(path, name)).uid).toBe(process.getuid?.());
      expect(xattrsOf(join(path, name))).toEqual({ 'user.virtfs.uid': 'e8030000', 'user.virtfs.gid': '04030201' });
    }
    const file = await guest.open('file');
    expect(backend.getattrOpen(file)).toMatchObject({ uid: 1000, gid: 0x01020304 });
    await guest.change('file', { uid: 0 });
    expect(xattrsOf(join(path, 'file'))).toEqual({ 'user.virtfs.gid': '04030201' });
    backend.setattrOpen(file, { gid: 0 });
    expect(xattrsOf(join(path, 'file'))).toEqual({});
  });

  it('are those who create, whatever permissions they leave themselves', async () => {
    const share = sharing();
    const { guest, backend } = share;
    const root = await guest.root();
    for (const mode of [0o644, 0o444, 0o200, 0o000]) {
      const { node, file } = backend.create(root, bytes(`file-${mode}`), readWrite | exclusive, mode, alice);
      void backend.release(file);
      backend.forget(node);
      guest.keep(backend.mkdir(root, bytes(`folder-${mode}`), mode, alice));
      for (const name of [`file-${mode}`, `folder-${mode}`]) {
        const expected = { uid: 1000, gid: 1001, mode };
        const { uid, gid, ...attributes } = await guest.attributes(name);
        expect({ uid, gid, mode: attributes.mode & 0o7777 }, name).toEqual(expected);
        const later = await afterwards(share, name);
        expect({ uid: later.uid, gid: later.gid, mode: permissionsOf(later) }, name).toEqual(expected);
        expect(hostMode(share, name)).toBe(mode | (mode & 0o400 ? 0 : 0o400));
      }
    }
    const anonymous = backend.create(root, bytes('nobody'), readWrite, 0o644, { uid: noId, gid: noId });
    void backend.release(anonymous.file);
    guest.keep(anonymous.node);
    expect(await guest.attributes('nobody')).toMatchObject({ uid: 0, gid: 0 });
  });

  it('stay with a file under all its names', async () => {
    const { guest } = sharing();
    await guest.file('file');
    await guest.change('file', { uid: 5 });
    await guest.link('file', 'second');
    await guest.rename('file', 'third');
    expect((await guest.attributes('second')).uid).toBe(5);
    expect((await guest.attributes('third')).uid).toBe(5);
    const node = await guest.at('third');
    await guest.unlink('second');
    await guest.unlink('third');
    expect((await guest.attributes(node)).uid).toBe(5);
    await guest.change(node, { uid: 6 });
    expect((await guest.attributes(node)).uid).toBe(6);
  });

  it('of files that may not be written can be changed, and permissions stay', async () => {
    const share = sharing();
    const { guest } = share;
    for (const mode of [0o444, 0o000, 0o555]) {
      await guest.file(`file-${mode}`);
      await guest.change(`file-${mode}`, { mode });
      await guest.change(`file-${mode}`, { uid: 3 });
      const attributes = await guest.attributes(`file-${mode}`);
      expect([attributes.uid, permissionsOf(attributes)]).toEqual([3, mode]);
      await guest.change(`file-${mode}`, { uid: 0, gid: 0 });
      expect(hostMode(share, `file-${mode}`)).toBe(mode);
    }
  });

  it('that another process has set are seen', async () => {
    const share = sharing();
    const other = NodeFsBackend.open(share.path, { readOnly: false });
    const node = await share.guest.file('file');
    const theirs = other.lookup(other.root(), bytes('file'))!;
    // Long enough for what is known of the file to be believed.
    await new Promise((resolve) => setTimeout(resolve, 150));
    for (const uid of [7, 8, 0, 9]) {
      expect(share.backend.getattr(node).uid).not.toBe(uid);
      other.setattr(theirs, { uid });
      await new Promise((resolve) => setTimeout(resolve, 12));
      expect(share.backend.getattr(node).uid).toBe(uid);
    }
    await other.close();
  });

  it('of symbolic links are taken without an error, and forgotten', async () => {
    const { guest } = sharing();
    const link = await guest.symlink('target', 'link');
    await guest.change(link, { uid: 1000, gid: 1000 });
    expect(await guest.attributes(link)).toMatchObject({ uid: 0, gid: 0, mode: 0o120777 });
    expect(await guest.readlink(link)).toBe('target');
  });

  it('are no attributes of the guest’s', async () => {
    const { guest, backend } = sharing();
    const node = await guest.file('file');
    await guest.change(node, { uid: 1000 });
    backend.setxattr(node, bytes('user.virtf'), bytes('1'), 0);
    expect(backend.listxattr(node).map(text)).toEqual(['user.virtf']);
    for (const name of ['user.virtfs.uid', 'user.virtfs.mode', 'user.virtfs.other']) {
      expect(backend.getxattr(node, bytes(name))).toBeUndefined();
      await refused(() => backend.setxattr(node, bytes(name), bytes('1234'), 0), 'EACCES');
      await refused(() => backend.removexattr(node, bytes(name)), 'ENODATA');
    }
    expect((await guest.attributes(node)).uid).toBe(1000);
  });

  it('that are no numbers of 32 bits are none', async () => {
    const share = sharing();
    await share.guest.file('file');
    for (const [name, value] of [
      ['uid', '123'],
      ['gid', '12345'],
      ['mode', ''],
    ] as const)
      native().setxattr(join(share.path, 'file') as HostPath, bytes(`user.virtfs.${name}`), bytes(value), 0);
    expect(await share.guest.attributes('file')).toMatchObject({ uid: 0, gid: 0, mode: 0o100644 });
  });
});

describe.runIf(capabilities.xattrs)('SUID and SGID by default', () => {
  it('are the guest’s alone', async () => {
    const share = sharing();
    const { guest } = share;
    await guest.create('file', readWrite, 0o6755);
    await guest.mkdir('folder', 0o2775);
    expect([permissionsOf(await guest.attributes('file')), hostMode(share, 'file')]).toEqual([0o6755, 0o755]);
    expect([permissionsOf(await guest.attributes('folder')), hostMode(share, 'folder')]).toEqual([0o2775, 0o775]);
    expect(xattrsOf(join(share.path, 'file'))).toEqual({ 'user.virtfs.mode': 'ed8d0000' });
    await guest.change('file', { mode: 0o4711 });
    expect(permissionsOf(await afterwards(share, 'file'))).toBe(0o4711);
    await guest.change('file', { mode: 0o711 });
    expect(xattrsOf(join(share.path, 'file'))).toEqual({});
  });

  it('are gone once the host has set other permissions', async () => {
    const share = sharing();
    await share.guest.file('file');
    await share.guest.change('file', { mode: 0o4755 });
    chmodSync(join(share.path, 'file'), 0o700);
    expect(permissionsOf(await share.guest.attributes('file'))).toBe(0o700);
  });
});

const keeping = { default: {}, mapped: { security: { model: 'mapped' } } } as const;

describe.runIf(capabilities.xattrs).each(Object.entries(keeping))('SUID and SGID, %s', (_, options) => {
  const modes = [
    [0o6755, 0o755],
    // Without permission to execute SGID meant something else.
    [0o6745, 0o2745],
  ] as const;

  it.each(modes)('of %o become %o by a write, whenever they came', async (mode, left) => {
    const { guest } = sharing(options);
    const file = await guest.create('file');
    for (let round = 0; round < 2; round++) {
      await guest.change('file', { mode });
      expect(permissionsOf(await guest.attributes('file'))).toBe(mode);
      await guest.write(file, 0, 'content');
      expect(permissionsOf(await guest.attributes('file'))).toBe(left);
    }
  });

  it.each(modes)('of %o become %o by a new size, an opening that truncates, and a new owner', async (mode, left) => {
    const { guest } = sharing(options);
    await guest.file('file', 'content');
    const actions = [
      () => guest.change('file', { size: 3 }),
      () => guest.open('file', writeOnly | truncate),
      () => guest.change('file', { uid: 12 }),
      () => guest.change('file', { gid: 12 }),
    ];
    for (const action of actions) {
      await guest.change('file', { mode });
      await action();
      expect(permissionsOf(await guest.attributes('file'))).toBe(left);
    }
  });

  it('stay when they are set together with a new owner, and on folders', async () => {
    const { guest } = sharing(options);
    await guest.file('file');
    await guest.change('file', { uid: 5, gid: 6, mode: 0o6755 });
    expect(await guest.attributes('file')).toMatchObject({ uid: 5, gid: 6, mode: 0o106755 });
    await guest.mkdir('folder', 0o2755);
    await guest.change('folder', { uid: 5, gid: 6 });
    expect(await guest.attributes('folder')).toMatchObject({ uid: 5, gid: 6, mode: 0o042755 });
  });
});

describe('without extended attributes', () => {
  it('owners are refused, with one line that says what is missing', async () => {
    const lines: string[] = [];
    const { guest, backend } = sharing({ native: false, log: (line) => lines.push(line) });
    await guest.file('file');
    await guest.symlink('file', 'link');
    await guest.change('file', { uid: 0, gid: 0 });
    expect(lines).toEqual([]);
    for (const name of ['file', 'link', '']) await refused(() => guest.change(name, { uid: 1000 }), 'EPERM');
    expect(new Set(lines)).toEqual(
      new Set([expect.stringMatching(/^Owners .*npm install koffi.*extended attributes$/)]),
    );
    // What others create is root's.
    guest.keep(backend.mkdir(await guest.root(), bytes('folder'), 0o755, alice));
    expect(await guest.attributes('folder')).toMatchObject({ uid: 0, gid: 0 });
  });

  it('a mapped share is none', () => {
    expect(() => NodeFsBackend.open(place, { readOnly: false, native: false, security: { model: 'mapped' } })).toThrow(
      /mapped needs koffi.*npm install koffi/,
    );
  });
});

describe('the host’s user', () => {
  const security = { owner: { uid: 1000, gid: 1001 } };

  it('is in the guest who the share says', async () => {
    const { guest } = sharing({ security });
    await guest.symlink('file', 'link');
    expect(await guest.attributes('link')).toMatchObject({ uid: 1000, gid: 1001 });
    expect(await guest.attributes('')).toMatchObject({ uid: 1000, gid: 1001 });
  });

  it.runIf(capabilities.xattrs)('then is not root, whose files are kept as such', async () => {
    const share = sharing({ security });
    await share.guest.file('roots');
    expect(await share.guest.attributes('roots')).toMatchObject({ uid: 0, gid: 0 });
    expect(xattrsOf(join(share.path, 'roots'))).toEqual({
      'user.virtfs.uid': '00000000',
      'user.virtfs.gid': '00000000',
    });
    await share.guest.change('roots', { uid: 1000, gid: 1001 });
    expect(xattrsOf(join(share.path, 'roots'))).toEqual({});
  });

  it('is in the guest who the map says', async () => {
    const own = process.getuid?.() ?? 0;
    const range = { guest: 100, host: own - 10, count: 20 };
    const { guest } = sharing({ security: { uidMap: [range], gidMap: [{ guest: 0, host: own + 1, count: 10 }] } });
    expect(await guest.attributes('')).toMatchObject({ uid: 110, gid: 65_534 });
  });
});

describe.runIf(hasNative)('passthrough, as a user without privileges', () => {
  it('gives nothing away', async () => {
    const own = process.getuid?.() ?? 0;
    const { guest, backend } = sharing({ security: { model: 'passthrough' } });
    const root = await guest.root();
    const { node, file } = backend.create(root, bytes('file'), readWrite, 0o644, { uid: own, gid: noId });
    await backend.release(file);
    guest.keep(node);
    expect((await guest.attributes('file')).uid).toBe(own);
    await refused(() => guest.change('file', { uid: own + 1 }), 'EPERM');
    await refused(() => backend.create(root, bytes('other'), readWrite, 0o644, alice), 'EPERM');
    await refused(() => backend.mkdir(root, bytes('other'), 0o755, alice), 'EPERM');
    await refused(() => backend.symlink(root, bytes('other'), bytes('x'), alice), 'EPERM');
    expect(await guest.names('')).toEqual(['file']);
  });

  it('forgets owners as `none`', async () => {
    const own = process.getuid?.() ?? 0;
    const { guest } = sharing({ security: { model: 'none' } });
    await guest.file('file');
    await guest.symlink('x', 'link');
    await guest.change('file', { uid: own + 1, gid: own + 1, mode: 0o4755 });
    expect(await guest.attributes('file')).toMatchObject({ uid: own, mode: 0o104755 });
    expect(await guest.names('')).toEqual(['file', 'link']);
  });
});

describe.runIf(capabilities.xattrs)('mapped', () => {
  const security = { model: 'mapped' } as const;

  it('keeps all in QEMU’s attributes, and leaves the host plain files and folders', async () => {
    const share = sharing({ security });
    const { guest, backend, path } = share;
    const root = await guest.root();
    const made = backend.create(root, bytes('file'), readWrite, 0o4751, alice);
    await backend.release(made.file);
    guest.keep(made.node);
    guest.keep(backend.mkdir(root, bytes('folder'), 0o1777, alice));
    guest.keep(backend.symlink(root, bytes('link'), bytes('../ä'), alice));
    guest.keep(backend.mknod(root, bytes('fifo'), fileType.fifo | 0o600, 0n, alice));
    guest.keep(backend.mknod(root, bytes('socket'), fileType.socket | 0o755, 0n, alice));
    guest.keep(backend.mknod(root, bytes('disk'), fileType.block | 0o660, 0x12345678n, alice));
    const owner = { 'user.virtfs.uid': 'e8030000', 'user.virtfs.gid': 'e9030000' };
    const expected = {
      file: { ...owner, 'user.virtfs.mode': 'e9890000' },
      folder: { ...owner, 'user.virtfs.mode': 'ff430000' },
      link: { ...owner, 'user.virtfs.mode': 'ffa10000' },
      fifo: { ...owner, 'user.virtfs.mode': '80110000' },
      socket: { ...owner, 'user.virtfs.mode': 'edc10000' },
      disk: { ...owner, 'user.virtfs.mode': 'b0610000', 'user.virtfs.rdev': '7856341200000000' },
    };
    for (const [name, attributes] of Object.entries(expected)) {
      expect(xattrsOf(join(path, name)), name).toEqual(attributes);
      const mode = Buffer.from(attributes['user.virtfs.mode'], 'hex').readUInt32LE();
      const seen = { mode, uid: 1000, gid: 1001, rdev: name === 'disk' ? 0x12345678n : 0n };
      expect(await guest.attributes(name), name).toMatchObject(seen);
      expect(await afterwards(share, name, { security }), name).toMatchObject(seen);
      expect(hostMode(share, name)).toBe(name === 'folder' ? 0o700 : 0o600);
    }
    expect(readFileSync(join(path, 'link'), 'latin1')).toBe('../ä');
    expect(await guest.readlink('link')).toBe('../ä');
    const listing = await guest.open('', openFlags.readOnly);
    const listed = await guest.entries(listing);
    for (const { name, type } of listed.filter(({ name: one }) => !one.startsWith('.')))
      expect(type, name).toBe(typeOf(await guest.attributes(name)));
  });

  it('opens no link and nothing special', async () => {
    const { guest, backend } = sharing({ security });
    const link = await guest.symlink('target', 'link');
    const fifo = guest.keep(backend.mknod(await guest.root(), bytes('fifo'), fileType.fifo | 0o600, 0n, alice));
    for (const flags of [openFlags.readOnly, writeOnly | truncate]) {
      await refused(() => backend.open(link, flags), 'ELOOP');
      await refused(() => backend.open(fifo, flags), 'ENXIO');
    }
    await refused(() => guest.create('link', readWrite), 'ELOOP');
    await refused(() => guest.change(link, { size: 0 }), 'EINVAL');
    await refused(() => guest.readlink(fifo), 'EINVAL');
    expect(await guest.readlink('link')).toBe('target');
  });

  it('changes owner and permissions of everything, links too', async () => {
    const { guest } = sharing({ security });
    await guest.symlink('target', 'link');
    await guest.file('file');
    for (const name of ['link', 'file', '']) {
      const { mode } = await guest.attributes(name);
      await guest.change(name, { uid: 7, gid: 8 });
      expect(await guest.attributes(name)).toMatchObject({ uid: 7, gid: 8, mode });
      await guest.change(name, { mode: 0o051 });
      expect(await guest.attributes(name)).toMatchObject({ uid: 7, mode: (mode & fileType.mask) | 0o051 });
    }
  });

  it('takes files of the host as they are, until the guest changes them', async () => {
    const share = sharing({ security }, (path) => writeFileSync(join(path, 'file'), 'content', { mode: 0o640 }));
    expect(await share.guest.attributes('file')).toMatchObject({ uid: 0, gid: 0, mode: 0o100640 });
    await share.guest.change('file', { mode: 0o4755 });
    expect(await share.guest.attributes('file')).toMatchObject({ uid: 0, mode: 0o104755 });
    expect(hostMode(share, 'file')).toBe(0o640);
    expect(xattrsOf(join(share.path, 'file'))).toEqual({ 'user.virtfs.mode': 'ed890000' });
  });

  it('makes what the host sees with the modes that it is told', async () => {
    const share = sharing({ security: { ...security, fileMode: 0o640, folderMode: 0o750 } });
    await share.guest.file('file');
    await share.guest.mkdir('folder', 0o700);
    await share.guest.symlink('x', 'link');
    expect(['file', 'folder', 'link'].map((name) => hostMode(share, name))).toEqual([0o640, 0o750, 0o640]);
  });

  it('believes no type that the host’s file can not have', async () => {
    const share = sharing({ security });
    await share.guest.file('file');
    await share.guest.mkdir('folder');
    const say = (name: string, mode: number): void =>
      native().setxattr(
        join(share.path, name) as HostPath,
        bytes('user.virtfs.mode'),
        Uint8Array.of(mode, mode >> 8, 0, 0),
        0,
      );
    say('file', fileType.folder | 0o711);
    say('folder', fileType.link | 0o711);
    expect(await share.guest.attributes('file')).toMatchObject({ mode: fileType.file | 0o711 });
    expect(await share.guest.attributes('folder')).toMatchObject({ mode: fileType.folder | 0o711 });
    say('file', 0o711);
    expect(await share.guest.attributes('file')).toMatchObject({ mode: fileType.file | 0o711 });
  });
});

describe.runIf(capabilities.xattrs)('access lists', () => {
  const list = bytes('system.posix_acl_access');

  it.each(['default', 'mapped'] as const)('are kept where the host does not obey them: %s', async (model) => {
    const share = sharing({ security: { model } });
    const { backend, guest } = share;
    const node = await guest.file('file');
    expect(backend.getxattr(node, list)).toBeUndefined();
    backend.setxattr(node, list, bytes('of the guest'), 0);
    backend.setxattr(node, bytes('user.x'), bytes('1'), 0);
    expect(text(backend.getxattr(node, list)!)).toBe('of the guest');
    expect(backend.listxattr(node).map(text).toSorted()).toEqual(['system.posix_acl_access', 'user.x']);
    const onHost = xattrsOf(join(share.path, 'file'));
    expect(onHost['user.virtfs.system.posix_acl_access']).toBe(Buffer.from('of the guest').toString('hex'));
    expect(onHost['system.posix_acl_access']).toBeUndefined();
    // Nor by the name that it has there.
    const hidden = bytes('user.virtfs.system.posix_acl_access');
    expect(backend.getxattr(node, hidden)).toBeUndefined();
    await refused(() => backend.setxattr(node, hidden, bytes('x'), 0), 'EACCES');
    backend.removexattr(node, list);
    expect(backend.listxattr(node).map(text)).toEqual(['user.x']);
    await refused(() => backend.removexattr(node, list), 'ENODATA');
  });

  it('are none of the host’s with security=none', async () => {
    const { backend, guest } = sharing({ security: { model: 'none' } });
    const node = await guest.file('file');
    await refused(() => backend.setxattr(node, list, bytes('x'), 0), 'EOPNOTSUPP');
    expect(backend.getxattr(node, list)).toBeUndefined();
  });
});

describe('special files on the host', () => {
  const types = [fileType.fifo, fileType.socket, fileType.block, fileType.character];

  it('are EPERM with security=none', async () => {
    const { backend, guest } = sharing({ security: { model: 'none' } });
    const root = await guest.root();
    for (const type of types) await refused(() => backend.mknod(root, bytes('x'), type | 0o600, 0n, alice), 'EPERM');
    expect(await guest.names('')).toEqual([]);
  });

  it.runIf(hasNative)(
    'of passthrough are EPERM with a reason where they are devices and the process may make none',
    async () => {
      const { backend, guest, path } = sharing({ security: { model: 'passthrough' } });
      const root = await guest.root();
      const nobody = { uid: noId, gid: noId };
      for (const type of [fileType.block, fileType.character])
        expect(() => backend.mknod(root, bytes('x'), type | 0o600, 0x103n, nobody)).toThrow(
          expect.objectContaining({ code: 'EPERM', message: expect.stringContaining('CAP_MKNOD') as string }),
        );
      expect(await guest.names('')).toEqual([]);
      guest.keep(backend.mknod(root, bytes('fifo'), fileType.fifo | 0o600, 0n, nobody));
      expect(statSync(join(path, 'fifo')).isFIFO()).toBe(true);
    },
  );
});
