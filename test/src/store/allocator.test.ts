import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Allocator } from '../../../src/store/allocator.ts';
import type { Place } from '../../../src/store/medium.ts';

test('places never overlap, and all room comes back', () => {
  const step = fc.oneof(
    fc.record({ take: fc.integer({ min: 1, max: 5000 }) }),
    fc.record({ release: fc.nat(100) }),
    fc.constant('reset' as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const allocator = new Allocator();
      const taken: Place[] = [];
      for (const each of steps) {
        if (each === 'reset') allocator.reset(taken);
        else if ('take' in each) taken.push({ pack: 0, offset: allocator.take(each.take), length: each.take });
        else for (const place of taken.splice(each.release % (taken.length + 1), 1)) allocator.release(place);
        const sorted = taken.toSorted((one, other) => one.offset - other.offset);
        let end = 0;
        for (const { offset, length } of sorted) {
          expect(offset).toBeGreaterThanOrEqual(end);
          end = offset + length;
        }
        expect(allocator.end).toBeGreaterThanOrEqual(end);
      }
      for (const place of taken) allocator.release(place);
      expect(allocator.end).toBe(0);
    }),
    { numRuns: 100 },
  );
});

test('what is given back is used before the end grows', () => {
  const allocator = new Allocator();
  const places = Array.from({ length: 10 }, () => ({ pack: 0, offset: allocator.take(1000), length: 1000 }));
  const { end } = allocator;
  for (const place of places.slice(2, 6)) allocator.release(place);
  expect([allocator.take(2000), allocator.take(2000)]).toEqual([2048, 4096]);
  expect(allocator.end).toBe(end);
});
