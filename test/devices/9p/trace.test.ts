import { expect, test } from 'vitest';
import { formatName, formatP9Event } from '../../../devices/9p/trace.ts';
import type { P9Event } from '../../../devices/9p/trace.ts';
import { attachedServer } from './backends.ts';
import { bytes, encode, make, text } from './client.ts';
import type { Message } from './client.ts';
import { makeTree, openFid } from './tree.ts';

const { Twalk, Tgetattr, Tread, Tclunk, Tflush, Twrite, Tversion } = make;

/** A server whose events are kept, and whose clock moves by 1.5 ms a look. */
async function traced(): Promise<Awaited<ReturnType<typeof attachedServer>> & { events: P9Event[] }> {
  const events: P9Event[] = [];
  let now = 0;
  const bench = await attachedServer({ onEvent: (event) => events.push(event), now: () => (now += 1.5) });
  await makeTree(bench.client);
  events.length = 0;
  return { ...bench, events };
}

test('every message makes one event, once it is answered', async () => {
  const { client, events } = await traced();
  const sent = client.post(Twalk({ fid: 0, newfid: 1, names: ['folder', 'inner'] }));
  await sent.reply;
  expect(events).toHaveLength(1);
  expect(events[0]).toMatchObject({
    tag: sent.tag,
    type: 'Twalk',
    request: { fid: 0, newfid: 1 },
    error: undefined,
    size: 7 + 4 + 4 + 2 + (2 + 6) + (2 + 5),
    replySize: 7 + 2 + 2 * 13,
    latency: 1.5,
  });
  expect(events[0]!.reply!['qids']).toHaveLength(2);
});

test('an error has its name', async () => {
  const { client, events } = await traced();
  await client.send(Tclunk({ fid: 9 }));
  expect(events[0]).toMatchObject({ type: 'Tclunk', error: 'EBADF', reply: undefined, replySize: 11 });
});

test('a flushed request and its Tflush make an event each', async () => {
  const { client, events, gate } = await traced();
  gate.hold('lookup');
  const sent = client.post(Twalk({ fid: 0, newfid: 1, names: ['file'] }));
  await client.send(Tflush({ oldtag: sent.tag }));
  await gate.releaseAll();
  expect(events.map(({ type, error, replySize }) => [type, error, replySize])).toEqual([
    ['Twalk', 'flushed', 0],
    ['Tflush', undefined, 7],
  ]);
});

test('the head of a chain is told with every event of it, also when it was flushed', async () => {
  const { server, events, gate } = await traced();
  const send = (message: Message, tag: number, head?: number): number | Promise<number> =>
    server.answer({
      readable: [encode(message, tag)],
      writable: [new Uint8Array(100)],
      ...(head !== undefined && { head }),
    });
  await send(Tgetattr({ fid: 0, requestMask: 0n }), 1, 7);
  await send(Tclunk({ fid: 9 }), 2, 0);
  gate.hold('lookup');
  const flushed = send(Twalk({ fid: 0, newfid: 1, names: ['file'] }), 3, 12);
  await send(Tflush({ oldtag: 3 }), 4, 30);
  await flushed;
  await gate.releaseAll();
  // A transport that has no descriptors.
  await send(Tclunk({ fid: 9 }), 5);
  expect(events.map(({ type, head }) => [type, head])).toEqual([
    ['Tgetattr', 7],
    ['Tclunk', 0],
    ['Twalk', 12],
    ['Tflush', 30],
    ['Tclunk', undefined],
  ]);
});

test('what can not be decoded, and what is no message, have an event as well', async () => {
  const { server, events } = await traced();
  const writable = [new Uint8Array(11)];
  await server.answer({ readable: [Uint8Array.of(8, 0, 0, 0, 120, 1, 0, 5)], writable });
  await server.answer({ readable: [Uint8Array.of(7, 0, 0, 0, 99, 1, 0)], writable });
  expect(events.map(formatP9Event)).toEqual([
    'Tclunk tag 1 -> EINVAL (1500 us)',
    'type 99 tag 1 -> EOPNOTSUPP (1500 us)',
  ]);
});

test('a line says what was asked and what came of it', async () => {
  const { client, events } = await traced();
  await client.post(Twalk({ fid: 0, newfid: 1, names: ['file', 'x y'] }), { tag: 3 }).reply;
  await openFid(client, 2, 2, 'file');
  events.splice(1);
  await client.post(Twrite({ fid: 2, offset: 5, data: 'abc' }), { tag: 4 }).reply;
  await client.post(Tread({ fid: 2, offset: 0, count: 100 }), { tag: 5 }).reply;
  await client.post(make.Tlcreate({ fid: 0, name: 'a', flags: 0o101, mode: 0o644, gid: 0 }), { tag: 6 }).reply;
  const lines = events.map(formatP9Event);
  expect(lines[0]).toMatch(
    /^Twalk tag 3 fid 0 newfid 1 names \["file" "x y"\] -> ok qids \[file:\d+:[0-9a-f]+\] \(1500 us\)$/,
  );
  expect(lines.slice(1, 3)).toEqual([
    'Twrite tag 4 fid 2 offset 5 count 3 -> ok count 3 (1500 us)',
    'Tread tag 5 fid 2 offset 0 count 100 -> ok count 8 (1500 us)',
  ]);
  expect(lines[3]).toMatch(/^Tlcreate tag 6 fid 0 name "a" flags 0101 mode 0644 gid 0 -> ok qid file:/);
});

test('every message that the client sends makes one line', async () => {
  const { client, events } = await traced();
  await client.send(Tgetattr({ fid: 0, requestMask: 0x7ffn }));
  await client.send(make.Tmkdir({ dfid: 0, name: 'h\n', mode: 0o755, gid: 0 }));
  await client.send(Tversion({ msize: 8192, version: '9P2000.L' }));
  for (const event of events) expect(formatP9Event(event)).toMatch(/^T[a-z]+ tag \d+ [^\n]+ -> ok [^\n]+ \(\d+ us\)$/);
  expect(events).toHaveLength(3);
});

test.each([
  ['plain', '"plain"'],
  ['with space', '"with space"'],
  ['größe-\u{1f600}', '"größe-\u{1f600}"'],
  ['new\nline\ttab"quote\\back', '"new\\nline\\ttab\\"quote\\\\back"'],
  ['bell\x07 escape\x1b[31m', '"bell\\u{7} escape\\u{1b}[31m"'],
  // A right-to-left override would turn the rest of the line around.
  ['\u202egnp.exe', '"\\u{202e}gnp.exe"'],
])('the name %j is shown as %s', (name, shown) => {
  expect(formatName(bytes(name))).toBe(shown);
});

test('bytes that are no UTF-8 are shown one by one', () => {
  expect(formatName(Uint8Array.of(0x61, 0xff, 0x0a, 0x22, 0x80))).toBe('"a\\xff\\n\\"\\x80"');
});

test('a long name is cut', () => {
  expect(formatName(bytes('x'.repeat(400)))).toBe(`"${'x'.repeat(300)}…"`);
});

test('statistics count requests, bytes and errors', async () => {
  const { server, client } = await traced();
  const before = { ...server.statistics };
  await client.send(Tclunk({ fid: 9 }));
  await client.send(Twalk({ fid: 0, newfid: 1, names: [] }));
  expect(server.statistics).toEqual({
    ...before,
    requests: before.requests + 2,
    bytesIn: before.bytesIn + 11 + 17,
    bytesOut: before.bytesOut + 11 + 9,
    errors: before.errors + 1,
  });
});

test('a file’s bytes count as well', async () => {
  const { server, client } = await traced();
  await openFid(client, 1, 0, 'file');
  const before = server.statistics.bytesOut;
  const reply = await client.send(Tread({ fid: 1, offset: 0, count: 100 }));
  expect(text(reply.data!)).toBe('contents');
  expect(server.statistics.bytesOut - before).toBe(11 + 8);
});
