// One message at least of every kind that uses fids, and a client that has the fids for them: for tests of what goes wrong.
import { make } from './client.ts';
import type { Client, Message } from './client.ts';
import { makeTree, openFid, setXattr, walk } from './tree.ts';

const { Tattach, Twalk, Tlopen, Tlcreate, Tread, Twrite, Treaddir, Tfsync, Tgetattr, Tsetattr, Tstatfs, Treadlink } =
  make;
const { Txattrwalk, Txattrcreate, Tmkdir, Tmknod, Tsymlink, Tlink, Trename, Trenameat, Tunlinkat, Tremove, Tclunk } =
  make;

/**
 * Messages for these fids: 0 the root, 1 folder, 2 file, 3 file open for both, 4 folder open, 5 link, 6 folder/inner/deep,
 * 7 an attribute of the file whose value is complete, 8 one of which a byte is missing; 9 is free.
 */
export const everyMessage: readonly Message[] = [
  Tattach({ fid: 9, afid: 0xffff_ffff, uname: '', aname: '', uid: 0 }),
  Twalk({ fid: 0, newfid: 9, names: [] }),
  Twalk({ fid: 0, newfid: 9, names: ['folder', '..', '.', 'folder', 'inner', 'deep'] }),
  Twalk({ fid: 0, newfid: 9, names: ['folder', 'missing'] }),
  Twalk({ fid: 1, newfid: 1, names: ['inner', 'deep'] }),
  Tlopen({ fid: 2, flags: 0 }),
  Tlopen({ fid: 2, flags: 0o1001 }),
  Tlcreate({ fid: 1, name: 'new', flags: 2, mode: 0o644, gid: 0 }),
  Tread({ fid: 3, offset: 0, count: 5 }),
  Twrite({ fid: 3, offset: 0, data: 'abc' }),
  Treaddir({ fid: 4, offset: 0n, count: 1000 }),
  Tfsync({ fid: 3, datasync: 0 }),
  Tgetattr({ fid: 2, requestMask: 0n }),
  Tgetattr({ fid: 3, requestMask: 0n }),
  Tsetattr({ fid: 2, valid: 1, mode: 0o600, uid: 0, gid: 0, size: 0, atime: 0n, mtime: 0n }),
  Tsetattr({ fid: 3, valid: 8, mode: 0, uid: 0, gid: 0, size: 3, atime: 0n, mtime: 0n }),
  Tstatfs({ fid: 1 }),
  Treadlink({ fid: 5 }),
  Tmkdir({ dfid: 1, name: 'new', mode: 0o755, gid: 0 }),
  Tmknod({ dfid: 1, name: 'new', mode: 0o010644, major: 0, minor: 0, gid: 0 }),
  Tsymlink({ dfid: 1, name: 'new', target: 'x', gid: 0 }),
  Tlink({ dfid: 1, fid: 2, name: 'new' }),
  Trename({ fid: 6, dfid: 1, name: 'new' }),
  Trenameat({ olddirfid: 0, oldname: 'file', newdirfid: 1, newname: 'new' }),
  Tunlinkat({ dirfid: 0, name: 'file', flags: 0 }),
  Tremove({ fid: 6 }),
  Tremove({ fid: 3 }),
  Tclunk({ fid: 4 }),
  Txattrwalk({ fid: 2, newfid: 9, name: 'user.present' }),
  Txattrwalk({ fid: 2, newfid: 9, name: 'user.absent' }),
  Txattrwalk({ fid: 2, newfid: 9, name: '' }),
  Txattrwalk({ fid: 2, newfid: 1, name: '' }),
  Txattrcreate({ fid: 2, name: 'user.new', size: 3, flags: 0 }),
  Txattrcreate({ fid: 3, name: 'user.new', size: 3, flags: 0 }),
  Twrite({ fid: 8, offset: 0, data: 'abc' }),
  Tclunk({ fid: 7 }),
  Tclunk({ fid: 8 }),
  Tremove({ fid: 7 }),
];

/** Makes the tree of makeTree, and the fids. */
export async function prepare(client: Client): Promise<void> {
  await makeTree(client);
  await takeFids(client);
  await setXattr(client, ['file'], 'user.present', 'value');
}

/** Makes the fids, where the tree is there. */
export async function takeFids(client: Client): Promise<void> {
  await walk(client, 1, 'folder');
  await walk(client, 2, 'file');
  await openFid(client, 3, 2, 'file');
  await openFid(client, 4, 0, 'folder');
  await walk(client, 5, 'link');
  await walk(client, 6, 'folder', 'inner', 'deep');
  for (const [fid, size] of [
    [7, 3],
    [8, 4],
  ] as const) {
    await walk(client, fid, 'file');
    await client.expect('Rxattrcreate', Txattrcreate({ fid, name: `user.${fid}`, size, flags: 0 }));
  }
  await client.expect('Rwrite', Twrite({ fid: 7, offset: 0, data: 'abc' }));
}
