import { beforeEach, describe, expect, test } from 'vitest';
import { openFlags } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { Server } from '../../../devices/9p/server.ts';
import { attachedServer } from './backends.ts';
import type { Bench } from './backends.ts';
import { Client, make, Rlerror, text } from './client.ts';
import { makeFile, makeFolder, makeTree, openFid, readAll, walk } from './tree.ts';

const { Tlopen, Tlcreate, Tread, Rread, Twrite, Rwrite, Tfsync, Rfsync } = make;
const { Tgetattr, Tsetattr, Twalk, Tclunk, Tunlinkat, Trenameat } = make;
const { readOnly, writeOnly, readWrite } = openFlags;

/** Flags that concern the client alone, or that Tlopen and Tlcreate imply: O_CREAT O_NOCTTY O_NONBLOCK O_ASYNC O_DIRECT
 * O_LARGEFILE O_NOATIME O_CLOEXEC. */
const clientFlags = 0o100 | 0o400 | 0o4000 | 0o20000 | 0o40000 | 0o100000 | 0o1000000 | 0o2000000;

let bench: Bench;
let client: Client;

beforeEach(async () => {
  bench = await attachedServer();
  ({ client } = bench);
  await makeTree(client);
});

async function read(fid: number, offset: number, count: number): Promise<string> {
  const reply = await client.send(Tread({ fid, offset, count }));
  if (reply.data === undefined) throw new Error(`Tread got ${JSON.stringify(reply.body)}`);
  return text(reply.data);
}

async function sizeOf(fid: number): Promise<number> {
  return (await client.expect('Rgetattr', Tgetattr({ fid, requestMask: 0x7ffn }))).size;
}

describe('Tlopen', () => {
  test('answers the qid, and an iounit of 0: as much as a message holds', async () => {
    const qids = await walk(client, 1, 'file');
    const { qid, iounit } = await client.expect('Rlopen', Tlopen({ fid: 1, flags: readOnly }));
    expect(qid).toEqual(qids[0]);
    expect(iounit).toBe(0);
  });

  test('of a folder comes without O_DIRECTORY, and with it', async () => {
    await openFid(client, 1, readOnly, 'folder');
    await openFid(client, 2, readOnly | openFlags.directory, 'folder');
  });

  test('of a file with O_DIRECTORY is ENOTDIR', async () => {
    await walk(client, 1, 'file');
    expect(await client.send(Tlopen({ fid: 1, flags: openFlags.directory }))).toEqual(Rlerror('ENOTDIR'));
  });

  test.each([writeOnly, readWrite, openFlags.truncate])(
    'of a folder for writing (flags %i) is EISDIR',
    async (flags) => {
      await walk(client, 1, 'folder');
      expect(await client.send(Tlopen({ fid: 1, flags }))).toEqual(Rlerror('EISDIR'));
    },
  );

  test('of a symbolic link is ELOOP, of a FIFO ENXIO', async () => {
    await walk(client, 1, 'link');
    expect(await client.send(Tlopen({ fid: 1, flags: readOnly }))).toEqual(Rlerror('ELOOP'));
    await walk(client, 2, 'fifo');
    expect(await client.send(Tlopen({ fid: 2, flags: readOnly }))).toEqual(Rlerror('ENXIO'));
  });

  test('of an open fid is EINVAL', async () => {
    await openFid(client, 1, readOnly, 'file');
    expect(await client.send(Tlopen({ fid: 1, flags: readOnly }))).toEqual(Rlerror('EINVAL'));
  });

  test('of an unknown fid is EBADF', async () => {
    expect(await client.send(Tlopen({ fid: 9, flags: readOnly }))).toEqual(Rlerror('EBADF'));
  });

  test('with the access mode 3 is EINVAL', async () => {
    await walk(client, 1, 'file');
    expect(await client.send(Tlopen({ fid: 1, flags: 3 }))).toEqual(Rlerror('EINVAL'));
  });

  test('does without the flags that are the client’s own', async () => {
    bench.gate.hold('open');
    await walk(client, 1, 'file');
    const sent = client.post(
      Tlopen({ fid: 1, flags: readWrite | openFlags.append | clientFlags | openFlags.exclusive }),
    );
    expect(bench.gate.only.args[1]).toBe(readWrite | openFlags.append);
    await bench.gate.only.release();
    expect((await sent.reply)?.name).toBe('Rlopen');
  });

  test('passes on O_TRUNC, O_SYNC and O_DSYNC', async () => {
    bench.gate.hold('open');
    await walk(client, 1, 'file');
    const flags = writeOnly | openFlags.truncate | openFlags.sync | openFlags.dsync;
    const sent = client.post(Tlopen({ fid: 1, flags }));
    expect(bench.gate.only.args[1]).toBe(flags);
    await bench.gate.only.release();
    await sent.reply;
    expect(await sizeOf(1)).toBe(0);
  });
});

describe('Tlcreate', () => {
  test('makes a file, and the fid becomes that file, open', async () => {
    await walk(client, 1, 'folder');
    const flags = readWrite | clientFlags;
    const { qid } = await client.expect('Rlcreate', Tlcreate({ fid: 1, name: 'new', flags, mode: 0o640, gid: 5 }));
    await client.expect('Rwrite', Twrite({ fid: 1, offset: 0, data: 'text' }));
    const attributes = await client.expect('Rgetattr', Tgetattr({ fid: 1, requestMask: 0x7ffn }));
    expect(attributes).toMatchObject({ mode: 0o100640, gid: 5, size: 4, nlink: 1 });
    expect(attributes.qid.path).toBe(qid.path);
    expect((await walk(client, 2, 'folder', 'new'))[1]!.path).toBe(qid.path);
  });

  test('with a mode that forbids writing, the creator writes all the same', async () => {
    await walk(client, 1);
    await client.expect('Rlcreate', Tlcreate({ fid: 1, name: 'new', flags: writeOnly, mode: 0o444, gid: 0 }));
    expect(await client.send(Twrite({ fid: 1, offset: 0, data: 'x' }))).toEqual(Rwrite({ count: 1 }));
  });

  test('of an existing file opens it, with O_EXCL it is EEXIST', async () => {
    await walk(client, 1);
    const exclusive = Tlcreate({ fid: 1, name: 'file', flags: openFlags.exclusive, mode: 0o644, gid: 0 });
    expect(await client.send(exclusive)).toEqual(Rlerror('EEXIST'));
    await client.expect('Rlcreate', Tlcreate({ fid: 1, name: 'file', flags: readOnly, mode: 0o600, gid: 0 }));
    expect(await read(1, 0, 100)).toBe('contents');
  });

  test('never goes through a symbolic link', async () => {
    await walk(client, 1);
    expect(await client.send(Tlcreate({ fid: 1, name: 'link', flags: readWrite, mode: 0o644, gid: 0 }))).toEqual(
      Rlerror('ELOOP'),
    );
  });

  test.each([
    ['.', 'EEXIST'],
    ['..', 'EEXIST'],
    ['', 'ENOENT'],
    ['a/b', 'ENOENT'],
    ['a\0b', 'ENOENT'],
    ['x'.repeat(256), 'ENAMETOOLONG'],
    ['folder', 'EISDIR'],
  ] as const)('of the name %j is %s, and the fid stays the folder', async (name, code) => {
    await walk(client, 1);
    expect(await client.send(Tlcreate({ fid: 1, name, flags: readWrite, mode: 0o644, gid: 0 }))).toEqual(Rlerror(code));
    await client.expect('Rlcreate', Tlcreate({ fid: 1, name: 'good', flags: readWrite, mode: 0o644, gid: 0 }));
  });

  test('on a fid that is no folder is ENOTDIR, on an open one EINVAL', async () => {
    await walk(client, 1, 'file');
    const message = Tlcreate({ fid: 1, name: 'x', flags: readWrite, mode: 0o644, gid: 0 });
    expect(await client.send(message)).toEqual(Rlerror('ENOTDIR'));
    await openFid(client, 2, readOnly, 'folder');
    expect(await client.send({ ...message, body: { ...message.body, fid: 2 } })).toEqual(Rlerror('EINVAL'));
  });

  test('with O_DIRECTORY is EINVAL, and makes nothing', async () => {
    await walk(client, 1);
    const flags = readOnly | openFlags.directory;
    expect(await client.send(Tlcreate({ fid: 1, name: 'x', flags, mode: 0o644, gid: 0 }))).toEqual(Rlerror('EINVAL'));
    expect(await client.send(Twalk({ fid: 0, newfid: 2, names: ['x'] }))).toEqual(Rlerror('ENOENT'));
  });

  test('passes only permissions on, whatever type the mode claims', async () => {
    await walk(client, 1);
    bench.gate.hold('create');
    const sent = client.post(Tlcreate({ fid: 1, name: 'x', flags: readWrite, mode: 0o044755, gid: 0 }));
    expect(bench.gate.only.args[3]).toBe(0o4755);
    await bench.gate.only.release();
    expect((await sent.reply)?.name).toBe('Rlcreate');
  });
});

describe('Tread', () => {
  test('gives what is there, less at the end, nothing behind it', async () => {
    await openFid(client, 1, readOnly, 'file');
    expect(await read(1, 0, 4)).toBe('cont');
    expect(await read(1, 4, 100)).toBe('ents');
    expect(await client.send(Tread({ fid: 1, offset: 8, count: 100 }))).toEqual(Rread({ data: '' }));
    expect(await client.send(Tread({ fid: 1, offset: 1e15, count: 100 }))).toEqual(Rread({ data: '' }));
    expect(await client.send(Tread({ fid: 1, offset: 0, count: 0 }))).toEqual(Rread({ data: '' }));
  });

  test.each([2 ** 53 - 1, 2 ** 53, 2 ** 63, 2 ** 64 - 2048])('at offset %d gives nothing', async (offset) => {
    await openFid(client, 1, readOnly, 'file');
    // The backend, which may count on safe offsets, is not even asked.
    bench.gate.hold('read');
    expect(client.call(Tread({ fid: 1, offset, count: 100 }))).toEqual(Rread({ data: '' }));
  });

  test('gives no more than the room of the reply and the agreed message size', async () => {
    await makeFile(client, [], 'large', new Uint8Array(20_000).fill(7));
    await openFid(client, 1, readOnly, 'large');
    expect((await client.send(Tread({ fid: 1, offset: 0, count: 20_000 }), 11 + 100)).data).toHaveLength(100);
    expect((await client.send(Tread({ fid: 1, offset: 0, count: 20_000 }), 11)).data).toHaveLength(0);
    expect((await client.send(Tread({ fid: 1, offset: 0, count: 0xffff_ffff }))).data).toHaveLength(20_000);

    const small = await attachedServer({ msize: 4096 });
    await makeFile(small.client, [], 'large', new Uint8Array(4000).fill(7));
    await openFid(small.client, 1, readOnly, 'large');
    const reply = await small.client.send(Tread({ fid: 1, offset: 0, count: 100_000 }));
    expect(reply.data).toHaveLength(4000);
    await openFid(small.client, 2, writeOnly, 'large');
    await small.client.expect('Rwrite', Twrite({ fid: 2, offset: 4000, data: new Uint8Array(4000) }));
    expect((await small.client.send(Tread({ fid: 1, offset: 0, count: 100_000 }))).data).toHaveLength(4096 - 11);
  });

  test('of a fid that is not open, or open for writing only, is EBADF', async () => {
    await walk(client, 1, 'file');
    expect(await client.send(Tread({ fid: 1, offset: 0, count: 1 }))).toEqual(Rlerror('EBADF'));
    await openFid(client, 2, writeOnly, 'file');
    expect(await client.send(Tread({ fid: 2, offset: 0, count: 1 }))).toEqual(Rlerror('EBADF'));
    expect(await client.send(Tread({ fid: 99, offset: 0, count: 1 }))).toEqual(Rlerror('EBADF'));
  });

  test('of a folder is EISDIR', async () => {
    await openFid(client, 1, readOnly, 'folder');
    expect(await client.send(Tread({ fid: 1, offset: 0, count: 1 }))).toEqual(Rlerror('EISDIR'));
  });

  test('goes straight into the segments, and to a backend that waits through bytes of its own', async () => {
    await makeFile(client, [], 'alphabet', 'abcdefghijklmnopqrstuvwxyz');
    await openFid(client, 1, readOnly, 'alphabet');
    const message = Tread({ fid: 1, offset: 0, count: 26 });
    for (const waits of [false, true]) {
      if (waits) bench.gate.hold('read');
      const writable = [new Uint8Array(5), new Uint8Array(8), new Uint8Array(1), new Uint8Array(100)];
      const sent = client.post(message, { writable });
      await bench.gate.releaseAll();
      expect(text((await sent.reply)!.data!)).toBe('abcdefghijklmnopqrstuvwxyz');
      expect(text(writable[1]!.subarray(6))).toBe('ab');
      expect(text(writable[3]!.subarray(0, 3))).toBe('def');
    }
  });
});

describe('Twrite', () => {
  test('writes where it is told, and makes holes', async () => {
    await openFid(client, 1, readWrite, 'file');
    expect(await client.send(Twrite({ fid: 1, offset: 3, data: 'XY' }))).toEqual(Rwrite({ count: 2 }));
    expect(await client.send(Twrite({ fid: 1, offset: 10, data: 'end' }))).toEqual(Rwrite({ count: 3 }));
    expect(await read(1, 0, 100)).toBe('conXYnts\0\0end');
  });

  test('with O_APPEND writes at the end, whatever the offset', async () => {
    await openFid(client, 1, readWrite | openFlags.append, 'file');
    expect(await client.send(Twrite({ fid: 1, offset: 0, data: '+' }))).toEqual(Rwrite({ count: 1 }));
    expect(await read(1, 0, 100)).toBe('contents+');
  });

  test('with O_APPEND writes where a client with a write-back cache says, which stores whole pages again', async () => {
    const own = await Client.attached(new Server({ backend: bench.backend, writeBack: true }));
    await openFid(own, 1, readWrite | openFlags.append, 'file');
    expect(await own.send(Twrite({ fid: 1, offset: 0, data: 'contents+' }))).toEqual(Rwrite({ count: 9 }));
    await walk(own, 2);
    const flags = readWrite | openFlags.append;
    await own.expect('Rlcreate', Tlcreate({ fid: 2, name: 'new', flags, mode: 0o644, gid: 0 }));
    for (const data of ['one', 'onetwo'])
      expect(await own.send(Twrite({ fid: 2, offset: 0, data }))).toEqual(Rwrite({ count: data.length }));
    expect(await own.send(Tread({ fid: 1, offset: 0, count: 100 }))).toEqual(Rread({ data: 'contents+' }));
    expect(await own.send(Tread({ fid: 2, offset: 0, count: 100 }))).toEqual(Rread({ data: 'onetwo' }));
  });

  test('of nothing changes nothing', async () => {
    await openFid(client, 1, readWrite, 'file');
    expect(await client.send(Twrite({ fid: 1, offset: 1000, data: '' }))).toEqual(Rwrite({ count: 0 }));
    expect(await sizeOf(1)).toBe(8);
  });

  test.each([2 ** 53 - 1, 2 ** 53, 2 ** 63, 2 ** 64 - 2048])('at offset %d is EFBIG', async (offset) => {
    await openFid(client, 1, readWrite, 'file');
    expect(await client.send(Twrite({ fid: 1, offset, data: 'x' }))).toEqual(Rlerror('EFBIG'));
    expect(await sizeOf(1)).toBe(8);
  });

  test('beyond 4 GiB is written there', async () => {
    await openFid(client, 1, readWrite, 'file');
    const offset = 2 ** 40 + 5;
    await client.expect('Rwrite', Twrite({ fid: 1, offset, data: 'far' }));
    expect(await read(1, offset, 10)).toBe('far');
    expect(await sizeOf(1)).toBe(offset + 3);
  });

  test('to a fid that is not open, or open for reading only, is EBADF', async () => {
    await walk(client, 1, 'file');
    expect(await client.send(Twrite({ fid: 1, offset: 0, data: 'x' }))).toEqual(Rlerror('EBADF'));
    await openFid(client, 2, readOnly, 'file');
    expect(await client.send(Twrite({ fid: 2, offset: 0, data: 'x' }))).toEqual(Rlerror('EBADF'));
  });

  test('answers how much was written when space ran out, then ENOSPC', async () => {
    const small = await attachedServer({ capacity: 2 * 65_536 });
    await walk(small.client, 1);
    await small.client.expect('Rlcreate', Tlcreate({ fid: 1, name: 'x', flags: readWrite, mode: 0o644, gid: 0 }));
    const data = new Uint8Array(200_000).fill(1);
    expect(await small.client.send(Twrite({ fid: 1, offset: 0, data }))).toEqual(Rwrite({ count: 131_072 }));
    expect(await small.client.send(Twrite({ fid: 1, offset: 131_072, data: 'x' }))).toEqual(Rlerror('ENOSPC'));
    expect(await small.client.send(Twrite({ fid: 1, offset: 0, data: 'over' }))).toEqual(Rwrite({ count: 4 }));
  });

  test('a failing backend’s error is the reply', async () => {
    await openFid(client, 1, readWrite, 'file');
    bench.gate.hold('write');
    const sent = client.post(Twrite({ fid: 1, offset: 0, data: 'abc' }));
    await bench.gate.only.fail(new Errno('EDQUOT'));
    expect(await sent.reply).toEqual(Rlerror('EDQUOT'));
  });
});

describe('files without a name', () => {
  test('are read, written, cut and looked at through a fid that is open', async () => {
    await openFid(client, 1, readWrite, 'file');
    await client.expect('Runlinkat', Tunlinkat({ dirfid: 0, name: 'file', flags: 0 }));
    await client.expect('Rwrite', Twrite({ fid: 1, offset: 8, data: ' stay' }));
    await client.expect(
      'Rsetattr',
      Tsetattr({ fid: 1, valid: 0x8 | 0x1, mode: 0o600, uid: 0, gid: 0, size: 10, atime: 0n, mtime: 0n }),
    );
    expect(await read(1, 0, 100)).toBe('contents s');
    const { nlink, size, mode } = await client.expect('Rgetattr', Tgetattr({ fid: 1, requestMask: 0x7ffn }));
    expect({ nlink, size, mode }).toEqual({ nlink: 0, size: 10, mode: 0o100600 });
    await client.expect('Rclunk', Tclunk({ fid: 1 }));
    expect(bench.backend.usedSpace).toBeLessThan(1024);
  });

  test('stay what they were when another is renamed over them', async () => {
    await openFid(client, 1, readOnly, 'file');
    await makeFile(client, [], 'other', 'other');
    await client.expect('Rrenameat', Trenameat({ olddirfid: 0, oldname: 'other', newdirfid: 0, newname: 'file' }));
    expect(await read(1, 0, 100)).toBe('contents');
    await openFid(client, 2, readOnly, 'file');
    expect(await read(2, 0, 100)).toBe('other');
  });

  test('folders that are open and removed list nothing, and nothing can be made in them', async () => {
    await makeFolder(client, [], 'doomed');
    await walk(client, 1, 'doomed');
    await openFid(client, 2, readOnly, 'doomed');
    await client.expect('Runlinkat', Tunlinkat({ dirfid: 0, name: 'doomed', flags: 0x200 }));
    expect(await client.send(make.Treaddir({ fid: 2, offset: 0n, count: 1000 }))).toEqual(make.Rreaddir({ data: '' }));
    expect(await client.send(Tlcreate({ fid: 1, name: 'x', flags: 0, mode: 0o644, gid: 0 }))).toEqual(
      Rlerror('ENOENT'),
    );
    const { nlink } = await client.expect('Rgetattr', Tgetattr({ fid: 1, requestMask: 0x7ffn }));
    expect(nlink).toBe(0);
  });
});

test('Tfsync: stores an open file or folder; a fid that is not open is EBADF', async () => {
  await openFid(client, 1, readWrite, 'file');
  await openFid(client, 2, readOnly, 'folder');
  expect(await client.send(Tfsync({ fid: 1, datasync: 1 }))).toEqual(Rfsync({}));
  expect(await client.send(Tfsync({ fid: 2, datasync: 0 }))).toEqual(Rfsync({}));
  await walk(client, 3, 'file');
  expect(await client.send(Tfsync({ fid: 3, datasync: 0 }))).toEqual(Rlerror('EBADF'));
});

test('large files come back as they were written, through pieces of any size', async () => {
  const contents = new Uint8Array(300_000);
  for (let i = 0; i < contents.length; i++) contents[i] = (i * 31) ^ (i >> 8);
  await walk(client, 1);
  await client.expect('Rlcreate', Tlcreate({ fid: 1, name: 'big', flags: readWrite, mode: 0o644, gid: 0 }));
  for (let offset = 0; offset < contents.length; offset += 7777) {
    const data = contents.subarray(offset, offset + 7777);
    expect(await client.send(Twrite({ fid: 1, offset, data }))).toEqual(Rwrite({ count: data.length }));
  }
  expect(Buffer.compare(await readAll(client, 1), contents)).toBe(0);
  await client.expect('Rwalk', Twalk({ fid: 0, newfid: 2, names: ['big'] }));
});
