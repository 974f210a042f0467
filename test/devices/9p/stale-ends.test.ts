import { beforeEach, describe, expect, test } from 'vitest';
import { openFlags } from '../../../devices/9p/backend.ts';
import { Server } from '../../../devices/9p/server.ts';
import { patience } from '../../../devices/9p/stale-ends.ts';
import { attachedServer } from './backends.ts';
import type { Bench } from './backends.ts';
import { Client, make, Rlerror } from './client.ts';
import type { Message } from './client.ts';
import { makeFile, openFid, walk } from './tree.ts';

const { Rread, Tclunk, Tgetattr, Tlcreate, Tlink, Tlopen, Tread, Tsetattr, Twalk, Twrite } = make;
const { readWrite } = openFlags;

/** The fid through which the file is read, and one of its name that is not open. */
const [reader, name] = [1, 2];
const nothing = Rread({ data: '' });
/** What Linux asks for behind a read of 100 bytes that came back with 50. */
const rest = Tread({ fid: reader, offset: 50, count: 50 });

let bench: Bench;
let client: Client;
/** Somebody else, for whom `file` is fid 1: the host, or another guest. */
let other: Client;

function resize(fid: number, size: number): Message {
  return Tsetattr({ fid, valid: 8, mode: 0, uid: 0, gid: 0, size, atime: 0n, mtime: 0n });
}

/** Reads `count` bytes from the beginning and answers how many there were. */
function read(count: number): number | undefined {
  return client.call(Tread({ fid: reader, offset: 0, count })).data?.length;
}

/** Sends the same again and again, and answers how often there was nothing before the error came; undefined if none came. */
function emptyBeforeError(message: Message): number | undefined {
  for (let count = 0; count < 3 * patience; count++) {
    const reply = client.call(message);
    if (reply.name === 'Rlerror') {
      expect(reply).toEqual(Rlerror('ENODATA'));
      return count;
    }
    expect(reply).toEqual(nothing);
  }
  return undefined;
}

beforeEach(async () => {
  bench = await attachedServer();
  ({ client } = bench);
  other = await Client.attached(new Server({ backend: bench.backend }));
  await makeFile(client, [], 'file', 'x'.repeat(100));
  await walk(other, 1, 'file');
});

describe('the rest of a read, asked for again and again', () => {
  test('is ENODATA where the file was cut off since it was opened', async () => {
    await openFid(client, reader, readWrite, 'file');
    await other.expect('Rsetattr', resize(1, 50));
    expect(read(100)).toBe(50);
    expect(emptyBeforeError(rest)).toBe(patience);
    // Who reads again from the beginning has the same patience.
    expect(read(100)).toBe(50);
    expect(emptyBeforeError(rest)).toBe(patience);
  });

  test('is so where another name of the file was cut off', async () => {
    await openFid(client, reader, readWrite, 'file');
    await client.expect('Rlink', Tlink({ dfid: 0, fid: reader, name: 'second' }));
    await walk(client, name, 'second');
    await client.expect('Rsetattr', resize(name, 50));
    expect(read(100)).toBe(50);
    expect(emptyBeforeError(rest)).toBe(patience);
  });

  test('is so where the client has made the file itself', async () => {
    await client.expect('Rwalk', Twalk({ fid: 0, newfid: reader, names: [] }));
    await client.expect('Rlcreate', Tlcreate({ fid: reader, name: 'new', flags: readWrite, mode: 0o644, gid: 0 }));
    await client.expect('Rwrite', Twrite({ fid: reader, offset: 0, data: 'x'.repeat(100) }));
    await walk(other, 2, 'new');
    await other.expect('Rsetattr', resize(2, 50));
    expect(read(100)).toBe(50);
    expect(emptyBeforeError(rest)).toBe(patience);
  });

  test('is so where the file had grown, and the client had asked for its size, by name', async () => {
    await openFid(client, reader, readWrite, 'file');
    await walk(client, name, 'file');
    await other.expect('Rsetattr', resize(1, 200));
    await client.expect('Rgetattr', Tgetattr({ fid: name, requestMask: 0x7ffn }));
    await other.expect('Rsetattr', resize(1, 150));
    expect(read(200)).toBe(150);
    expect(emptyBeforeError(Tread({ fid: reader, offset: 150, count: 50 }))).toBe(patience);
  });

  test('is so where another fid of the name was opened after the cut', async () => {
    await openFid(client, reader, readWrite, 'file');
    await other.expect('Rsetattr', resize(1, 50));
    await openFid(client, name, readWrite, 'file');
    expect(client.call(Tread({ fid: name, offset: 0, count: 100 })).data).toHaveLength(50);
    expect(emptyBeforeError(Tread({ fid: name, offset: 50, count: 50 }))).toBe(patience);
  });

  test('is so where the backend waits', async () => {
    await openFid(client, reader, readWrite, 'file');
    await other.expect('Rsetattr', resize(1, 50));
    bench.gate.hold('read');
    const sendHeld = async (message: Message): Promise<Message | undefined> => {
      const sent = client.post(message);
      await bench.gate.releaseAll();
      return sent.reply;
    };
    expect((await sendHeld(Tread({ fid: reader, offset: 0, count: 100 })))?.data).toHaveLength(50);
    for (let count = 0; count < patience; count++) expect(await sendHeld(rest)).toEqual(nothing);
    expect(await sendHeld(rest)).toEqual(Rlerror('ENODATA'));
  });
});

describe('a program that waits for a file to grow', () => {
  test.each([
    ['of whose size the client knows', (): Message => Tgetattr({ fid: name, requestMask: 0x7ffn })],
    ['that the client has cut off by name', (): Message => resize(name, 50)],
    ['that the client has cut off by the fid', (): Message => resize(reader, 50)],
  ])('%s is never disturbed', async (_, tell) => {
    await openFid(client, reader, readWrite, 'file');
    await walk(client, name, 'file');
    await other.expect('Rsetattr', resize(1, 50));
    await client.send(tell());
    expect(read(100)).toBe(50);
    expect(emptyBeforeError(rest)).toBeUndefined();
  });

  test('that was opened to be emptied is never disturbed', async () => {
    await openFid(client, reader, readWrite, 'file');
    await walk(client, name, 'file');
    await client.expect('Rlopen', Tlopen({ fid: name, flags: readWrite | openFlags.truncate }));
    await other.expect('Rwrite', Twrite({ fid: await openedBy(other), offset: 0, data: 'x'.repeat(50) }));
    expect(read(100)).toBe(50);
    expect(emptyBeforeError(rest)).toBeUndefined();
  });

  test('whose client does not know the size is not disturbed while it asks for what it has room for', async () => {
    await openFid(client, reader, readWrite, 'file');
    await other.expect('Rsetattr', resize(1, 50));
    expect(read(100)).toBe(50);
    // The kernel asks for the rest once, the program then for as much as before.
    expect(client.call(rest)).toEqual(nothing);
    expect(emptyBeforeError(Tread({ fid: reader, offset: 50, count: 100 }))).toBeUndefined();
    expect(emptyBeforeError(rest)).toBeUndefined();
  });

  test('gets what comes in the end', async () => {
    await openFid(client, reader, readWrite, 'file');
    await other.expect('Rsetattr', resize(1, 50));
    expect(read(100)).toBe(50);
    expect(emptyBeforeError(rest)).toBe(patience);
    await other.expect('Rsetattr', resize(1, 60));
    expect(client.call(rest).data).toHaveLength(10);
  });
});

test('what is known of a size goes with the last open fid of the name', async () => {
  await openFid(client, reader, readWrite, 'file');
  await walk(client, name, 'file');
  await client.expect('Rclunk', Tclunk({ fid: reader }));
  await other.expect('Rsetattr', resize(1, 50));
  await openFid(client, reader, readWrite, 'file');
  expect(read(100)).toBe(50);
  expect(emptyBeforeError(rest)).toBeUndefined();
});

async function openedBy(someone: Client): Promise<number> {
  await openFid(someone, 9, readWrite, 'file');
  return 9;
}
