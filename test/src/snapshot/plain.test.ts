import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkShape, decodePlain, encodePlain, type Plain } from '../../../src/snapshot/plain.ts';
import { SnapshotError } from '../../../src/snapshot/snapshot-error.ts';

const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(undefined),
    fc.boolean(),
    fc.integer(),
    fc.double(),
    fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
    fc.string({ unit: 'binary' }),
    fc.uint8Array(),
    fc.int32Array(),
    fc.float64Array(),
    fc.bigInt64Array(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value as fc.Arbitrary<Plain>;

test('data comes back as it was', () => {
  fc.assert(
    fc.property(plain, (value) => {
      expect(decodePlain(encodePlain(value), 'x')).toEqual(value);
    }),
  );
});

test('bytes that are cut short or changed give other data or an error that names the part, nothing else', () => {
  fc.assert(
    fc.property(plain, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (value, place, flip, cut) => {
      const bytes = encodePlain(value);
      const at = place % bytes.length;
      const changed = cut
        ? bytes.slice(0, at)
        : Uint8Array.from(bytes, (byte, index) => (index === at ? byte ^ flip : byte));
      try {
        decodePlain(changed, 'section x');
        if (cut) throw new Error('a part was taken for the whole');
      } catch (error) {
        if (!(error instanceof SnapshotError)) throw error;
        expect(error.code).toBe('bad-file');
        expect(error.message).toContain('section x');
      }
    }),
  );
});

test('lists within lists without end are refused', () => {
  const nested = Uint8Array.from(Array.from({ length: 10_000 }, () => [11, 1, 0, 0, 0]).flat());
  expect(() => decodePlain(nested, 'x')).toThrow('damaged');
});

test.each([
  ['a member is missing', {}, { a: 1 }],
  ['a member is of another kind', { a: '1' }, { a: 1 }],
  ['an item is of another kind', { a: [1, '2'] }, { a: [0] }],
  ['a list is none', { a: {} }, { a: [0] }],
  ['an array has other elements', { a: new Int32Array(1) }, { a: new Uint8Array(1) }],
  ['a record is an array of bytes', { a: new Uint8Array(1) }, { a: {} }],
  ['a record is none', { a: 5 }, { a: { b: 1 } }],
])('a shape does not fit: %s', (_, value, example) => {
  expect(() => checkShape(value, example, 'x')).toThrow(SnapshotError);
});

test('a shape fits with more members, and with lists of any length', () => {
  checkShape({ a: [1, 2], b: [], c: 5 }, { a: [0], b: [{ d: 1 }] }, 'x');
});
