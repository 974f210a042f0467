// What a hart has decoded goes into another hart over the same RAM, which then has it.
import { expect, test } from 'vitest';
import { decodeAhead } from '../../../src/cpu/riscv/decode-ahead.ts';
import {
  decodePlaces,
  placesBytes,
  restoreDecoded,
  saveDecoded,
  saveDecodedPlaces,
} from '../../../src/cpu/riscv/decoded-state.ts';
import { restoreHart, saveHart } from '../../../src/cpu/riscv/hart-state.ts';
import { at, entryBytes, pageFlagsAt, pageSize } from '../../../src/cpu/riscv/layout.ts';
import { ramBase, TestHart } from './test-hart.ts';

const program = `
  li t0, 7
loop:
  addi t2, t2, 3
  xor t3, t3, t2
  addi t0, t0, -1
  bnez t0, loop
  li t4, 1
  stop
`;

function decodedOf({ hart }: TestHart): number[] {
  const offsets = Array.from({ length: 64 }, (_, index) => index * 2);
  return offsets.filter((offset) => hart.pages.isDecoded(0, offset));
}

/** Both run to the end, the second with `li t4, 2` in the place of `li t4, 1`, as a device would write it. */
function expectOwnCode(first: TestHart, second: TestHart, length: number): void {
  const place = length - 8;
  second.view.setUint32(place, second.view.getUint32(place, true) + (1 << 20), true);
  second.hart.written(ramBase + place, 4);
  first.runToStop();
  second.runToStop();
  expect(second.x('t3')).toBe(first.x('t3'));
  expect([first.x('t4'), second.x('t4')]).toEqual([1n, 2n]);
}

test('it has the same decoded, runs the same, and takes back what is overwritten', () => {
  const first = new TestHart();
  const { bytes } = first.load(program);
  first.hart.run(12);
  const saved = structuredClone(saveDecoded(first.hart.pages, first.hart.registers));
  expect(saved.pages).toEqual(Int32Array.of(0));

  const second = new TestHart();
  second.ram.set(first.ram);
  restoreHart(second.hart, structuredClone(saveHart(first.hart)));
  expect(decodedOf(second)).toEqual([]);
  restoreDecoded(second.hart.pages, second.hart.registers, saved);
  expect(decodedOf(second)).toEqual(decodedOf(first));
  expect(decodedOf(second).length).toBeGreaterThan(4);

  expectOwnCode(first, second, bytes.length);
});

test('what is decoded here and there in several pages is the same in the other hart, to the last entry', () => {
  const first = new TestHart();
  // Instructions of two and of four bytes, and returns, at which decoding ends.
  const halves = new Uint16Array(first.ram.buffer, first.ram.byteOffset, (4 * pageSize) / 2);
  for (let slot = 0; slot < halves.length; slot += 4) halves.set([0x0001, 0x0293, 0x0070, 0x8082], slot);
  const pages = Int32Array.of(3, 1);
  const places = new Uint8Array(2 * placesBytes);
  // At the ends of the page, and with gaps of all sizes.
  for (const slot of [0, 4, 12, 28, 32, 48, 60, 1000, 1004, 2044]) places[slot >>> 3] = 0xff;
  places[placesBytes + 7] = 1;
  decodePlaces(first.hart.pages, first.hart.registers, { pages, places }, () => false);
  const saved = structuredClone(saveDecoded(first.hart.pages, first.hart.registers));
  expect(saved.counts.every((count) => count > 0)).toBe(true);

  const second = new TestHart();
  second.ram.set(first.ram);
  restoreDecoded(second.hart.pages, second.hart.registers, saved);
  const decoded = ({ hart }: TestHart): Int32Array[] =>
    [...pages].map((page) => {
      const place = hart.pages.placeFor(page) / 4;
      return hart.registers.words.slice(place, place + (pageSize / 2) * (entryBytes / 4));
    });
  expect(decoded(second)).toEqual(decoded(first));
  expect(decoded(second).map((words) => words.some((word) => word !== 0))).toEqual([true, true]);
});

test('a region is not kept: the other hart decodes its first instruction, and runs into it by a sequence, too', () => {
  const first = new TestHart({ translation: { hotAfter: 2 } });
  first.load('li t0, 500\nloop:\n addi t0, t0, -1\n addi t1, t1, 1\n bnez t0, loop\n stop\n');
  const begin = structuredClone(saveHart(first.hart));
  first.runToStop();
  expect(first.hart.translator?.statistics.regions).toBeGreaterThan(0);
  const saved = saveDecoded(first.hart.pages, first.hart.registers);
  const second = new TestHart();
  second.ram.set(first.ram);
  restoreHart(second.hart, begin);
  restoreDecoded(second.hart.pages, second.hart.registers, saved);
  second.runToStop();
  expect([first.x('t1'), second.x('t1')]).toEqual([500n, 500n]);
});

test('who knows the places alone decodes the same ahead, and the hart takes it over', () => {
  const first = new TestHart();
  const { bytes } = first.load(program);
  first.hart.run(12);
  const places = structuredClone(saveDecodedPlaces(first.hart.pages, first.hart.registers));

  const second = new TestHart();
  second.ram.set(first.ram);
  const ahead = decodeAhead(second.hart.registers.buffer, second.ram.length, places);
  expect(ahead).toEqual(Int32Array.of(0));
  expect(decodedOf(second)).toEqual([]);
  // A hart that is made meanwhile takes no page for code.
  second.hart.registers.bytes.fill(0, pageFlagsAt, pageFlagsAt + second.ram.length / pageSize);
  second.hart.pages.adopt(ahead);
  restoreHart(second.hart, structuredClone(saveHart(first.hart)));
  expect(decodedOf(second)).toEqual(decodedOf(first));
  const entries = ({ hart }: TestHart): unknown => saveDecoded(hart.pages, hart.registers);
  expect(entries(second)).toEqual(entries(first));

  expectOwnCode(first, second, bytes.length);
});

test('nothing more is decoded ahead when the hart waits; where there is no code, it harms nobody', () => {
  const first = new TestHart();
  first.load(program);
  // Everything in the first two pages, of which the second one is zeros.
  const places = { pages: Int32Array.of(0, 1), places: new Uint8Array(2 * placesBytes).fill(0xff) };
  const waiting = new TestHart();
  waiting.hart.registers.setWord(at.awaited, 1);
  expect(decodeAhead(waiting.hart.registers.buffer, waiting.ram.length, places)).toEqual(new Int32Array(0));

  const second = new TestHart();
  second.load(program);
  second.hart.pages.adopt(decodeAhead(second.hart.registers.buffer, second.ram.length, places));
  first.runToStop();
  second.runToStop();
  expect([second.x('t3'), second.x('t4')]).toEqual([first.x('t3'), first.x('t4')]);
});
