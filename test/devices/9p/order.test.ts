import * as fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../../devices/9p/errno.ts';
import { version9P2000L } from '../../../devices/9p/messages.ts';
import { maximumOutstanding } from '../../../devices/9p/schedule.ts';
import { attachedServer, settled } from './backends.ts';
import type { Bench } from './backends.ts';
import { Client, make, Rlerror } from './client.ts';
import type { Message } from './client.ts';
import { makeTree, namesIn, openFid, walk } from './tree.ts';

const { Tgetattr, Twalk, Rwalk, Tclunk, Rclunk, Tlopen, Tlcreate, Tread, Twrite, Tremove, Trename, Tfsync, Tmkdir } =
  make;
const { Tlink, Tversion, Trenameat, Tstatfs, Tattach } = make;

let bench: Bench;
let client: Client;

beforeEach(async () => {
  bench = await attachedServer();
  ({ client } = bench);
  await makeTree(client);
});

const getattr = (fid: number): Message => Tgetattr({ fid, requestMask: 0n });

describe('the synchronous path', () => {
  test('answers without a promise, and nothing waits', async () => {
    expect(client.call(Twalk({ fid: 0, newfid: 1, names: ['folder'] })).name).toBe('Rwalk');
    expect(client.call(getattr(1)).name).toBe('Rgetattr');
    expect(client.call(Tclunk({ fid: 1 }))).toEqual(Rclunk({}));
  });

  test('stays free while a request on another fid waits', async () => {
    await openFid(client, 1, 0, 'file');
    bench.gate.hold('fsync');
    const waiting = client.post(Tfsync({ fid: 1, datasync: 0 }));
    expect(client.call(Twalk({ fid: 0, newfid: 2, names: ['folder'] })).name).toBe('Rwalk');
    expect(client.call(getattr(2)).name).toBe('Rgetattr');
    expect(client.call(Tclunk({ fid: 2 }))).toEqual(Rclunk({}));
    expect(waiting.isDone).toBe(false);
    await bench.gate.releaseAll();
    expect((await waiting.reply)?.name).toBe('Rfsync');
  });
});

describe('exclusive messages', () => {
  const exclusive: readonly (readonly [string, Message])[] = [
    ['Tlopen', Tlopen({ fid: 1, flags: 0 })],
    ['Tlcreate', Tlcreate({ fid: 1, name: 'new', flags: 2, mode: 0o644, gid: 0 })],
    ['Twalk onto itself', Twalk({ fid: 1, newfid: 1, names: ['inner'] })],
    ['Tclunk', Tclunk({ fid: 1 })],
    ['Tremove', Tremove({ fid: 1 })],
    ['Trename', Trename({ fid: 1, dfid: 0, name: 'new' })],
    ['Txattrcreate', make.Txattrcreate({ fid: 1, name: 'x', size: 1, flags: 0 })],
  ];

  test.each(exclusive)('%s waits for what came before on its fid', async (_name, message) => {
    await walk(client, 1, 'folder');
    bench.gate.hold('getattr');
    const before = client.post(getattr(1));
    bench.gate.open();
    const after = client.post(message);
    await settled();
    expect(after.isDone).toBe(false);
    await bench.gate.only.release();
    expect((await before.reply)?.name).toBe('Rgetattr');
    expect(after.isDone).toBe(true);
  });

  test.each(exclusive.filter(([name]) => name !== 'Txattrcreate' && name !== 'Tclunk'))(
    '%s makes what comes after on its fid wait',
    async (_name, message) => {
      await walk(client, 1, 'folder');
      bench.gate.holdAll();
      const before = client.post(message);
      const after = client.post(getattr(1));
      bench.gate.open();
      await settled();
      expect(after.isDone).toBe(false);
      // The getattr has not begun: nothing of it is held.
      expect(bench.gate.held).toHaveLength(1);
      await bench.gate.releaseAll();
      expect(before.isDone).toBe(true);
      expect(after.isDone).toBe(true);
    },
  );

  test('Tclunk makes what comes after wait, which then finds no fid', async () => {
    await openFid(client, 1, 0, 'file');
    bench.gate.hold('release');
    const clunk = client.post(Tclunk({ fid: 1 }));
    const after = client.post(getattr(1));
    await settled();
    expect(after.isDone).toBe(false);
    await bench.gate.releaseAll();
    expect(await clunk.reply).toEqual(Rclunk({}));
    expect(await after.reply).toEqual(Rlerror('EBADF'));
  });
});

describe('shared messages', () => {
  test('on one fid run side by side, and are answered as they end', async () => {
    await openFid(client, 1, 2, 'file');
    bench.gate.holdAll();
    const read = client.post(Tread({ fid: 1, offset: 0, count: 8 }));
    const write = client.post(Twrite({ fid: 1, offset: 0, data: 'CONTENTS' }));
    const attributes = client.post(getattr(1));
    expect(bench.gate.held.map(({ method }) => method)).toEqual(['read', 'write', 'getattrOpen']);
    await bench.gate.held[2]!.release();
    expect([read.isDone, write.isDone, attributes.isDone]).toEqual([false, false, true]);
    await bench.gate.held[1]!.release();
    expect([read.isDone, write.isDone]).toEqual([false, true]);
    await bench.gate.releaseAll();
    expect((await read.reply)?.data).toEqual(new TextEncoder().encode('CONTENTS'));
  });

  test('behind an exclusive one that waits they wait too: nobody overtakes', async () => {
    await openFid(client, 1, 0, 'file');
    bench.gate.hold('read');
    const read = client.post(Tread({ fid: 1, offset: 0, count: 8 }));
    const clunk = client.post(Tclunk({ fid: 1 }));
    const late = client.post(getattr(1));
    await settled();
    expect([clunk.isDone, late.isDone]).toEqual([false, false]);
    await bench.gate.only.release();
    expect((await read.reply)?.name).toBe('Rread');
    expect(await clunk.reply).toEqual(Rclunk({}));
    expect(await late.reply).toEqual(Rlerror('EBADF'));
  });
});

test('several that waited for the same one run once each', async () => {
  await walk(client, 1, 'folder');
  bench.gate.hold('lookup');
  const moving = client.post(Twalk({ fid: 1, newfid: 1, names: ['inner'] }));
  // Run twice, a walk would find its newfid in use.
  const clones = [2, 3, 4, 5].map((newfid) => client.post(Twalk({ fid: 1, newfid, names: [] })));
  await bench.gate.releaseAll();
  expect((await moving.reply)?.name).toBe('Rwalk');
  for (const { reply } of clones) expect(await reply).toEqual(Rwalk({ qids: [] }));
});

describe('a new fid', () => {
  test('is there for whoever asks for it after its Twalk', async () => {
    bench.gate.hold('lookup');
    const made = client.post(Twalk({ fid: 0, newfid: 1, names: ['file'] }));
    const used = client.post(Tlopen({ fid: 1, flags: 0 }));
    expect(used.isDone).toBe(false);
    await bench.gate.only.release();
    expect((await made.reply)?.name).toBe('Rwalk');
    expect((await used.reply)?.name).toBe('Rlopen');
  });

  test('is made once: the second Twalk to it waits, and is EBADF', async () => {
    bench.gate.hold('lookup');
    const first = client.post(Twalk({ fid: 0, newfid: 1, names: ['file'] }));
    const second = client.post(Twalk({ fid: 0, newfid: 1, names: ['folder'] }));
    expect(bench.gate.held).toHaveLength(1);
    await bench.gate.releaseAll();
    expect((await first.reply)?.name).toBe('Rwalk');
    expect(await second.reply).toEqual(Rlerror('EBADF'));
  });

  test('of Tattach likewise', async () => {
    bench.gate.hold('root');
    const attach = { fid: 1, afid: 0xffff_ffff, uname: '', aname: '', uid: 0 };
    const first = client.post(Tattach(attach));
    const second = client.post(Tattach(attach));
    await bench.gate.releaseAll();
    expect((await first.reply)?.name).toBe('Rattach');
    expect(await second.reply).toEqual(Rlerror('EBADF'));
  });
});

describe('Tlcreate beside Twalk on one fid', () => {
  // The way out of a share that was found in another server: the walk saw the fid half way from folder to file.
  test('Twalk first: it starts from the folder', async () => {
    await walk(client, 1, 'folder');
    bench.gate.hold('lookup');
    const walked = client.post(Twalk({ fid: 1, newfid: 2, names: ['inner', '..'] }));
    const created = client.post(Tlcreate({ fid: 1, name: 'new', flags: 2, mode: 0o644, gid: 0 }));
    await settled();
    expect(created.isDone).toBe(false);
    await bench.gate.releaseAll();
    expect((await walked.reply)?.body['qids']).toHaveLength(2);
    expect((await created.reply)?.name).toBe('Rlcreate');
  });

  test('Tlcreate first: the walk starts from the file', async () => {
    await walk(client, 1, 'folder');
    bench.gate.hold('create');
    const created = client.post(Tlcreate({ fid: 1, name: 'new', flags: 2, mode: 0o644, gid: 0 }));
    const walked = client.post(Twalk({ fid: 1, newfid: 2, names: ['..', '..'] }));
    await settled();
    expect(walked.isDone).toBe(false);
    await bench.gate.releaseAll();
    expect((await created.reply)?.name).toBe('Rlcreate');
    expect(await walked.reply).toEqual(Rlerror('ENOTDIR'));
  });
});

describe('several fids', () => {
  test('two requests that take the same two fids the other way round do not wait for each other', async () => {
    await walk(client, 1, 'folder');
    await walk(client, 2, 'folder', 'inner');
    bench.gate.hold('parent');
    const there = client.post(Trename({ fid: 2, dfid: 1, name: 'x' }));
    const back = client.post(Trename({ fid: 1, dfid: 2, name: 'y' }));
    await bench.gate.releaseAll();
    expect((await there.reply)?.name).toBe('Rrename');
    expect(await back.reply).toEqual(Rlerror('EINVAL'));
  });

  test('a request waits for each of its fids', async () => {
    await walk(client, 1, 'folder');
    await walk(client, 2, 'file');
    bench.gate.hold('lookup', 'open');
    const walking = client.post(Twalk({ fid: 1, newfid: 1, names: ['inner'] }));
    const opening = client.post(Tlopen({ fid: 2, flags: 0 }));
    const link = client.post(Tlink({ dfid: 1, fid: 2, name: 'linked' }));
    await bench.gate.held[1]!.release();
    expect([opening.isDone, link.isDone]).toEqual([true, false]);
    await bench.gate.held[0]!.release();
    expect([walking.isDone, link.isDone]).toEqual([true, true]);
    bench.gate.open();
    await walk(client, 3, 'folder', 'inner', 'linked');
  });

  test('one fid named twice is taken once', async () => {
    bench.gate.hold('rename');
    const rename = client.post(Trenameat({ olddirfid: 0, oldname: 'file', newdirfid: 0, newname: 'moved' }));
    const statistics = client.post(Tstatfs({ fid: 0 }));
    expect(statistics.isDone).toBe(true);
    await bench.gate.releaseAll();
    expect((await rename.reply)?.name).toBe('Rrenameat');
    await walk(client, 1, 'folder');
    bench.gate.hold('parent');
    const onto = client.post(Trename({ fid: 1, dfid: 1, name: 'x' }));
    await bench.gate.releaseAll();
    expect(await onto.reply).toEqual(Rlerror('EINVAL'));
  });
});

test('many requests that wait for one fid all get their turn', async () => {
  await walk(client, 1, 'folder');
  bench.gate.hold('lookup');
  const first = client.post(Twalk({ fid: 1, newfid: 1, names: ['inner'] }));
  const others = Array.from({ length: 1000 }, (_, i) =>
    client.post(Twalk({ fid: 1, newfid: 1, names: i % 2 ? ['.'] : [] })),
  );
  bench.gate.open();
  await bench.gate.releaseAll();
  expect(await first.reply).toMatchObject({ name: 'Rwalk' });
  for (const each of others) expect((await each.reply)?.name).toBe('Rwalk');
});

test('a tag that is in use is EINVAL', async () => {
  bench.gate.hold('lookup');
  const first = client.post(Twalk({ fid: 0, newfid: 1, names: ['file'] }), { tag: 9 });
  expect(await client.post(getattr(0), { tag: 9 }).reply).toEqual(Rlerror('EINVAL'));
  await bench.gate.releaseAll();
  expect((await first.reply)?.name).toBe('Rwalk');
  expect((await client.post(getattr(0), { tag: 9 }).reply)?.name).toBe('Rgetattr');
});

test('no more requests wait than the limit: the next is EAGAIN', async () => {
  bench.gate.hold('lookup');
  const waiting = Array.from({ length: maximumOutstanding }, (_, i) =>
    client.post(Twalk({ fid: 0, newfid: 1 + i, names: ['file'] }), { tag: i }),
  );
  expect(await client.post(getattr(0), { tag: 5000 }).reply).toEqual(Rlerror('EAGAIN'));
  // Flushed ones still count while the store works on them: a client can not pile them up.
  await client.post(make.Tflush({ oldtag: 0 }), { tag: 5000 }).reply;
  expect(await client.post(getattr(0), { tag: 5000 }).reply).toEqual(Rlerror('EAGAIN'));
  await bench.gate.releaseAll();
  for (const each of waiting.slice(1)) expect((await each.reply)?.name).toBe('Rwalk');
  expect((await client.post(getattr(0), { tag: 5000 }).reply)?.name).toBe('Rgetattr');
});

describe('errors', () => {
  test('a promise that is rejected with an Errno is told to the guest', async () => {
    bench.gate.hold('lookup');
    const sent = client.post(Twalk({ fid: 0, newfid: 1, names: ['file'] }));
    await bench.gate.only.fail(new Errno('EIO'));
    expect(await sent.reply).toEqual(Rlerror('EIO'));
    bench.gate.open();
    expect(await client.send(Twalk({ fid: 0, newfid: 1, names: [] }))).toEqual(Rwalk({ qids: [] }));
  });

  test('any other exception is ours, and comes out', async () => {
    bench.gate.hold('mkdir');
    const sent = client.post(Tmkdir({ dfid: 0, name: 'new', mode: 0, gid: 0 }));
    const failure = expect(sent.reply).rejects.toThrow('disk on fire');
    await bench.gate.only.fail(new Error('disk on fire'));
    await failure;
    bench.gate.open();
    bench.backend.statfs = () => {
      throw new TypeError('broken');
    };
    expect(() => client.call(Tstatfs({ fid: 0 }))).toThrow(TypeError);
  });
});

describe('Tversion', () => {
  test('cancels all that is outstanding, and does not wait', async () => {
    await openFid(client, 1, 0, 'file');
    bench.gate.hold('read');
    const reads = [0, 1, 2].map((offset) => client.post(Tread({ fid: 1, offset, count: 8 })));
    const clunk = client.post(Tclunk({ fid: 1 }));
    const version = client.post(Tversion({ msize: 8192, version: version9P2000L }));
    expect((await version.reply)?.name).toBe('Rversion');
    for (const each of [...reads, clunk]) expect(await each.reply).toBeUndefined();
    // The reads still use the file, which goes with the last of them.
    expect(bench.ledger.held).toBe(2);
    await bench.gate.releaseAll();
    expect(bench.ledger.held).toBe(0);
    for (const { exchange } of reads) expect(exchange.writable[0]!.every((byte) => byte === 0)).toBe(true);
  });

  test('gives the new session all fids, whatever the old one still does', async () => {
    bench.gate.hold('lookup');
    const old = client.post(Twalk({ fid: 0, newfid: 1, names: ['file'] }));
    await client.send(Tversion({ msize: 8192, version: version9P2000L }));
    bench.gate.open();
    const attach = { fid: 1, afid: 0xffff_ffff, uname: '', aname: '', uid: 0 };
    expect((await client.send(Tattach(attach))).name).toBe('Rattach');
    await bench.gate.releaseAll();
    expect(await old.reply).toBeUndefined();
    expect((await client.expect('Rgetattr', getattr(1))).qid.type).toBe(0x80);
    expect(bench.ledger.held).toBe(1);
  });
});

describe('a device reset', () => {
  test('with requests in flight: nothing is written to the old buffers, and nothing leaks', async () => {
    await openFid(client, 1, 0, 'file');
    await openFid(client, 2, 0);
    bench.gate.holdAll();
    const sent = [
      client.post(Tread({ fid: 1, offset: 0, count: 8 })),
      client.post(make.Treaddir({ fid: 2, offset: 0n, count: 1000 })),
      client.post(getattr(1)),
      client.post(Twalk({ fid: 0, newfid: 5, names: ['folder', 'inner'] })),
      client.post(Tmkdir({ dfid: 0, name: 'new', mode: 0o755, gid: 0 })),
      client.post(Tlcreate({ fid: 2, name: 'x', flags: 0, mode: 0, gid: 0 })),
      client.post(Tclunk({ fid: 1 })),
    ];
    bench.server.reset();
    for (const { reply } of sent) expect(await reply).toBeUndefined();
    bench.gate.open();
    await bench.gate.releaseAll();
    expect(bench.ledger.held).toBe(0);
    for (const { exchange } of sent) expect(exchange.writable[0]!.every((byte) => byte === 0)).toBe(true);
  });

  test('what still waited for its turn never begins', async () => {
    await walk(client, 1, 'folder');
    bench.gate.hold('getattr');
    client.post(getattr(1));
    client.post(Twalk({ fid: 1, newfid: 1, names: ['inner'] }));
    client.post(Tmkdir({ dfid: 1, name: 'never', mode: 0o755, gid: 0 }));
    bench.server.reset();
    bench.gate.open();
    await bench.gate.releaseAll();
    const again = await Client.attached(bench.server);
    expect(await namesIn(again, 'folder')).toEqual(['inner']);
  });

  test('with an operation that never ends: everything else is given back', async () => {
    await openFid(client, 1, 0, 'file');
    bench.gate.hold('read');
    client.post(Tread({ fid: 1, offset: 0, count: 8 }));
    bench.server.reset();
    bench.gate.open();
    // The file, and the node that it was opened through.
    expect(bench.ledger.held).toBe(2);
    expect((await client.send(Tversion({ msize: 8192, version: version9P2000L }))).name).toBe('Rversion');
  });
});

test('replies are those of one request at a time, whatever the backend delays', async () => {
  const fid = fc.integer({ min: 0, max: 3 });
  const names = fc.array(fc.constantFrom('folder', 'inner', 'deep', '..', 'missing'), { maxLength: 3 });
  // Nothing here changes the tree: replies depend on the state of fids alone.
  const message: fc.Arbitrary<Message> = fc.oneof(
    fc.record({ fid, newfid: fid, names }).map(Twalk),
    fc.record({ fid, flags: fc.constantFrom(0, 2) }).map(Tlopen),
    fid.map((each) => Tclunk({ fid: each })),
    fid.map((each) => getattr(each)),
    fc.record({ fid, offset: fc.constant(0), count: fc.constant(4) }).map(Tread),
    fc
      .record({ fid, afid: fc.constant(0xffff_ffff), uid: fc.constant(0) })
      .map((each) => Tattach({ ...each, uname: '', aname: '' })),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 30 }), fc.array(fc.nat()), async (messages, picks) => {
      const [one, many] = [await attachedServer(), await attachedServer()];
      await makeTree(one.client);
      await makeTree(many.client);
      const expected = [];
      for (const each of messages) expected.push(await one.client.send(each));
      many.gate.holdAll();
      const sent = messages.map((each) => many.client.post(each));
      for (let i = 0; many.gate.held.length > 0; i++) {
        await many.gate.held[(picks[i % picks.length] ?? 0) % many.gate.held.length]!.release();
      }
      expect(await Promise.all(sent.map(({ reply }) => reply))).toEqual(expected);
      expect(many.ledger.held).toBe(one.ledger.held);
      many.server.reset();
      await many.gate.releaseAll();
      expect(many.ledger.held).toBe(0);
    }),
    { numRuns: 60 },
  );
});
