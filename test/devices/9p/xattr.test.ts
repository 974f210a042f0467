// Extended attributes: Txattrwalk, Txattrcreate, and what Tread, Twrite and Tclunk do with the fids that they make.
import { beforeEach, describe, expect, test } from 'vitest';
import { openFlags } from '../../../devices/9p/backend.ts';
import { maximumXattrFids } from '../../../devices/9p/fids.ts';
import { attachedServer } from './backends.ts';
import type { Bench } from './backends.ts';
import { make, Rlerror } from './client.ts';
import type { Client, Message } from './client.ts';
import { getXattr, makeTree, openFid, readAll, setXattr, walk } from './tree.ts';

const { Txattrwalk, Txattrcreate, Rxattrcreate, Tread, Rread, Twrite, Rwrite, Tclunk, Rclunk, Tversion, Tflush } = make;
const { Twalk, Tgetattr } = make;

/** Linux's XATTR_SIZE_MAX and XATTR_NAME_MAX. */
const longestValue = 65_536;
const longestName = 255;
const create = 1;
const replace = 2;

let bench: Bench;
let client: Client;

beforeEach(async () => {
  bench = await attachedServer();
  ({ client } = bench);
  await makeTree(client);
});

/** Makes fid 1 one through which `name` of the file is set. */
async function begin(size: number, name = 'user.name', flags = 0): Promise<void> {
  await walk(client, 1, 'file');
  expect(await client.send(Txattrcreate({ fid: 1, name, size, flags }))).toEqual(Rxattrcreate({}));
}

describe('an attribute', () => {
  test('is set and read, of files, folders and links, each its own', async () => {
    for (const name of ['file', 'folder', 'link']) {
      expect(await setXattr(client, [name], 'user.name', `of ${name}`)).toEqual(Rclunk({}));
    }
    for (const name of ['file', 'folder', 'link']) {
      expect(await getXattr(client, [name], 'user.name')).toBe(`of ${name}`);
    }
  });

  test('that is not there is ENODATA, which exec takes for "no capabilities"', async () => {
    expect(await getXattr(client, ['file'], 'security.capability')).toEqual({ name: 'Rlerror', body: { ecode: 61 } });
  });

  test('is listed with a NUL behind its name', async () => {
    expect(await getXattr(client, ['file'], '')).toBe('');
    await setXattr(client, ['file'], 'user.one', '1');
    await setXattr(client, ['file'], 'trusted.two', '2');
    expect(await getXattr(client, ['file'], '')).toBe('user.one\0trusted.two\0');
  });

  test('is replaced and removed: XATTR_CREATE, XATTR_REPLACE, and no value with XATTR_REPLACE', async () => {
    expect(await setXattr(client, ['file'], 'user.x', 'one', replace)).toEqual(Rlerror('ENODATA'));
    expect(await setXattr(client, ['file'], 'user.x', 'one', create)).toEqual(Rclunk({}));
    expect(await setXattr(client, ['file'], 'user.x', 'two', create)).toEqual(Rlerror('EEXIST'));
    expect(await setXattr(client, ['file'], 'user.x', 'three', replace)).toEqual(Rclunk({}));
    expect(await getXattr(client, ['file'], 'user.x')).toBe('three');
    expect(await setXattr(client, ['file'], 'user.x', '', replace)).toEqual(Rclunk({}));
    expect(await getXattr(client, ['file'], 'user.x')).toEqual(Rlerror('ENODATA'));
    expect(await setXattr(client, ['file'], 'user.x', '', replace)).toEqual(Rlerror('ENODATA'));
  });

  test('may have an empty value', async () => {
    expect(await setXattr(client, ['file'], 'user.empty', '')).toEqual(Rclunk({}));
    expect(await getXattr(client, ['file'], 'user.empty')).toBe('');
    expect(await getXattr(client, ['file'], '')).toBe('user.empty\0');
  });

  test('of a file that is open and has no name is set and read', async () => {
    await openFid(client, 1, openFlags.readWrite, 'file');
    await client.expect('Rwalk', Twalk({ fid: 1, newfid: 2, names: [] }));
    await client.expect('Runlinkat', make.Tunlinkat({ dirfid: 0, name: 'file', flags: 0 }));
    await client.expect('Rxattrcreate', Txattrcreate({ fid: 2, name: 'user.x', size: 1, flags: 0 }));
    await client.expect('Rwrite', Twrite({ fid: 2, offset: 0, data: '1' }));
    await client.expect('Rclunk', Tclunk({ fid: 2 }));
    expect(await client.expect('Rxattrwalk', Txattrwalk({ fid: 1, newfid: 3, name: 'user.x' }))).toEqual({ size: 1 });
  });

  test('has room in the reply of a message of 4,096 bytes only piece by piece', async () => {
    const value = 'v'.repeat(longestValue);
    await setXattr(client, ['file'], 'user.long', value);
    await client.expect('Rversion', Tversion({ msize: 4096, version: '9P2000.L' }));
    await client.expect('Rattach', make.Tattach({ fid: 0, afid: 0xffff_ffff, uname: '', aname: '', uid: 0 }));
    expect(await getXattr(client, ['file'], 'user.long')).toBe(value);
  });

  test('moves ctime, and nothing else', async () => {
    await walk(client, 1, 'file');
    const before = await client.expect('Rgetattr', Tgetattr({ fid: 1, requestMask: 0n }));
    await setXattr(client, ['file'], 'user.x', '1');
    const after = await client.expect('Rgetattr', Tgetattr({ fid: 1, requestMask: 0n }));
    expect(after.ctime).toBeGreaterThan(before.ctime);
    expect({ ...after, ctime: 0n, qid: before.qid }).toEqual({ ...before, ctime: 0n });
  });
});

describe('limits', () => {
  test('a value of 65,536 bytes is set, one of 65,537 is E2BIG', async () => {
    expect(await setXattr(client, ['file'], 'user.x', 'v'.repeat(longestValue))).toEqual(Rclunk({}));
    await walk(client, 1, 'file');
    for (const size of [longestValue + 1, 2 ** 32, 2 ** 63]) {
      expect(await client.send(Txattrcreate({ fid: 1, name: 'user.x', size, flags: 0 }))).toEqual(Rlerror('E2BIG'));
    }
    expect(await client.send(Tgetattr({ fid: 1, requestMask: 0n }))).toMatchObject({ name: 'Rgetattr' });
  });

  test('a name of 255 bytes is taken, a longer or an empty one is ERANGE, one with a NUL EINVAL', async () => {
    const name = 'user.'.padEnd(longestName, 'n');
    expect(await setXattr(client, ['file'], name, '1')).toEqual(Rclunk({}));
    expect(await getXattr(client, ['file'], name)).toBe('1');
    await walk(client, 1, 'file');
    const attempt = (bad: string): Promise<Message> =>
      client.send(Txattrcreate({ fid: 1, name: bad, size: 1, flags: 0 }));
    expect(await attempt(`${name}n`)).toEqual(Rlerror('ERANGE'));
    expect(await attempt('')).toEqual(Rlerror('ERANGE'));
    expect(await attempt('user.\0')).toEqual(Rlerror('EINVAL'));
    expect(await getXattr(client, ['file'], `${name}n`)).toEqual(Rlerror('ERANGE'));
    expect(await getXattr(client, ['file'], 'user.\0')).toEqual(Rlerror('EINVAL'));
  });

  test('flags that setxattr(2) does not have are EINVAL', async () => {
    await walk(client, 1, 'file');
    for (const flags of [4, 0x8000_0000, 0xffff_ffff]) {
      expect(await client.send(Txattrcreate({ fid: 1, name: 'user.x', size: 1, flags }))).toEqual(Rlerror('EINVAL'));
    }
  });

  test('a list of more than 65,536 bytes can not come about: ENOSPC', async () => {
    const name = (index: number): string => `user.${index}.`.padEnd(longestName, 'n');
    for (let index = 0; index < longestValue / 256; index++) {
      expect(await setXattr(client, ['file'], name(index), '')).toEqual(Rclunk({}));
    }
    expect(await setXattr(client, ['file'], 'user.x', '')).toEqual(Rlerror('ENOSPC'));
    expect(await getXattr(client, ['file'], '')).toHaveLength(longestValue);
  });

  test('values count as data: ENOSPC, and free again with the file', async () => {
    bench = await attachedServer({ capacity: 100_000 });
    ({ client } = bench);
    await makeTree(client);
    const before = bench.backend.usedSpace;
    expect(await setXattr(client, ['folder'], 'user.x', 'v'.repeat(60_000))).toEqual(Rclunk({}));
    expect(await setXattr(client, ['link'], 'user.x', 'v'.repeat(60_000))).toEqual(Rlerror('ENOSPC'));
    expect(await setXattr(client, ['folder'], 'user.x', '', replace)).toEqual(Rclunk({}));
    expect(bench.backend.usedSpace).toBe(before);
    expect(await setXattr(client, ['link'], 'user.x', 'v'.repeat(60_000))).toEqual(Rclunk({}));
    await client.expect('Runlinkat', make.Tunlinkat({ dirfid: 0, name: 'link', flags: 0 }));
    expect(bench.backend.usedSpace).toBe(before);
  });

  test(`${maximumXattrFids} fids of attributes are the most: ENFILE; a clunk makes room`, async () => {
    await setXattr(client, ['file'], 'user.x', 'value');
    await walk(client, 1, 'file');
    await walk(client, 2, 'file');
    const read = (newfid: number): Promise<Message> => client.send(Txattrwalk({ fid: 1, newfid, name: 'user.x' }));
    for (let index = 0; index < maximumXattrFids; index++) expect((await read(1000 + index)).name).toBe('Rxattrwalk');
    expect(await read(999)).toEqual(Rlerror('ENFILE'));
    const set = Txattrcreate({ fid: 2, name: 'user.x', size: 1, flags: 0 });
    expect(await client.send(set)).toEqual(Rlerror('ENFILE'));
    await client.expect('Rclunk', Tclunk({ fid: 1000 }));
    expect(await client.send(set)).toEqual(Rxattrcreate({}));
    expect(await read(999)).toEqual(Rlerror('ENFILE'));
    await client.expect('Rversion', Tversion({ msize: 8192, version: '9P2000.L' }));
    expect(bench.ledger.held).toBe(0);
    await client.expect('Rattach', make.Tattach({ fid: 0, afid: 0xffff_ffff, uname: '', aname: '', uid: 0 }));
    await walk(client, 1, 'file');
    expect((await read(999)).name).toBe('Rxattrwalk');
  });
});

describe('a fid on which a value arrives', () => {
  test('takes it in pieces, one behind another', async () => {
    await begin(6);
    expect(await client.send(Twrite({ fid: 1, offset: 0, data: 'abc' }))).toEqual(Rwrite({ count: 3 }));
    expect(await client.send(Twrite({ fid: 1, offset: 3, data: '' }))).toEqual(Rwrite({ count: 0 }));
    expect(await client.send(Twrite({ fid: 1, offset: 3, data: 'def' }))).toEqual(Rwrite({ count: 3 }));
    expect(await getXattr(client, ['file'], 'user.name')).toEqual(Rlerror('ENODATA'));
    expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rclunk({}));
    expect(await getXattr(client, ['file'], 'user.name')).toBe('abcdef');
  });

  test('refuses a gap and what was written already: EINVAL', async () => {
    await begin(6);
    await client.expect('Rwrite', Twrite({ fid: 1, offset: 0, data: 'abc' }));
    for (const offset of [0, 2, 4, 2 ** 32 + 3, 2 ** 63]) {
      expect(await client.send(Twrite({ fid: 1, offset, data: 'd' }))).toEqual(Rlerror('EINVAL'));
    }
  });

  test('refuses what is more than was announced: EFBIG', async () => {
    await begin(4);
    expect(await client.send(Twrite({ fid: 1, offset: 0, data: 'abcde' }))).toEqual(Rlerror('EFBIG'));
    await client.expect('Rwrite', Twrite({ fid: 1, offset: 0, data: 'abcd' }));
    expect(await client.send(Twrite({ fid: 1, offset: 4, data: 'e' }))).toEqual(Rlerror('EFBIG'));
    await client.expect('Rclunk', Tclunk({ fid: 1 }));
    expect(await getXattr(client, ['file'], 'user.name')).toBe('abcd');
  });

  test('that has less than was announced sets nothing: EINVAL, and the fid is gone', async () => {
    await begin(4);
    await client.expect('Rwrite', Twrite({ fid: 1, offset: 0, data: 'abc' }));
    expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rlerror('EINVAL'));
    expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rlerror('EBADF'));
    expect(await getXattr(client, ['file'], 'user.name')).toEqual(Rlerror('ENODATA'));
  });

  test('can not be read before or after it was written: EBADF', async () => {
    await begin(4);
    expect(await client.send(Tread({ fid: 1, offset: 0, count: 4 }))).toEqual(Rlerror('EBADF'));
    await client.expect('Rwrite', Twrite({ fid: 1, offset: 0, data: 'abcd' }));
    expect(await client.send(Tread({ fid: 1, offset: 0, count: 4 }))).toEqual(Rlerror('EBADF'));
  });

  test('can not be begun on twice, nor on an open fid', async () => {
    await begin(4);
    const again = Txattrcreate({ fid: 1, name: 'user.y', size: 100, flags: 0 });
    expect(await client.send(again)).toEqual(Rlerror('EBADF'));
    await openFid(client, 2, openFlags.readWrite, 'file');
    expect(await client.send(Txattrcreate({ fid: 2, name: 'user.y', size: 1, flags: 0 }))).toEqual(Rlerror('EINVAL'));
  });

  test('sets nothing when the session ends', async () => {
    await begin(1);
    await client.expect('Rwrite', Twrite({ fid: 1, offset: 0, data: 'a' }));
    bench.server.reset();
    expect(bench.ledger.held).toBe(0);
    await client.expect('Rversion', Tversion({ msize: 8192, version: '9P2000.L' }));
    await client.expect('Rattach', make.Tattach({ fid: 0, afid: 0xffff_ffff, uname: '', aname: '', uid: 0 }));
    expect(await getXattr(client, ['file'], '')).toBe('');
  });

  test('sets nothing by Tremove, which removes nothing either', async () => {
    await begin(1);
    await client.expect('Rwrite', Twrite({ fid: 1, offset: 0, data: 'a' }));
    expect(await client.send(make.Tremove({ fid: 1 }))).toEqual(Rlerror('EBADF'));
    expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rlerror('EBADF'));
    expect(await getXattr(client, ['file'], '')).toBe('');
  });
});

describe('a fid from which a value is read', () => {
  beforeEach(async () => {
    await setXattr(client, ['file'], 'user.x', '0123456789');
    await walk(client, 1, 'file');
    await client.expect('Rxattrwalk', Txattrwalk({ fid: 1, newfid: 2, name: 'user.x' }));
  });

  test.each([
    [0, 100, '0123456789'],
    [3, 4, '3456'],
    [9, 100, '9'],
    [10, 100, ''],
    [11, 100, ''],
    [2 ** 32, 100, ''],
    [2 ** 64 - 2048, 0xffff_ffff, ''],
  ])('gives at %i of %i bytes %j', async (offset, count, expected) => {
    expect(await client.send(Tread({ fid: 2, offset, count }))).toEqual(Rread({ data: expected }));
  });

  test('keeps its value when the attribute changes, is removed, or its file is', async () => {
    await setXattr(client, ['file'], 'user.x', 'a value that is longer by far');
    expect(new TextDecoder().decode(await readAll(client, 2))).toBe('0123456789');
    await setXattr(client, ['file'], 'user.x', '', replace);
    await client.expect('Rremove', make.Tremove({ fid: 1 }));
    expect(new TextDecoder().decode(await readAll(client, 2))).toBe('0123456789');
  });

  test('can not be written: EBADF', async () => {
    expect(await client.send(Twrite({ fid: 2, offset: 0, data: 'x' }))).toEqual(Rlerror('EBADF'));
    expect(await getXattr(client, ['file'], 'user.x')).toBe('0123456789');
  });

  test('does not take the place of another fid: EBADF', async () => {
    for (const newfid of [0, 1, 2, 0xffff_ffff]) {
      expect(await client.send(Txattrwalk({ fid: 1, newfid, name: 'user.x' }))).toEqual(Rlerror('EBADF'));
    }
  });
});

const others: readonly Message[] = [
  Twalk({ fid: 1, newfid: 3, names: [] }),
  Twalk({ fid: 1, newfid: 1, names: ['..'] }),
  make.Tlopen({ fid: 1, flags: 0 }),
  make.Tlcreate({ fid: 1, name: 'x', flags: 2, mode: 0o644, gid: 0 }),
  Tgetattr({ fid: 1, requestMask: 0n }),
  make.Tsetattr({ fid: 1, valid: 1, mode: 0, uid: 0, gid: 0, size: 0, atime: 0n, mtime: 0n }),
  make.Tstatfs({ fid: 1 }),
  make.Treadlink({ fid: 1 }),
  make.Treaddir({ fid: 1, offset: 0n, count: 100 }),
  make.Tfsync({ fid: 1, datasync: 0 }),
  make.Tlock({ fid: 1, type: 0, flags: 0, start: 0n, length: 0n, procId: 0, clientId: '' }),
  make.Tgetlock({ fid: 1, type: 0, start: 0n, length: 0n, procId: 0, clientId: '' }),
  make.Tmkdir({ dfid: 1, name: 'x', mode: 0o755, gid: 0 }),
  make.Tmknod({ dfid: 1, name: 'x', mode: 0o010644, major: 0, minor: 0, gid: 0 }),
  make.Tsymlink({ dfid: 1, name: 'x', target: 'y', gid: 0 }),
  make.Tlink({ dfid: 0, fid: 1, name: 'x' }),
  make.Tlink({ dfid: 1, fid: 0, name: 'x' }),
  make.Trename({ fid: 1, dfid: 0, name: 'x' }),
  make.Trenameat({ olddirfid: 1, oldname: 'file', newdirfid: 0, newname: 'x' }),
  make.Tunlinkat({ dirfid: 1, name: 'file', flags: 0 }),
  Txattrwalk({ fid: 1, newfid: 3, name: '' }),
  Txattrcreate({ fid: 1, name: 'user.x', size: 1, flags: 0 }),
];

describe.each(['read', 'set'] as const)('a fid of an attribute that is %s stands for no file', (use) => {
  test.each(others)('$name is EBADF', async (message) => {
    await walk(client, 4, 'folder');
    if (use === 'read') await client.expect('Rxattrwalk', Txattrwalk({ fid: 4, newfid: 1, name: '' }));
    else {
      await walk(client, 1, 'folder');
      await client.expect('Rxattrcreate', Txattrcreate({ fid: 1, name: 'user.x', size: 0, flags: 0 }));
    }
    expect(await client.send(message)).toEqual(Rlerror('EBADF'));
    expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rclunk({}));
  });
});

describe('order', () => {
  test('Txattrcreate waits for what uses the fid, and what comes later waits for it', async () => {
    await walk(client, 1, 'file');
    bench.gate.hold('getattr', 'setxattr');
    const before = client.post(Tgetattr({ fid: 1, requestMask: 0n }));
    const created = client.post(Txattrcreate({ fid: 1, name: 'user.x', size: 1, flags: 0 }));
    const written = client.post(Twrite({ fid: 1, offset: 0, data: 'v' }));
    const after = client.post(Tgetattr({ fid: 1, requestMask: 0n }));
    const clunked = client.post(Tclunk({ fid: 1 }));
    expect(bench.gate.held.map(({ method }) => method)).toEqual(['getattr']);
    await bench.gate.only.release();
    expect((await before.reply)?.name).toBe('Rgetattr');
    expect(await created.reply).toEqual(Rxattrcreate({}));
    expect(await written.reply).toEqual(Rwrite({ count: 1 }));
    expect(await after.reply).toEqual(Rlerror('EBADF'));
    expect(bench.gate.only.method).toBe('setxattr');
    await bench.gate.only.release();
    expect(await clunked.reply).toEqual(Rclunk({}));
    bench.gate.open();
    expect(await getXattr(client, ['file'], 'user.x')).toBe('v');
  });

  test('a fid that Txattrwalk makes can be used by what was sent behind it', async () => {
    await setXattr(client, ['file'], 'user.x', 'value');
    await walk(client, 1, 'file');
    bench.gate.hold('getxattr');
    const walked = client.post(Txattrwalk({ fid: 1, newfid: 2, name: 'user.x' }));
    const read = client.post(Tread({ fid: 2, offset: 0, count: 100 }));
    await bench.gate.only.release();
    expect((await walked.reply)?.body).toEqual({ size: 5 });
    expect(await read.reply).toEqual(Rread({ data: 'value' }));
  });

  test('a Txattrwalk that was flushed makes no fid', async () => {
    await walk(client, 1, 'file');
    bench.gate.hold('listxattr');
    const walked = client.post(Txattrwalk({ fid: 1, newfid: 2, name: '' }));
    await client.expect('Rflush', Tflush({ oldtag: walked.tag }));
    await bench.gate.releaseAll();
    expect(await walked.reply).toBeUndefined();
    expect(await client.send(Tclunk({ fid: 2 }))).toEqual(Rlerror('EBADF'));
  });

  test('a session that ends while a value is looked for or set holds nothing afterwards', async () => {
    await begin(0);
    await walk(client, 3, 'folder');
    bench.gate.hold('getxattr', 'setxattr');
    const walked = client.post(Txattrwalk({ fid: 3, newfid: 2, name: 'user.x' }));
    const clunked = client.post(Tclunk({ fid: 1 }));
    bench.server.reset();
    expect([await walked.reply, await clunked.reply]).toEqual([undefined, undefined]);
    await bench.gate.releaseAll();
    expect(bench.ledger.held).toBe(0);
  });
});
