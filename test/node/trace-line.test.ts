import { expect, test } from 'vitest';
import { describeEvent } from '../../src/node/trace-line.ts';

const region = {
  entry: 0xffff_ffff_8000_1004n,
  ranges: [
    { start: 0xffff_ffff_8000_1000n, end: 0xffff_ffff_8000_1010n },
    { start: 0xffff_ffff_8000_2000n, end: 0xffff_ffff_8000_2004n },
  ],
  large: true,
  instructions: 5,
  bytes: 123,
};

test('a region that was made is told with where it came from, its size, and what making it took', () => {
  const event = { what: 'promoted', ...region, module: { regions: 3, milliseconds: 1.25 } } as const;
  expect(describeEvent({ type: 'jit', event })).toBe(
    'jit: promoted 0xffffffff80001004 (large): 5 instructions of ' +
      '0xffffffff80001000-0xffffffff80001010 0xffffffff80002000-0xffffffff80002004, 123 bytes in 1.3 ms with 2 others',
  );
});

test('a region that goes is told as it was', () => {
  expect(describeEvent({ type: 'jit', event: { what: 'dropped', ...region } })).toMatch(
    /^jit: dropped 0xffffffff80001004 \(large\): 5 instructions of \S+ \S+, 123 bytes$/,
  );
});
