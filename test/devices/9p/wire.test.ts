import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Errno } from '../../../devices/9p/errno.ts';
import {
  formatByType,
  formats,
  headerLength,
  messages,
  payloadHeaderLength,
  writeHeaderLength,
} from '../../../devices/9p/messages.ts';
import type { MessageName } from '../../../devices/9p/messages.ts';
import { gather, scatter, slice, totalLength } from '../../../devices/9p/scatter.ts';
import { list, qid, Reader, size64, str, time, u16, u32, u64, u8, Writer } from '../../../devices/9p/wire.ts';
import type { AnyBody, Field } from '../../../devices/9p/wire.ts';
import { bytes, cut, decode, encode, make } from './client.ts';

/** The bytes of one field after the header. */
function written(field: Field, value: AnyBody[string]): number[] {
  const writer = new Writer();
  writer.body([{ name: 'field', field }], { field: value });
  return Array.from(writer.bytes.subarray(0, writer.length));
}

function read(field: Field, encoded: readonly number[]): AnyBody[string] | undefined {
  const reader = new Reader(Uint8Array.from(encoded));
  reader.seek(0, encoded.length);
  return reader.body([{ name: 'field', field }], 0)['field'];
}

describe('fields are little endian', () => {
  test.each<[string, Field, AnyBody[string], number[]]>([
    ['u8', u8, 0xfe, [0xfe]],
    ['u16', u16, 0x1234, [0x34, 0x12]],
    ['u32', u32, 0xfedc_ba98, [0x98, 0xba, 0xdc, 0xfe]],
    ['u64', u64, 0xfedc_ba98_7654_3210n, [0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe]],
    ['size64', size64, 0x1f_dcba_9876_5432, [0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0x1f, 0]],
    ['str', str, bytes('añ'), [3, 0, 0x61, 0xc3, 0xb1]],
    ['an empty str', str, bytes(''), [0, 0]],
    ['qid', qid, { type: 0x80, version: 1, path: 2n }, [0x80, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]],
    ['list', list(u16, 3), [1, 2], [2, 0, 1, 0, 2, 0]],
    ['time', time, 1_000_000_001n, [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]],
  ])('%s', (_name, field, value, encoded) => {
    expect(written(field, value)).toEqual(encoded);
    expect(read(field, encoded)).toEqual(value);
  });
});

test('a size64 of 2^53 and more is above every offset that can be used', () => {
  const highest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
  expect(read(size64, highest)).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
  expect(read(size64, [0, 0, 0, 0, 0, 0, 0x20, 0])).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
  expect(read(size64, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0])).toBe(Number.MAX_SAFE_INTEGER);
});

test('times of the whole range of 64 bits come back to the nanosecond', () => {
  const nanoseconds = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  fc.assert(
    fc.property(nanoseconds, (value) => {
      const encoded = Uint8Array.from(written(time, value));
      const view = new DataView(encoded.buffer);
      const seconds = view.getBigInt64(0, true);
      const rest = view.getBigUint64(8, true);
      expect(rest).toBeLessThan(1_000_000_000n);
      expect(seconds * 1_000_000_000n + rest).toBe(value);
      expect(read(time, Array.from(encoded))).toBe(value);
    }),
    {
      numRuns: 2000,
      examples: [[0n], [-1n], [-1_000_000_000n], [-(2n ** 63n)], [2n ** 63n - 1n], [2n ** 48n], [2n ** 32n - 1n]],
    },
  );
});

test('a list of more than its limit is EINVAL', () => {
  expect(() => read(list(u8, 2), [3, 0, 1, 2, 3])).toThrow(Errno);
  expect(read(list(u8, 3), [3, 0, 1, 2, 3])).toEqual([1, 2, 3]);
});

test('a string too long for its length is refused, not cut', () => {
  expect(() => written(str, new Uint8Array(65_536))).toThrow(Errno);
  expect(written(str, new Uint8Array(65_535))).toHaveLength(65_537);
});

function valueOf(field: Field): fc.Arbitrary<AnyBody[string]> {
  switch (field.kind) {
    case 'u8':
      return fc.nat(0xff);
    case 'u16':
      return fc.nat(0xffff);
    case 'u32':
    case 'payload':
      return fc.integer({ min: 0, max: 0xffff_ffff });
    case 'u64':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case 'size64':
      return fc.maxSafeNat();
    case 'time':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'str':
      return fc.uint8Array({ maxLength: 40 });
    case 'qid':
      return fc.record({
        type: fc.nat(0xff),
        version: fc.integer({ min: 0, max: 0xffff_ffff }),
        path: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      });
    default:
      return fc.array(valueOf(field.element), { maxLength: field.limit }) as fc.Arbitrary<AnyBody[string]>;
  }
}

test.each(Object.keys(messages) as MessageName[])('%s comes back as it was', (name) => {
  const { fields, hasPayload } = formats[name];
  const values = fc.record(Object.fromEntries(fields.map(({ name: field, field: type }) => [field, valueOf(type)])));
  fc.assert(
    fc.property(values, fc.uint8Array({ maxLength: 50 }), fc.nat(0xffff), (body, data, tag) => {
      const message = hasPayload ? { name, body: { ...body, count: data.length }, data } : { name, body };
      const { tag: decodedTag, ...decoded } = decode(encode(message, tag));
      expect(decodedTag).toBe(tag);
      expect(decoded).toEqual(message);
    }),
    { numRuns: 30 },
  );
});

test('types are those of the protocol', () => {
  // include/net/9p/9p.h of Linux, enum p9_msg_t.
  const types: Partial<Record<MessageName, number>> = {
    Rlerror: 7,
    Tstatfs: 8,
    Tlopen: 12,
    Tlcreate: 14,
    Tsymlink: 16,
    Tmknod: 18,
    Trename: 20,
    Treadlink: 22,
    Tgetattr: 24,
    Tsetattr: 26,
    Txattrwalk: 30,
    Txattrcreate: 32,
    Treaddir: 40,
    Tfsync: 50,
    Tlock: 52,
    Tgetlock: 54,
    Tlink: 70,
    Tmkdir: 72,
    Trenameat: 74,
    Tunlinkat: 76,
    Tversion: 100,
    Tauth: 102,
    Tattach: 104,
    Tflush: 108,
    Twalk: 110,
    Tread: 116,
    Twrite: 118,
    Tclunk: 120,
    Tremove: 122,
  };
  for (const [name, type] of Object.entries(types)) {
    expect(formats[name as MessageName].type).toBe(type);
    if (name.startsWith('T')) expect(formatByType[type + 1]?.name).toBe(`R${name.slice(1)}`);
  }
  expect(Object.keys(messages)).toHaveLength(2 * Object.keys(types).length - 1);
});

test('headers have the lengths that the transport and Linux count on', () => {
  expect(headerLength).toBe(7);
  expect(formats.Rlerror.minimumLength).toBe(payloadHeaderLength);
  expect(formats.Rread.minimumLength).toBe(payloadHeaderLength);
  expect(formats.Twrite.minimumLength).toBe(writeHeaderLength);
  expect(encode(make.Tversion({ msize: 8192, version: '9P2000.L' }), 0xffff)).toHaveLength(21);
});

describe('segments', () => {
  const whole = fc.uint8Array({ minLength: 1, maxLength: 600 });
  const cuts = fc.array(fc.nat(300), { maxLength: 8 });

  test('gather takes any range of them, scatter puts it back', () => {
    fc.assert(
      fc.property(whole, cuts, fc.nat(), fc.nat(), (contents, lengths, at, count) => {
        const segments = cut(contents, lengths);
        expect(totalLength(segments)).toBe(contents.length);
        const offset = at % contents.length;
        const length = count % (contents.length - offset + 1);
        const target = new Uint8Array(length + 4).fill(0xee);
        gather(segments, offset, length, target, 2);
        expect(target).toEqual(Uint8Array.of(0xee, 0xee, ...contents.subarray(offset, offset + length), 0xee, 0xee));

        const empty = cut(new Uint8Array(contents.length), lengths);
        scatter(target.subarray(2), length, empty, offset);
        const expected = new Uint8Array(contents.length);
        expected.set(contents.subarray(offset, offset + length), offset);
        expect(Buffer.concat(empty)).toEqual(Buffer.from(expected));
      }),
    );
  });

  test('slice gives the bytes themselves', () => {
    fc.assert(
      fc.property(whole, cuts, fc.nat(), fc.nat(), (contents, lengths, at, count) => {
        const segments = cut(contents, lengths);
        const offset = at % contents.length;
        const length = count % (contents.length - offset + 1);
        const pieces = slice(segments, offset, length);
        expect(Buffer.concat(pieces)).toEqual(Buffer.from(contents.subarray(offset, offset + length)));
        for (const piece of pieces) piece.fill(0);
        expect(
          Buffer.concat(segments)
            .subarray(offset, offset + length)
            .every((byte) => byte === 0),
        ).toBe(true);
      }),
    );
  });
});
