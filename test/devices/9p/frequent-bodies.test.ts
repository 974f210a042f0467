import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decoders, encoders } from '../../../devices/9p/frequent-bodies.ts';
import { formats } from '../../../devices/9p/messages.ts';
import type { MessageName } from '../../../devices/9p/messages.ts';
import { attributesReply, writeAttributes } from '../../../devices/9p/qid.ts';
import { Reader, Writer } from '../../../devices/9p/wire.ts';
import type { AnyBody, Field, Qid, Scalar } from '../../../devices/9p/wire.ts';

const two64 = 2n ** 64n;
const u64 = fc.bigInt({ min: 0n, max: two64 - 1n });
const u32 = fc.nat({ max: 0xffff_ffff });
const qid: fc.Arbitrary<Qid> = fc.record({ type: fc.nat(255), version: u32, path: u64 });
const scalars: Readonly<Record<Scalar['kind'], fc.Arbitrary<number | bigint | Uint8Array | Qid>>> = {
  u8: fc.nat(255),
  u16: fc.nat(0xffff),
  u32,
  u64,
  size64: fc.maxSafeNat(),
  time: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  str: fc.uint8Array({ maxLength: 300 }),
  qid,
  payload: u32,
};

function valueOf(field: Field): fc.Arbitrary<AnyBody[string]> {
  if (field.kind !== 'list') return scalars[field.kind];
  return fc.array(scalars[field.element.kind], { maxLength: field.limit });
}

function bodyOf(name: MessageName): fc.Arbitrary<AnyBody> {
  return fc.record(
    Object.fromEntries(formats[name].fields.map(({ name: field, field: kind }) => [field, valueOf(kind)])),
  );
}

function bytesByTable(name: MessageName, body: AnyBody): Uint8Array {
  const writer = new Writer();
  writer.body(formats[name].fields, body);
  return writer.bytes.slice(0, writer.length);
}

function readerOf(bytes: Uint8Array): Reader {
  const reader = new Reader(bytes);
  reader.seek(0, bytes.length);
  return reader;
}

/** What a decoder makes of bytes: a body, in the order of its members, or an error. */
function outcomeOf(decode: () => AnyBody): unknown {
  try {
    return Object.entries(decode());
  } catch (error) {
    return error;
  }
}

test.each(Object.keys(decoders) as (keyof typeof decoders)[])('%s is read as its table says', (name) => {
  const decode = decoders[name] as (reader: Reader) => AnyBody;
  const { fields, hasPayload } = formats[name];
  /** The body is followed by `more` bytes, or lacks as many. */
  const compare = (body: AnyBody, more: number): void => {
    const whole = bytesByTable(name, body);
    const bytes = new Uint8Array(Math.max(0, whole.length + more));
    bytes.set(whole.subarray(0, bytes.length));
    const payloadLength = hasPayload ? (body['count'] as number) : 0;
    const byTable = outcomeOf(() => readerOf(bytes).body(fields, payloadLength));
    const byName = outcomeOf(() => {
      const reader = readerOf(bytes);
      const decoded = decode(reader);
      reader.finish(hasPayload ? (decoded['count'] as number) : 0, payloadLength);
      return decoded;
    });
    expect(byName).toEqual(byTable);
    if (more === 0) expect(byTable).toEqual(Object.entries(body));
  };
  fc.assert(fc.property(bodyOf(name), fc.constantFrom(0, 0, 1, -1, -3), compare), { numRuns: 300 });
});

test('a walk of more names than its table allows is refused', () => {
  const names = Array.from({ length: 17 }, () => Uint8Array.of(0x61));
  const bytes = bytesByTable('Twalk', { fid: 0, newfid: 1, names });
  expect(() => decoders.Twalk?.(readerOf(bytes))).toThrow('a list of 17 where 16 is the most');
});

test.each(Object.keys(encoders) as (keyof typeof encoders)[])('%s is written as its table says', (name) => {
  const encode = encoders[name] as (writer: Writer, body: AnyBody) => void;
  fc.assert(
    fc.property(bodyOf(name), (body) => {
      const writer = new Writer();
      encode(writer, body);
      expect(writer.bytes.slice(0, writer.length)).toEqual(bytesByTable(name, body));
      expect(writer.written()).toEqual(bytesByTable(name, body));
    }),
    { numRuns: 300 },
  );
});

test('attributes are written as the table of Rgetattr says', () => {
  const { time, size64 } = scalars as { time: fc.Arbitrary<bigint>; size64: fc.Arbitrary<number> };
  const attributes = fc.record({
    ino: u64,
    mode: u32,
    nlink: size64,
    uid: u32,
    gid: u32,
    rdev: u64,
    size: size64,
    blockSize: size64,
    blocks: size64,
    atime: time,
    mtime: time,
    ctime: time,
  });
  fc.assert(
    fc.property(attributes, (of) => {
      const writer = new Writer();
      // What an earlier message has left must not show.
      writer.bytes.fill(0xff);
      writeAttributes(writer, of);
      expect(writer.written()).toEqual(bytesByTable('Rgetattr', attributesReply(of)));
    }),
    { numRuns: 300 },
  );
});
