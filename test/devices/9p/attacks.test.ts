// What has broken other 9P servers, or could break this one: each test is an attack (THREATS.md says which). Here are those
// that take a server alone; those on rings and on folders of the host are in virtio/ and node/node-fs/.
import { describe, expect, test } from 'vitest';
import { Errno } from '../../../devices/9p/errno.ts';
import { formats } from '../../../devices/9p/messages.ts';
import type { MessageName } from '../../../devices/9p/messages.ts';
import { attachedServer, settled } from './backends.ts';
import type { Bench } from './backends.ts';
import { bytes, cut, decode, encode, make, Rlerror } from './client.ts';
import type { Message } from './client.ts';
import { everyMessage, prepare } from './every-message.ts';
import { makeFile, makeTree, namesIn, openFid, setXattr, walk } from './tree.ts';

const { Tattach, Twalk, Tlcreate, Tread, Twrite, Tversion, Txattrwalk, Tgetattr, Trename, Trenameat, Tclunk } = make;

async function prepared(): Promise<Bench> {
  const bench = await attachedServer();
  await prepare(bench.client);
  return bench;
}

const named = everyMessage.map((message, place) => ({ name: `${message.name} (${place})`, message }));

/**
 * Guest memory under a guest that runs: each byte turns into another one as soon as it was read. Counts the bytes that are
 * read again.
 */
class Racing {
  rereads = 0;
  readonly #read = new Set<string>();

  /** A segment of it; `id` tells its bytes apart from other segments'. */
  segment(memory: Uint8Array, id: string, offset = 0): Uint8Array {
    const read = (at: number): number | undefined => {
      if (at >= memory.length) return undefined;
      const key = `${id} ${offset + at}`;
      if (this.#read.has(key)) this.rereads++;
      this.#read.add(key);
      const value = memory[at]!;
      memory[at] = ~value;
      return value;
    };
    return new Proxy(memory, {
      get: (target, property) => {
        if (typeof property === 'string' && /^\d+$/.test(property)) return read(Number(property));
        if (property === 'subarray')
          return (from = 0, to = target.length) => this.segment(target.subarray(from, to), id, offset + from);
        if (property === Symbol.iterator) throw new Error('bytes are read one by one');
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value === 'function') throw new Error(`${String(property)} of guest memory is not watched`);
        return value;
      },
    });
  }
}

describe('a guest that changes its memory', () => {
  test.each(named)('$name: no byte of the request is read twice', async ({ message }) => {
    const calm = await prepared();
    const raced = await prepared();
    const expected = await calm.client.send(message);
    const racing = new Racing();
    const readable = cut(encode(message, 1), [5, 4, 9, 8]).map((piece, index) => racing.segment(piece, String(index)));
    const writable = new Uint8Array(70_000);
    const length = await raced.server.answer({ readable, writable: [writable] });
    expect(decode(writable.slice(0, length))).toMatchObject({ name: expected.name, tag: 1 });
    expect(racing.rereads).toBe(0);
  });

  test('the watch sees a byte that is read twice', () => {
    const racing = new Racing();
    const segment = racing.segment(new Uint8Array([1, 2, 3]), 'a');
    expect([segment[1], segment.subarray(1)[0], racing.rereads]).toEqual([2, ~2 & 0xff, 1]);
  });

  test('the payload that a waiting backend writes is the one that was there when it was asked', async () => {
    const { client, gate, backend } = await prepared();
    gate.hold('write');
    const message = encode(Twrite({ fid: 3, offset: 0, data: 'honest' }), 1);
    const sent = client.post(Twrite({ fid: 3, offset: 0, data: 'honest' }), { tag: 1, readable: [message] });
    message.fill(0x58, 23);
    await gate.releaseAll();
    expect((await sent.reply)?.name).toBe('Rwrite');
    gate.open();
    const read = await client.send(Tread({ fid: 3, offset: 0, count: 6 }));
    expect(Buffer.from(read.data!).toString()).toBe('honest');
    expect(backend.usedSpace).toBeGreaterThan(0);
  });
});

/** The fids that a message makes, moves, opens, ends, or turns into something else. */
function changed({ name, body }: Message): readonly unknown[] {
  const { fid, newfid } = body;
  if (name === 'Twalk' || name === 'Txattrwalk') return [newfid];
  const changers = ['Tattach', 'Tlopen', 'Tlcreate', 'Tclunk', 'Tremove', 'Trename', 'Txattrcreate'];
  return changers.includes(name) ? [fid] : [];
}

function used({ body }: Message): readonly unknown[] {
  return Object.entries(body).flatMap(([field, value]) => (field.endsWith('fid') ? [value] : []));
}

/** Whether one changes what the other stands on. */
function conflict(one: Message, other: Message): boolean {
  return changed(one).some((fid) => used(other).includes(fid)) || changed(other).some((fid) => used(one).includes(fid));
}

/** A reply without what the clock says. */
function timeless(reply: Message | undefined): unknown {
  const { atime: _a, mtime: _m, ctime: _c, qid, qids, ...rest } = { ...reply?.body } as Record<string, unknown>;
  const plain = (value: unknown): unknown => ({ ...(value as object), version: 0 });
  return { name: reply?.name, rest, qid: qid && plain(qid), qids: qids && (qids as unknown[]).map(plain) };
}

describe('a fid that is raced for', () => {
  const racers = everyMessage.filter(({ name }) => name !== 'Tattach');

  test.each(named)(
    '$name beside any other on its fid: as one after the other, whatever ends first',
    async ({ message }) => {
      for (const other of racers.filter((each) => conflict(message, each))) {
        const serial = await prepared();
        const first = await serial.client.send(message);
        const second = await serial.client.send(other);

        const raced = await prepared();
        raced.gate.holdAll();
        const sent = [raced.client.post(message), raced.client.post(other)];
        // The newest operation ends first: the worst that a backend can do.
        while (raced.gate.held.length > 0) await raced.gate.held.at(-1)!.release();
        const replies = [await sent[0]!.reply, await sent[1]!.reply];
        expect(replies.map(timeless), other.name).toEqual([first, second].map(timeless));
        expect(raced.server.fidCount, other.name).toBe(serial.server.fidCount);
        raced.gate.open();
        raced.server.reset();
        expect(raced.ledger.held, other.name).toBe(0);
      }
    },
  );

  test('Tlcreate beside Txattrwalk: the attribute is the folder’s or the file’s, by who came first', async () => {
    for (const isFirst of [true, false]) {
      const { client, gate } = await prepared();
      await setXattr(client, ['folder'], 'user.which', 'folder');
      gate.holdAll();
      const create = Tlcreate({ fid: 1, name: 'new', flags: 2, mode: 0o644, gid: 0 });
      const xattrwalk = Txattrwalk({ fid: 1, newfid: 9, name: 'user.which' });
      const sent = (isFirst ? [create, xattrwalk] : [xattrwalk, create]).map((message) => client.post(message));
      await settled();
      expect(gate.held).toHaveLength(1);
      await gate.releaseAll();
      const replies = await Promise.all(sent.map(({ reply }) => reply));
      expect(replies.map((reply) => reply?.name)).toEqual(
        isFirst ? ['Rlcreate', 'Rlerror'] : ['Rxattrwalk', 'Rlcreate'],
      );
      if (isFirst) expect(replies[1]).toEqual(Rlerror('ENODATA'));
    }
  });
});

describe('Tversion in the middle of anything', () => {
  test.each(named)('$name: nothing of it is left, and its buffer is not touched again', async ({ message }) => {
    const { client, gate, ledger, server, backend } = await prepared();
    gate.holdAll();
    const sent = client.post(message);
    const wasAnswered = sent.isDone;
    const renewed = client.post(Tversion({ msize: 8192, version: '9P2000.L' }));
    expect((await renewed.reply)?.name).toBe('Rversion');
    expect((await sent.reply) !== undefined).toBe(wasAnswered);
    const before = Buffer.concat(sent.exchange.writable);
    await gate.releaseAll();
    expect(Buffer.concat(sent.exchange.writable).equals(before)).toBe(true);
    expect(server.fidCount).toBe(0);
    expect(ledger.held).toBe(0);
    expect(backend.handleCount).toBe(0);
    gate.open();
    const attach = Tattach({ fid: 0, afid: 0xffff_ffff, uname: '', aname: '', uid: 0 });
    expect((await client.send(attach)).name).toBe('Rattach');
  });
});

describe('a backend whose promise', () => {
  test.each(named)('of $name is rejected: the guest is told, and nothing is lost', async ({ message }) => {
    for (let step = 0; ; step++) {
      const { client, gate, ledger, server } = await prepared();
      gate.holdAll();
      const sent = client.post(message);
      let failed = false;
      for (let at = 0; gate.held.length > 0; at++) {
        const [operation] = gate.held;
        // The descriptor is gone whatever the error: the ledger has to hear of it.
        if (at !== step || operation!.method === 'release') await operation!.release();
        else await operation!.fail(new Errno('EIO'));
        failed ||= at === step;
      }
      expect((await sent.reply)?.name).toMatch(/^R/);
      server.reset();
      await gate.releaseAll();
      expect(ledger.held).toBe(0);
      if (!failed) return;
    }
  });

  test.each(named)(
    'of $name never settles: other fids go on, and a reset gives back all but that',
    async ({ message }) => {
      const { client, gate, ledger, server } = await prepared();
      gate.holdAll();
      client.post(message);
      gate.open();
      expect((await client.send(Twalk({ fid: 0, newfid: 77, names: ['folder'] }))).name).toMatch(/^R/);
      server.reset();
      expect(server.fidCount).toBe(0);
      // What the operation stands on: a node and a file of each of two fids, and what it walked to.
      expect(ledger.held).toBeLessThanOrEqual(6);
      await gate.releaseAll();
      expect(ledger.held).toBe(0);
    },
  );
});

describe('oversized', () => {
  const strings = Object.values(formats).flatMap(({ name, fields }) =>
    name.startsWith('T') && name !== 'Tversion'
      ? fields.filter(({ field }) => field.kind === 'str').map((field) => [name, field.name] as const)
      : [],
  );

  test.each(strings)('%s: a %s of 65,535 bytes is answered, and changes nothing', async (name, field) => {
    const { client, ledger, server } = await prepared();
    const before = await namesIn(client, 'folder');
    const message = everyMessage.find((each) => each.name === name) ?? plain(name);
    const held = ledger.held;
    const { fidCount } = server;
    const reply = await client.send({
      ...message,
      body: { ...message.body, [field]: new Uint8Array(65_535).fill(0x61) },
    });
    if (reply.name === 'Rlerror') {
      expect(ledger.held).toBe(held);
      expect(server.fidCount).toBe(fidCount);
    } else {
      // What nobody looks at may be anything.
      expect(['Tattach uname', 'Tattach aname', 'Tlock clientId', 'Tgetlock clientId']).toContain(`${name} ${field}`);
    }
    expect(await namesIn(client, 'folder')).toEqual(before);
  });

  test('a walk that says 65,535 names and has none, or sixteen', async () => {
    const { client, ledger } = await prepared();
    const held = ledger.held;
    for (const names of [[], Array.from({ length: 16 }, () => '..')]) {
      const message = encode(Twalk({ fid: 0, newfid: 9, names }), 1);
      message.fill(0xff, 15, 17);
      const sent = client.post(Twalk({ fid: 0, newfid: 9, names }), { tag: 1, readable: [message] });
      expect(await sent.reply).toEqual(Rlerror('EINVAL'));
    }
    expect(ledger.held).toBe(held);
  });

  test('an msize of 4 GiB is cut to the share’s, and a Tread of 4 GiB to that', async () => {
    const { client, server } = await attachedServer({ msize: 0xffff_ffff });
    await makeFile(client, [], 'file', new Uint8Array(20_000).fill(7));
    await openFid(client, 1, 0, 'file');
    const { msize } = await client.expect('Rversion', Tversion({ msize: 0xffff_ffff, version: '9P2000.L' }));
    expect(msize).toBe(512_000);
    expect(server.fidCount).toBe(0);
    await client.expect('Rattach', Tattach({ fid: 0, afid: 0xffff_ffff, uname: '', aname: '', uid: 0 }));
    await openFid(client, 1, 0, 'file');
    const reply = await client.send(Tread({ fid: 1, offset: 0, count: 0xffff_ffff }));
    expect(reply.data).toHaveLength(20_000);
  });
});

function plain(name: MessageName): Message {
  const body = Object.fromEntries(
    formats[name].fields.map(({ name: field, field: { kind } }) => [
      field,
      kind === 'str' ? bytes('') : kind === 'u64' ? 0n : kind === 'list' ? [] : 0,
    ]),
  );
  return { name, body };
}

describe('outside of the root', () => {
  const ways = ['..', '../..', '/', '/..', 'folder/..', '..\0', './..'];

  test('no walk leads there, however many names it has', async () => {
    const { client } = await attachedServer();
    await makeTree(client);
    const root = await client.expect('Rgetattr', Tgetattr({ fid: 0, requestMask: 0n }));
    for (let count = 1; count <= 16; count++) {
      const qids = await walk(client, 1, ...Array.from({ length: count }, () => '..'));
      expect(new Set(qids.map(({ path }) => path))).toEqual(new Set([root.qid.path]));
      await client.expect('Rclunk', Tclunk({ fid: 1 }));
    }
  });

  test('nothing is renamed there, nor is the root itself', async () => {
    const { client } = await attachedServer();
    await makeTree(client);
    await walk(client, 1, 'file');
    for (const name of ways) {
      expect((await client.send(Trename({ fid: 1, dfid: 0, name }))).name).toBe('Rlerror');
      for (const [oldname, newname] of [
        ['file', name],
        [name, 'file'],
      ] as const) {
        const message = Trenameat({ olddirfid: 0, oldname, newdirfid: 0, newname });
        expect((await client.send(message)).name).toBe('Rlerror');
      }
    }
    expect(await client.send(Trename({ fid: 0, dfid: 0, name: 'new' }))).toEqual(Rlerror('EBUSY'));
    expect(await namesIn(client)).toEqual(['fifo', 'file', 'folder', 'link']);
  });
});
