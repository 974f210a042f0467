import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { copyFromGuest, copyToGuest } from '../../../devices/9p/guest-copy.ts';
import type { Bytes } from '../../../devices/ports.ts';

/** Lengths about the limits between the ways to copy, and longer than what goes at once. */
const length = fc.oneof(fc.nat(40), fc.integer({ min: 500, max: 530 }), fc.integer({ min: 65_500, max: 140_000 }));
const place = fc.nat(20);

function numbered(count: number): Bytes {
  return Uint8Array.from({ length: count }, (_, index) => (7 * index) % 251);
}

test.each([
  ['to', copyToGuest],
  ['from', copyFromGuest],
] as const)('copies %s guest RAM what it is told to, however both lie, and nothing beside it', (_way, copy) => {
  fc.assert(
    fc.property(length, place, place, place, (count, from, to, start) => {
      const source = numbered(from + count + 16);
      const shared = new Uint8Array(new SharedArrayBuffer(start + to + count + 16));
      const target = shared.subarray(start);
      copy(source, from, target, to, count);
      const expected = new Uint8Array(shared.length);
      expected.set(source.subarray(from, from + count), start + to);
      expect(Buffer.compare(shared, expected)).toBe(0);
    }),
    { numRuns: 150 },
  );
});
