// WebAssembly Core Specification 2.0, §5.2 (values).
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../src/wasm/byte-writer.ts';

function written(write: (writer: ByteWriter) => void): number[] {
  const writer = new ByteWriter();
  write(writer);
  return Array.from(writer.bytes());
}

/** Reads LEB128 as §5.2.2 defines it: groups of seven bits, the lowest first. */
function decode(bytes: readonly number[], signed: boolean): bigint {
  const value = bytes.reduce((sum, byte, index) => sum | (BigInt(byte & 0x7f) << BigInt(7 * index)), 0n);
  return signed ? BigInt.asIntN(7 * bytes.length, value) : value;
}

describe('§5.2.2 unsigned LEB128', () => {
  it.each([
    [0, [0x00]],
    [0x7f, [0x7f]],
    [0x80, [0x80, 0x01]],
    [624_485, [0xe5, 0x8e, 0x26]],
    [0xffff_ffff, [0xff, 0xff, 0xff, 0xff, 0x0f]],
  ])('%d', (value, bytes) => {
    expect(written((writer) => writer.unsigned(value))).toEqual(bytes);
  });
});

describe('§5.2.2 signed LEB128', () => {
  it.each([
    [0, [0x00]],
    [63, [0x3f]],
    [64, [0xc0, 0x00]],
    [-1, [0x7f]],
    [-64, [0x40]],
    [-65, [0xbf, 0x7f]],
    [-123_456, [0xc0, 0xbb, 0x78]],
    [0x7fff_ffff, [0xff, 0xff, 0xff, 0xff, 0x07]],
    [-0x8000_0000, [0x80, 0x80, 0x80, 0x80, 0x78]],
  ])('%d, of 32 bits and of 64', (value, bytes) => {
    expect(written((writer) => writer.signed(value))).toEqual(bytes);
    expect(written((writer) => writer.signed64(BigInt(value)))).toEqual(bytes);
  });

  it('of 64 bits: the ends of the range, and what is beyond it cut off', () => {
    const greatest = 2n ** 63n - 1n;
    expect(written((writer) => writer.signed64(greatest))).toEqual([...Array.from({ length: 9 }, () => 0xff), 0x00]);
    expect(written((writer) => writer.signed64(-(2n ** 63n)))).toEqual([
      ...Array.from({ length: 9 }, () => 0x80),
      0x7f,
    ]);
    expect(written((writer) => writer.signed64(2n ** 64n - 1n))).toEqual([0x7f]);
  });

  it('is as short as can be and reads back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.nat(63), (any, shift) => {
        const value = any >> BigInt(shift);
        const bytes = written((writer) => writer.signed64(value));
        expect(decode(bytes, true)).toBe(value);
        expect(BigInt.asIntN(7 * bytes.length - 7, value)).not.toBe(bytes.length === 1 ? undefined : value);
        if (value === BigInt.asIntN(32, value))
          expect(written((writer) => writer.signed(Number(value)))).toEqual(bytes);
      }),
    );
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.nat(31), (any, shift) => {
        const value = any >>> shift;
        const bytes = written((writer) => writer.unsigned(value));
        expect(decode(bytes, false)).toBe(BigInt(value));
        expect(bytes.length).toBe(Math.max(1, Math.ceil((32 - Math.clz32(value)) / 7)));
      }),
    );
  });
});

it('§5.2.4: a name is its length in bytes, then UTF-8', () => {
  expect(written((writer) => writer.name('a→b'))).toEqual([5, 0x61, 0xe2, 0x86, 0x92, 0x62]);
});

it('sized puts the length before the content', () => {
  const content = new ByteWriter();
  content.append(new Uint8Array(200).fill(7));
  const bytes = written((writer) => writer.sized(content));
  expect([bytes.length, ...bytes.slice(0, 3)]).toEqual([202, 0xc8, 0x01, 7]);
});

it('grows past its first room, by bytes and by runs, and keeps what is there', () => {
  const writer = new ByteWriter();
  for (let index = 0; index < 1000; index += 1) writer.byte(index & 0xff);
  writer.append(Uint8Array.from({ length: 5000 }, (_, index) => index & 0xff));
  expect(writer.length).toBe(6000);
  expect(Array.from(writer.bytes())).toEqual([
    ...Array.from({ length: 1000 }, (_, index) => index & 0xff),
    ...Array.from({ length: 5000 }, (_, index) => index & 0xff),
  ]);
});
