// A Blob as a disk: blocks that are fetched once, and answered at once after that.
import { expect, test } from 'vitest';
import { DiskError } from '../../../devices/disk/disk.ts';
import { BlobDisk } from '../../../src/disk/blob.ts';
import type { BlobLike } from '../../../src/vm-drives.ts';

const block = 128 * 1024;
const bytes = Uint8Array.from({ length: 3 * block + 512 }, (_, at) => (at >> 9) * 3 + at);

/** A Blob that counts what it is asked for. */
class Source implements BlobLike {
  readonly size = bytes.length;
  readonly asked: number[] = [];
  failure: Error | undefined;

  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> } {
    return {
      arrayBuffer: async () => {
        this.asked.push(start);
        if (this.failure !== undefined) throw this.failure;
        return bytes.slice(start, end).buffer;
      },
    };
  }
}

test('what is read first is awaited, and after that at once, in pieces cut anywhere', async () => {
  const source = new Source();
  const disk = new BlobDisk(source);
  const [offset, length] = [block - 1024, block + 2048];
  const found = await disk.read(offset, [new Uint8Array(length)]);
  expect(Buffer.compare(found!, bytes.subarray(offset, offset + length))).toBe(0);
  const pieces = [new Uint8Array(100), new Uint8Array(block), new Uint8Array(length - block - 100)];
  expect(disk.read(offset, pieces)).toBeUndefined();
  expect(Buffer.compare(Buffer.concat(pieces), bytes.subarray(offset, offset + length))).toBe(0);
  expect(source.asked).toEqual([0, block, 2 * block]);
});

test('the last block is shorter, and two who ask for one block are one request', async () => {
  const source = new Source();
  const disk = new BlobDisk(source);
  const both = [disk.read(3 * block, [new Uint8Array(512)]), disk.read(3 * block, [new Uint8Array(512)])];
  for (const found of await Promise.all(both.map(async (each) => each)))
    expect(Buffer.compare(found!, bytes.subarray(3 * block))).toBe(0);
  expect(source.asked).toEqual([3 * block]);
});

test('a file that cannot be read any more is an I/O error, and may come back', async () => {
  const source = new Source();
  const disk = new BlobDisk(source);
  source.failure = new Error('it was removed');
  const reading = Promise.resolve(disk.read(0, [new Uint8Array(512)]));
  await expect(reading).rejects.toThrow(DiskError);
  await expect(reading).rejects.toThrow('the file cannot be read any more: it was removed');
  source.failure = undefined;
  expect(Buffer.compare((await disk.read(0, [new Uint8Array(512)]))!, bytes.subarray(0, 512))).toBe(0);
});

test('a Blob of Node.js', async () => {
  const disk = new BlobDisk(new Blob([bytes]));
  expect(Buffer.compare((await disk.read(512, [new Uint8Array(1024)]))!, bytes.subarray(512, 1536))).toBe(0);
  expect(() => new BlobDisk(new Blob([new Uint8Array(5)]))).toThrow('it has 5 bytes');
});
