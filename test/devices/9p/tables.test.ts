// Tables that hold what a Map holds, whatever comes and goes.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Listing } from '../../../devices/9p/memory/listing.ts';
import { Names } from '../../../devices/9p/memory/names.ts';
import { NumberedTable } from '../../../devices/9p/numbered-table.ts';
import { usedMemory } from '../../used-memory.ts';

/** Names get the numbers 1, 2, 3 … as they come. */
function numbered(names: readonly Uint8Array[]): { readonly name: Uint8Array; readonly number: number }[] {
  return names.map((name, index) => ({ name, number: index + 1 }));
}

test('the names of some folders', () => {
  const name = fc.array(fc.constantFrom(0x61, 0x62, 0xff), { maxLength: 6 }).map((bytes) => Uint8Array.from(bytes));
  const step = fc.record({ adds: fc.boolean(), folder: fc.integer({ min: 1, max: 3 }), name });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (steps) => {
      const places = new Map<number, number>();
      const table = new Names((entry, place) => places.set(entry, place));
      const model = new Map<string, { readonly folder: number; readonly name: Uint8Array; readonly entry: number }>();
      for (const [index, { adds, folder, name: bytes }] of steps.entries()) {
        const key = [folder, ...bytes].join();
        if (!adds) {
          table.remove(folder, bytes);
          model.delete(key);
        } else if (!model.has(key)) {
          const entry = { folder, name: bytes, entry: 2 ** 31 - 1 - index };
          places.set(entry.entry, table.add(folder, bytes, entry.entry));
          model.set(key, entry);
        }
        expect(table.get(folder, bytes)).toBe(model.get(key)?.entry ?? 0);
      }
      for (const each of model.values()) {
        expect(table.get(each.folder, each.name.slice())).toBe(each.entry);
        expect(table.at(places.get(each.entry)!)).toEqual(each.name);
        expect(table.brieflyAt(places.get(each.entry)!)).toEqual(each.name);
      }
    }),
  );
});

test('a table of many names, that loses nearly all of them', () => {
  const places = new Map<number, number>();
  let moves = 0;
  const table = new Names((entry, place) => {
    places.set(entry, place);
    moves++;
  });
  const names = numbered(Array.from({ length: 20_000 }, (_, index) => new TextEncoder().encode(`file-${index}`)));
  for (const { name, number } of names) places.set(number, table.add(1, name, number));
  for (const { name, number } of names) if (number % 100 !== 0) table.remove(1, name);
  for (const { name, number } of names) expect(table.get(1, name)).toBe(number % 100 === 0 ? number : 0);
  for (const { name, number } of names) if (number % 100 === 0) expect(table.at(places.get(number)!)).toEqual(name);
  // Room that nobody uses is given back on the way.
  expect(moves).toBeGreaterThan(0);
});

test('names of which some have the same hash: with so many it happens ten times', () => {
  const table = new Names(() => undefined);
  // Of eight bytes: one word alone never has the hash of another.
  const names = numbered(
    Array.from({ length: 300_000 }, (_, index) => {
      const words = new Uint32Array([index, Math.imul(index, 0x85eb_ca6b)]);
      return new Uint8Array(words.buffer);
    }),
  );
  for (const { name, number } of names) table.add(1, name, number);
  expect(names.filter(({ name, number }) => table.get(1, name) !== number)).toEqual([]);
});

test('names that come and go leave nothing behind', () => {
  const table = new Names(() => undefined);
  const listing = new Listing<{ name: Uint8Array; place: number; inode: { ino: bigint; type: number } }>();
  const entries = [1, 2].map((byte) => {
    return { name: new Uint8Array(200).fill(byte), place: 0, inode: { ino: 1n, type: 0 } };
  });
  let cookie = 3;
  /** There is always one, which came after those that have gone. */
  const comeAndGo = (times: number): void => {
    for (let time = 0; time < times; time++, cookie++) {
      const entry = entries[cookie % 2]!;
      table.add(1, entry.name, cookie);
      listing.add(entry, cookie);
      const last = entries[(cookie + 1) % 2]!;
      table.remove(1, last.name);
      if (cookie > 3) listing.remove(cookie - 1);
    }
  };
  comeAndGo(100);
  const before = usedMemory();
  comeAndGo(100_000);
  expect(usedMemory() - before).toBeLessThan(2 ** 20);
  expect([...listing.after(0)]).toEqual([entries[(cookie + 1) % 2]]);
});

test('a table of names that are as long as no guest may make them', () => {
  const table = new Names(() => undefined);
  const names = numbered([44, 300, 556].map((length) => new Uint8Array(length).fill(0x61)));
  const places = names.map(({ name, number }) => table.add(1, name, number));
  for (const { name, number } of names) expect(table.get(1, name.slice())).toBe(number);
  for (const { name, number } of names) expect(table.brieflyAt(places[number - 1]!)).toEqual(name);
  table.remove(1, new Uint8Array(300).fill(0x61));
  expect(names.map(({ name }) => table.get(1, name))).toEqual([1, 0, 3]);
});

test('a table of numbers', () => {
  const number = fc.oneof(fc.nat(20), fc.nat(3000), fc.nat(0xffff_ffff));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), number), { maxLength: 400, size: 'max' }), (steps) => {
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

test('a listing', () => {
  const step = fc.tuple(fc.constantFrom('add', 'add', 'remove', 'update'), fc.nat());
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200, size: 'max' }),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      (steps, first) => {
        const listing = new Listing<{ place: number; inode: { ino: bigint; type: number } }>();
        let cookie = 2 ** 32 - 20;
        let ino = first;
        const model: { cookie: number; entry: { place: number; inode: { ino: bigint; type: number } } }[] = [];
        const inode = (): { ino: bigint; type: number } => {
          ino = BigInt.asUintN(64, ino + 0x7fff_ffffn);
          return { ino, type: Number(ino & 3n) << 14 };
        };
        for (const [what, choice] of steps) {
          const at = choice % model.length;
          if (what === 'add') {
            const entry = { place: choice & 0xff, inode: inode() };
            listing.add(entry, (cookie += 1 + (choice % 3)));
            model.push({ cookie, entry });
          } else if (model.length > 0 && what === 'remove') {
            listing.remove(model.splice(at, 1)[0]!.cookie);
          } else if (model.length > 0) {
            const { entry, cookie: its } = model[at]!;
            entry.inode = inode();
            listing.update(entry, its);
          }
          const from = model[at]?.cookie ?? 0;
          const expected = model.filter((each) => each.cookie > from);
          expect([...listing.after(from)]).toEqual(expected.map(({ entry }) => entry));
          const listed: unknown[] = [];
          listing.list(from, (entry) => listed.push(entry) < 100, { brieflyAt: (place) => Uint8Array.of(place) });
          expect(listed).toEqual(
            expected.slice(0, 100).map(({ cookie: its, entry: { place, inode: of } }) => {
              return { name: Uint8Array.of(place), cookie: BigInt(its), ...of };
            }),
          );
        }
      },
    ),
  );
});
