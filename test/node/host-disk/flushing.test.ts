// When a flush is done at once, and when by a thread.
import { expect, test } from 'vitest';
import { Flushing } from '../../../src/node/host-disk/flushing.ts';

/** A disk whose flushes take so many milliseconds as `takes` says at the time. */
class FakeDisk {
  takes = 0.1;
  fails = false;
  readonly flushed: ('at once' | 'in a thread')[] = [];
  #now = 0;
  readonly flushing = new Flushing({
    atOnce: () => this.#flush('at once'),
    inThread: async () => this.#flush('in a thread'),
    now: () => this.#now,
  });

  async flush(bytes = 4096): Promise<string> {
    this.flushing.wrote(bytes);
    await this.flushing.flush();
    return this.flushed.at(-1)!;
  }

  /** Until the disk is known to be quick. */
  async settle(): Promise<void> {
    for (let count = 0; count < 8; count++) expect(await this.flush()).toBe('in a thread');
  }

  #flush(how: 'at once' | 'in a thread'): void {
    this.flushed.push(how);
    this.#now += this.takes;
    if (this.fails) throw new Error('EIO');
  }
}

test('by a thread first, and at once when eight were short, until one is long', async () => {
  const disk = new FakeDisk();
  await disk.settle();
  expect(await disk.flush()).toBe('at once');
  expect(await disk.flush()).toBe('at once');
  disk.takes = 8;
  expect(await disk.flush()).toBe('at once');
  expect(await disk.flush()).toBe('in a thread');
  disk.takes = 0.2;
  await disk.settle();
  expect(await disk.flush()).toBe('at once');
});

test('a disk that is short most of the time is flushed by a thread', async () => {
  const disk = new FakeDisk();
  for (let count = 0; count < 50; count++) {
    disk.takes = count % 8 === 7 ? 3 : 0.1;
    expect(await disk.flush()).toBe('in a thread');
  }
});

test('by a thread where much was written, which changes nothing for little', async () => {
  const disk = new FakeDisk();
  await disk.settle();
  for (let piece = 0; piece < 16; piece++) disk.flushing.wrote(2 ** 16);
  disk.takes = 100;
  expect(await disk.flush(1)).toBe('in a thread');
  disk.takes = 0.1;
  expect(await disk.flush(2 ** 20)).toBe('at once');
});

test('one that fails says so either way', async () => {
  const disk = new FakeDisk();
  disk.fails = true;
  await expect(disk.flush()).rejects.toThrow('EIO');
  disk.fails = false;
  await disk.settle();
  disk.fails = true;
  await expect(disk.flush()).rejects.toThrow('EIO');
  expect([disk.flushed.at(0), disk.flushed.at(-1)]).toEqual(['in a thread', 'at once']);
});
