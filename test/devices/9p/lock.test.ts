import { describe, expect, test } from 'vitest';
import { maximumLocks, maximumWaitingLocks } from '../../../devices/9p/locks.ts';
import { maximumOutstanding } from '../../../devices/9p/schedule.ts';
import { attachedServer } from './backends.ts';
import { encode, make, Rlerror } from './client.ts';
import type { Client, Message } from './client.ts';
import {
  blocked,
  cellCount,
  getlock,
  granted,
  guest,
  isAnswered,
  lock,
  makeData,
  Outsiders,
  read,
  shared,
  unlock,
  wait,
  write,
} from './lock-bench.ts';
import { makeFile, openFid, walk } from './tree.ts';

const { Tclunk, Rclunk, Tflush, Rflush, Tgetattr, Tread, Tremove, Tversion, Rgetlock, Tlopen } = make;
const nobody = { start: 0n, length: 0n, procId: 99, clientId: 'probe', type: unlock };

describe('who is in whose way', () => {
  test('two guests on one backend, each with a server of its own', async () => {
    const backend = await shared();
    const [one, other] = [await guest(backend), await guest(backend)];
    expect(one.call(lock())).toEqual(granted);
    // The same names of client and process, and yet another owner.
    expect(other.call(lock())).toEqual(blocked);
    expect(other.call(lock({ type: read }))).toEqual(blocked);
    expect(one.call(lock({ type: read }))).toEqual(granted);
    expect(other.call(lock({ type: read }))).toEqual(granted);
    expect(one.call(lock())).toEqual(blocked);
    expect(one.call(lock({ type: unlock }))).toEqual(granted);
    expect(other.call(lock())).toEqual(granted);
  });

  test('two processes, and two clients, of one session; not one process through two fids', async () => {
    const client = await guest(await shared());
    await openFid(client, 2, 2, 'data');
    expect(client.call(lock({ procId: 1 }))).toEqual(granted);
    expect(client.call(lock({ procId: 2 }))).toEqual(blocked);
    expect(client.call(lock({ procId: 1, clientId: 'other' }))).toEqual(blocked);
    expect(client.call(lock({ procId: 1, fid: 2 }))).toEqual(granted);
    expect(client.call(lock({ procId: 1, type: unlock }))).toEqual(granted);
    expect(client.call(lock({ procId: 2 }))).toEqual(granted);
  });

  test('other files, the same by another name, and one that was removed', async () => {
    const client = await guest(await shared());
    await makeFile(client, [], 'other');
    await openFid(client, 2, 2, 'other');
    await walk(client, 3, 'data');
    client.call(make.Tlink({ dfid: 0, fid: 3, name: 'link' }));
    await openFid(client, 4, 2, 'link');
    expect(client.call(lock())).toEqual(granted);
    expect(client.call(lock({ fid: 2, procId: 2 }))).toEqual(granted);
    expect(client.call(lock({ fid: 4, procId: 2 }))).toEqual(blocked);
    client.call(make.Tunlinkat({ dirfid: 0, name: 'data', flags: 0 }));
    client.call(make.Tunlinkat({ dirfid: 0, name: 'link', flags: 0 }));
    expect(client.call(lock({ fid: 4, procId: 2 }))).toEqual(blocked);
  });

  test('a guest that may only read locks as others do', async () => {
    const backend = await shared();
    const [one, other] = [await guest(backend), await guest(backend, { readOnly: true })];
    expect(other.call(lock({ type: read }))).toEqual(granted);
    expect(one.call(lock())).toEqual(blocked);
    expect(one.call(lock({ type: read }))).toEqual(granted);
    expect(other.call(lock({ type: unlock }))).toEqual(granted);
    expect(one.call(lock())).toEqual(granted);
  });
});

describe('Tgetlock', () => {
  test('tells the first lock that is in the way, with its owner', async () => {
    const client = await guest(await shared());
    client.call(lock({ start: 20n, length: 5n, procId: 5, clientId: 'five' }));
    client.call(lock({ type: read, start: 10n, length: 10n, procId: 4, clientId: 'four' }));
    expect(client.call(getlock())).toEqual(
      Rgetlock({ type: read, start: 10n, length: 10n, procId: 4, clientId: 'four' }),
    );
    expect(client.call(getlock({ type: read }))).toEqual(
      Rgetlock({ type: write, start: 20n, length: 5n, procId: 5, clientId: 'five' }),
    );
    expect(client.call(getlock({ type: read, length: 20n }))).toEqual(Rgetlock({ ...nobody, length: 20n }));
    expect(client.call(getlock({ start: 20n, procId: 5, clientId: 'five' }))).toEqual(
      Rgetlock({ type: unlock, start: 20n, length: 0n, procId: 5, clientId: 'five' }),
    );
  });

  test('of no type, as Linux asks whatever its process asks for, tells any; a length of 0 is one to the end', async () => {
    const client = await guest(await shared());
    client.call(lock({ type: read, start: 2n ** 62n, length: 2n ** 62n }));
    const held = { type: read, start: 2n ** 62n, length: 0n, procId: 1, clientId: 'guest' };
    expect(client.call(getlock({ type: unlock }))).toEqual(Rgetlock(held));
  });
});

describe('waiting', () => {
  test('ends when the lock can be had, and holds up nobody on the same fid', async () => {
    const backend = await shared();
    const [one, other] = [await guest(backend), await guest(backend)];
    one.call(lock());
    const waiting = other.post(wait());
    expect(await isAnswered(waiting)).toBe(false);
    for (const message of [Tgetattr({ fid: 1, requestMask: 0n }), Tread({ fid: 1, offset: 0, count: 5 })])
      expect(other.call(message).name).not.toBe('Rlerror');
    // Of a kind that changes its fid, and so would have to wait behind others on it.
    expect(await other.send(Tlopen({ fid: 1, flags: 0 }))).toEqual(Rlerror('EINVAL'));
    expect(await isAnswered(waiting)).toBe(false);
    one.call(lock({ type: unlock }));
    expect(await waiting.reply).toEqual(granted);
    expect(one.call(lock())).toEqual(blocked);
  });

  test('a wait that began while others were waiting for their turn holds up nobody either', async () => {
    const { client, gate } = await attachedServer();
    await makeFile(client, [], 'data');
    await openFid(client, 1, 2, 'data');
    await openFid(client, 2, 2, 'data');
    client.call(lock({ procId: 2, fid: 2 }));
    gate.hold('read');
    const reading = client.post(Tread({ fid: 2, offset: 0, count: 5 }));
    const waiting = client.post(wait());
    gate.open();
    expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rclunk({}));
    expect(await waiting.reply).toEqual(Rlerror('EBADF'));
    await gate.releaseAll();
    expect((await reading.reply)?.name).toBe('Rread');
  });

  test('is served in the order of arrival, as far as it can be', async () => {
    const client = await guest(await shared());
    client.call(lock({ procId: 1 }));
    const first = client.post(wait({ procId: 2, length: 10n }));
    const second = client.post(wait({ procId: 3, length: 5n }));
    const third = client.post(wait({ procId: 4, start: 10n }));
    client.call(lock({ procId: 1, type: unlock }));
    expect(await first.reply).toEqual(granted);
    expect(await third.reply).toEqual(granted);
    expect(await isAnswered(second)).toBe(false);
    client.call(lock({ procId: 2, type: unlock }));
    expect(await second.reply).toEqual(granted);
  });

  test('a lock to read that replaces one to write makes room for those who came before', async () => {
    const client = await guest(await shared());
    client.call(lock({ procId: 1, length: 10n }));
    client.call(lock({ procId: 2, start: 10n, length: 10n }));
    const early = client.post(wait({ procId: 3, type: read, length: 10n }));
    const replacing = client.post(wait({ procId: 1, type: read, length: 20n }));
    expect(await isAnswered(replacing)).toBe(false);
    client.call(lock({ procId: 2, type: unlock }));
    expect(await replacing.reply).toEqual(granted);
    expect(await early.reply).toEqual(granted);
  });

  test('so many may wait; the next is told to come again, and there is room when one has gone', async () => {
    const backend = await shared();
    const [one, other] = [await guest(backend), await guest(backend)];
    one.call(lock());
    const waiting = Array.from({ length: maximumWaitingLocks }, () => other.post(wait()));
    expect(await other.send(wait())).toEqual(blocked);
    // Others have places of their own.
    const third = await guest(backend);
    expect(await isAnswered(third.post(wait()))).toBe(false);
    await other.send(Tflush({ oldtag: waiting[3]!.tag }));
    const next = other.post(wait());
    expect(await isAnswered(next)).toBe(false);
    one.call(lock({ type: unlock }));
    expect(await next.reply).toEqual(granted);
    for (const [index, { reply }] of waiting.entries()) expect(await reply).toEqual(index === 3 ? undefined : granted);
    // The places are free again.
    other.call(lock({ type: unlock }));
    const again = Array.from({ length: maximumWaitingLocks }, () => other.post(wait()));
    expect(await isAnswered(again.at(-1)!)).toBe(false);
  });
});

describe('Tflush of a request that waits', () => {
  test('gives it up: length 0, its buffers untouched, and it never gets the lock', async () => {
    const backend = await shared();
    const [one, other] = [await guest(backend), await guest(backend)];
    one.call(lock());
    const waiting = other.post(wait({ procId: 1 }));
    const behind = other.post(wait({ procId: 2 }));
    expect(await other.send(Tflush({ oldtag: waiting.tag }))).toEqual(Rflush({}));
    expect(await waiting.reply).toBeUndefined();
    one.call(lock({ type: unlock }));
    expect(await behind.reply).toEqual(granted);
    expect(waiting.exchange.writable.every((segment) => segment.every((byte) => byte === 0))).toBe(true);
    other.call(lock({ procId: 2, type: unlock }));
    expect(one.call(getlock())).toEqual(Rgetlock(nobody));
  });

  test('leaves nothing that counts as a request under way', async () => {
    const client = await guest(await shared());
    client.call(lock({ procId: 1 }));
    for (let i = 0; i <= maximumOutstanding; i++) {
      const waiting = client.post(wait({ procId: 2 }));
      await client.send(Tflush({ oldtag: waiting.tag }));
    }
    expect(await isAnswered(client.post(wait({ procId: 2 })))).toBe(false);
    expect(await client.send(getlock())).toMatchObject({ name: 'Rgetlock' });
  });

  test('that has just been answered leaves the lock, and the answer comes first', async () => {
    const backend = await shared();
    const [one, other] = [await guest(backend), await guest(backend)];
    one.call(lock());
    const returned: string[] = [];
    const deliver = (message: Message, tag: number): void => {
      const answer = other.server.answer({ readable: [encode(message, tag)], writable: [new Uint8Array(1000)] });
      const note = (length: number): number => returned.push(`${message.name} ${length}`);
      if (typeof answer === 'number') note(answer);
      else void answer.then(note);
    };
    deliver(wait(), 1);
    one.call(lock({ type: unlock }));
    deliver(Tflush({ oldtag: 1 }), 2);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    expect(returned).toEqual(['Tlock 8', 'Tflush 7']);
    expect(one.call(lock())).toEqual(blocked);
  });

  test('ends a deadlock', async () => {
    const client = await guest(await shared());
    const [low, high] = [
      { start: 0n, length: 1n },
      { start: 1n, length: 1n },
    ];
    client.call(lock({ procId: 1, ...low }));
    client.call(lock({ procId: 2, ...high }));
    const first = client.post(wait({ procId: 1, ...high }));
    const second = client.post(wait({ procId: 2, ...low }));
    expect([await isAnswered(first), await isAnswered(second)]).toEqual([false, false]);
    await client.send(Tflush({ oldtag: first.tag }));
    client.call(lock({ procId: 1, type: unlock }));
    expect(await second.reply).toEqual(granted);
  });
});

describe('a lock dies with its owner', () => {
  const ends: readonly (readonly [string, (client: Client) => unknown])[] = [
    ['Tclunk of the fid', (client) => client.call(Tclunk({ fid: 1 }))],
    ['Tremove of the fid', (client) => client.call(Tremove({ fid: 1 }))],
    ['Tversion', (client) => client.send(Tversion({ msize: 8192, version: '9P2000.L' }))],
    ['reset of the device', (client) => client.server.reset()],
  ];

  test.each(ends)('%s', async (_name, end) => {
    const backend = await shared();
    const [one, other] = [await guest(backend), await guest(backend)];
    one.call(lock({ length: 5n }));
    one.call(lock({ start: 5n, procId: 2, type: read }));
    const waiting = other.post(wait());
    const ownWaiting = one.post(wait({ procId: 3 }));
    await end(one);
    expect(await waiting.reply).toEqual(granted);
    expect((await ownWaiting.reply)?.name).not.toBe('Rlock');
    expect(other.call(getlock())).toMatchObject({ body: { procId: 1 } });
  });

  test('with the fid it was set through, and with no other', async () => {
    const client = await guest(await shared());
    await openFid(client, 2, 2, 'data');
    client.call(lock({ fid: 1, start: 0n, length: 10n }));
    client.call(lock({ fid: 2, start: 5n, length: 10n }));
    client.call(Tclunk({ fid: 2 }));
    const held = { start: 0n, length: 5n, procId: 1, clientId: 'guest', type: write };
    expect(client.call(getlock())).toEqual(Rgetlock(held));
    expect(client.call(lock({ start: 5n, procId: 2 }))).toEqual(granted);
  });

  test('with the session, while an operation on its fid hangs', async () => {
    const { client, gate, server } = await attachedServer();
    await makeFile(client, [], 'data');
    await openFid(client, 1, 2, 'data');
    client.call(lock());
    gate.hold('fsync');
    client.post(make.Tfsync({ fid: 1, datasync: 0 }));
    server.reset();
    gate.open();
    await client.send(Tversion({ msize: 8192, version: '9P2000.L' }));
    await client.send(make.Tattach({ fid: 0, afid: 0xffff_ffff, uname: '', aname: '', uid: 0 }));
    await openFid(client, 2, 2, 'data');
    expect(client.call(lock({ fid: 2 }))).toEqual(granted);
    await gate.releaseAll();
    expect(client.call(lock({ fid: 2, procId: 2 }))).toEqual(blocked);
  });
});

test('a session has so many locks; then ENOLCK, also for what would cut one in two', async () => {
  const backend = await shared();
  const [one, other] = [await guest(backend), await guest(backend)];
  // A new file every 512 locks: each look at one goes through all locks of its file.
  for (let file = 0; file * 512 < maximumLocks; file++) {
    await makeFile(one, [], `${file}`);
    await openFid(one, 10 + file, 2, `${file}`);
    for (let place = 0; place < 512; place++) one.call(lock({ fid: 10 + file, start: BigInt(4 * place), length: 3n }));
  }
  const last = Math.floor((maximumLocks - 1) / 512);
  expect(one.call(getlock({ fid: 10 + last, start: 4n * 511n })).body['type']).toBe(write);
  expect(one.call(lock())).toEqual(Rlerror('ENOLCK'));
  expect(one.call(lock({ fid: 10, type: unlock, start: 1n, length: 1n }))).toEqual(Rlerror('ENOLCK'));
  // Neither of these takes more.
  expect(one.call(lock({ fid: 10, type: read, start: 0n, length: 3n }))).toEqual(granted);
  expect(one.call(lock({ fid: 10, start: 4n, length: 3n }))).toEqual(granted);
  expect(other.call(lock())).toEqual(granted);
  expect(one.call(lock({ fid: 10, type: unlock, length: 3n }))).toEqual(granted);
  const waiting = [one.post(wait({ procId: 1 })), one.post(wait({ procId: 2, type: read }))];
  expect(one.call(lock({ fid: 10, length: 3n }))).toEqual(granted);
  // By the time it could be had there is no room for it.
  other.call(lock({ type: unlock }));
  for (const { reply } of waiting) expect(await reply).toEqual(Rlerror('ENOLCK'));
});

test('what is no request for a lock', async () => {
  const client = await guest(await shared());
  await walk(client, 2, 'data');
  expect(client.call(lock({ fid: 2 }))).toEqual(Rlerror('EBADF'));
  expect(client.call(getlock({ fid: 3 }))).toEqual(Rlerror('EBADF'));
  const wrong = [
    { type: 3 },
    { flags: 4 },
    { start: 2n ** 63n },
    { start: 2n ** 64n - 1n, length: 2n },
    { start: 1n, length: 2n ** 63n },
    { clientId: 'x'.repeat(256) },
  ];
  for (const asked of wrong) expect(client.call(lock(asked))).toEqual(Rlerror('EINVAL'));
  // To reclaim is to ask.
  expect(client.call(lock({ flags: 2, start: 2n ** 63n - 1n, length: 1n }))).toEqual(granted);
  expect(client.call(getlock())).toMatchObject({ body: { start: 2n ** 63n - 1n, length: 0n } });
});

describe('others who use the store', () => {
  const all = Array.from({ length: cellCount }, (_, cell) => cell);

  test('are in the way, are told of, and are looked at only while somebody waits for them', async () => {
    const backend = new Outsiders(1n);
    await makeData(backend);
    const client = await guest(backend);
    backend.set(write, [2]);
    expect(client.call(lock())).toEqual(blocked);
    expect(client.call(getlock())).toEqual(
      Rgetlock({ type: write, start: 2n, length: 1n, procId: 7, clientId: 'host' }),
    );
    expect([backend.opened, backend.listeners.size]).toEqual([0, 0]);
    const waiting = client.post(wait());
    expect([backend.opened, backend.listeners.size]).toEqual([1, 1]);
    backend.set(read, [2]);
    expect(await isAnswered(waiting)).toBe(false);
    backend.set(unlock, all);
    expect(await waiting.reply).toEqual(granted);
    expect(backend.listeners.size).toBe(0);
    expect(backend.set(read, [0])).toBe(false);
    client.call(lock({ type: unlock }));
    expect([backend.opened, backend.set(read, [0])]).toEqual([0, true]);
  });

  test('are looked at no more when those who wait do so for each other', async () => {
    const backend = new Outsiders(1n);
    await makeData(backend);
    const client = await guest(backend);
    backend.set(write, [2]);
    client.call(lock({ procId: 1, length: 1n }));
    const inside = client.post(wait({ procId: 2, length: 1n }));
    const outside = client.post(wait({ procId: 3, start: 2n }));
    expect(backend.listeners.size).toBe(1);
    backend.set(unlock, all);
    expect(await outside.reply).toEqual(granted);
    expect([await isAnswered(inside), backend.listeners.size]).toEqual([false, 0]);
  });

  test('a wait for them that is given up ends the looking', async () => {
    const backend = new Outsiders(1n);
    await makeData(backend);
    const client = await guest(backend);
    backend.set(write, all);
    const waiting = client.post(wait());
    await client.send(Tflush({ oldtag: waiting.tag }));
    expect([backend.opened, backend.listeners.size]).toEqual([0, 0]);
  });
});
