// Journals that were torn by a crash or damaged by something else.
import { describe, expect, test } from 'vitest';
import { openFlags } from '../../../devices/9p/backend.ts';
import { crc32 } from '../../../src/store/crc32.ts';
import { frameHeaderLength, readFrame, readLog, sealFrame } from '../../../src/store/frame.ts';
import { StoreError } from '../../../src/store/store-error.ts';
import type { StoreErrorCode } from '../../../src/store/store-error.ts';
import type { StoredBackend } from '../../../src/store/stored-backend.ts';
import { bytes } from '../../backend-suite/guest.ts';
import { risingClock } from '../../devices/9p/backends.ts';
import type { FakeFile } from './fake-file.ts';
import { after, freshFiles, mountFiles } from './file-stores.ts';
import type { Files } from './file-stores.ts';
import { fsync, picture } from './operations.ts';

const someone = { uid: 0, gid: 0 };

function make(store: StoredBackend, name: string): void {
  const { node, file } = store.create(store.root(), bytes(name), openFlags.readWrite, 0o644, someone);
  store.release(file);
  store.forget(node);
}

/** Files of a store with three commits behind its first, and what they look like after each. */
async function threeCommits(): Promise<{ readonly files: Files; readonly log: FakeFile; readonly pictures: string[] }> {
  const files = freshFiles();
  let time = 0n;
  const { store } = await mountFiles(files, { now: () => time, snapshotAfter: 1e6 });
  const pictures = [await picture(store)];
  for (const name of ['one', 'two', 'three']) {
    time += 1000n;
    make(store, name);
    await fsync(store);
    pictures.push(await picture(store));
  }
  const log = files.logs.find((each) => each.getSize() > 0);
  if (log === undefined) throw new Error('one of the logs counts');
  return { files, log, pictures };
}

async function pictureOf(files: Files): Promise<string> {
  const { store } = await mountFiles(files, { now: () => 0n });
  return picture(store);
}

async function failure(files: Files): Promise<StoreErrorCode | undefined> {
  try {
    await mountFiles(files, { now: risingClock() });
    return undefined;
  } catch (error) {
    if (error instanceof StoreError) return error.code;
    throw error;
  }
}

/** The end of each frame of the log. */
function endsOf(log: FakeFile): number[] {
  let end = 0;
  return readLog(log.content).frames.map(({ payload }) => (end += frameHeaderLength + payload.length));
}

describe('a journal', () => {
  test('that ends anywhere within its last commit is the one before', async () => {
    const { files, log, pictures } = await threeCommits();
    const [, , third = 0, fourth = 0] = endsOf(log);
    for (let size = third; size <= fourth; size += 7) {
      const torn = after(files, (file) => file.afterKill());
      for (const each of torn.logs) if (each.getSize() > 0) each.truncate(size);
      expect(await pictureOf(torn)).toBe(pictures[2]);
    }
    expect(await pictureOf(after(files, (file) => file.afterKill()))).toBe(pictures[3]);
  });

  test('goes on behind what is left of a torn one', async () => {
    const { files, log } = await threeCommits();
    log.truncate(log.getSize() - 5);
    const { store } = await mountFiles(files, { now: () => 0n });
    make(store, 'four');
    await fsync(store);
    expect(await pictureOf(after(files, (file) => file.afterKill()))).toBe(await picture(store));
  });

  test('with one wrong bit before its last commit is damaged, wherever the bit is', async () => {
    const { files, log } = await threeCommits();
    const [, , third = 0] = endsOf(log);
    for (let at = 0; at < third; at += 11) {
      const damaged = after(files, (file) => file.afterKill());
      for (const each of damaged.logs) if (each.getSize() > 0) each.content[at] = (each.content[at] ?? 0) ^ 0x10;
      expect(await failure(damaged), `byte ${at}`).toBe('damaged');
    }
  });

  test('of which a whole commit is missing is damaged', async () => {
    const { files, log } = await threeCommits();
    const [, second = 0, third = 0] = endsOf(log);
    const rest = log.content.slice(third);
    log.truncate(second);
    log.write(rest, { at: second });
    expect(await failure(files)).toBe('damaged');
  });

  test('without its beginning is damaged, not empty', async () => {
    const { files } = await threeCommits();
    const { store } = await mountFiles(files, { now: () => 0n });
    for (let index = 0; index < 20; index++) make(store, `file-${index}`);
    await store.close();
    for (const each of files.logs) each.content.fill(0);
    expect(await failure(files)).toBe('damaged');
  });

  test('of a newer format is told apart from a damaged one', async () => {
    const { files, log } = await threeCommits();
    const { content } = log;
    content[4] = 99;
    new DataView(content.buffer).setUint32(28, crc32(content.subarray(0, 28)), true);
    expect(await failure(files)).toBe('newer');
  });

  test('whose data is shorter than it says is damaged', async () => {
    const files = freshFiles();
    const { store } = await mountFiles(files, { now: () => 0n });
    const { file } = store.create(store.root(), bytes('file'), openFlags.readWrite, 0o644, someone);
    await store.write(file, 0, [new Uint8Array(10_000).fill(1)]);
    await store.close();
    files.data.truncate(5000);
    expect(await failure(files)).toBe('damaged');
  });

  test('of many small commits is replaced by a snapshot in time', async () => {
    const files = freshFiles();
    const { store } = await mountFiles(files, { now: () => 0n, snapshotAfter: 100_000 });
    for (let index = 0; index < 100; index++) {
      make(store, `file-${index}`);
      await fsync(store);
    }
    const frames = files.logs.map((log) => readLog(log.content).frames.length);
    expect(Math.max(...frames)).toBeLessThan(30);
    expect(Math.min(...frames)).toBe(0);
    expect(await pictureOf(after(files, (file) => file.afterKill()))).toBe(await picture(store));
  });
});

test('CRC-32 is the one of zip', () => {
  expect(crc32(bytes('123456789'))).toBe(0xcbf4_3926);
  expect(crc32(bytes(''))).toBe(0);
  expect(crc32(bytes('a'.repeat(100)))).toBe(0xaf70_7a64);
});

test('a frame is read where it is, with its sequence', () => {
  const frame = new Uint8Array(frameHeaderLength + 3);
  frame.set([7, 8, 9], frameHeaderLength);
  sealFrame(frame, 'changes', 2 ** 40);
  const all = new Uint8Array(200);
  all.set(frame, 50);
  expect(readFrame(all, 50)).toEqual({ kind: 'changes', sequence: 2 ** 40, payload: Uint8Array.of(7, 8, 9) });
  expect(readFrame(all, 49)).toBeUndefined();
});
