// A session goes on from its record on another server, over the store as it is by then.
import { expect, test } from 'vitest';
import { openFlags } from '../../../devices/9p/backend.ts';
import { Server } from '../../../devices/9p/server.ts';
import { exampleSession, restoreSession, saveSession } from '../../../devices/9p/session-state.ts';
import type { SessionLosses, SessionState } from '../../../devices/9p/session-state.ts';
import { checkShape, decodePlain, encodePlain } from '../../../src/snapshot/plain.ts';
import type { Plain } from '../../../src/snapshot/plain.ts';
import { Gate, Ledger, memory } from './backends.ts';
import { bytes, Client, make, Rlerror, text } from './client.ts';
import type { Message } from './client.ts';
import { granted, isAnswered, lock, unlock, wait } from './lock-bench.ts';
import { list, makeFile, makeFolder, makeTree, openFid, parseEntries, readAll, setXattr, walk } from './tree.ts';

const { Tclunk, Rclunk, Tgetattr, Tlopen, Tread, Rread, Twrite, Tremove, Treaddir, Twalk, Tunlinkat, Txattrcreate } =
  make;
const { Trenameat, Txattrwalk, Tlcreate, Tsetattr, Tgetlock } = make;
const none: SessionLosses = { files: 0, locks: 0 };

interface Bench {
  readonly ledger: Ledger;
  readonly first: Client;
  /** A client of another server, for what happens to the files meanwhile. */
  readonly others: Client;
  /** Ends the first server and goes on with another. `meanwhile` happens in between. */
  readonly goOn: (
    meanwhile?: () => Promise<unknown>,
  ) => Promise<{ client: Client; losses: SessionLosses; state: SessionState }>;
}

/** `oneTable`: the others' locks are in the way, as they are of one backend; nobody counts then what is held. */
async function bench({ oneTable = false } = {}): Promise<Bench> {
  const backend = memory();
  const ledger = new Ledger();
  const watched = ledger.over(backend);
  const server = new Server({ backend: watched });
  const first = await Client.attached(server, { uid: 7 });
  const others = await Client.attached(new Server({ backend: oneTable ? watched : backend }));
  await makeTree(others);
  const goOn: Bench['goOn'] = async (meanwhile) => {
    const record = await saveSession(server.present);
    const encoded = encodePlain(record() as unknown as Plain);
    server.reset();
    if (!oneTable) expect(ledger.held).toBe(0);
    await meanwhile?.();
    const state = decodePlain(encoded, 'x') as unknown as SessionState;
    checkShape(state, exampleSession, 'x');
    const second = new Server({ backend: watched });
    const losses = await restoreSession(second.present, state);
    return { client: new Client(second), losses, state };
  };
  return { ledger, first, others, goOn };
}

test('fids of files and folders, open and not, lead where they led, and nothing is held after them', async () => {
  const { ledger, first, goOn } = await bench();
  await walk(first, 1, 'folder', 'inner', 'deep');
  await openFid(first, 2, openFlags.readOnly, 'folder', 'inner', 'deep');
  await walk(first, 3, 'folder');
  await walk(first, 4, 'link');
  await walk(first, 90_000, 'fifo');
  await walk(first, 5);
  const { client, losses, state } = await goOn();
  expect(losses).toEqual(none);
  // "folder" and "inner" are there once, whoever is below them.
  expect(state.paths.map(({ name }) => text(name)).toSorted()).toEqual(
    ['', 'deep', 'fifo', 'folder', 'inner', 'link'].toSorted(),
  );
  expect(text(await readAll(client, 2))).toBe('deep contents');
  await client.expect('Rlopen', Tlopen({ fid: 1, flags: 0 }));
  expect(text(await readAll(client, 1))).toBe('deep contents');
  await client.expect('Rwalk', Twalk({ fid: 3, newfid: 6, names: ['inner', 'deep'] }));
  await client.expect('Rwalk', Twalk({ fid: 5, newfid: 7, names: ['file'] }));
  expect(text((await client.expect('Rreadlink', make.Treadlink({ fid: 4 }))).target)).toBe('file');
  const { mode } = await client.expect('Rgetattr', Tgetattr({ fid: 90_000, requestMask: 0n }));
  expect(mode).toBe(0o010644);
  client.server.reset();
  expect(ledger.held).toBe(0);
});

test('the agreed message size holds, and the user who attached', async () => {
  const { first, goOn } = await bench();
  const { client, state } = await goOn();
  expect(state.messageSize).toBe(512_000);
  await client.expect('Rwalk', Twalk({ fid: 0, newfid: 1, names: [] }));
  await client.expect('Rlcreate', Tlcreate({ fid: 1, name: 'new', flags: 2, mode: 0o600, gid: 5 }));
  const { uid, gid } = await client.expect('Rgetattr', Tgetattr({ fid: 1, requestMask: 0n }));
  expect([uid, gid]).toEqual([7, 5]);
  expect(first.server.present.session.fids.size).toBe(0);
});

test('a session that has not begun has no messages but Tversion', async () => {
  const backend = memory();
  const server = new Server({ backend });
  const record = await saveSession(server.present);
  const second = new Server({ backend });
  await restoreSession(second.present, record());
  expect(await new Client(second).send(Tgetattr({ fid: 0, requestMask: 0n }))).toEqual(Rlerror('EPROTO'));
});

test('what a file was opened for stays, and opening it again neither cuts it off nor asks that it be new', async () => {
  const { first, goOn } = await bench();
  await openFid(first, 1, openFlags.writeOnly | openFlags.truncate | openFlags.append, 'file');
  first.call(Twrite({ fid: 1, offset: 0, data: 'one' }));
  await walk(first, 2);
  const flags = openFlags.readWrite | openFlags.exclusive | openFlags.truncate;
  await first.expect('Rlcreate', Tlcreate({ fid: 2, name: 'made', flags, mode: 0o644, gid: 0 }));
  first.call(Twrite({ fid: 2, offset: 0, data: 'made' }));
  const { client, losses } = await goOn();
  expect(losses).toEqual(none);
  // Opened to append: the offset is the end, whatever is said.
  client.call(Twrite({ fid: 1, offset: 0, data: 'two' }));
  expect(await client.send(Tread({ fid: 1, offset: 0, count: 10 }))).toEqual(Rlerror('EBADF'));
  await openFid(client, 3, 0, 'file');
  expect(text(await readAll(client, 3))).toBe('onetwo');
  expect(text(await readAll(client, 2))).toBe('made');
});

test('the root is the share that was given, whatever its number is there', async () => {
  const backend = memory();
  const server = new Server({ backend });
  const first = await Client.attached(server);
  await makeFile(first, [], 'file', 'text');
  await openFid(first, 1, openFlags.readOnly, 'file');
  await openFid(first, 2, openFlags.readOnly);
  const state = (await saveSession(server.present))();
  const elsewhere = { ...state, fids: state.fids.map((fid) => ({ ...fid, ino: fid.ino + 1000n })) };
  const second = new Server({ backend });
  expect(await restoreSession(second.present, elsewhere)).toEqual({ files: 1, locks: 0 });
  const client = new Client(second);
  expect(await client.send(Tread({ fid: 1, offset: 0, count: 4 }))).toEqual(Rlerror('ESTALE'));
  await client.expect('Rwalk', Twalk({ fid: 0, newfid: 3, names: ['file'] }));
  expect((await list(client, 2)).map(({ name }) => name)).toContain('file');
});

test.each<[string, (others: Client) => Promise<unknown>]>([
  ['was removed', (others) => others.expect('Runlinkat', Tunlinkat({ dirfid: 0, name: 'file', flags: 0 }))],
  [
    'is another',
    async (others) => {
      await makeFile(others, [], 'new', 'other');
      await others.expect('Rrenameat', Trenameat({ olddirfid: 0, oldname: 'new', newdirfid: 0, newname: 'file' }));
    },
  ],
  [
    'is a folder',
    async (others) => {
      await others.expect('Runlinkat', Tunlinkat({ dirfid: 0, name: 'file', flags: 0 }));
      await makeFolder(others, [], 'file');
    },
  ],
  [
    'has another name',
    (others) =>
      others.expect('Rrenameat', Trenameat({ olddirfid: 0, oldname: 'file', newdirfid: 0, newname: 'moved' })),
  ],
])('a file that %s meanwhile: ESTALE for all that is asked of its fids, until they are clunked', async (_, change) => {
  const { ledger, first, others, goOn } = await bench();
  await walk(first, 1, 'file');
  await openFid(first, 2, openFlags.readWrite, 'file');
  await openFid(first, 3, openFlags.readOnly, 'folder');
  const { client, losses } = await goOn(() => change(others));
  expect(losses).toEqual({ files: 2, locks: 0 });
  const stale = Rlerror('ESTALE');
  const asked: Message[] = [
    Tgetattr({ fid: 1, requestMask: 0n }),
    Tlopen({ fid: 1, flags: 0 }),
    Twalk({ fid: 1, newfid: 9, names: [] }),
    Txattrwalk({ fid: 1, newfid: 9, name: 'user.a' }),
    Txattrcreate({ fid: 1, name: 'user.a', size: 1, flags: 0 }),
    Tread({ fid: 2, offset: 0, count: 5 }),
    Twrite({ fid: 2, offset: 0, data: 'x' }),
    Treaddir({ fid: 2, offset: 0n, count: 500 }),
    lock({ fid: 2 }),
    make.Tfsync({ fid: 2, datasync: 0 }),
  ];
  for (const message of asked) expect([message.name, await client.send(message)]).toEqual([message.name, stale]);
  expect(await client.send(Twalk({ fid: 3, newfid: 1, names: [] }))).toEqual(Rlerror('EBADF'));
  // They can be saved again, and stay lost.
  expect(await client.send(Tclunk({ fid: 1 }))).toEqual(Rclunk({}));
  expect(await client.send(Tremove({ fid: 2 }))).toEqual(stale);
  expect(await client.send(Tclunk({ fid: 2 }))).toEqual(Rlerror('EBADF'));
  expect((await list(client, 3)).map(({ name }) => name)).toContain('inner');
  client.server.reset();
  expect(ledger.held).toBe(0);
});

test('a record opens nothing to write on a read-only share, and cuts nothing off', async () => {
  const { first, goOn } = await bench();
  await openFid(first, 1, openFlags.readOnly, 'file');
  const { state } = await goOn();
  const backend = memory();
  await makeTree(await Client.attached(new Server({ backend })));
  const restored = async (flags: number, readOnly: boolean): Promise<{ client: Client; losses: SessionLosses }> => {
    const server = new Server({ backend, readOnly });
    const { present } = server;
    const fids = state.fids.map((fid) => (fid.fid === 1 ? { ...fid, flags } : fid));
    return { losses: await restoreSession(present, { ...state, fids }), client: new Client(server) };
  };
  expect((await restored(openFlags.readWrite, true)).losses.files).toBe(1);
  const { client, losses } = await restored(openFlags.readWrite | openFlags.truncate | openFlags.create, false);
  expect(losses).toEqual(none);
  expect(text(await readAll(client, 1))).toBe('contents');
});

test('a file whose name was removed before: its content was only there while it was open', async () => {
  const { first, goOn } = await bench();
  await openFid(first, 1, openFlags.readOnly, 'file');
  await first.expect('Runlinkat', Tunlinkat({ dirfid: 0, name: 'file', flags: 0 }));
  const { client, losses } = await goOn();
  expect(losses).toEqual({ files: 1, locks: 0 });
  expect(await client.send(Tread({ fid: 1, offset: 0, count: 5 }))).toEqual(Rlerror('ESTALE'));
  // What was lost once stays so, also in a snapshot of the machine that went on.
  const { present } = client.server;
  const again = await saveSession(present);
  expect(again().lost).toEqual([1]);
});

test('a file in a folder that was renamed before is found at its new place', async () => {
  const { first, goOn } = await bench();
  await openFid(first, 1, openFlags.readOnly, 'folder', 'inner', 'deep');
  await first.expect('Rrenameat', Trenameat({ olddirfid: 0, oldname: 'folder', newdirfid: 0, newname: 'other' }));
  const { client, losses } = await goOn();
  expect(losses).toEqual(none);
  expect(text(await readAll(client, 1))).toBe('deep contents');
});

test('a listing goes on behind the entry that was the last, whatever its number is by now', async () => {
  const { first, others, goOn } = await bench();
  await makeFolder(others, [], 'many');
  const names = Array.from({ length: 40 }, (_, index) => `name ${String(index).padStart(2, '0')}`);
  for (const name of names) await makeFile(others, ['many'], name);
  await openFid(first, 1, openFlags.readOnly, 'many');
  const begun = await first.send(Treaddir({ fid: 1, offset: 0n, count: 500 }));
  const before = parseEntries(begun.data!);
  // The folder is made anew, so that the entries have other cookies; one that was listed is gone.
  const { client } = await goOn(async () => {
    const kept = before.at(-1)!.name;
    for (const name of names.filter((each) => each < kept).slice(0, 3)) {
      await walk(others, 1, 'many');
      await others.expect('Runlinkat', Tunlinkat({ dirfid: 1, name, flags: 0 }));
      await others.expect('Rclunk', Tclunk({ fid: 1 }));
    }
  });
  const after = await list(client, 1, 500, before.at(-1)!.offset);
  expect([...before, ...after].map(({ name }) => name).filter((name) => name.startsWith('name'))).toEqual(names);
});

test('attributes: one that is being read, one that is half written', async () => {
  const { ledger, first, others, goOn } = await bench();
  await setXattr(others, ['file'], 'user.a', 'value');
  await walk(first, 1, 'file');
  await first.expect('Rxattrwalk', Txattrwalk({ fid: 1, newfid: 2, name: 'user.a' }));
  await walk(first, 3, 'file');
  await first.expect('Rxattrcreate', Txattrcreate({ fid: 3, name: 'user.b', size: 6, flags: 0 }));
  first.call(Twrite({ fid: 3, offset: 0, data: 'abc' }));
  const { client, losses } = await goOn(() => setXattr(others, ['file'], 'user.a', 'newer'));
  expect(losses).toEqual(none);
  expect(await client.send(Tread({ fid: 2, offset: 0, count: 10 }))).toEqual(Rread({ data: bytes('value') }));
  client.call(Twrite({ fid: 3, offset: 3, data: 'def' }));
  expect(await client.send(Tclunk({ fid: 3 }))).toEqual(Rclunk({}));
  await client.expect('Rxattrwalk', Txattrwalk({ fid: 1, newfid: 4, name: 'user.b' }));
  expect(text(await readAll(client, 4))).toBe('abcdef');
  client.server.reset();
  expect(ledger.held).toBe(0);
});

test('locks are taken again, and those that others have by now are lost and counted', async () => {
  const { first, others, goOn } = await bench({ oneTable: true });
  await openFid(first, 1, openFlags.readWrite, 'file');
  await openFid(others, 1, openFlags.readWrite, 'file');
  expect(first.call(lock({ start: 0n, length: 10n }))).toEqual(granted);
  expect(first.call(lock({ start: 20n, length: 10n }))).toEqual(granted);
  const { client, losses } = await goOn(async () => {
    expect(others.call(lock({ start: 25n, length: 1n }))).toEqual(granted);
    return Promise.resolve();
  });
  expect(losses).toEqual({ files: 0, locks: 1 });
  const { type, start, length, procId } = await others.expect(
    'Rgetlock',
    Tgetlock({ fid: 1, type: 1, start: 0n, length: 20n, procId: 99, clientId: 'probe' }),
  );
  expect({ type, start, length, procId }).toEqual({ type: 1, start: 0n, length: 10n, procId: 1 });
  expect(client.call(lock({ type: unlock }))).toEqual(granted);
  expect(others.call(lock({ start: 0n, length: 10n }))).toEqual(granted);
});

test('a request that waits for a lock is counted as one that can be asked anew; others are not', async () => {
  const backend = memory();
  const gate = new Gate();
  const server = new Server({ backend: gate.over(backend) });
  const client = await Client.attached(server);
  await makeFile(client, [], 'file', 'x');
  await openFid(client, 1, openFlags.readWrite, 'file');
  await openFid(client, 2, openFlags.readWrite, 'file');
  expect(client.call(lock())).toEqual(granted);
  const waiting = client.post(wait({ fid: 2, procId: 2 }), { writable: [new Uint8Array(100)] });
  expect(await isAnswered(waiting)).toBe(false);
  expect([server.waiting, server.repeatable]).toEqual([1, 1]);
  gate.hold('getattrOpen');
  const slow = client.post(Tgetattr({ fid: 1, requestMask: 0n }), { writable: [new Uint8Array(500)] });
  expect([server.waiting, server.repeatable]).toEqual([2, 1]);
  await gate.releaseAll();
  await slow.reply;
  expect([server.waiting, server.repeatable]).toEqual([1, 1]);
});

test('a store that has to wait is waited for', async () => {
  const backend = memory();
  const gate = new Gate();
  const server = new Server({ backend: gate.over(backend) });
  const client = await Client.attached(server);
  await makeTree(client);
  await openFid(client, 1, 0, 'folder', 'inner', 'deep');
  gate.holdAll();
  const saving = saveSession(server.present);
  const releasing = setInterval(() => void gate.held[0]?.release(), 1);
  const state = (await saving)();
  const second = new Server({ backend: gate.over(backend) });
  expect(await restoreSession(second.present, state)).toEqual(none);
  clearInterval(releasing);
  gate.open();
  expect(text(await readAll(new Client(second), 1))).toBe('deep contents');
});

test('a file that was cut off is read to its new end', async () => {
  const { first, others, goOn } = await bench();
  await openFid(first, 1, openFlags.readOnly, 'file');
  const { client } = await goOn(async () => {
    await walk(others, 1, 'file');
    await others.expect(
      'Rsetattr',
      Tsetattr({ fid: 1, valid: 8, mode: 0, uid: 0, gid: 0, size: 4, atime: 0n, mtime: 0n }),
    );
  });
  expect(text(await readAll(client, 1))).toBe('cont');
});
