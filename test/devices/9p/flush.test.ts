import { beforeEach, describe, expect, test } from 'vitest';
import type { Backend } from '../../../devices/9p/backend.ts';
import { attachedServer, settled } from './backends.ts';
import type { Bench } from './backends.ts';
import { bytes, encode, make, Rlerror, text } from './client.ts';
import type { Client, Message, Sent } from './client.ts';
import { makeFile, makeTree, openFid, walk } from './tree.ts';

const { Tflush, Rflush, Tread, Twalk, Rwalk, Tlopen, Tlcreate, Tclunk, Rclunk, Tgetattr, Tfsync, Treaddir, Tattach } =
  make;
const { Twrite, Tmkdir } = make;

let bench: Bench;
let client: Client;

beforeEach(async () => {
  bench = await attachedServer();
  ({ client } = bench);
  await makeTree(client);
});

/** Sends, as a store that has to wait gets it, and flushes before that is done. Returns when Rflush is there. */
async function flushed(message: Message): Promise<Sent> {
  bench.gate.holdAll();
  const sent = client.post(message);
  expect(sent.isDone).toBe(false);
  expect(await client.post(Tflush({ oldtag: sent.tag })).reply).toEqual(Rflush({}));
  bench.gate.open();
  return sent;
}

function isUntouched({ exchange }: Sent): boolean {
  return exchange.writable.every((segment) => segment.every((byte) => byte === 0));
}

test('a tag that nobody uses is answered at once', async () => {
  expect(await client.send(Tflush({ oldtag: 999 }))).toEqual(Rflush({}));
});

test('a request that was answered already is as if it were not there', async () => {
  const sent = client.post(Twalk({ fid: 0, newfid: 1, names: ['file'] }));
  await sent.reply;
  expect(await client.send(Tflush({ oldtag: sent.tag }))).toEqual(Rflush({}));
  expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rclunk({}));
});

test('a request under way is given up: length 0, and its buffers are never touched again', async () => {
  await openFid(client, 1, 0, 'file');
  const sent = await flushed(Tread({ fid: 1, offset: 0, count: 8 }));
  expect(await sent.reply).toBeUndefined();
  await bench.gate.releaseAll();
  expect(isUntouched(sent)).toBe(true);
});

/** Answers as the device does: what is there at once is returned to the guest at once. */
function deliver(message: Message, tag: number, returned: string[]): void {
  const answer = bench.server.answer({ readable: [encode(message, tag)], writable: [new Uint8Array(1000)] });
  const returnToGuest = (length: number): number => returned.push(`${message.name} ${length}`);
  if (typeof answer === 'number') returnToGuest(answer);
  else void answer.then(returnToGuest);
}

test('the old request comes back before Rflush does', async () => {
  bench.gate.hold('lookup');
  const returned: string[] = [];
  deliver(Twalk({ fid: 0, newfid: 1, names: ['file'] }), 1, returned);
  deliver(Tflush({ oldtag: 1 }), 2, returned);
  await settled();
  expect(returned).toEqual(['Twalk 0', 'Tflush 7']);
});

test('a reply that is on its way when the Tflush comes arrives before Rflush', async () => {
  bench.gate.hold('lookup');
  const returned: string[] = [];
  deliver(Twalk({ fid: 0, newfid: 1, names: ['missing'] }), 1, returned);
  // The store answers, and in the same moment the client gives up: the reply is written, and not returned yet.
  const release = bench.gate.only.release();
  while (bench.server.statistics.errors === 0) await Promise.resolve();
  expect(returned).toEqual([]);
  deliver(Tflush({ oldtag: 1 }), 2, returned);
  await release;
  expect(returned).toEqual(['Twalk 11', 'Tflush 7']);
});

test('a request that waits for its turn never begins', async () => {
  await walk(client, 1, 'folder');
  bench.gate.hold('lookup', 'mkdir');
  const first = client.post(Twalk({ fid: 1, newfid: 1, names: ['inner'] }));
  const second = client.post(Tmkdir({ dfid: 1, name: 'never', mode: 0o755, gid: 0 }));
  const third = client.post(Tgetattr({ fid: 1, requestMask: 0n }));
  expect(await client.post(Tflush({ oldtag: second.tag })).reply).toEqual(Rflush({}));
  expect(await second.reply).toBeUndefined();
  await bench.gate.releaseAll();
  expect((await first.reply)?.name).toBe('Rwalk');
  expect((await third.reply)?.name).toBe('Rgetattr');
  bench.gate.open();
  expect(await client.send(Twalk({ fid: 1, newfid: 2, names: ['never'] }))).toEqual(Rlerror('ENOENT'));
  expect(isUntouched(second)).toBe(true);
});

test('flushing an exclusive request that waits lets those behind it go', async () => {
  await openFid(client, 1, 0, 'file');
  bench.gate.hold('read');
  const read = client.post(Tread({ fid: 1, offset: 0, count: 4 }));
  const clunk = client.post(Tclunk({ fid: 1 }));
  const behind = client.post(Tgetattr({ fid: 1, requestMask: 0n }));
  expect(behind.isDone).toBe(false);
  await client.post(Tflush({ oldtag: clunk.tag })).reply;
  expect((await behind.reply)?.name).toBe('Rgetattr');
  await bench.gate.releaseAll();
  expect(text((await read.reply)!.data!)).toBe('cont');
  expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rclunk({}));
});

test('an operation that never ends does not hold up the Rflush, nor other fids', async () => {
  await openFid(client, 1, 2, 'file');
  const sent = await flushed(Tfsync({ fid: 1, datasync: 0 }));
  expect(await sent.reply).toBeUndefined();
  expect(client.call(Twalk({ fid: 0, newfid: 2, names: ['folder'] })).name).toBe('Rwalk');
  expect(client.call(Tgetattr({ fid: 1, requestMask: 0n })).name).toBe('Rgetattr');
});

test('flushing twice, and flushing a Tflush', async () => {
  bench.gate.hold('lookup');
  const sent = client.post(Twalk({ fid: 0, newfid: 1, names: ['file'] }));
  const first = client.post(Tflush({ oldtag: sent.tag }));
  const second = client.post(Tflush({ oldtag: sent.tag }));
  const third = client.post(Tflush({ oldtag: first.tag }));
  for (const { reply } of [first, second, third]) expect(await reply).toEqual(Rflush({}));
  expect(await sent.reply).toBeUndefined();
});

test('after Rflush the tag is free, while the old operation still runs', async () => {
  bench.gate.hold('lookup');
  const old = client.post(Twalk({ fid: 0, newfid: 1, names: ['file'] }), { tag: 77 });
  await client.post(Tflush({ oldtag: 77 }), { tag: 78 }).reply;
  const again = client.post(Twalk({ fid: 0, newfid: 2, names: ['folder'] }), { tag: 77 });
  // The end of the first does not take the tag away from the second, which can be flushed in its turn.
  await bench.gate.held[0]!.release();
  expect(await old.reply).toBeUndefined();
  expect(again.isDone).toBe(false);
  await client.post(Tflush({ oldtag: 77 }), { tag: 78 }).reply;
  expect(await again.reply).toBeUndefined();
});

describe('what a flushed request would have done to fids does not happen', () => {
  test('Twalk: newfid is not made, and can be used again', async () => {
    const held = bench.ledger.held;
    await flushed(Twalk({ fid: 0, newfid: 1, names: ['folder', 'inner'] }));
    await bench.gate.releaseAll();
    expect(bench.ledger.held).toBe(held);
    expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rlerror('EBADF'));
    expect(await client.send(Twalk({ fid: 0, newfid: 1, names: [] }))).toEqual(Rwalk({ qids: [] }));
  });

  test('Twalk: the client uses newfid again while the old walk still runs', async () => {
    await flushed(Twalk({ fid: 0, newfid: 1, names: ['folder', 'inner'] }));
    const again = client.post(Twalk({ fid: 0, newfid: 1, names: ['file'] }));
    await bench.gate.releaseAll();
    expect((await again.reply)?.name).toBe('Rwalk');
    expect((await client.expect('Rgetattr', Tgetattr({ fid: 1, requestMask: 0n }))).size).toBe(8);
  });

  test('Twalk onto itself: the fid stays', async () => {
    const [folder] = await walk(client, 1, 'folder');
    await flushed(Twalk({ fid: 1, newfid: 1, names: ['inner'] }));
    await bench.gate.releaseAll();
    expect((await client.expect('Rgetattr', Tgetattr({ fid: 1, requestMask: 0n }))).qid.path).toBe(folder!.path);
  });

  test('Tlopen: the fid is not open, and the file is closed', async () => {
    await walk(client, 1, 'file');
    const held = bench.ledger.held;
    await flushed(Tlopen({ fid: 1, flags: 0 }));
    await bench.gate.releaseAll();
    expect(bench.ledger.held).toBe(held);
    expect((await client.send(Tlopen({ fid: 1, flags: 0 }))).name).toBe('Rlopen');
  });

  test('Tlcreate: the fid stays the folder', async () => {
    await walk(client, 1, 'folder');
    const held = bench.ledger.held;
    await flushed(Tlcreate({ fid: 1, name: 'new', flags: 2, mode: 0o644, gid: 0 }));
    await bench.gate.releaseAll();
    expect(bench.ledger.held).toBe(held);
    expect((await client.send(Twalk({ fid: 1, newfid: 2, names: ['inner'] }))).name).toBe('Rwalk');
  });

  test('Tattach: the fid is not made', async () => {
    const held = bench.ledger.held;
    await flushed(Tattach({ fid: 1, afid: 0xffff_ffff, uname: '', aname: '', uid: 0 }));
    await bench.gate.releaseAll();
    expect(bench.ledger.held).toBe(held);
    expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rlerror('EBADF'));
  });
});

test('Treaddir: entries that come after the flush go nowhere', async () => {
  for (let i = 0; i < 200; i++) await makeFile(client, ['folder'], `${'long'.repeat(10)}-${i}`);
  await openFid(client, 1, 0, 'folder');
  const sent = await flushed(Treaddir({ fid: 1, offset: 0n, count: 60_000 }));
  await bench.gate.releaseAll();
  expect(isUntouched(sent)).toBe(true);
});

test('Treaddir: entries that came before the flush go nowhere either', async () => {
  await openFid(client, 1, 0);
  let goOn = (): void => undefined;
  const slowly: Backend['readdir'] = async (_file, _cookie, emit) => {
    const entry = { name: bytes('early'), cookie: 3n, ino: 1n, type: 0o100000 };
    expect(emit(entry)).toBe(true);
    await new Promise<void>((resolve) => {
      goOn = resolve;
    });
    expect(emit({ ...entry, cookie: 4n })).toBe(false);
  };
  Object.assign(bench.backend, { readdir: slowly });
  const sent = client.post(Treaddir({ fid: 1, offset: 0n, count: 1000 }));
  await client.post(Tflush({ oldtag: sent.tag })).reply;
  goOn();
  await settled();
  expect(isUntouched(sent)).toBe(true);
});

test('Twrite: what the guest puts into the old buffers is not written', async () => {
  await openFid(client, 1, 2, 'file');
  const sent = await flushed(Twrite({ fid: 1, offset: 0, data: 'flushed!' }));
  for (const segment of sent.exchange.readable) segment.fill(0x58);
  await bench.gate.releaseAll();
  const reply = await client.send(Tread({ fid: 1, offset: 0, count: 8 }));
  expect(text(reply.data!)).toBe('flushed!');
});

test('flushed requests are counted', async () => {
  await flushed(Twalk({ fid: 0, newfid: 1, names: ['file'] }));
  expect(bench.server.statistics.flushed).toBe(1);
});
