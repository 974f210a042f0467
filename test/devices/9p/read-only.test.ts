import { beforeEach, expect, test } from 'vitest';
import { openFlags } from '../../../devices/9p/backend.ts';
import { messages } from '../../../devices/9p/messages.ts';
import { Server } from '../../../devices/9p/server.ts';
import { attachedServer } from './backends.ts';
import { Client, make, Rlerror } from './client.ts';
import type { Message } from './client.ts';
import { makeTree, namesIn, openFid, walk } from './tree.ts';

const { Tlopen, Tread, Rread, Tremove, Tclunk } = make;

let client: Client;

beforeEach(async () => {
  const { client: writer, backend } = await attachedServer();
  await makeTree(writer);
  client = await Client.attached(new Server({ backend, readOnly: true }));
});

const refused: readonly Message[] = [
  make.Tlcreate({ fid: 0, name: 'x', flags: 0, mode: 0o644, gid: 0 }),
  make.Tsymlink({ dfid: 0, name: 'x', target: 'y', gid: 0 }),
  make.Tmknod({ dfid: 0, name: 'x', mode: 0o010644, major: 0, minor: 0, gid: 0 }),
  make.Tmkdir({ dfid: 0, name: 'x', mode: 0o755, gid: 0 }),
  make.Tlink({ dfid: 0, fid: 1, name: 'x' }),
  make.Trename({ fid: 1, dfid: 0, name: 'x' }),
  make.Trenameat({ olddirfid: 0, oldname: 'file', newdirfid: 0, newname: 'x' }),
  make.Tunlinkat({ dirfid: 0, name: 'file', flags: 0 }),
  make.Tsetattr({ fid: 1, valid: 1, mode: 0, uid: 0, gid: 0, size: 0, atime: 0n, mtime: 0n }),
  make.Twrite({ fid: 1, offset: 0, data: 'x' }),
  make.Txattrcreate({ fid: 1, name: 'user.x', size: 1, flags: 0 }),
];

test.each(refused)('$name is EROFS', async (message) => {
  await walk(client, 1, 'file');
  expect(await client.send(message)).toEqual(Rlerror('EROFS'));
  expect(await namesIn(client)).toEqual(['fifo', 'file', 'folder', 'link']);
});

test.each([openFlags.writeOnly, openFlags.readWrite, openFlags.truncate])(
  'Tlopen with flags %i is EROFS',
  async (flags) => {
    await walk(client, 1, 'file');
    expect(await client.send(Tlopen({ fid: 1, flags }))).toEqual(Rlerror('EROFS'));
  },
);

test('Tremove is EROFS, and clunks', async () => {
  await walk(client, 1, 'file');
  expect(await client.send(Tremove({ fid: 1 }))).toEqual(Rlerror('EROFS'));
  expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rlerror('EBADF'));
  expect(await namesIn(client)).toContain('file');
});

test('files and folders are read, looked at and synchronised', async () => {
  await openFid(client, 1, openFlags.readOnly, 'file');
  expect(await client.send(Tread({ fid: 1, offset: 0, count: 100 }))).toEqual(Rread({ data: 'contents' }));
  await client.expect('Rgetattr', make.Tgetattr({ fid: 1, requestMask: 0n }));
  await client.expect('Rstatfs', make.Tstatfs({ fid: 1 }));
  await client.expect('Rfsync', make.Tfsync({ fid: 1, datasync: 0 }));
  await walk(client, 2, 'link');
  await client.expect('Rreadlink', make.Treadlink({ fid: 2 }));
  expect(await client.send(make.Txattrwalk({ fid: 1, newfid: 3, name: 'user.x' }))).toEqual(Rlerror('ENODATA'));
  await client.expect('Rxattrwalk', make.Txattrwalk({ fid: 1, newfid: 3, name: '' }));
});

test('every message that is neither refused above nor harmless would be noticed here', () => {
  const harmless = [
    'Tversion',
    'Tauth',
    'Tattach',
    'Tflush',
    'Twalk',
    'Tlopen',
    'Tread',
    'Treaddir',
    'Tclunk',
    'Tremove',
  ];
  const looks = ['Tgetattr', 'Tstatfs', 'Treadlink', 'Txattrwalk', 'Tfsync', 'Tlock', 'Tgetlock'];
  const named = new Set<string>([...harmless, ...looks, ...refused.map(({ name }) => name)]);
  expect(Object.keys(messages).filter((name) => name.startsWith('T') && !named.has(name))).toEqual([]);
});
