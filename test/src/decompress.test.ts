import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { BootError } from '../../src/boot-error.ts';
import { decompress } from '../../src/decompress.ts';
import { gunzip } from './kernel-files.ts';

const text = 'abcabcabcabc the quick brown fox, the quick brown fox, the quick brown fox';
const plain = new TextEncoder().encode(text);
/** `zstd -19` of the text. */
const zstd = Buffer.from('KLUv/QRoDQEAwGFiYyB0aGUgcXVpY2sgYnJvd24gZm94LAIA4YTMwg0BYGaoLQ==', 'base64');

test('plain bytes are given back as they are, not copied', async () => {
  expect(await decompress(plain, gunzip, 'kernel')).toBe(plain);
  const empty = new Uint8Array(0);
  expect(await decompress(empty, gunzip, 'kernel')).toBe(empty);
});

test('RFC 1952: gzip is unpacked by the host', async () => {
  expect(new TextDecoder().decode(await decompress(gzipSync(plain), gunzip, 'kernel'))).toBe(text);
});

test('a host may unpack gzip in its own time', async () => {
  const later = (bytes: Uint8Array<ArrayBufferLike>) => Promise.resolve(gunzip(bytes));
  expect(new TextDecoder().decode(await decompress(gzipSync(plain), later, 'kernel'))).toBe(text);
});

test('RFC 8878: Zstandard is unpacked', async () => {
  expect(new TextDecoder().decode(await decompress(zstd, gunzip, 'kernel'))).toBe(text);
});

test.each([
  ['gzip', gzipSync(plain)],
  ['Zstandard', zstd],
])('a truncated %s file says so, and what it was', async (format, file) => {
  for (const length of [file.length - 10, 12]) {
    const unpacking = decompress(file.subarray(0, length), gunzip, 'kernel');
    await expect(unpacking).rejects.toThrow(BootError);
    await expect(unpacking).rejects.toThrow(`the kernel is a truncated or damaged ${format} file of ${length} bytes`);
  }
});
