import { beforeEach, describe, expect, test } from 'vitest';
import { openFlags } from '../../../devices/9p/backend.ts';
import { attachedServer } from './backends.ts';
import type { Bench } from './backends.ts';
import { make, Rlerror, text } from './client.ts';
import type { Client, Message } from './client.ts';
import { list, makeFile, makeFolder, makeTree, namesIn, openFid, parseEntries, readAll, walk } from './tree.ts';

const { Treaddir, Tmkdir, Tmknod, Tsymlink, Treadlink, Rreadlink, Tlink, Tunlinkat, Runlinkat, Tremove, Rremove } =
  make;
const { Trename, Rrename, Trenameat, Rrenameat, Tgetattr, Tclunk, Tlopen } = make;

let bench: Bench;
let client: Client;

beforeEach(async () => {
  bench = await attachedServer();
  ({ client } = bench);
  await makeTree(client);
});

describe('Treaddir', () => {
  test('lists "." and ".." and every entry with its type and inode number', async () => {
    await openFid(client, 1, 0);
    const entries = await list(client, 1);
    expect(entries.map(({ name, type }) => [name, type])).toEqual([
      ['.', 4],
      ['..', 4],
      ['file', 8],
      ['folder', 4],
      ['link', 10],
      ['fifo', 1],
    ]);
    const [folder] = await walk(client, 2, 'folder');
    expect(entries[3]!.qid).toMatchObject({ type: 0x80, path: folder!.path });
    expect(new Set(entries.map(({ offset }) => offset)).size).toBe(entries.length);
  });

  test('goes on at the offset of any entry', async () => {
    await openFid(client, 1, 0);
    const entries = await list(client, 1);
    for (const [place, { offset }] of entries.entries()) {
      expect(await list(client, 1, 8192, offset)).toEqual(entries.slice(place + 1));
    }
  });

  test('offsets stay good while entries are removed and added', async () => {
    await makeFolder(client, [], 'many');
    const names = Array.from({ length: 300 }, (_, i) => `entry-${i}`);
    for (const name of names) await makeFile(client, ['many'], name);
    await walk(client, 1, 'many');
    await openFid(client, 2, 0, 'many');
    // rm -r: list a few, remove them, go on at the last offset.
    const seen: string[] = [];
    for (let offset = 0n; ;) {
      const reply = await client.send(Treaddir({ fid: 2, offset, count: 400 }));
      const entries = parseEntries(reply.data!);
      if (entries.length === 0) break;
      for (const { name } of entries.filter((entry) => !entry.name.startsWith('.'))) {
        seen.push(name);
        await client.expect('Runlinkat', Tunlinkat({ dirfid: 1, name, flags: 0 }));
      }
      offset = entries.at(-1)!.offset;
    }
    expect(seen).toEqual(names);
    expect(await namesIn(client, 'many')).toEqual([]);
  });

  test('gives no entry in part: no more than count, the room and the agreed size', async () => {
    await openFid(client, 1, 0);
    // "." takes 24 + 1 bytes, ".." one more.
    expect(parseEntries((await client.send(Treaddir({ fid: 1, offset: 0n, count: 51 }))).data!)).toHaveLength(2);
    expect(parseEntries((await client.send(Treaddir({ fid: 1, offset: 0n, count: 50 }))).data!)).toHaveLength(1);
    const limited = await client.send(Treaddir({ fid: 1, offset: 0n, count: 8192 }), 11 + 51);
    expect(parseEntries(limited.data!)).toHaveLength(2);
  });

  test('without room for one entry is EINVAL: an empty reply would mean the end', async () => {
    await openFid(client, 1, 0);
    expect(await client.send(Treaddir({ fid: 1, offset: 0n, count: 24 }))).toEqual(Rlerror('EINVAL'));
    expect(await client.send(Treaddir({ fid: 1, offset: 0n, count: 0 }))).toEqual(Rlerror('EINVAL'));
  });

  test('at the end, or beyond any offset, is empty', async () => {
    await openFid(client, 1, 0);
    const last = (await list(client, 1)).at(-1)!.offset;
    for (const offset of [last, 2n ** 62n, 2n ** 64n - 1n]) {
      expect((await client.send(Treaddir({ fid: 1, offset, count: 8192 }))).data).toHaveLength(0);
    }
  });

  test('of a large folder gives every name once, in segments cut anywhere', async () => {
    await makeFolder(client, [], 'many');
    const names = Array.from({ length: 500 }, (_, i) => `${'n'.repeat(i % 200)}-${i}`);
    for (const name of names) await makeFile(client, ['many'], name);
    await openFid(client, 2, 0, 'many');
    const writable = Array.from({ length: 5000 }, (_, i) => new Uint8Array(1 + (i % 13)));
    const reply = await client.post(Treaddir({ fid: 2, offset: 0n, count: 100_000 }), { writable }).reply;
    const entries = parseEntries(reply!.data!);
    const rest = await list(client, 2, 8192, entries.at(-1)!.offset);
    expect([...entries, ...rest].slice(2).map(({ name }) => name)).toEqual(names);
    expect(entries.length).toBeGreaterThan(200);
  });

  test('names that are no UTF-8 come back byte by byte', async () => {
    await client.expect('Rmkdir', Tmkdir({ dfid: 0, name: Uint8Array.of(0xff, 0x0a, 0x80), mode: 0o755, gid: 0 }));
    expect(await namesIn(client)).toContain('\xff\n\x80');
  });

  test('of a file is ENOTDIR, of a folder that is not open EBADF', async () => {
    await openFid(client, 1, 0, 'file');
    expect(await client.send(Treaddir({ fid: 1, offset: 0n, count: 100 }))).toEqual(Rlerror('ENOTDIR'));
    expect(await client.send(Treaddir({ fid: 0, offset: 0n, count: 100 }))).toEqual(Rlerror('EBADF'));
  });
});

describe('new names', () => {
  const makers: Record<string, (name: string | Uint8Array) => Message> = {
    Tmkdir: (name) => Tmkdir({ dfid: 0, name, mode: 0o755, gid: 0 }),
    Tmknod: (name) => Tmknod({ dfid: 0, name, mode: 0o010644, major: 0, minor: 0, gid: 0 }),
    Tsymlink: (name) => Tsymlink({ dfid: 0, name, target: 'x', gid: 0 }),
    Tlink: (name) => Tlink({ dfid: 0, fid: 1, name }),
  };

  test.each(
    Object.keys(makers).flatMap((message) => [
      [message, 'file', 'EEXIST'] as const,
      [message, 'link', 'EEXIST'] as const,
      [message, '.', 'EEXIST'] as const,
      [message, '..', 'EEXIST'] as const,
      [message, '', 'ENOENT'] as const,
      [message, 'a/b', 'ENOENT'] as const,
      [message, '/', 'ENOENT'] as const,
      [message, 'a\0', 'ENOENT'] as const,
      [message, 'x'.repeat(256), 'ENAMETOOLONG'] as const,
    ]),
  )('%s of %j is %s', async (message, name, code) => {
    await walk(client, 1, 'file');
    const held = bench.ledger.held;
    expect(await client.send(makers[message]!(name))).toEqual(Rlerror(code));
    expect(bench.ledger.held).toBe(held);
  });

  test.each(Object.keys(makers))('%s below a file is ENOTDIR, below no fid EBADF', async (message) => {
    await walk(client, 1, 'file');
    const request = makers[message]!('x');
    expect(await client.send({ ...request, body: { ...request.body, dfid: 1 } })).toEqual(Rlerror('ENOTDIR'));
    expect(await client.send({ ...request, body: { ...request.body, dfid: 77 } })).toEqual(Rlerror('EBADF'));
  });

  test.each(Object.keys(makers))('%s of 255 bytes works', async (message) => {
    await walk(client, 1, 'file');
    const reply = await client.send(makers[message]!('x'.repeat(255)));
    expect(reply.name).toBe(`R${message.slice(1)}`);
  });
});

test('Tmkdir: makes a folder of the asked mode and group', async () => {
  const { qid } = await client.expect('Rmkdir', Tmkdir({ dfid: 0, name: 'new', mode: 0o1750, gid: 12 }));
  const [walked] = await walk(client, 1, 'new');
  expect(walked).toEqual(qid);
  const { mode, gid, nlink } = await client.expect('Rgetattr', Tgetattr({ fid: 1, requestMask: 0x7ffn }));
  expect({ mode, gid, nlink }).toEqual({ mode: 0o041750, gid: 12, nlink: 2 });
});

test.each([
  { type: 0o020000, major: 1, minor: 3, rdev: 0x103n },
  { type: 0o060000, major: 259, minor: 0x12345, rdev: 0x12310345n },
  { type: 0o020000, major: 0xfff, minor: 0xfffff, rdev: 0xffffffffn },
  { type: 0o010000, major: 1, minor: 3, rdev: 0n },
  { type: 0o140000, major: 0, minor: 0, rdev: 0n },
  { type: 0o100000, major: 0, minor: 0, rdev: 0n },
])('Tmknod: type $type with $major, $minor has the device number $rdev', async ({ type, major, minor, rdev }) => {
  await client.expect('Rmknod', Tmknod({ dfid: 0, name: 'node', mode: type | 0o600, major, minor, gid: 0 }));
  await walk(client, 1, 'node');
  const attributes = await client.expect('Rgetattr', Tgetattr({ fid: 1, requestMask: 0x7ffn }));
  expect(attributes).toMatchObject({ mode: type | 0o600, rdev });
});

test('Tmknod: a mode without a type makes a file', async () => {
  await client.expect('Rmknod', Tmknod({ dfid: 0, name: 'node', mode: 0o600, major: 0, minor: 0, gid: 0 }));
  await openFid(client, 1, openFlags.readWrite, 'node');
});

test.each([
  { mode: 0o040755, major: 0, minor: 0 },
  { mode: 0o120777, major: 0, minor: 0 },
  { mode: 0o020600, major: 0x1000, minor: 0 },
  { mode: 0o020600, major: 0, minor: 0x100000 },
])('Tmknod: $mode with $major, $minor is EINVAL', async (body) => {
  expect(await client.send(Tmknod({ dfid: 0, name: 'node', gid: 0, ...body }))).toEqual(Rlerror('EINVAL'));
});

test('Tsymlink, Treadlink: any target comes back as it was', async () => {
  const target = `../${'x'.repeat(4000)}/\u{1f600}`;
  const { qid } = await client.expect('Rsymlink', Tsymlink({ dfid: 0, name: 'new', target, gid: 0 }));
  expect(qid.type).toBe(2);
  await walk(client, 1, 'new');
  expect(await client.send(Treadlink({ fid: 1 }))).toEqual(Rreadlink({ target }));
  const { size } = await client.expect('Rgetattr', Tgetattr({ fid: 1, requestMask: 0x7ffn }));
  expect(size).toBe(Buffer.byteLength(target));
});

test.each([
  ['', 'ENOENT'],
  ['a\0b', 'EINVAL'],
  ['x'.repeat(4096), 'ENAMETOOLONG'],
] as const)('Tsymlink: the target %j is %s', async (target, code) => {
  expect(await client.send(Tsymlink({ dfid: 0, name: 'new', target, gid: 0 }))).toEqual(Rlerror(code));
});

test('Treadlink: of what is no link is EINVAL, without room for it EMSGSIZE', async () => {
  expect(await client.send(Treadlink({ fid: 0 }))).toEqual(Rlerror('EINVAL'));
  await walk(client, 1, 'link');
  expect(await client.send(Treadlink({ fid: 1 }), 12)).toEqual(Rlerror('EMSGSIZE'));
});

test('Tlink: a second name for the same file', async () => {
  const [file] = await walk(client, 1, 'file');
  await client.expect('Rlink', Tlink({ dfid: 0, fid: 1, name: 'second' }));
  const [second] = await walk(client, 2, 'second');
  expect(second!.path).toBe(file!.path);
  const { nlink } = await client.expect('Rgetattr', Tgetattr({ fid: 2, requestMask: 0x7ffn }));
  expect(nlink).toBe(2);
});

test('Tlink: of a folder is EPERM, of an unknown fid EBADF', async () => {
  await walk(client, 1, 'folder');
  expect(await client.send(Tlink({ dfid: 0, fid: 1, name: 'second' }))).toEqual(Rlerror('EPERM'));
  expect(await client.send(Tlink({ dfid: 0, fid: 55, name: 'second' }))).toEqual(Rlerror('EBADF'));
});

describe('Tunlinkat', () => {
  const removeFolder = 0x200;

  test('removes a file without AT_REMOVEDIR, a folder with it', async () => {
    expect(await client.send(Tunlinkat({ dirfid: 0, name: 'file', flags: 0 }))).toEqual(Runlinkat({}));
    await makeFolder(client, [], 'empty');
    expect(await client.send(Tunlinkat({ dirfid: 0, name: 'empty', flags: removeFolder }))).toEqual(Runlinkat({}));
    expect(await namesIn(client)).toEqual(['fifo', 'folder', 'link']);
  });

  test.each([
    ['missing', 0, 'ENOENT'],
    ['folder', 0, 'EISDIR'],
    ['file', removeFolder, 'ENOTDIR'],
    ['link', removeFolder, 'ENOTDIR'],
    ['folder', removeFolder, 'ENOTEMPTY'],
    ['.', removeFolder, 'EINVAL'],
    ['..', removeFolder, 'ENOTEMPTY'],
    ['', 0, 'ENOENT'],
    ['folder/inner', removeFolder, 'ENOENT'],
    ['file', 0x1, 'EINVAL'],
    ['file', 0xffff_ffff, 'EINVAL'],
  ] as const)('of %j with flags %i is %s', async (name, flags, code) => {
    expect(await client.send(Tunlinkat({ dirfid: 0, name, flags }))).toEqual(Rlerror(code));
    expect(await namesIn(client)).toEqual(['fifo', 'file', 'folder', 'link']);
  });

  test('below a file is ENOTDIR', async () => {
    await walk(client, 1, 'file');
    expect(await client.send(Tunlinkat({ dirfid: 1, name: 'x', flags: 0 }))).toEqual(Rlerror('ENOTDIR'));
  });
});

describe('Tremove', () => {
  test('removes a file or an empty folder, and clunks', async () => {
    await walk(client, 1, 'file');
    expect(await client.send(Tremove({ fid: 1 }))).toEqual(Rremove({}));
    expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rlerror('EBADF'));
    await makeFolder(client, [], 'empty');
    await walk(client, 1, 'empty');
    expect(await client.send(Tremove({ fid: 1 }))).toEqual(Rremove({}));
    expect(await namesIn(client)).toEqual(['fifo', 'folder', 'link']);
    expect(bench.ledger.held).toBe(1);
  });

  test('clunks even when it fails', async () => {
    await walk(client, 1, 'folder');
    await client.expect('Rlopen', Tlopen({ fid: 1, flags: 0 }));
    expect(await client.send(Tremove({ fid: 1 }))).toEqual(Rlerror('ENOTEMPTY'));
    expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rlerror('EBADF'));
    expect(bench.ledger.held).toBe(1);
  });

  test('of the root is EBUSY, of what has no name any more ENOENT', async () => {
    await client.expect('Rwalk', make.Twalk({ fid: 0, newfid: 1, names: [] }));
    expect(await client.send(Tremove({ fid: 1 }))).toEqual(Rlerror('EBUSY'));
    await walk(client, 1, 'file');
    await client.expect('Runlinkat', Tunlinkat({ dirfid: 0, name: 'file', flags: 0 }));
    expect(await client.send(Tremove({ fid: 1 }))).toEqual(Rlerror('ENOENT'));
  });
});

describe('renaming', () => {
  test('Trename moves what the fid leads to', async () => {
    await walk(client, 1, 'file');
    await walk(client, 2, 'folder', 'inner');
    expect(await client.send(Trename({ fid: 1, dfid: 2, name: 'moved' }))).toEqual(Rrename({}));
    expect(await namesIn(client, 'folder', 'inner')).toEqual(['deep', 'moved']);
    expect(await client.send(Trename({ fid: 1, dfid: 0, name: 'back' }))).toEqual(Rrename({}));
    expect(await namesIn(client)).toEqual(['back', 'fifo', 'folder', 'link']);
  });

  test('Trename of the root is EBUSY, of a removed file ENOENT', async () => {
    await walk(client, 1, 'file');
    await client.expect('Runlinkat', Tunlinkat({ dirfid: 0, name: 'file', flags: 0 }));
    expect(await client.send(Trename({ fid: 1, dfid: 0, name: 'x' }))).toEqual(Rlerror('ENOENT'));
    expect(await client.send(Trename({ fid: 0, dfid: 0, name: 'x' }))).toEqual(Rlerror('EBUSY'));
    // Neither leaves a reference to a parent behind.
    expect(bench.ledger.held).toBe(2);
  });

  test('Trenameat replaces what is there, and keeps the moved file’s identity', async () => {
    const [file] = await walk(client, 1, 'file');
    expect(await client.send(Trenameat({ olddirfid: 0, oldname: 'file', newdirfid: 0, newname: 'link' }))).toEqual(
      Rrenameat({}),
    );
    expect(await namesIn(client)).toEqual(['fifo', 'folder', 'link']);
    expect((await walk(client, 2, 'link'))[0]!.path).toBe(file!.path);
  });

  test.each([
    ['missing', 'x', 'ENOENT'],
    ['.', 'x', 'EISDIR'],
    ['..', 'x', 'EISDIR'],
    ['file', '.', 'EISDIR'],
    ['file', '..', 'EISDIR'],
    ['', 'x', 'ENOENT'],
    ['file', '', 'ENOENT'],
    ['file', 'a/b', 'ENOENT'],
    ['../file', 'x', 'ENOENT'],
    ['file', 'x'.repeat(256), 'ENAMETOOLONG'],
    ['file', 'folder', 'EISDIR'],
    ['folder', 'file', 'ENOTDIR'],
  ] as const)('Trenameat of %j to %j is %s', async (oldname, newname, code) => {
    const message = Trenameat({ olddirfid: 0, oldname, newdirfid: 0, newname });
    expect(await client.send(message)).toEqual(Rlerror(code));
    expect(await namesIn(client)).toEqual(['fifo', 'file', 'folder', 'link']);
  });

  test('a folder can not be moved into itself or below', async () => {
    await walk(client, 1, 'folder');
    await walk(client, 2, 'folder', 'inner');
    for (const newdirfid of [1, 2]) {
      expect(await client.send(Trenameat({ olddirfid: 0, oldname: 'folder', newdirfid, newname: 'x' }))).toEqual(
        Rlerror('EINVAL'),
      );
      expect(await client.send(Trename({ fid: 1, dfid: newdirfid, name: 'x' }))).toEqual(Rlerror('EINVAL'));
    }
  });

  test('a folder replaces an empty folder, not a full one', async () => {
    await makeFolder(client, [], 'empty');
    await makeFolder(client, [], 'moved');
    const onto = (newname: string): Message => Trenameat({ olddirfid: 0, oldname: 'moved', newdirfid: 0, newname });
    expect(await client.send(onto('folder'))).toEqual(Rlerror('ENOTEMPTY'));
    expect(await client.send(onto('empty'))).toEqual(Rrenameat({}));
    const { nlink } = await client.expect('Rgetattr', Tgetattr({ fid: 0, requestMask: 0x7ffn }));
    // "." and ".." of the root, "folder/..", "empty/..".
    expect(nlink).toBe(4);
  });

  test('two names of one file both stay when one is renamed to the other', async () => {
    await walk(client, 1, 'file');
    await client.expect('Rlink', Tlink({ dfid: 0, fid: 1, name: 'second' }));
    expect(await client.send(Trenameat({ olddirfid: 0, oldname: 'file', newdirfid: 0, newname: 'second' }))).toEqual(
      Rrenameat({}),
    );
    expect(await namesIn(client)).toEqual(['fifo', 'file', 'folder', 'link', 'second']);
  });

  test('a file that is open is read on under its new name and after it', async () => {
    await openFid(client, 1, 0, 'file');
    await client.expect('Rrenameat', Trenameat({ olddirfid: 0, oldname: 'file', newdirfid: 0, newname: 'new' }));
    expect(text(await readAll(client, 1))).toBe('contents');
    expect(await client.send(Tremove({ fid: 1 }))).toEqual(Rremove({}));
    expect(await namesIn(client)).toEqual(['fifo', 'folder', 'link']);
  });
});
