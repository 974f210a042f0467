// A hostile client: whatever it sends, there is a valid reply or a GuestFault, and nothing is left behind.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { formats, messages } from '../../../devices/9p/messages.ts';
import type { MessageName, RequestName } from '../../../devices/9p/messages.ts';
import type { AnyBody, Field } from '../../../devices/9p/wire.ts';
import { attachedServer } from './backends.ts';
import type { Bench } from './backends.ts';
import { bytes, cut, decode, encode } from './client.ts';
import type { Message } from './client.ts';
import { makeTree } from './tree.ts';

const requestNames = (Object.keys(messages) as MessageName[]).filter((name) => name.startsWith('T')) as RequestName[];

const fid = fc.oneof(
  { weight: 20, arbitrary: fc.nat(5) },
  { weight: 1, arbitrary: fc.constantFrom(0xffff_ffff, 1 << 31) },
);
const name = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom('file', 'folder', 'inner', 'deep', 'link', 'fifo', 'new', '..').map(bytes) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('', '.', '/', 'a/b', '../x', '\0', 'x'.repeat(255), 'y'.repeat(256)).map(bytes),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
);
const flags = fc.oneof(fc.constantFrom(0, 1, 2, 0o1000, 0o1002, 0o2001, 0o200000, 0o102, 0o302, 0x200), fc.nat());
const number = fc.oneof(fc.nat(20), fc.integer({ min: 0, max: 0xffff_ffff }));

/** Likely values by the name of the field, any value by its kind. */
function valueOf(field: string, type: Field): fc.Arbitrary<AnyBody[string]> {
  if (field.endsWith('fid') && field !== 'afid') return fid;
  switch (field) {
    case 'afid':
      return fc.oneof({ weight: 9, arbitrary: fc.constant(0xffff_ffff) }, number);
    case 'flags':
      return flags;
    case 'mode':
      return fc.oneof(fc.constantFrom(0o644, 0o755, 0o010644, 0o020600, 0o7777), number);
    case 'valid':
      return fc.nat(0x1ff);
    case 'version':
      return fc.constantFrom('9P2000.L', '9P2000.L', '9P2000', '').map(bytes);
    case 'msize':
      return fc.constantFrom(4096, 8192, 512_000, 100, 0xffff_ffff);
    case 'oldtag':
      return fc.nat(12);
    case 'names':
      return fc.array(name, { maxLength: 5 });
  }
  switch (type.kind) {
    case 'u8':
      return fc.nat(0xff);
    case 'u16':
      return fc.nat(0xffff);
    case 'str':
      return name;
    case 'size64':
      return fc.oneof(fc.nat(200_000), fc.constantFrom(2 ** 32, 2 ** 53, 2 ** 63));
    case 'u64':
    case 'time':
      return fc.oneof(fc.bigInt({ min: 0n, max: 100n }), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }));
    default:
      return number;
  }
}

function bodyOf(request: RequestName): fc.Arbitrary<Message> {
  const { fields, hasPayload } = formats[request];
  const body = fc.record(
    Object.fromEntries(fields.map(({ name: field, field: type }) => [field, valueOf(field, type)])),
  );
  if (!hasPayload) return body.map((values) => ({ name: request, body: values }));
  return fc
    .tuple(body, fc.uint8Array({ maxLength: 100 }))
    .map(([values, data]) => ({ name: request, body: { ...values, count: data.length }, data }));
}

/** Tversion ends everything that makes a sequence interesting: it is rare. */
const message = fc.oneof(
  ...requestNames.map((request) => ({ weight: request === 'Tversion' ? 1 : 10, arbitrary: bodyOf(request) })),
);

const shape = fc.record({
  room: fc.oneof(fc.constant(5000), fc.integer({ min: 11, max: 300 })),
  cuts: fc.array(fc.nat(40), { maxLength: 4 }),
});

/** Sends a message through segments; gives the reply's name, or undefined for one that was flushed. */
async function deliver(
  { server }: Bench,
  encoded: Uint8Array,
  { room, cuts }: { room: number; cuts: number[] },
): Promise<Message | undefined> {
  const writable = cut(new Uint8Array(room), cuts);
  const length = await server.answer({ readable: cut(encoded, cuts), writable });
  if (length === 0) return undefined;
  if (length > room) throw new Error('a reply longer than its room');
  return decode(new Uint8Array(Buffer.concat(writable).subarray(0, length)));
}

function isReplyTo(type: number, reply: Message | undefined): boolean {
  if (reply === undefined) return true;
  return reply.name === 'Rlerror' || formats[reply.name].type === type + 1;
}

test('any bytes in a right frame get a valid reply', async () => {
  const bench = await attachedServer();
  await makeTree(bench.client);
  const type = fc.oneof(fc.constantFrom(...requestNames.map((each) => formats[each].type)), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(type, fc.nat(0xffff), fc.uint8Array({ maxLength: 80 }), shape, async (number8, tag, body, how) => {
      const encoded = new Uint8Array(7 + body.length);
      const view = new DataView(encoded.buffer);
      view.setUint32(0, encoded.length, true);
      view.setUint8(4, number8);
      view.setUint16(5, tag, true);
      encoded.set(body, 7);
      expect(isReplyTo(number8, await deliver(bench, encoded, how))).toBe(true);
    }),
    { numRuns: 3000 },
  );
  bench.server.reset();
  expect(bench.ledger.held).toBe(0);
});

test('any sequence of messages gets valid replies, and leaves nothing behind', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(message, shape), { maxLength: 60 }), async (sequence) => {
      const bench = await attachedServer();
      await makeTree(bench.client);
      for (const [each, how] of sequence) {
        const reply = await deliver(bench, encode(each, 1), how);
        expect(reply).toBeDefined();
        expect(isReplyTo(formats[each.name].type, reply)).toBe(true);
      }
      bench.server.reset();
      expect(bench.ledger.held).toBe(0);
      expect(bench.backend.handleCount).toBe(0);
    }),
    { numRuns: 150 },
  );
});

test('any sequence over a backend that waits and fails, flushed anywhere, gets valid replies and leaves nothing behind', async () => {
  const step = fc.tuple(message, shape, fc.nat(11), fc.nat(3));
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.array(fc.nat(), { minLength: 1 }),
      async (sequence, picks) => {
        const bench = await attachedServer();
        await makeTree(bench.client);
        bench.gate.holdAll();
        const replies: Promise<boolean>[] = [];
        for (const [i, [each, how, tag, releases]] of sequence.entries()) {
          const reply = deliver(bench, encode(each, tag), how);
          replies.push(reply.then((answered) => isReplyTo(formats[each.name].type, answered)));
          for (let n = 0; n < releases && bench.gate.held.length > 0; n++) {
            await bench.gate.held[picks[i % picks.length]! % bench.gate.held.length]!.release();
          }
        }
        await bench.gate.releaseAll();
        expect(await Promise.all(replies)).toEqual(replies.map(() => true));
        bench.server.reset();
        await bench.gate.releaseAll();
        expect(bench.ledger.held).toBe(0);
        expect(bench.backend.handleCount).toBe(0);
      },
    ),
    { numRuns: 100 },
  );
});
