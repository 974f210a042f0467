import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import * as zlib from '../../../src/node/zlib.ts';
import { SnapshotFile, writeSnapshot } from '../../../src/snapshot/container.ts';
import { decodePlain, encodePlain, type Plain } from '../../../src/snapshot/plain.ts';
import { restoreRam, saveRam } from '../../../src/snapshot/ram.ts';

const page = 4096;
const host = { zlib: () => Promise.resolve(zlib) };

/** 6 MiB: zeros, pages of chance (more than go into one chunk), and copies of some. */
function makeRam(): Uint8Array {
  const ram = new Uint8Array(new SharedArrayBuffer(1536 * page));
  for (let index = 0; index < 600; index += 1) ram.set(randomBytes(page), (100 + index) * page);
  for (let index = 0; index < 50; index += 1) ram.copyWithin((1000 + index) * page, 150 * page, 151 * page);
  ram[ram.length - 1] = 1;
  return ram;
}

test('RAM comes back; zeros and copies cost next to nothing', async () => {
  const ram = makeRam();
  const before = Uint8Array.from(ram);
  const finish = saveRam(ram);
  // From here on it may change.
  ram.fill(9);
  const file = writeSnapshot('x', await finish(zlib));
  expect(file.length).toBeLessThan(601 * page + 20_000);
  const again = new Uint8Array(before.length);
  await restoreRam(new SnapshotFile(file), again, host);
  expect(Buffer.compare(again, before)).toBe(0);
});

test('pages of one hash and different bytes are both kept', async () => {
  const ram = new Uint8Array(4 * page);
  const words = new Int32Array(ram.buffer);
  // The hash is of one word after another, from 1 on: these two first words meet, the second one undoing it.
  words[0] = 1;
  words[1024] = 1;
  words[1025] = 0;
  words[2048] = 1;
  words[3071] = 5;
  const again = new Uint8Array(ram.length);
  await restoreRam(new SnapshotFile(writeSnapshot('x', await saveRam(ram)(zlib))), again, host);
  expect(again).toEqual(ram);
});

test.each([
  ['more pages than RAM has', { count: 3 }],
  ['a page outside RAM', { kept: Int32Array.of(4) }],
  ['a page before RAM', { kept: Int32Array.of(-1) }],
  ['a copy of a page that is not kept', { alike: Int32Array.of(1, 5) }],
  ['a copy outside RAM', { alike: Int32Array.of(4, 0) }],
  ['half a pair', { alike: Int32Array.of(1) }],
  ['a chunk too many', { chunks: Int32Array.of(10, 10) }],
  ['a negative length', { chunks: Int32Array.of(-5) }],
  ['a chunk that ends early', { chunks: Int32Array.of(5) }],
])('a table that lies is refused: %s', async (_, change) => {
  const ram = new Uint8Array(4 * page).fill(1, 0, 100);
  const [table, bytes] = await saveRam(ram)(zlib);
  const changed = { ...(decodePlain(table!.bytes, 'x') as Record<string, Plain>), ...change };
  const file = writeSnapshot('x', [{ name: 'pages', bytes: encodePlain(changed) }, bytes!]);
  await expect(restoreRam(new SnapshotFile(file), new Uint8Array(4 * page), host)).rejects.toThrow('damaged');
});

test('a negative length behind a chunk that is damaged: one error, and no other that nobody hears of', async () => {
  const ram = new Uint8Array(513 * page);
  for (let at = 0; at < ram.length; at += page) ram[at] = 1 + ((at / page) % 255);
  for (let at = 0; at < ram.length; at += page) ram[at + 1] = at / page / 255;
  const [table, bytes] = await saveRam(ram)(zlib);
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
  const [table] = await saveRam(new Uint8Array(page).fill(1))(zlib);
  const bomb = Uint8Array.from(await zlib.deflate(new Uint8Array(64 << 20)));
  const pages = { ...(decodePlain(table!.bytes, 'x') as Record<string, Plain>), chunks: Int32Array.of(bomb.length) };
  const file = writeSnapshot('x', [
    { name: 'pages', bytes: encodePlain(pages) },
    { name: 'ram', bytes: bomb },
  ]);
  await expect(restoreRam(new SnapshotFile(file), new Uint8Array(page), host)).rejects.toThrow('damaged');
});
