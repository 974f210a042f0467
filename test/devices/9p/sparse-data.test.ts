// Data of files in memory: pieces that come together, and a limit that is met in the midst of them.
import { describe, expect, it } from 'vitest';
import { Errno } from '../../../devices/9p/errno.ts';
import { SparseData } from '../../../devices/9p/memory/sparse-data.ts';

const page = 4096;
const pages = (count: number): Uint8Array<ArrayBuffer>[] =>
  Array.from({ length: count }, (_, index) => new Uint8Array(page).fill(index + 1));

function content(data: SparseData): Uint8Array {
  const bytes = new Uint8Array(data.length);
  data.read(0, [bytes]);
  return bytes;
}

describe('pieces written together', () => {
  it.each([
    ['within a chunk', 1000, 3],
    ['across chunks', 60_000, 40],
    ['of whole chunks', 0, 48],
  ])('%s are read back, whether they come as one message or one by one', (_, offset, count) => {
    const together = new SparseData({ capacity: 2 ** 30, used: 0 });
    const alone = new SparseData({ capacity: 2 ** 30, used: 0 });
    expect(together.write(offset, pages(count))).toBe(count * page);
    for (const [index, piece] of pages(count).entries()) alone.write(offset + index * page, [piece]);
    const expected = Buffer.concat([new Uint8Array(offset), ...pages(count)]);
    expect(expected.equals(content(together))).toBe(true);
    expect(expected.equals(content(alone))).toBe(true);
  });

  it('make each chunk grow but once', () => {
    const growths: number[] = [];
    const space = {
      capacity: 2 ** 30,
      get used() {
        return growths.reduce((sum, growth) => sum + growth, 0);
      },
      set used(used) {
        growths.push(used - this.used);
      },
    };
    // 16 pages fill a chunk, 3 lie in the next.
    new SparseData(space).write(0, pages(19));
    expect(growths).toEqual([16 * page, 4 * page]);
  });

  it('fill the space that there is, though there is none for all of them', () => {
    for (let capacity = 0; capacity <= 40 * page; capacity += page / 2) {
      const space = { capacity, used: 0 };
      const data = new SparseData(space);
      let written = 0;
      try {
        written = data.write(0, pages(32));
      } catch (error) {
        expect(error).toBeInstanceOf(Errno);
      }
      expect(written, `${capacity} bytes`).toBe(data.length);
      expect(space.used).toBe(data.allocated);
      expect(space.used).toBeLessThanOrEqual(capacity);
      // A chunk grows by doubling: less than half of the space is out of reach.
      expect(written).toBeGreaterThanOrEqual(Math.min(32 * page, capacity / 2 - page));
      expect(Buffer.concat(pages(32)).subarray(0, written).equals(content(data))).toBe(true);
    }
  });
});
