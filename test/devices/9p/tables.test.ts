// Tables that hold what a Map holds, whatever comes and goes.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { NameTable } from '../../../devices/9p/memory/name-table.ts';
import { NumberedTable } from '../../../devices/9p/numbered-table.ts';

test('a table of names', () => {
  const name = fc.array(fc.constantFrom(0x61, 0x62, 0xff), { maxLength: 6 }).map((bytes) => Uint8Array.from(bytes));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), name), { maxLength: 400 }), (steps) => {
      const table = new NameTable<{ readonly name: Uint8Array }>();
      const model = new Map<string, { readonly name: Uint8Array }>();
      for (const [adds, bytes] of steps) {
        const key = bytes.join();
        if (!adds) {
          table.remove(bytes);
          model.delete(key);
        } else if (!model.has(key)) {
          const entry = { name: bytes };
          table.add(entry);
          model.set(key, entry);
        }
        expect(table.size).toBe(model.size);
        expect(table.get(bytes)).toBe(model.get(key));
      }
      for (const entry of model.values()) expect(table.get(entry.name.slice())).toBe(entry);
    }),
  );
});

test('a table of many names, that loses nearly all of them', () => {
  const table = new NameTable<{ readonly name: Uint8Array }>();
  const entries = Array.from({ length: 20_000 }, (_, index) => ({ name: new TextEncoder().encode(`file-${index}`) }));
  for (const entry of entries) table.add(entry);
  for (const [index, { name }] of entries.entries()) if (index % 100 !== 0) table.remove(name);
  for (const [index, entry] of entries.entries())
    expect(table.get(entry.name)).toBe(index % 100 === 0 ? entry : undefined);
  expect(table.size).toBe(200);
});

test('a table of numbers', () => {
  const number = fc.oneof(fc.nat(20), fc.nat(3000), fc.nat(0xffff_ffff));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), number), { maxLength: 400 }), (steps) => {
      const table = new NumberedTable<object>();
      const model = new Map<number, object>();
      for (const [adds, at] of steps) {
        if (adds) {
          const value = {};
          table.set(at, value);
          model.set(at, value);
        } else {
          table.delete(at);
          model.delete(at);
        }
        expect(table.size).toBe(model.size);
        expect(table.get(at)).toBe(model.get(at));
        expect(table.has(at)).toBe(model.has(at));
      }
      expect([...table.keys()].toSorted((a, b) => a - b)).toEqual([...model.keys()].toSorted((a, b) => a - b));
      for (const [at, value] of model) expect(table.get(at)).toBe(value);
    }),
  );
});

test('a number that was far stays one number when its neighbours fill up', () => {
  const table = new NumberedTable<{ readonly at: number }>();
  table.set(1000, { at: 1000 });
  for (let at = 0; at < 1000; at++) table.set(at, { at });
  for (let at = 1001; at < 2000; at++) table.set(at, { at });
  expect(table.size).toBe(2000);
  table.set(1000, { at: -1 });
  expect(table.size).toBe(2000);
  expect(table.get(1000)).toEqual({ at: -1 });
  table.delete(1000);
  expect(table.get(1000)).toBeUndefined();
  expect([...table.keys()]).toHaveLength(1999);
});
