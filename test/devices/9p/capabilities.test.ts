// The attribute security.capability: what Linux's own file systems take away from a file that is changed or given away is
// taken away here, whoever does it, for a client need not ask for it before it writes.
import { beforeEach, describe, expect, test } from 'vitest';
import { openFlags } from '../../../devices/9p/backend.ts';
import type { Body } from '../../../devices/9p/messages.ts';
import { Server } from '../../../devices/9p/server.ts';
import { attachedServer } from './backends.ts';
import type { Bench } from './backends.ts';
import { Client, make, Rlerror } from './client.ts';
import { getXattr, makeTree, openFid, readAll, setXattr, walk } from './tree.ts';

const { Tgetattr, Tsetattr, Twrite, Tlcreate, Tlink } = make;
const capability = 'security.capability';
const valid = { mode: 0x1, uid: 0x2, gid: 0x4, size: 0x8, atime: 0x10, mtime: 0x20 } as const;

let bench: Bench;
let client: Client;
/** Another session on the same share. */
let other: Client;

beforeEach(async () => {
  bench = await attachedServer();
  ({ client } = bench);
  other = await Client.attached(new Server({ backend: bench.backend }));
  await makeTree(client);
  for (const name of ['file', 'folder', 'link', 'fifo']) {
    await setXattr(client, [name], capability, `of ${name}`);
    await setXattr(client, [name], 'user.x', 'value');
    await setXattr(client, [name], 'security.other', 'value');
  }
});

function setattr(fid: number, bits: number, values: Partial<Body<'Tsetattr'>> = {}): Promise<unknown> {
  const nothing = { mode: 0, uid: 0, gid: 0, size: 0, atime: 0n, mtime: 0n };
  return other.expect('Rsetattr', Tsetattr({ ...nothing, ...values, fid, valid: bits }));
}

async function write(flags: number): Promise<void> {
  await openFid(other, 1, flags, 'file');
  await other.expect('Rwrite', Twrite({ fid: 1, offset: 2, data: 'x' }));
}

async function change(name: string, bits: number, values: Partial<Body<'Tsetattr'>> = {}): Promise<void> {
  await walk(other, 1, name);
  await setattr(1, bits, values);
}

describe('goes from a file, and no other attribute does, by', () => {
  test.each<readonly [string, () => Promise<unknown>]>([
    ['a write', () => write(openFlags.readWrite)],
    ['a write that appends', () => write(openFlags.writeOnly | openFlags.append)],
    ['another length', () => change('file', valid.size, { size: 3 })],
    ['the length that it has', () => change('file', valid.size, { size: 8 })],
    ['opening that cuts it', () => openFid(other, 1, openFlags.writeOnly | openFlags.truncate, 'file')],
    [
      'creating that finds it and cuts it',
      async () => {
        await walk(other, 1);
        const flags = openFlags.writeOnly | openFlags.truncate;
        await other.expect('Rlcreate', Tlcreate({ fid: 1, name: 'file', flags, mode: 0o644, gid: 0 }));
      },
    ],
    ['another owner', () => change('file', valid.uid, { uid: 1 })],
    ['another group', () => change('file', valid.gid, { gid: 1 })],
    ['the owner that it has', () => change('file', valid.uid | valid.gid)],
    [
      'a change of the owner of an open file',
      async () => {
        await openFid(other, 1, openFlags.readOnly, 'file');
        await setattr(1, valid.uid, { uid: 1 });
      },
    ],
    [
      'a write by another name',
      async () => {
        await walk(other, 2, 'file');
        await other.expect('Rlink', Tlink({ dfid: 0, fid: 2, name: 'second' }));
        await openFid(other, 1, openFlags.readWrite, 'second');
        await other.expect('Rwrite', Twrite({ fid: 1, offset: 0, data: 'x' }));
      },
    ],
  ])('%s', async (_, act) => {
    await walk(client, 3, 'file');
    const before = await client.expect('Rgetattr', Tgetattr({ fid: 3, requestMask: 0n }));
    await act();
    const after = await client.expect('Rgetattr', Tgetattr({ fid: 3, requestMask: 0n }));
    expect(after.ctime).toBeGreaterThan(before.ctime);
    expect(await getXattr(client, ['file'], capability)).toEqual(Rlerror('ENODATA'));
    expect(await getXattr(client, ['file'], '')).toBe('user.x\0security.other\0');
  });
});

test.each(['link', 'fifo'])('goes from a %s with the owner', async (name) => {
  await change(name, valid.uid, { uid: 1 });
  expect(await getXattr(client, [name], '')).toBe('user.x\0security.other\0');
});

test('gives its room back', async () => {
  await change('file', valid.uid, { uid: 1 });
  const without = bench.backend.usedSpace;
  await setXattr(client, ['file'], capability, 'again');
  expect(bench.backend.usedSpace).toBeGreaterThan(without);
  await setattr(1, valid.uid, { uid: 1 });
  expect(bench.backend.usedSpace).toBe(without);
});

describe('stays with', () => {
  test.each<readonly [string, string, () => Promise<unknown>]>([
    ['another mode', 'file', () => change('file', valid.mode, { mode: 0o755 })],
    ['other times', 'file', () => change('file', valid.atime | valid.mtime)],
    [
      'a further name',
      'file',
      async () => {
        await walk(other, 1, 'file');
        await other.expect('Rlink', Tlink({ dfid: 0, fid: 1, name: 'second' }));
      },
    ],
    [
      'a read',
      'file',
      async () => {
        await openFid(other, 1, openFlags.readOnly, 'file');
        await readAll(other, 1);
      },
    ],
    ['opening to write', 'file', () => openFid(other, 1, openFlags.readWrite, 'file')],
    ['another attribute', 'file', () => setXattr(other, ['file'], 'user.x', 'other')],
    ['the owner of a folder', 'folder', () => change('folder', valid.uid | valid.gid, { uid: 1, gid: 1 })],
  ])('%s', async (_, name, act) => {
    await act();
    expect(await getXattr(client, [name], capability)).toBe(`of ${name}`);
  });
});

test('stays where the write is refused', async () => {
  await openFid(other, 1, openFlags.readOnly, 'file');
  expect(await other.send(Twrite({ fid: 1, offset: 0, data: 'x' }))).toEqual(Rlerror('EBADF'));
  expect(await getXattr(client, ['file'], capability)).toBe('of file');
});
