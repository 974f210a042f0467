import { beforeEach, expect, test } from 'vitest';
import { attachedServer } from './backends.ts';
import type { Bench } from './backends.ts';
import { make, Rlerror } from './client.ts';
import type { Client } from './client.ts';
import { makeFile, makeFolder, makeTree, openFid, readAll, walk } from './tree.ts';

const { Twalk, Rwalk, Tgetattr, Tclunk, Tlopen, Tunlinkat, Trenameat } = make;

let bench: Bench;
let client: Client;

beforeEach(async () => {
  bench = await attachedServer();
  ({ client } = bench);
  await makeTree(client);
});

async function inoOf(fid: number): Promise<bigint> {
  return (await client.expect('Rgetattr', Tgetattr({ fid, requestMask: 0x7ffn }))).qid.path;
}

test('walks several names, and gives a qid for each', async () => {
  const qids = await walk(client, 1, 'folder', 'inner', 'deep');
  expect(qids.map(({ type }) => type)).toEqual([0x80, 0x80, 0]);
  expect(new Set(qids.map(({ path }) => path)).size).toBe(3);
  expect(await inoOf(1)).toBe(qids[2]!.path);
});

test('without names it clones the fid', async () => {
  await walk(client, 1, 'folder');
  expect(await client.send(Twalk({ fid: 1, newfid: 2, names: [] }))).toEqual(Rwalk({ qids: [] }));
  await client.send(Tclunk({ fid: 1 }));
  expect(await inoOf(2)).toBe((await walk(client, 3, 'folder'))[0]!.path);
});

test('the clone of an open fid is not open', async () => {
  await openFid(client, 1, 0, 'file');
  await client.expect('Rwalk', Twalk({ fid: 1, newfid: 2, names: [] }));
  expect(await client.send(make.Tread({ fid: 2, offset: 0, count: 1 }))).toEqual(Rlerror('EBADF'));
  await client.expect('Rlopen', Tlopen({ fid: 2, flags: 0 }));
});

test('onto itself it moves the fid', async () => {
  await walk(client, 1, 'folder');
  const held = bench.ledger.held;
  const { qids } = await client.expect('Rwalk', Twalk({ fid: 1, newfid: 1, names: ['inner'] }));
  expect(await inoOf(1)).toBe(qids[0]!.path);
  expect(bench.ledger.held).toBe(held);
});

test('onto itself, failing half way, it leaves the fid where it was', async () => {
  const [folder] = await walk(client, 1, 'folder');
  const reply = await client.expect('Rwalk', Twalk({ fid: 1, newfid: 1, names: ['inner', 'missing'] }));
  expect(reply.qids).toHaveLength(1);
  expect(await inoOf(1)).toBe(folder!.path);
});

test('a first name that is missing is ENOENT', async () => {
  expect(await client.send(Twalk({ fid: 0, newfid: 1, names: ['missing'] }))).toEqual(Rlerror('ENOENT'));
  expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rlerror('EBADF'));
});

test('a later name that is missing shortens the reply, and newfid is not made', async () => {
  const held = bench.ledger.held;
  const { qids } = await client.expect('Rwalk', Twalk({ fid: 0, newfid: 1, names: ['folder', 'missing', 'deep'] }));
  expect(qids).toHaveLength(1);
  expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rlerror('EBADF'));
  expect(bench.ledger.held).toBe(held);
});

test('names below a file or a symbolic link are ENOTDIR', async () => {
  await walk(client, 1, 'file');
  for (const name of ['x', '..', '.']) {
    expect(await client.send(Twalk({ fid: 1, newfid: 2, names: [name] }))).toEqual(Rlerror('ENOTDIR'));
  }
  await walk(client, 3, 'link');
  expect(await client.send(Twalk({ fid: 3, newfid: 2, names: ['x'] }))).toEqual(Rlerror('ENOTDIR'));
});

test('a symbolic link is not followed', async () => {
  const [link] = await walk(client, 1, 'link');
  expect(link!.type).toBe(0x02);
});

test('".." leads to the folder above, "." nowhere', async () => {
  const qids = await walk(client, 1, 'folder', '.', 'inner', '..', '..');
  const root = await inoOf(0);
  expect(qids[1]).toEqual(qids[0]);
  expect(qids[3]).toEqual(qids[0]);
  expect(qids[4]!.path).toBe(root);
});

test('".." of the root is the root', async () => {
  const qids = await walk(client, 1, '..', '..', 'folder', '..', '..', '..');
  expect(qids.at(-1)!.path).toBe(await inoOf(0));
});

test.each([
  ['', 'ENOENT'],
  ['/', 'ENOENT'],
  ['folder/inner', 'ENOENT'],
  ['../x', 'ENOENT'],
  ['file\0', 'ENOENT'],
  ['x'.repeat(256), 'ENAMETOOLONG'],
  ['x'.repeat(5000), 'ENAMETOOLONG'],
] as const)('the name %j is %s', async (name, code) => {
  expect(await client.send(Twalk({ fid: 0, newfid: 1, names: [name] }))).toEqual(Rlerror(code));
});

test('a name of 255 bytes, not all of them UTF-8, is found', async () => {
  const name = new Uint8Array(255).fill(0xff);
  await client.expect('Rmkdir', make.Tmkdir({ dfid: 0, name, mode: 0o755, gid: 0 }));
  const { qids } = await client.expect('Rwalk', Twalk({ fid: 0, newfid: 1, names: [name] }));
  expect(qids).toHaveLength(1);
});

test('sixteen names are walked, seventeen are EINVAL', async () => {
  const dots = Array.from({ length: 16 }, () => '.');
  expect(await walk(client, 1, ...dots)).toHaveLength(16);
  expect(await client.send(Twalk({ fid: 0, newfid: 2, names: [...dots, '.'] }))).toEqual(Rlerror('EINVAL'));
});

test('an unknown fid is EBADF', async () => {
  expect(await client.send(Twalk({ fid: 77, newfid: 1, names: [] }))).toEqual(Rlerror('EBADF'));
});

test('a newfid in use is EBADF, and stays what it was', async () => {
  const [folder] = await walk(client, 1, 'folder');
  expect(await client.send(Twalk({ fid: 0, newfid: 1, names: ['file'] }))).toEqual(Rlerror('EBADF'));
  expect(await inoOf(1)).toBe(folder!.path);
});

test('the newfid that stands for none is EBADF', async () => {
  expect(await client.send(Twalk({ fid: 0, newfid: 0xffff_ffff, names: [] }))).toEqual(Rlerror('EBADF'));
});

test('an open fid can not be moved onto itself', async () => {
  await openFid(client, 1, 0, 'folder');
  expect(await client.send(Twalk({ fid: 1, newfid: 1, names: ['inner'] }))).toEqual(Rlerror('EINVAL'));
});

test('without room for all qids it is EMSGSIZE, and newfid is not made', async () => {
  const names = ['.', '.', '.'];
  expect(await client.send(Twalk({ fid: 0, newfid: 1, names }), 7 + 2 + 3 * 13 - 1)).toEqual(Rlerror('EMSGSIZE'));
  expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rlerror('EBADF'));
  expect((await client.send(Twalk({ fid: 0, newfid: 1, names }), 7 + 2 + 3 * 13)).name).toBe('Rwalk');
});

test('a fid follows its file, and the folders above it, through renames', async () => {
  await walk(client, 1, 'folder', 'inner', 'deep');
  await makeFolder(client, [], 'elsewhere');
  await walk(client, 2, 'elsewhere');
  await client.expect('Rrenameat', Trenameat({ olddirfid: 0, oldname: 'folder', newdirfid: 2, newname: 'moved' }));
  await client.expect('Rlopen', Tlopen({ fid: 1, flags: 0 }));
  expect(Buffer.from(await readAll(client, 1)).toString()).toBe('deep contents');
  await client.expect('Rwalk', Twalk({ fid: 2, newfid: 3, names: ['moved'] }));
  const { qids } = await client.expect('Rwalk', Twalk({ fid: 3, newfid: 4, names: ['..'] }));
  expect(qids[0]!.path).toBe(await inoOf(2));
});

test('".." out of a folder that was removed is ENOENT', async () => {
  await makeFolder(client, [], 'doomed');
  await walk(client, 1, 'doomed');
  await client.expect('Runlinkat', Tunlinkat({ dirfid: 0, name: 'doomed', flags: 0x200 }));
  expect(await client.send(Twalk({ fid: 1, newfid: 2, names: ['..'] }))).toEqual(Rlerror('ENOENT'));
  expect(await client.send(Twalk({ fid: 1, newfid: 2, names: ['x'] }))).toEqual(Rlerror('ENOENT'));
});

test('a file of the same name made after a removal is another one', async () => {
  const [before] = await walk(client, 1, 'file');
  await client.expect('Runlinkat', Tunlinkat({ dirfid: 0, name: 'file', flags: 0 }));
  await makeFile(client, [], 'file', 'new');
  const [after] = await walk(client, 2, 'file');
  expect(after!.path).not.toBe(before!.path);
  expect(await inoOf(1)).toBe(before!.path);
});
