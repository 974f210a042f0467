import { array, assert, constantFrom, nat, property, record } from 'fast-check';
import { expect, test } from 'vitest';
import { LastingMap } from '../../../devices/9p/lasting-map.ts';

test('holds what a Map holds, whatever comes and goes', () => {
  const step = record({ key: nat(200), what: constantFrom('set', 'set', 'delete', 'delete', 'delete') });
  assert(
    property(array(step, { maxLength: 2000, minLength: 500 }), (steps) => {
      const [map, model] = [new LastingMap<number, { key: number }>(), new Map<number, { key: number }>()];
      for (const { key, what } of steps) {
        const value = { key };
        if (what === 'set') {
          map.set(key, value);
          model.set(key, value);
        } else {
          map.delete(key);
          model.delete(key);
        }
        expect([map.size, map.has(key), map.get(key)]).toEqual([model.size, model.has(key), model.get(key)]);
      }
      expect([...map.keys()].toSorted((a, b) => a - b)).toEqual([...model.keys()].toSorted((a, b) => a - b));
    }),
    { numRuns: 30 },
  );
});

test('what is deleted while the keys are gone through does no harm', () => {
  const map = new LastingMap<number, object>();
  for (let key = 0; key < 1000; key++) map.set(key, {});
  let seen = 0;
  for (const key of map.keys()) {
    seen += 1;
    map.delete(key);
  }
  expect(seen).toBe(1000);
  expect({ size: map.size, keys: [...map.keys()] }).toEqual({ size: 0, keys: [] });
});
