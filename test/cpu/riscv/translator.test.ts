// Translated code and the reference hart: after any number of instructions everything is the same.
import { describe, expect, it } from 'vitest';
import { Translator, type TranslationEvent } from '../../../src/cpu/riscv/translator.ts';
import { runTranslated } from './lockstep.ts';
import { Choices } from './stream/random.ts';
import { translateAll } from './stream/run.ts';
import { codeAddress, PagedHart } from './paged-hart.ts';
import { readExecute } from './page-tables.ts';
import { ramBase, TestHart } from './test-hart.ts';

describe.each([
  ['shared', true, 11],
  ['shared', true, 12],
  ['unshared', false, 13],
])('in %s memory', (_, shared, seed) => {
  it(`the stream of seed ${seed}, translated wherever it is jumped to, leaves what the reference leaves`, () => {
    const random = new Choices(seed);
    const regions = runTranslated({ seed, blocks: 12, unitsPerBlock: 48, checksum: true }, shared, () =>
      random.once(2) ? 1 + random.below(8) : 1 + random.below(400),
    );
    expect(regions).toBeGreaterThan(20);
  });
});

describe('translated code', () => {
  /** Calls each of many functions often enough, each in a page of its own. */
  const program = (functions: number): string => `
      li s0, 0
      li s1, 40
    again:
      ${Array.from({ length: functions }, (_, index) => `jal ra, f${index}`).join('\n')}
      addi s1, s1, -1
      bnez s1, again
      stop
      ${Array.from({ length: functions }, (_, index) => `.align 4096\nf${index}:\naddi s0, s0, ${index}\nret`).join('\n')}`;
  const sum = (functions: number): bigint => BigInt((40 * functions * (functions - 1)) / 2);

  it('goes, the oldest first, when there is more than may be kept; the program runs on', () => {
    const functions = 40;
    const machine = new TestHart({ translation: { hotAfter: 1, batch: 1, maximumBytes: 2000 } });
    machine.execute(program(functions));
    expect(machine.x('s0')).toBe(sum(functions));
    const { translator } = machine.hart;
    expect(translator?.bytes).toBeLessThanOrEqual(2000);
    expect(translator?.statistics.dropped).toBeGreaterThan(functions / 2);
  });

  it('is told of as it is made and as it goes', () => {
    const machine = new TestHart({ translation: { hotAfter: 1, batch: 1, maximumBytes: 2000 } });
    const { translator } = machine.hart;
    const events: TranslationEvent[] = [];
    if (translator !== undefined) translator.onEvent = (event) => events.push(event);
    const { base } = machine.execute(program(40));
    const statistics = translator?.statistics;
    const made = events.filter(({ what }) => what === 'translated');
    const dropped = events.filter(({ what }) => what === 'dropped');
    expect(made.length).toBe(statistics?.regions);
    expect(made.reduce((sum, { instructions }) => sum + instructions, 0)).toBe(statistics?.instructions);
    expect(dropped.length).toBe(statistics?.dropped);
    // Of a function that is two instructions long, the first in a page.
    const region = made.find(({ entry }) => entry === base + 4096n);
    expect(region).toMatchObject({
      large: false,
      instructions: 2,
      ranges: [{ start: base + 4096n, end: base + 4096n + 8n }],
      module: { milliseconds: 0 },
    });
    const { module: _, ...rest } = region ?? {};
    expect(dropped).toContainEqual({ ...rest, what: 'dropped' });
    expect(region?.module?.regions).toBeGreaterThan(0);
    expect(region?.bytes).toBeGreaterThan(0);
    expect(region?.bytes).toBeLessThan(2000);
  });

  it('is told of as it grows: the small region goes', () => {
    const machine = new TestHart({ translation: { hotAfter: 1, batch: 1, promoteAfter: 50 } });
    const { translator } = machine.hart;
    const events: TranslationEvent[] = [];
    if (translator !== undefined) translator.onEvent = (event) => events.push(event);
    machine.load('again: addi a0, a0, 1\nj again');
    for (let run = 0; run < 500; run += 1) machine.run(10);
    expect(events.map(({ what, large }) => [what, large])).toEqual([
      ['translated', false],
      ['dropped', false],
      ['promoted', true],
    ]);
  });

  it('can come when something is hot for the first time, and not before', () => {
    const machine = new TestHart({ hotAfter: 20 });
    let asked = 0;
    machine.hart.whenHot(() => {
      asked += 1;
    });
    machine.load('again: addi a0, a0, 1\nj again');
    machine.run(30);
    expect(asked).toBe(0);
    for (let run = 0; run < 100; run += 1) machine.run(10);
    expect(asked).toBe(1);
    machine.hart.translateBy((parts) => new Translator({ ...parts, batch: 1 }));
    for (let run = 0; run < 100; run += 1) machine.run(10);
    expect(machine.hart.translator?.statistics.regions).toBe(1);
    expect(machine.x('a0')).toBe(BigInt(2030 / 2));
  });

  it('goes when a device overwrites it, and when the machine is reset', () => {
    const machine = new TestHart({ translation: translateAll });
    const { base } = machine.execute(program(8));
    const { translator } = machine.hart;
    expect(translator?.bytes).toBeGreaterThan(0);
    const dropped = translator?.statistics.dropped;
    machine.write(Number(base) + 4096, 4, 0n);
    expect(translator?.statistics.dropped).toBeGreaterThan(dropped ?? 0);
    machine.reset();
    expect(translator?.bytes).toBe(0);
  });

  it('stops exactly where it is told to, also in the middle of a block', () => {
    const lines = Array.from({ length: 20 }, () => 'addi a0, a0, 1').join('\n');
    const machine = new TestHart({ translation: translateAll });
    machine.load(`again:\n${lines}\nj again`);
    machine.run(42);
    machine.run(0);
    for (let budget = 0; budget < 60; budget += 1) {
      const before = machine.hart.retired();
      expect(machine.run(budget)).toBe('budget');
      machine.run(0);
      expect(machine.hart.retired() - before).toBe(budget);
    }
    expect(machine.hart.translator?.statistics.regions).toBeGreaterThan(0);
    // 20 of 21 instructions add one.
    const retired = machine.hart.retired();
    expect(machine.x('a0')).toBe(BigInt(Math.floor(retired / 21) * 20 + Math.min(retired % 21, 20)));
  });

  it('does not begin at an instruction of two pages, which the interpreter does', () => {
    const machine = new TestHart({ translation: translateAll });
    // 2,047 instructions of two bytes, and the loop's head is the last two bytes of the page and the first two of the next.
    machine.load(`.align 4096\n${'c.li a1, 1\n'.repeat(2047)}again: addi a0, a0, 1\nj again`);
    machine.run(2047);
    for (let count = 1; count <= 200; count += 1) {
      expect(machine.run(1)).toBe('budget');
      machine.run(0);
      expect(machine.x('a0')).toBe(BigInt(Math.ceil(count / 2)));
    }
  });

  it('looks whether a page that it goes on in still has that code at that address', () => {
    const machine = new PagedHart({ translation: translateAll });
    const ranges: number[] = [];
    const { translator } = machine.hart;
    if (translator === undefined) throw new Error('there is a translator');
    translator.onEvent = (event) => ranges.push(event.what === 'promoted' ? event.ranges.length : 0);
    const other = ramBase + 0x6000;
    const text = `
        li s0, 0
        li s1, 4000
      again:
        jal ra, f
        addi s1, s1, -1
        bnez s1, again
        stop
      .align 4096
      f:
        addi s0, s0, 1
        ret`;
    const run = (): bigint => {
      expect(machine.attempt(text)).toBeUndefined();
      return machine.x('s0');
    };
    expect(run()).toBe(4000n);
    expect(Math.max(...ranges)).toBe(2);
    machine.put('addi s0, s0, 100\nret', other);
    machine.tables.map(codeAddress.supervisor + 0x1000n, other, readExecute);
    machine.hart.flushTranslations();
    machine.start(codeAddress.supervisor, 'supervisor');
    expect(machine.proceed()).toBeUndefined();
    expect(machine.x('s0')).toBe(400_000n);
    expect(translator.statistics.exits.unmapped).toBeGreaterThan(0);
  });
});
