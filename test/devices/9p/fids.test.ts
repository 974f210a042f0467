// What a fid stands for, after all that changes it: the server keeps the nodes of unopened fids twice.
import { expect, test, vi } from 'vitest';
import { attachedServer } from './backends.ts';
import { make, Rlerror } from './client.ts';
import { makeFile, makeTree, walk } from './tree.ts';

const { Tversion, Twalk, Tgetattr, Tclunk, Tremove, Tlopen, Tlcreate, Tunlinkat, Txattrcreate } = make;

/** The least; beyond what there is room for in the beginning; and what only a client takes that numbers its fids otherwise. */
const numbers = [1, 255, 256, 300, 511, 512, 1000, 70_000, 0xffff_fffe];

test.each(numbers)('fid %i is what the last message made it', async (fid) => {
  const { client } = await attachedServer();
  await makeTree(client);
  const seen = async (): Promise<bigint> =>
    (await client.expect('Rgetattr', Tgetattr({ fid, requestMask: 0x7ffn }))).qid.path;
  const expectNone = async (): Promise<void> => {
    expect(await client.send(Tgetattr({ fid, requestMask: 0x7ffn }))).toEqual(Rlerror('EBADF'));
  };

  await expectNone();
  const [folder] = await walk(client, fid, 'folder');
  expect(await seen()).toBe(folder!.path);

  const { qids } = await client.expect('Rwalk', Twalk({ fid, newfid: fid, names: ['inner'] }));
  expect(await seen()).toBe(qids[0]!.path);

  const made = await client.expect('Rlcreate', Tlcreate({ fid, name: 'made', flags: 2, mode: 0o600, gid: 0 }));
  expect(made.qid.path).not.toBe(qids[0]!.path);
  expect(await seen()).toBe(made.qid.path);

  await client.expect('Rclunk', Tclunk({ fid }));
  await expectNone();

  const [file] = await walk(client, fid, 'file');
  await client.expect('Rlopen', Tlopen({ fid, flags: 0 }));
  expect(await seen()).toBe(file!.path);
  await client.expect('Runlinkat', Tunlinkat({ dirfid: 0, name: 'file', flags: 0 }));
  const attributes = await client.expect('Rgetattr', Tgetattr({ fid, requestMask: 0x7ffn }));
  expect([attributes.qid.path, attributes.nlink]).toEqual([file!.path, 0]);
  await client.expect('Rclunk', Tclunk({ fid }));
  // It may have the rows of the one that has gone.
  await makeFile(client, [], 'other', 'text');
  await expectNone();

  await walk(client, fid, 'other');
  await client.expect('Rxattrcreate', Txattrcreate({ fid, name: 'user.a', size: 0, flags: 0 }));
  await expectNone();
  await client.send(Tclunk({ fid }));

  const [other] = await walk(client, fid, 'other');
  expect(await seen()).toBe(other!.path);
  await client.expect('Rremove', Tremove({ fid }));
  await expectNone();

  await walk(client, fid, 'folder');
  await client.expect('Rversion', Tversion({ msize: 8192, version: '9P2000.L' }));
  await client.expect('Rattach', make.Tattach({ fid: 0, afid: 0xffff_ffff, uname: 'root', aname: '', uid: 0 }));
  await expectNone();
});

test('fids that filled the table and went are none, and those beside them stay', async () => {
  const { client } = await attachedServer();
  await makeTree(client);
  const count = 2000;
  const [file] = await walk(client, 1, 'file');
  for (let fid = 2; fid < count; fid++) await client.expect('Rwalk', Twalk({ fid: 1, newfid: fid, names: [] }));
  for (let fid = 2; fid < count; fid += 2) await client.expect('Rclunk', Tclunk({ fid }));
  for (let fid = 2; fid < count; fid++) {
    const reply = await client.send(Tgetattr({ fid, requestMask: 0x7ffn }));
    if (fid % 2 === 0) expect(reply).toEqual(Rlerror('EBADF'));
    else expect(reply).toMatchObject({ name: 'Rgetattr', body: { qid: { path: file!.path } } });
  }
});

test('of an open fid the open file is asked, which may have no name any more', async () => {
  const { client, backend } = await attachedServer();
  await makeTree(client);
  const asked = vi.spyOn(backend, 'getattrOpen');
  await walk(client, 1, 'file');
  await client.expect('Rgetattr', Tgetattr({ fid: 1, requestMask: 0x7ffn }));
  expect(asked).toHaveBeenCalledTimes(0);
  await client.expect('Rlopen', Tlopen({ fid: 1, flags: 0 }));
  asked.mockClear();
  await client.expect('Rgetattr', Tgetattr({ fid: 1, requestMask: 0x7ffn }));
  expect(asked).toHaveBeenCalledTimes(1);
});
