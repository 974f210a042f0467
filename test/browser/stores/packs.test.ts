// How pieces of data become records of IndexedDB, and which of those are worth keeping.
import { describe, expect, test } from 'vitest';
import { PackUse } from '../../../src/browser/indexeddb/pack-use.ts';
import { gatherPacks } from '../../../src/browser/indexeddb/packs.ts';

const kibibyte = 1024;

function pieces(...lengths: readonly number[]): Uint8Array<ArrayBuffer>[] {
  return lengths.map((length, index) => new Uint8Array(length).fill(index + 1));
}

describe('packs', () => {
  test.each([
    ['few small pieces stay inline', [10, 20, 30], [60]],
    ['more of them are several inline packs', [40, 40, 40].map((each) => each * kibibyte), [40, 40, 40]],
    ['many are packs of 1 MiB', Array.from({ length: 300 }, () => 4 * kibibyte), [1024, 176]],
    ['a large piece has its own', [100, 1024 * kibibyte, 100], [0, 1024, 0]],
  ])('%s', (_, lengths, expected) => {
    const { packs } = gatherPacks(pieces(...lengths), 5);
    expect(packs.map(({ number }) => number)).toEqual(packs.map((_each, index) => index + 5));
    const sizes = packs.map(({ bytes }) => bytes.length);
    expect(sizes.map((size) => (expected.length > 1 ? Math.floor(size / kibibyte) : size))).toEqual(expected);
  });

  test('hold each piece at its place, in a buffer of their own', () => {
    const given = pieces(3000, 0, 500_000, 7, 2 ** 20, 60_000);
    // As long as the piece, and no longer: a part of a buffer would be stored with the whole.
    const cut = new Uint8Array(2 ** 20).fill(9).subarray(0, 900_000);
    const { packs, places } = gatherPacks([...given, cut], 1);
    for (const [index, piece] of [...given, cut].entries()) {
      const place = places[index];
      const pack = packs.find(({ number }) => number === place?.pack);
      const stored = pack?.bytes.subarray(place?.offset, (place?.offset ?? 0) + piece.length);
      expect(stored?.length).toBe(piece.length);
      expect(stored?.every((byte, at) => byte === piece[at])).toBe(true);
    }
    for (const { bytes } of packs) expect(bytes.buffer.byteLength).toBe(bytes.length);
  });
});

describe('the use of packs', () => {
  test('ends with its last piece, and not twice', () => {
    const use = new PackUse();
    const [one, other] = [
      { pack: 1, offset: 0, length: 10 },
      { pack: 1, offset: 10, length: 10 },
    ];
    use.add(one);
    use.add(other);
    expect(use.remove([one])).toEqual([]);
    expect(use.remove([other])).toEqual([1]);
    expect(use.has(1)).toBe(false);
    expect(() => use.remove([one])).toThrow('given back twice');
  });

  test('is worth mending when there is much waste, in the packs that are mostly waste', () => {
    const use = new PackUse();
    const mebibyte = 2 ** 20;
    for (let pack = 0; pack < 40; pack++) use.add({ pack, offset: 0, length: mebibyte });
    for (let pack = 0; pack < 24; pack++) use.remove([{ pack, offset: 0, length: mebibyte / 4 }]);
    expect(use.worn().size).toBe(0);
    for (let pack = 0; pack < 24; pack++) use.remove([{ pack, offset: 0, length: mebibyte / 2 }]);
    expect([...use.worn()]).toEqual(Array.from({ length: 24 }, (_, pack) => pack));
  });
});
