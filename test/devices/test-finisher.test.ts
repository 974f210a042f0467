import { expect, test } from 'vitest';
import { TestFinisher } from '../../devices/test-finisher.ts';
import type { Finish } from '../../devices/test-finisher.ts';

function verdictsOf(...writes: readonly (readonly [offset: number, size: 1 | 2 | 4, value: number])[]): Finish[] {
  const verdicts: Finish[] = [];
  const finisher = new TestFinisher((finish) => verdicts.push(finish));
  for (const [offset, size, value] of writes) finisher.write(offset, size, value);
  return verdicts;
}

test('0x5555 passes', () => {
  expect(verdictsOf([0, 4, 0x5555])).toEqual([{ kind: 'pass' }]);
});

test('0x3333 fails with the upper half as status, up to 65,535', () => {
  expect(verdictsOf([0, 4, 0x0007_3333], [0, 4, 0xffff_3333])).toEqual([
    { kind: 'fail', code: 7 },
    { kind: 'fail', code: 65_535 },
  ]);
});

test('0x7777 resets', () => {
  expect(verdictsOf([0, 4, 0x7777])).toEqual([{ kind: 'reset' }]);
});

test('other values, other offsets and bytes do nothing; a half-word does', () => {
  expect(verdictsOf([0, 4, 0x1234], [4, 4, 0x5555], [0, 1, 0x55], [0, 2, 0x5555])).toEqual([{ kind: 'pass' }]);
});

test('it reads 0', () => {
  expect(new TestFinisher(() => undefined).read()).toBe(0);
});
