// What a snapshot says of decoded code, with lies in it.
import { expect, test } from 'vitest';
import { placesBytes, type DecodedPlaces } from '../../../src/cpu/riscv/decoded-state.ts';
import { SnapshotFile, writeSnapshot } from '../../../src/snapshot/container.ts';
import { readDecodedPlaces } from '../../../src/snapshot/decoded-places.ts';
import { encodePlain, type Plain } from '../../../src/snapshot/plain.ts';

const ramBytes = 16 << 20;
const ramPages = ramBytes / 4096;

function fileWith(record: object): SnapshotFile {
  return new SnapshotFile(writeSnapshot('x', [{ name: 'decoded', bytes: encodePlain(record as Plain) }]));
}

function placesIn(pages: readonly number[]): DecodedPlaces {
  return { pages: Int32Array.from(pages), places: new Uint8Array(pages.length * placesBytes).fill(1) };
}

test('what was written comes back; an older snapshot has none', () => {
  const written = placesIn([7, ramPages - 1]);
  expect(readDecodedPlaces(fileWith(written), ramBytes)).toEqual(written);
  expect(readDecodedPlaces(new SnapshotFile(writeSnapshot('x', [])), ramBytes)).toBeUndefined();
});

test.each<[string, object]>([
  ['a page outside RAM', placesIn([ramPages])],
  ['a page before RAM', placesIn([-1])],
  ['places of other pages', { ...placesIn([1]), places: new Uint8Array(1) }],
  ['more pages than are kept', placesIn(Array.from({ length: 2049 }, (_, page) => page))],
  ['no pages', { places: new Uint8Array(0) }],
  ['another kind of list', { ...placesIn([1]), pages: [1] }],
])('%s is damage', (_, record) => {
  expect(() => readDecodedPlaces(fileWith(record), ramBytes)).toThrow(/damaged \(section decoded/);
});
