// Sequences of instructions that one handler runs: whatever is in them, wherever the run ends, they do what the
// instructions do one by one. The reference fetches and decodes each instruction anew.
import { describe, expect, it } from 'vitest';
import { c } from '../../../src/cpu/riscv/c.ts';
import { decode } from '../../../src/cpu/riscv/decoder.ts';
import { sequences } from '../../../src/cpu/riscv/handlers.ts';
import type { RowHandler } from '../../../src/cpu/riscv/handlers.ts';
import { commonSequences } from '../../../src/cpu/riscv/sequences.ts';
import { Lockstep } from './lockstep.ts';
import { Choices } from './stream/random.ts';
import { randomFields } from './stream/units.ts';
import { ramBase, TestHart } from './test-hart.ts';

const ramBytes = 0x1_0000;
const page = BigInt(ramBase) + 0x4000n;
/** Where sequences stand: in a page, and so that a part of them is in the next page. */
const places = [page + 0x100n, page + 0xff8n, page + 0xffcn, page + 0xffen];
const trapHandler = BigInt(ramBase) + 0x800n;
/** Runs of each sequence at each place. */
const tries = 24;

function makeLockstep(shared: boolean): Lockstep {
  const machine = new TestHart({ shared, ramBytes });
  machine.put('nop\nnop', Number(trapHandler));
  machine.load(`li t0, ${trapHandler}\ncsrw mtvec, t0`);
  const lockstep = new Lockstep(machine.hart, machine.ram, ramBase);
  while (lockstep.reference.csrs.get('mtvec') !== trapHandler) lockstep.step();
  return lockstep;
}

/** Bits of an instruction that this handler runs, with any fields. */
function bitsFor(random: Choices, { row, length }: RowHandler): number {
  if (length === 4) return randomFields(random, row);
  const forms = c.filter(({ base }) => base === row.name);
  for (;;) {
    const { encoding } = random.pick(forms);
    const bits = (encoding.match | (random.word() & ~encoding.mask & 0xffff)) >>> 0;
    if (decode(bits)?.row === row) return bits;
  }
}

function codeFor(random: Choices, sequence: readonly RowHandler[]): Uint8Array {
  const bytes: number[] = [];
  for (const handler of sequence) {
    const bits = bitsFor(random, handler);
    for (let index = 0; index < handler.length; index += 1) bytes.push((bits >>> (8 * index)) & 0xff);
  }
  // Where it runs on, or branches to behind it, there are instructions of two bytes that do nothing.
  for (let index = 0; index < 8; index += 1) bytes.push(0x01, 0x00);
  return Uint8Array.from(bytes);
}

/** Registers that point at data, near page ends, at the sequence itself (which a store then changes), or anywhere. */
function registerValue(random: Choices, place: bigint): bigint {
  if (random.once(4)) return random.integer();
  if (random.once(3)) return place + BigInt(random.below(24) - 8);
  return page + 0x2000n + BigInt(random.pick([0, 1, 4, 8, 0xff8, 0xffc, 0xffd, 0xfff, 0x1000]));
}

const named = sequences.map((sequence, index) => [commonSequences[index]!.join(' '), sequence] as const);

describe.each([
  ['shared', true],
  ['unshared', false],
])('in %s memory a run of', (_, shared) => {
  let lockstep = makeLockstep(shared);

  it.each(named)('%s is a run of its instructions', (name, sequence) => {
    const random = new Choices(sequence.length * 1000 + name.length);
    for (const place of places) {
      for (let round = 0; round < tries; round += 1) {
        const x = Array.from({ length: 32 }, () => registerValue(random, place));
        const f = Array.from({ length: 32 }, () => random.integer());
        lockstep.prepareCode(place, codeFor(random, sequence), { x, f, fcsr: 0 });
        try {
          // First to somewhere inside, so that the rest is entered in the middle.
          const first = random.below(sequence.length + 1);
          lockstep.run(first);
          lockstep.run(sequence.length - first + 2);
        } catch (error) {
          lockstep = makeLockstep(shared);
          throw error;
        }
      }
    }
    lockstep.compareMemory();
  });
});

it('each sequence of three or more begins with one in the table, so that it can be found', () => {
  const texts = new Set(commonSequences.map((names) => names.join(' ')));
  const long = commonSequences.filter((names) => names.length > 2);
  expect(long.length).toBeGreaterThan(0);
  expect(long.filter((names) => !texts.has(names.slice(0, -1).join(' ')))).toEqual([]);
  expect(texts.size).toBe(commonSequences.length);
});
