// What is translated together, by the code that there is.
import { describe, expect, it } from 'vitest';
import { findRegion, largeRegion, smallRegion } from '../../../src/cpu/riscv/region.ts';
import type { CodeView, Region, RegionShape } from '../../../src/cpu/riscv/region.ts';
import { assemble } from './assembler.ts';

const pageSize = 4096;

/** A program from the start of page 0; what is at `unknown` labels the interpreter has never come by. */
class Code implements CodeView {
  readonly #program;
  readonly #unknown: ReadonlySet<number>;

  constructor(text: string, unknown: readonly string[] = []) {
    this.#program = assemble(text, 0n);
    this.#unknown = new Set(unknown.map((label) => this.at(label)));
  }

  at(label: string): number {
    return Number(this.#program.symbol(label));
  }

  page(number: number): Uint16Array | undefined {
    const bytes = new Uint8Array(pageSize);
    const part = this.#program.bytes.subarray(number * pageSize, (number + 1) * pageSize);
    if (number < 0 || part.length === 0) return undefined;
    bytes.set(part);
    return new Uint16Array(bytes.buffer);
  }

  isKnown(offset: number): boolean {
    return this.page(Math.floor(offset / pageSize)) !== undefined && !this.#unknown.has(offset);
  }

  find(label: string, shape: RegionShape): Region {
    const region = findRegion(this, this.at(label), shape);
    if (region === undefined) throw new Error(`no region at ${label}`);
    return region;
  }
}

/** Where the blocks begin, in order. */
const starts = ({ blocks }: Region): number[] => blocks.map(({ offset }) => offset).toSorted((a, b) => a - b);

describe('a call', () => {
  const code = new Code('start: addi a0, a0, 1\njal ra, f\nback: addi a0, a0, 2\nret\nf: addi a0, a0, 3\nret');

  it('leaves a small region', () => {
    const region = code.find('start', smallRegion);
    expect(starts(region)).toEqual([code.at('start')]);
    expect(region.graph).toEqual([[]]);
  });

  it('and its return are jumps in a large one', () => {
    const region = code.find('start', largeRegion);
    expect(starts(region)).toEqual(['start', 'back', 'f'].map((label) => code.at(label)));
    const [start, back, f] = ['start', 'back', 'f'].map((label) => region.blockAt(code.at(label), 0)!) as [
      number,
      number,
      number,
    ];
    expect(region.graph[start]).toEqual([f]);
    expect(region.graph[f]).toEqual([back]);
    // It returns to whoever called the region.
    expect(region.graph[back]).toEqual([]);
  });

  it('returns behind the calls of its own function, and not behind those of others', () => {
    const nested = new Code(
      'start: jal ra, f\none: addi a0, a0, 1\nret\nf: jal ra, g\ntwo: addi a0, a0, 2\nret\ng: addi a0, a0, 3\nret',
    );
    const region = nested.find('start', largeRegion);
    const returns = (label: string): readonly number[] | undefined =>
      region.blocks.find(({ offset }) => offset === nested.at(label))?.returns;
    expect(returns('g')).toEqual([nested.at('two')]);
    expect(returns('two')).toEqual([nested.at('one')]);
    expect(returns('one')).toEqual([]);
  });

  it('by an address that auipc made just before is known, and into another page', () => {
    const far = new Code('start: auipc ra, 1\njalr ra, 0(ra)\nback: ret\n.align 4096\nf: addi a0, a0, 1\nret');
    const region = far.find('start', largeRegion);
    expect(starts(region)).toEqual(['start', 'back', 'f'].map((label) => far.at(label)));
    expect(new Set(region.pages.keys())).toEqual(new Set([0, 1]));
    expect(region.pages.get(1)).toEqual({ from: 0, to: 8 });
  });
});

it('what the interpreter has not come by is left out', () => {
  const text = 'start: beqz a0, seldom\naddi a0, a0, 1\nret\nseldom: addi a0, a0, 2\nret';
  const code = new Code(text, ['seldom']);
  expect(starts(code.find('start', smallRegion))).not.toContain(code.at('seldom'));
  expect(starts(new Code(text).find('start', smallRegion))).toContain(code.at('seldom'));
});

it('no more than its shape allows', () => {
  const code = new Code(`start: ${'addi a0, a0, 1\n'.repeat(500)}j start`);
  for (const shape of [smallRegion, largeRegion]) {
    const { blocks } = code.find('start', shape);
    expect(blocks.reduce((sum, { instructions }) => sum + instructions.length, 0)).toBe(shape.instructions);
  }
});

it('a loop that begins a region and lies in another is there twice, the first time without the other', () => {
  const code = new Code('outer: addi a1, a1, 1\ninner: addi a0, a0, 1\nbnez a0, inner\nbnez a1, outer\nret');
  const region = code.find('inner', smallRegion);
  const inner = region.blocks.flatMap(({ offset }, index) => (offset === code.at('inner') ? [index] : []));
  expect(inner).toHaveLength(2);
  const [first, again] = inner as [number, number];
  expect(first).toBe(0);
  // Each loops in itself; only the second is led to from outside.
  expect(region.graph[first]).toContain(first);
  expect(region.graph[again]).toContain(again);
  const from = region.graph.flatMap((successors, index) => (successors.includes(first) ? [index] : []));
  expect(from).toEqual([first]);
  expect(region.graph[region.blockAt(code.at('outer'), again)!]).toEqual([again]);
});

it('none where the first instruction is for the hart', () => {
  expect(findRegion(new Code('wfi'), 0, smallRegion)).toBeUndefined();
});
