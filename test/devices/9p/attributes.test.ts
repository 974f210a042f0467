import { beforeEach, describe, expect, test } from 'vitest';
import { openFlags } from '../../../devices/9p/backend.ts';
import type { Attributes } from '../../../devices/9p/backend.ts';
import type { Body } from '../../../devices/9p/messages.ts';
import { qidVersion } from '../../../devices/9p/qid.ts';
import { attachedServer } from './backends.ts';
import type { Bench } from './backends.ts';
import { encode, make, Rlerror } from './client.ts';
import type { Client, Message } from './client.ts';
import { makeTree, openFid, walk } from './tree.ts';

const { Tgetattr, Tsetattr, Rsetattr, Tstatfs, Twrite } = make;

const valid = {
  mode: 1,
  uid: 2,
  gid: 4,
  size: 8,
  atime: 0x10,
  mtime: 0x20,
  ctime: 0x40,
  atimeSet: 0x80,
  mtimeSet: 0x100,
};
const second = 1_000_000_000n;

let bench: Bench;
let client: Client;

beforeEach(async () => {
  bench = await attachedServer();
  ({ client } = bench);
  await makeTree(client);
});

function getattr(fid: number): Promise<Body<'Rgetattr'>> {
  return client.expect('Rgetattr', Tgetattr({ fid, requestMask: 0x7ffn }));
}

function setattr(fid: number, bits: number, values: Partial<Body<'Tsetattr'>>): Message {
  const nothing = { mode: 0, uid: 0, gid: 0, size: 0, atime: 0n, mtime: 0n };
  return Tsetattr({ ...nothing, ...values, fid, valid: bits });
}

describe('Tgetattr', () => {
  test('answers the basic attributes whatever was asked for', async () => {
    await walk(client, 1, 'file');
    for (const requestMask of [0n, 0x7ffn, 0x3fffn, 2n ** 64n - 1n]) {
      const reply = await client.expect('Rgetattr', Tgetattr({ fid: 1, requestMask }));
      expect(reply).toMatchObject({
        valid: 0x7ffn,
        mode: 0o100644,
        uid: 0,
        gid: 0,
        nlink: 1,
        rdev: 0n,
        size: 8,
        blksize: 4096,
        blocks: 1,
        btime: 0n,
        gen: 0n,
        dataVersion: 0n,
      });
    }
  });

  test('of an unknown fid is EBADF', async () => {
    expect(await client.send(Tgetattr({ fid: 4, requestMask: 0n }))).toEqual(Rlerror('EBADF'));
  });

  test('the root’s inode number is its qid path', async () => {
    const { qid } = await getattr(0);
    expect(qid).toMatchObject({ type: 0x80, path: bench.backend.getattr(bench.backend.root()).ino });
  });
});

describe('Tsetattr', () => {
  test('changes only what is valid', async () => {
    await walk(client, 1, 'file');
    const before = await getattr(1);
    expect(await client.send(setattr(1, valid.uid, { mode: 0o7777, uid: 12, gid: 34, size: 3 }))).toEqual(Rsetattr({}));
    const after = await getattr(1);
    expect(after).toMatchObject({ uid: 12, gid: before.gid, mode: before.mode, size: 8 });
  });

  test('sets mode, owner, size and times at once', async () => {
    await walk(client, 1, 'file');
    const bits = 0x1ff;
    const wanted = { uid: 5, gid: 6, size: 100, atime: 3n * second + 7n, mtime: -2n * second + 999_999_999n };
    expect(await client.send(setattr(1, bits, { ...wanted, mode: 0o120754 }))).toEqual(Rsetattr({}));
    expect(await getattr(1)).toMatchObject({ ...wanted, mode: 0o100754 });
  });

  test('an owner of -1 stays, as with chown(2)', async () => {
    await walk(client, 1, 'file');
    await client.send(setattr(1, valid.uid | valid.gid, { uid: 5, gid: 6 }));
    await client.send(setattr(1, valid.uid | valid.gid, { uid: 7, gid: 0xffff_ffff }));
    expect(await getattr(1)).toMatchObject({ uid: 7, gid: 6 });
    await client.send(setattr(1, valid.uid | valid.gid, { uid: 0xffff_ffff, gid: 8 }));
    expect(await getattr(1)).toMatchObject({ uid: 7, gid: 8 });
  });

  test('a time without its Set bit is the present one', async () => {
    await walk(client, 1, 'file');
    const { mtime: before } = await getattr(1);
    await client.send(setattr(1, valid.atime | valid.mtime, { atime: 5n, mtime: 5n }));
    const { atime, mtime } = await getattr(1);
    expect(mtime).toBeGreaterThan(before);
    expect(atime).toBe(mtime);
  });

  test('a Set bit alone sets nothing', async () => {
    await walk(client, 1, 'file');
    const { atime, mtime } = await getattr(1);
    await client.send(setattr(1, valid.atimeSet | valid.mtimeSet, { atime: 5n, mtime: 5n }));
    expect(await getattr(1)).toMatchObject({ atime, mtime });
  });

  test('ctime alone moves ctime alone', async () => {
    await walk(client, 1, 'file');
    const before = await getattr(1);
    expect(await client.send(setattr(1, valid.ctime, {}))).toEqual(Rsetattr({}));
    const after = await getattr(1);
    expect(after.ctime).toBeGreaterThan(before.ctime);
    expect(after.mtime).toBe(before.mtime);
  });

  test('times beyond 64 bits of nanoseconds are the nearest that there are', async () => {
    await walk(client, 1, 'file');
    const bits = valid.atime | valid.mtime | valid.atimeSet | valid.mtimeSet;
    const message = encode(setattr(1, bits, {}), 1);
    const view = new DataView(message.buffer);
    // size[4] type[1] tag[2] fid[4] valid[4] mode[4] uid[4] gid[4] size[8], then the seconds of atime and of mtime.
    view.setBigInt64(35, 2n ** 63n - 1n, true);
    view.setBigInt64(51, -(2n ** 62n), true);
    expect(await client.post(setattr(1, 0, {}), { tag: 1, readable: [message] }).reply).toEqual(Rsetattr({}));
    expect(await getattr(1)).toMatchObject({ atime: 2n ** 63n - 1n, mtime: -(2n ** 63n) });
  });

  test.each([
    ['folder', 'EISDIR'],
    ['link', 'EINVAL'],
    ['fifo', 'EINVAL'],
  ] as const)('a size for the %s is %s', async (name, code) => {
    await walk(client, 1, name);
    expect(await client.send(setattr(1, valid.size, { size: 0 }))).toEqual(Rlerror(code));
  });

  test('a size of 2^53 or more is EFBIG, one less makes a hole', async () => {
    await walk(client, 1, 'file');
    for (const size of [2 ** 53, 2 ** 63, 2 ** 64 - 2048]) {
      expect(await client.send(setattr(1, valid.size, { size }))).toEqual(Rlerror('EFBIG'));
    }
    expect(await client.send(setattr(1, valid.size, { size: 2 ** 53 - 1 }))).toEqual(Rsetattr({}));
    expect(await getattr(1)).toMatchObject({ size: 2 ** 53 - 1, blocks: 1 });
  });

  test('a fid that is open for reading only resizes by name, as truncate(2) may', async () => {
    await openFid(client, 1, openFlags.readOnly, 'file');
    await openFid(client, 2, openFlags.readWrite, 'file');
    bench.gate.hold('setattr', 'setattrOpen');
    const sent = [
      client.post(setattr(1, valid.size, { size: 2 })),
      client.post(setattr(1, valid.mode, { mode: 0o600 })),
      client.post(setattr(2, valid.size, { size: 3 })),
    ];
    expect(bench.gate.held.map(({ method }) => method)).toEqual(['setattr', 'setattrOpen', 'setattrOpen']);
    await bench.gate.releaseAll();
    for (const { reply } of sent) expect(await reply).toEqual(Rsetattr({}));
    expect(await getattr(1)).toMatchObject({ size: 3, mode: 0o100600 });
  });

  test('of an unknown fid is EBADF', async () => {
    expect(await client.send(setattr(9, valid.mode, {}))).toEqual(Rlerror('EBADF'));
  });
});

describe('qid.version', () => {
  const attributes: Attributes = {
    ino: 1n,
    mode: 0o100644,
    nlink: 1,
    uid: 0,
    gid: 0,
    rdev: 0n,
    size: 100,
    blockSize: 4096,
    blocks: 1,
    atime: 0n,
    mtime: 1_700_000_000n * second,
    ctime: 1_700_000_000n * second,
  };
  const version = (changes: Partial<Attributes>): number => qidVersion({ ...attributes, ...changes });

  test('changes with a nanosecond of mtime or ctime, and with the size', () => {
    const versions = new Set([version({})]);
    for (let i = 1n; i <= 500n; i++) {
      versions.add(version({ mtime: attributes.mtime + i }));
      versions.add(version({ ctime: attributes.ctime + i }));
      versions.add(version({ size: attributes.size + Number(i) }));
      versions.add(version({ size: attributes.size + Number(i) * 2 ** 32 }));
      versions.add(version({ mtime: attributes.mtime + i, ctime: attributes.ctime + i }));
    }
    // 2,501 different states: by the birthday bound one collision in 1,400 runs of such a test, were they random.
    expect(versions.size).toBeGreaterThanOrEqual(2500);
  });

  test('is an unsigned number of 32 bits, and never 0, which would forbid caching', () => {
    for (let i = 0n; i < 2000n; i++) {
      const each = version({ mtime: i * 123_456_789n, ctime: -i });
      expect(Number.isInteger(each) && each > 0 && each <= 0xffff_ffff).toBe(true);
    }
  });

  test('does not change by reading or by the inode number', () => {
    expect(version({ atime: 99n, ino: 7n })).toBe(version({}));
  });

  test('changes by an edit of the same size within the same second', async () => {
    await openFid(client, 1, openFlags.readWrite, 'file');
    const before = await getattr(1);
    await client.expect('Rwrite', Twrite({ fid: 1, offset: 0, data: 'CONTENTS' }));
    const after = await getattr(1);
    expect(after.mtime / second).toBe(before.mtime / second);
    expect(after.size).toBe(before.size);
    expect(after.qid.version).not.toBe(before.qid.version);
  });
});

test('Tstatfs: answers what the backend knows', async () => {
  const statistics = await client.expect('Rstatfs', Tstatfs({ fid: 0 }));
  expect(statistics).toMatchObject({ type: 0x0102_1994, bsize: 4096, blocks: 262_144n, namelen: 255 });
  expect(statistics.bfree).toBeLessThanOrEqual(statistics.blocks);
  expect(await client.send(Tstatfs({ fid: 8 }))).toEqual(Rlerror('EBADF'));
});
