// Owners and modes that are the host's own, set by a process that may set any.
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { noId, openFlags } from '../../../devices/9p/backend.ts';
import { backendSuite } from '../../backend-suite.ts';
import { bytes, refused } from '../../backend-suite/guest.ts';
import { capabilities, SharedFolder } from './shared-folder.ts';

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

if (isRoot)
  backendSuite('NodeFsBackend, passthrough', () => new SharedFolder(passthrough), {
    ...capabilities,
    chown: true,
    setIds: true,
  });
