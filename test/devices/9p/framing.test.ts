import { beforeEach, describe, expect, test } from 'vitest';
import { formats, messages } from '../../../devices/9p/messages.ts';
import type { RequestName } from '../../../devices/9p/messages.ts';
import { GuestFault } from '../../../devices/guest-fault.ts';
import { attachedServer } from './backends.ts';
import type { Bench } from './backends.ts';
import { cut, decode, encode, make, Rlerror } from './client.ts';
import type { Message } from './client.ts';
import { makeTree, openFid, walk } from './tree.ts';

const { Tgetattr, Tread, Twrite, Twalk, Tclunk, Treaddir } = make;

let bench: Bench;

beforeEach(async () => {
  bench = await attachedServer();
  await makeTree(bench.client);
});

/** A frame around any body. */
function frame(type: number, body: readonly number[], tag = 1): Uint8Array {
  const size = 7 + body.length;
  return Uint8Array.of(size & 0xff, size >> 8, 0, 0, type, tag & 0xff, tag >> 8, ...body);
}

function answerTo(readable: Uint8Array, room = 1000): Message {
  const writable = new Uint8Array(room);
  const length = bench.server.answer({ readable: [readable], writable: [writable] });
  if (typeof length !== 'number') throw new Error('a promise');
  const { name, body } = decode(writable.slice(0, length));
  return { name, body };
}

describe('no message at all is the driver’s fault', () => {
  test.each([0, 1, 6])('%i readable bytes', (length) => {
    const exchange = { readable: [new Uint8Array(length)], writable: [new Uint8Array(100)] };
    expect(() => bench.server.answer(exchange)).toThrow(GuestFault);
  });

  test('no readable segment', () => {
    expect(() => bench.server.answer({ readable: [], writable: [new Uint8Array(100)] })).toThrow(GuestFault);
  });

  test.each([
    [-1, 'less'],
    [1, 'more'],
    [2 ** 31, 'far more'],
  ])('a size field %i from the length', (difference) => {
    const message = encode(Tclunk({ fid: 0 }), 1);
    new DataView(message.buffer).setUint32(0, message.length + difference, true);
    const exchange = { readable: [message], writable: [new Uint8Array(100)] };
    expect(() => bench.server.answer(exchange)).toThrow(GuestFault);
  });

  test.each([0, 7, 10])('room of %i bytes for the reply, where an error takes 11', (room) => {
    const exchange = { readable: [encode(Tclunk({ fid: 0 }), 1)], writable: [new Uint8Array(room)] };
    expect(() => bench.server.answer(exchange)).toThrow(GuestFault);
    expect(bench.server.fidCount).toBe(1);
  });

  test('nothing is written then', () => {
    const writable = new Uint8Array(10).fill(0xee);
    const exchange = { readable: [encode(Tclunk({ fid: 0 }), 1)], writable: [writable] };
    expect(() => bench.server.answer(exchange)).toThrow(GuestFault);
    expect(writable).toEqual(new Uint8Array(10).fill(0xee));
  });
});

test('an error has its place in 11 bytes', async () => {
  expect(await bench.client.send(Tclunk({ fid: 5 }), 11)).toEqual(Rlerror('EBADF'));
});

const requests = (Object.keys(messages) as (keyof typeof messages)[]).filter((name) => name.startsWith('T'));

test.each(requests)('%s cut short, or with a byte too many, is EINVAL', (name) => {
  const { type, fields, minimumLength } = formats[name];
  const body = Array.from({ length: minimumLength - 7 }, () => 0);
  if (fields.length > 0) expect(answerTo(frame(type, body.slice(1)))).toEqual(Rlerror('EINVAL'));
  if (fields.length > 0) expect(answerTo(frame(type, []))).toEqual(Rlerror('EINVAL'));
  expect(answerTo(frame(type, [...body, 0]))).toEqual(Rlerror('EINVAL'));
});

test('a string or a list that reaches beyond the message is EINVAL', () => {
  const { type } = formats.Twalk;
  const fids = [0, 0, 0, 0, 1, 0, 0, 0];
  expect(answerTo(frame(type, [...fids, 1, 0, 5, 0, 0x61]))).toEqual(Rlerror('EINVAL'));
  expect(answerTo(frame(type, [...fids, 2, 0, 1, 0, 0x61]))).toEqual(Rlerror('EINVAL'));
  expect(answerTo(frame(type, [...fids, 0xff, 0xff]))).toEqual(Rlerror('EINVAL'));
});

test('a Twrite whose count is not its payload is EINVAL, and writes nothing', async () => {
  await openFid(bench.client, 1, 1, 'file');
  for (const difference of [-1, 1, 0x7fff_ffff]) {
    const message = encode(Twrite({ fid: 1, offset: 0, data: 'XXXX' }), 1);
    new DataView(message.buffer).setUint32(19, 4 + difference, true);
    expect(answerTo(message)).toEqual(Rlerror('EINVAL'));
  }
  const { mtime, ctime } = await bench.client.expect('Rgetattr', Tgetattr({ fid: 1, requestMask: 0n }));
  expect(mtime).toBe(ctime);
});

const known = new Set<number>(requests.map((name) => messages[name as RequestName].type));
const unknown = Array.from({ length: 256 }, (_, type) => type).filter((type) => !known.has(type));

test('every other type is EOPNOTSUPP, replies and the older dialects’ included', () => {
  expect(unknown).toContain(messages.Rlerror.type);
  // Topen of 9P2000.
  expect(unknown).toContain(112);
  for (const type of unknown) expect(answerTo(frame(type, [1, 2, 3]))).toEqual(Rlerror('EOPNOTSUPP'));
  expect(unknown.length).toBe(256 - requests.length);
});

test('any tag comes back', () => {
  for (const tag of [0, 1, 0x1234, 0xfffe, 0xffff]) {
    const writable = new Uint8Array(100);
    expect(bench.server.answer({ readable: [encode(Tclunk({ fid: 99 }), tag)], writable: [writable] })).toBe(11);
    expect(decode(writable.slice(0, 11)).tag).toBe(tag);
  }
});

test('a reply that has no room is EMSGSIZE, and nothing was done', async () => {
  const { client, ledger } = bench;
  const held = ledger.held;
  const short = 20;
  expect(await client.send(Tgetattr({ fid: 0, requestMask: 0n }), short)).toEqual(Rlerror('EMSGSIZE'));
  expect(await client.send(make.Tmkdir({ dfid: 0, name: 'new', mode: 0o755, gid: 0 }), short - 1)).toEqual(
    Rlerror('EMSGSIZE'),
  );
  expect(await client.send(Twalk({ fid: 0, newfid: 9, names: ['new'] }))).toEqual(Rlerror('ENOENT'));
  expect(ledger.held).toBe(held);
});

describe('a message is the same however it is cut into segments', () => {
  /** Sends through segments cut at `at` in the request and in the reply. */
  function through(
    message: Message,
    requestCut: readonly number[],
    replyCut: readonly number[],
    room: number,
  ): Message {
    const writable = cut(new Uint8Array(room), replyCut);
    const length = bench.server.answer({ readable: cut(encode(message, 1), requestCut), writable });
    if (typeof length !== 'number') throw new Error('a promise');
    const { tag: _tag, ...reply } = decode(new Uint8Array(Buffer.concat(writable).subarray(0, length)));
    return reply;
  }

  test('at every place of a request', async () => {
    await openFid(bench.client, 1, 2, 'file');
    const messagesToTry = [
      Twalk({ fid: 0, newfid: 0, names: ['folder', '..'] }),
      Tgetattr({ fid: 0, requestMask: 0x7ffn }),
      make.Tlock({ fid: 1, type: 1, flags: 0, start: 0n, length: 1n, procId: 1, clientId: 'x' }),
    ];
    for (const message of messagesToTry) {
      const whole = through(message, [], [], 300);
      expect(whole.name).not.toBe('Rlerror');
      for (let at = 0; at <= encode(message, 1).length; at++) {
        expect(through(message, [at], [], 300)).toEqual(whole);
        expect(through(message, [Math.floor(at / 2), at - Math.floor(at / 2)], [], 300)).toEqual(whole);
      }
    }
  });

  test('at every place of a Twrite, into one byte after another as well', async () => {
    await openFid(bench.client, 1, 2, 'file');
    const message = Twrite({ fid: 1, offset: 2, data: 'PAYLOAD' });
    const read = Tread({ fid: 1, offset: 0, count: 100 });
    for (let at = 0; at <= encode(message, 1).length; at++) {
      await bench.client.expect('Rwrite', Twrite({ fid: 1, offset: 0, data: 'contents-' }));
      expect(through(message, [at], [], 11)).toEqual(make.Rwrite({ count: 7 }));
      expect(await bench.client.send(read)).toEqual(make.Rread({ data: 'coPAYLOAD' }));
    }
    const ones = Array.from({ length: 29 }, () => 1);
    expect(through(message, ones, [], 11)).toEqual(make.Rwrite({ count: 7 }));
  });

  test('at every place of a reply, its header of 11 bytes included', async () => {
    await openFid(bench.client, 1, 0, 'file');
    await openFid(bench.client, 2, 0, 'folder');
    const messagesToTry = [
      Tgetattr({ fid: 1, requestMask: 0x7ffn }),
      Tread({ fid: 1, offset: 0, count: 300 }),
      Treaddir({ fid: 2, offset: 0n, count: 289 }),
      Tclunk({ fid: 99 }),
    ];
    for (const message of messagesToTry) {
      const whole = through(message, [], [], 300);
      for (let at = 0; at <= 200; at++) {
        expect(through(message, [], [at], 300)).toEqual(whole);
        expect(through(message, [], [at, 1, 0, 2], 300)).toEqual(whole);
      }
    }
  });

  test('nothing is written behind the reply', async () => {
    await openFid(bench.client, 1, 0, 'file');
    const writable = new Uint8Array(60).fill(0xee);
    const readable = [encode(Tread({ fid: 1, offset: 0, count: 8 }), 1)];
    expect(bench.server.answer({ readable, writable: [writable] })).toBe(11 + 8);
    expect(writable.subarray(19)).toEqual(new Uint8Array(41).fill(0xee));
  });
});

test('guest memory may be shared', async () => {
  await walk(bench.client, 1, 'file');
  const message = encode(Tgetattr({ fid: 1, requestMask: 0x7ffn }), 1);
  const memory = new Uint8Array(new SharedArrayBuffer(400));
  memory.set(message);
  const writable = memory.subarray(200);
  const length = bench.server.answer({ readable: [memory.subarray(0, message.length)], writable: [writable] });
  expect(decode(writable.slice(0, length as number)).name).toBe('Rgetattr');
});

test('a field that changes after the server has read it changes nothing', () => {
  const message = encode(Twalk({ fid: 0, newfid: 1, names: ['folder'] }), 1);
  // The guest writes while the backend looks the name up: the worst moment.
  const hostile = new Uint8Array(message);
  const { backend } = bench;
  const lookup = backend.lookup.bind(backend);
  backend.lookup = (parent, name) => {
    hostile.fill(0x2f);
    return lookup(parent, name);
  };
  const writable = new Uint8Array(100);
  const length = bench.server.answer({ readable: [hostile], writable: [writable] });
  expect(decode(writable.slice(0, length as number))).toMatchObject({ tag: 1, name: 'Rwalk' });
});
