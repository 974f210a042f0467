import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import * as zlib from '../../../src/node/zlib.ts';
import { SnapshotFile, writeSnapshot } from '../../../src/snapshot/container.ts';
import { decodePlain, encodePlain, type Plain } from '../../../src/snapshot/plain.ts';
import { makePageScan } from '../../../src/snapshot/page-scan.ts';
import { saveRam } from '../../../src/snapshot/pack-ram.ts';
import { restoreRam } from '../../../src/snapshot/ram.ts';
import { crc32 } from '../../../src/store/crc32.ts';

const page = 4096;
const host = { zlib: () => Promise.resolve(zlib) };

/** Before RAM there is something else, of which nothing is saved. */
const start = 16 * page;

/** So many pages of RAM, 16 or a multiple. */
function makeMemory(pages: number, shared = true): { readonly memory: WebAssembly.Memory; readonly ram: Uint8Array } {
  const blocks = (start + pages * page) / 0x1_0000;
  const memory = new WebAssembly.Memory({ initial: blocks, maximum: blocks, shared });
  new Uint8Array(memory.buffer, 0, start).fill(7);
  return { memory, ram: new Uint8Array(memory.buffer, start) };
}

/** 6 MiB: zeros, pages of chance (more than go into one chunk), and copies of some. */
function makeRam(): ReturnType<typeof makeMemory> {
  const { memory, ram } = makeMemory(1536);
  for (let index = 0; index < 600; index += 1) ram.set(randomBytes(page), (100 + index) * page);
  for (let index = 0; index < 50; index += 1) ram.copyWithin((1000 + index) * page, 150 * page, 151 * page);
  ram[ram.length - 1] = 1;
  return { memory, ram };
}

test('RAM comes back; zeros and copies cost next to nothing', async () => {
  const { memory, ram } = makeRam();
  const before = Uint8Array.from(ram);
  const saving = saveRam(memory, start, zlib);
  // From here on it may change.
  ram.fill(9);
  const file = writeSnapshot('x', await saving);
  expect(file.length).toBeLessThan(601 * page + 20_000);
  const again = new Uint8Array(before.length);
  await restoreRam(new SnapshotFile(file), again, host);
  expect(Buffer.compare(again, before)).toBe(0);
});

test('without zlib, and in memory that is not shared, it is the same', async () => {
  const { memory, ram } = makeMemory(1536, false);
  ram.set(makeRam().ram);
  const file = writeSnapshot('x', await saveRam(memory, start, undefined));
  const again = new Uint8Array(ram.length);
  await restoreRam(new SnapshotFile(file), again, host);
  expect(Buffer.compare(again, ram)).toBe(0);
});

test('a single byte keeps its page, wherever it is', async () => {
  const { memory, ram } = makeMemory(4096);
  // Another place in each page, in all of a stride of the scan and at both ends.
  const places = Array.from({ length: 4096 }, (_, index) => (index === 4095 ? page - 1 : index));
  for (const [index, place] of places.entries()) ram[index * page + place] = 1 + (index % 255);
  const again = new Uint8Array(ram.length);
  await restoreRam(new SnapshotFile(writeSnapshot('x', await saveRam(memory, start, zlib))), again, host);
  expect(Buffer.compare(again, ram)).toBe(0);
});

test('pages of one hash and different bytes are both kept', async () => {
  const { memory, ram } = makeMemory(16);
  const words = new BigUint64Array(memory.buffer, start);
  const [factor, first, other] = [0x9e37_79b9_7f4a_7c15n, 3n, 8n];
  const mixed = (word: bigint): bigint => BigInt.asUintN(64, (1n ^ word) * factor);
  // The hash is of one word after another, from 1 on: of two different first words the second one undoes the difference.
  words.set([first, 77n]);
  words.set([other, 77n ^ mixed(first) ^ mixed(other)], page / 8);
  const scan = makePageScan(memory);
  expect(scan.hash(start)).toBe(scan.hash(start + page));
  const again = new Uint8Array(ram.length);
  await restoreRam(new SnapshotFile(writeSnapshot('x', await saveRam(memory, start, zlib))), again, host);
  expect(Buffer.compare(again, ram)).toBe(0);
});

test('what is compressed has the checksum that its bytes have', async () => {
  const sections = await saveRam(makeRam().memory, start, zlib);
  const known = sections.map(({ bytes, checksum }) => checksum === undefined || checksum === crc32(bytes));
  expect([known, sections.some(({ checksum }) => checksum !== undefined)]).toEqual([[true, true], true]);
});

test.each([
  ['more pages than RAM has', { count: 3 }],
  ['a page outside RAM', { kept: Int32Array.of(16) }],
  ['a page before RAM', { kept: Int32Array.of(-1) }],
  ['a copy of a page that is not kept', { alike: Int32Array.of(1, 5) }],
  ['a copy outside RAM', { alike: Int32Array.of(16, 0) }],
  ['half a pair', { alike: Int32Array.of(1) }],
  ['a chunk too many', { chunks: Int32Array.of(10, 10) }],
  ['a negative length', { chunks: Int32Array.of(-5) }],
  ['a chunk that ends early', { chunks: Int32Array.of(5) }],
])('a table that lies is refused: %s', async (_, change) => {
  const { memory, ram } = makeMemory(16);
  ram.fill(1, 0, 100);
  const [table, bytes] = await saveRam(memory, start, zlib);
  const changed = { ...(decodePlain(table!.bytes, 'x') as Record<string, Plain>), ...change };
  const file = writeSnapshot('x', [{ name: 'pages', bytes: encodePlain(changed) }, bytes!]);
  await expect(restoreRam(new SnapshotFile(file), new Uint8Array(16 * page), host)).rejects.toThrow('damaged');
});

test('a negative length behind a chunk that is damaged: one error, and no other that nobody hears of', async () => {
  const { memory, ram } = makeMemory(528);
  for (let at = 0; at < ram.length; at += page) ram[at] = 1 + ((at / page) % 255);
  for (let at = 0; at < ram.length; at += page) ram[at + 1] = at / page / 255;
  const [table, bytes] = await saveRam(memory, start, zlib);
  const changed = { ...(decodePlain(table!.bytes, 'x') as Record<string, Plain>), chunks: Int32Array.of(5, -1) };
  const file = writeSnapshot('x', [{ name: 'pages', bytes: encodePlain(changed) }, bytes!]);
  const unheard: unknown[] = [];
  const hear = (error: unknown): void => void unheard.push(error);
  process.on('unhandledRejection', hear);
  onTestFinished(() => void process.off('unhandledRejection', hear));
  await expect(restoreRam(new SnapshotFile(file), new Uint8Array(ram.length), host)).rejects.toThrow('damaged');
  await delay(50);
  expect(unheard).toEqual([]);
});

test('a chunk that would unpack to more than its pages is refused', async () => {
  const { memory, ram } = makeMemory(16);
  ram[0] = 1;
  const [table] = await saveRam(memory, start, zlib);
  const bomb = Uint8Array.from(await zlib.deflate(new Uint8Array(64 << 20)));
  const pages = { ...(decodePlain(table!.bytes, 'x') as Record<string, Plain>), chunks: Int32Array.of(bomb.length) };
  const file = writeSnapshot('x', [
    { name: 'pages', bytes: encodePlain(pages) },
    { name: 'ram', bytes: bomb },
  ]);
  await expect(restoreRam(new SnapshotFile(file), new Uint8Array(ram.length), host)).rejects.toThrow('damaged');
});

test.each([
  ['is packed', (ram: Uint8Array) => ram.fill(1)],
  ['is not packed', (ram: Uint8Array) => ram.set(randomBytes(ram.length))],
  ['is in two chunks, each packed', (ram: Uint8Array) => ram.forEach((_, at) => (ram[at] = at >>> 12))],
])('a bit that has changed is found, and once, in RAM that %s', async (_, fill) => {
  const { memory, ram } = makeMemory(528);
  fill(ram);
  const sections = await saveRam(memory, start, zlib);
  const unheard: unknown[] = [];
  const hear = (error: unknown): void => void unheard.push(error);
  process.on('unhandledRejection', hear);
  onTestFinished(() => void process.off('unhandledRejection', hear));
  for (const place of [0, 1, 1 / 2, 1 / 3]) {
    const file = writeSnapshot('x', sections);
    const length = sections.at(-1)!.bytes.length;
    const at = file.length - length + Math.floor(place * (length - 1));
    file[at] = file[at]! ^ 0x10;
    const restoring = restoreRam(new SnapshotFile(file), new Uint8Array(ram.length), host);
    await expect(restoring).rejects.toThrow('the snapshot is damaged (section ram)');
  }
  await delay(50);
  expect(unheard).toEqual([]);
});
