// Loads and stores of one base register, for which translated code looks into the translation cache once: after any number
// of instructions everything is as the reference has it, instruction by instruction.
import { describe, expect, it } from 'vitest';
import { findRuns } from '../../../src/cpu/riscv/access-runs.ts';
import type { RunPart } from '../../../src/cpu/riscv/access-runs.ts';
import { decode } from '../../../src/cpu/riscv/decoder.ts';
import type { TranslatorStatistics } from '../../../src/cpu/riscv/translator.ts';
import { assemble, registerNumber } from './assembler.ts';
import { Lockstep } from './lockstep.ts';
import { PageTables, pte, readExecute, readWrite } from './page-tables.ts';
import { Choices } from './stream/random.ts';
import { translateAll } from './stream/run.ts';
import { ramBase, TestHart } from './test-hart.ts';

describe('the runs of a block', () => {
  const runsOf = (text: string): [index: number, part: RunPart][] => {
    const { bytes } = assemble(text, 0n);
    const words = new Uint32Array(bytes.buffer);
    return [...findRuns(Array.from(words, (bits, index) => ({ offset: index * 4, decoded: decode(bits)! }))).entries()];
  };
  const sp = registerNumber('sp');
  const whole = { isFirst: true, isLast: true };

  it('are loads, and stores, of one register, whatever their sizes', () => {
    expect(runsOf('sd ra, 24(sp)\nsw s0, 4(sp)\nfsd fs0, -8(sp)\nlb a0, 1(a1)\nfld fa0, 2(a1)')).toEqual([
      [0, { run: { kind: 'write', base: sp, from: -8, span: 40 }, count: 3, ...whole }],
      [3, { run: { kind: 'read', base: registerNumber('a1'), from: 1, span: 9 }, count: 2, ...whole }],
    ]);
  });

  it('go on behind what does not write the register, leave or change what is mapped', () => {
    const run = { kind: 'read', base: sp, from: 0, span: 24 };
    expect(
      runsOf('ld a0, 0(sp)\nsd a0, 0(a1)\namoadd.d a2, a2, (a3)\nfence rw, rw\nld a0, 8(sp)\nld a1, 16(sp)'),
    ).toEqual([
      [0, { run, count: 1, isFirst: true, isLast: false }],
      [4, { run, count: 2, isFirst: false, isLast: true }],
    ]);
  });

  it.each([
    ['a register that is written', 'addi sp, sp, 16'],
    ['a register that is loaded', 'ld sp, 0(a0)'],
    ['the load that overwrites its own base', 'ld sp, 8(sp)'],
    ['an atomic operation that overwrites the base', 'amoadd.d sp, a2, (a3)'],
    ['a control and status register', 'csrrw a1, sstatus, a1'],
  ])('end with %s', (_, between) => {
    const [first, second, ...more] = runsOf(`ld a4, 0(sp)\nld a5, 8(sp)\n${between}\nld a4, 32(sp)\nld a5, 40(sp)`).map(
      ([, { run, isLast }]) => ({ from: run.from, isLast }),
    );
    expect([first, second, ...more]).toEqual([
      { from: 0, isLast: true },
      { from: 32, isLast: true },
    ]);
  });

  it('are not of one access, nor of x0', () => {
    expect(runsOf('ld a4, 0(sp)\nld a5, 0(s0)\nsd a5, 0(sp)\nld a4, 0(x0)\nld a4, 8(x0)')).toEqual([]);
  });

  it('are not longer than is likely to lie in one page', () => {
    const starts = runsOf('ld a4, -2048(sp)\nld a4, 2040(sp)\nld a4, 2032(sp)\nld a4, -2040(sp)\nld a4, -2032(sp)');
    expect(starts.map(([index, { run }]) => [index, run.from, run.span])).toEqual([
      [1, 2032, 16],
      [3, -2040, 16],
    ]);
  });
});

const data = 0x4000;
const handler = 0x2_0000;
/** Adds what a trap tells to s9, and goes on behind the instruction, which has four bytes. */
const handlerText = `
  csrr t6, mcause
  add s9, s9, t6
  csrr t6, mtval
  slli s9, s9, 1
  xor s9, s9, t6
  csrr t6, mepc
  add s9, s9, t6
  addi t6, t6, 4
  csrw mepc, t6
  mret`;

interface Setting {
  /** Virtual pages and where they are in RAM; with them the program runs in S-mode under Sv39. */
  readonly pages?: readonly (readonly [virtual: bigint, place: number, flags: bigint])[];
  readonly times?: number;
  /** Where in the program the body begins. */
  readonly place?: number;
}

/**
 * Runs a body again and again beside the reference, some instructions at a time, its registers as `begin` has set them;
 * s0, s9 and t6 are not the body's. Gives what the translator did.
 */
function runBeside(
  begin: string,
  body: string,
  { pages, times = 80, place: start = 0x400 }: Setting = {},
): TranslatorStatistics {
  const machine = new TestHart({ ramBytes: 0x20_0000, translation: translateAll });
  machine.put(handlerText, ramBase + handler);
  for (let place = data - 0x1000; place < data + 0x8000; place += 1) machine.ram[place] = (place * 167 + 13) >>> 3;
  let enter = '';
  if (pages !== undefined) {
    const tables = new PageTables(machine);
    tables.map(BigInt(ramBase), ramBase, readExecute | pte.w);
    for (const [virtual, place, flags] of pages) tables.map(virtual, place, flags);
    enter = `
      li t0, -1
      csrw pmpaddr0, t0
      li t0, 0x1f
      csrw pmpcfg0, t0
      li t0, ${tables.satp}
      csrw satp, t0
      li t0, 0x6800
      csrw mstatus, t0
      la t0, start
      csrw mepc, t0
      mret`;
  }
  machine.load(`
      li t0, ${ramBase + handler}
      csrw mtvec, t0
      li t0, 0x6000
      csrs mstatus, t0
      ${enter}
    start:
      li s0, ${times}
      ${begin}
      j again
      .org ${start}
    again:
      ${body}
      addi s0, s0, -1
      bnez s0, again
    end: stop`);
  const lockstep = new Lockstep(machine.hart, machine.ram, ramBase);
  const random = new Choices(times);
  for (let runs = 0; lockstep.reference.x[8] !== 0n || runs < 3; runs += 1) {
    if (runs > 4000) throw new Error('the program does not end');
    lockstep.run(random.once(3) ? random.between(1, 40) : random.between(100, 400));
  }
  lockstep.compareMemory();
  const { translator } = machine.hart;
  if (translator === undefined) throw new Error('there is a translator');
  return translator.statistics;
}

/** Of every size, out of order, from the 20 bytes before a0 to the 20 behind it. */
const loads = [
  'ld a1, -20(a0)',
  'lw a2, 16(a0)',
  'lb a3, 3(a0)',
  'lhu a4, -7(a0)',
  'flw fa0, -2(a0)',
  'fld fa1, 5(a0)',
  'lbu a5, 19(a0)',
  'lwu a6, 0(a0)',
  'lh a7, -1(a0)',
];
const stores = [
  'sd a1, 12(a0)',
  'sb a2, -20(a0)',
  'sh a3, 1(a0)',
  'fsw fa0, -5(a0)',
  'fsd fa1, -13(a0)',
  'sw a4, 7(a0)',
];
const change = 'add a1, a1, a2\nxor a2, a2, a1\nadd a3, a3, a4\nslli a4, a4, 3\nxor a4, a4, a5';
const alternating = loads.flatMap((load, index) => [load, stores[index] ?? change.split('\n')[index % 5]!]);

describe.each([
  ['loads', loads.join('\n')],
  ['stores', `${change}\n${stores.join('\n')}`],
  ['loads before stores', [...loads, ...stores].join('\n')],
  ['loads and stores by turns', alternating.join('\n')],
  ['loads with something between them', loads.join('\nadd a1, a1, a2\nxor a2, a2, a1\n')],
])('%s of one register', (_, accesses) => {
  it('before, across and behind the end of a page, at every offset', () => {
    const { retired, exits } = runBeside(
      `li a0, ${ramBase + data + 0x1000 - 40}`,
      // What lies in both pages is known, but the code of the program is not there.
      `${accesses}\naddi a0, a0, 1`,
    );
    expect(retired).toBeGreaterThan(500);
    // One of these for each page and kind that is met for the first time, and for each access across the end.
    expect(exits.miss).toBeGreaterThan(0);
  });

  it.each([24, 26])('where the code goes on in another page after %d bytes, in or behind an access', (bytes) => {
    const begin = `li a0, ${ramBase + data + 0x1000 - 30}`;
    const setting = { place: 0x2000 - bytes, times: 60 };
    const { retired } = runBeside(begin, `${accesses}\naddi a0, a0, 1`, setting);
    expect(retired).toBeGreaterThan(300);
  });

  it('in one page do not leave', () => {
    const { retired, exits } = runBeside(`li a0, ${ramBase + data + 100}`, `${accesses}\naddi a0, a0, 24`);
    expect(retired).toBeGreaterThan(500);
    expect(exits.miss).toBeLessThan(5);
  });
});

describe('under Sv39', () => {
  const page = (place: number): number => ramBase + data + place * 0x1000;

  it.each([
    ['at 2^31, where the low half changes its sign', 0x8000_0000n - 0x1_0000_0000n],
    ['at 2^32, where the high half changes', 0x1_0000_0000n],
    ['at 2^64, behind which comes 0', 0n],
    ['at any other page', 0x1234_5000n],
  ])('runs cross the end of a page %s', (_, end) => {
    const { retired } = runBeside(
      `li a0, ${end - 40n}`,
      `${[...loads, change, ...stores].join('\n')}\naddi a0, a0, 1`,
      {
        pages: [
          [BigInt.asUintN(64, end - 0x1000n), page(0), readWrite],
          [BigInt.asUintN(64, end), page(2), readWrite],
        ],
      },
    );
    expect(retired).toBeGreaterThan(500);
  });

  it.each([
    ['the second page is not there', [0x1_1000n], 0x1_2000n],
    ['the first page is not there', [0x1_2000n], 0x1_2000n],
    ['what follows is no address', [0x3f_ffff_f000n], 0x40_0000_0000n],
    ['no address is before it', [-0x40_0000_0000n], -0x40_0000_0000n],
  ])('an access in the middle of a run faults where %s', (_, virtual, end) => {
    const { retired } = runBeside(`li a0, ${end - 24n}`, `${[...loads, ...stores].join('\n')}\naddi a0, a0, 1`, {
      pages: virtual.map((address) => [BigInt.asUintN(64, address), page(0), readWrite] as const),
      times: 60,
    });
    expect(retired).toBeGreaterThan(50);
  });

  it('stores fault in a page that loads may have', () => {
    const body = 'ld a1, 0(a0)\nsd a1, 8(a0)\nld a2, 16(a0)\nsd a2, 24(a0)\nsb a1, 0(a0)';
    const { retired } = runBeside('li a0, 0x11000', body, { pages: [[0x1_1000n, page(0), pte.v | pte.r | pte.a]] });
    expect(retired).toBeGreaterThan(50);
  });

  it('a run that the cache does not know begins again with its first access', () => {
    const body = `sfence.vma x0, x0\nadd a3, a3, a2\n${loads.join('\n')}`;
    const { exits } = runBeside('li a0, 0x11800', body, { pages: [[0x1_1000n, page(0), readWrite]] });
    expect(exits.miss).toBeGreaterThan(10);
  });

  it('a run ends where pages of the user are closed', () => {
    const body = `
      csrrs x0, sstatus, t1
      ld a1, 0(a0)
      ld a2, 8(a0)
      csrrc x0, sstatus, t1
      ld a3, 16(a0)
      ld a4, 24(a0)
      csrrs x0, sstatus, t1
      ld a5, 32(a0)
      ld a6, 40(a0)`;
    const { retired } = runBeside('li a0, 0x11800\nli t1, 0x40000', body, {
      pages: [[0x1_1000n, page(0), readWrite | pte.u]],
    });
    expect(retired).toBeGreaterThan(50);
  });
});

describe('the base register', () => {
  it('may be overwritten between two accesses, and by the last of a run', () => {
    // A ring of nodes, each with the address of the next; what is beside it is followed, too.
    const nodes = Array.from({ length: 8 }, (_, index) => ramBase + data + index * 0x7f8);
    const link = nodes.map(
      (node, index) => `li t1, ${node}\nli t2, ${nodes[(index + 3) % nodes.length]}\nsd t2, 8(t1)\nsd t2, 24(t1)`,
    );
    const body = `
      ld a1, 0(a0)
      ld a2, 16(a0)
      ld a0, 8(a0)
      sd a1, 16(a0)
      sd a2, 0(a0)
      ld a3, 0(a0)
      ld a0, 24(a0)
      ld a4, 16(a0)
      addi a0, a0, 4
      lw a5, 0(a0)
      lw a6, 4(a0)
      sw a5, 32(a0)
      addi a0, a0, -4
      sw a6, 32(a0)`;
    const { retired, exits } = runBeside(`${link.join('\n')}\nli a0, ${nodes[0]}`, body);
    expect(retired).toBeGreaterThan(500);
    expect(exits.miss).toBeLessThan(30);
  });
});

describe('stores into code', () => {
  /** By turns addi a2, a2, 1 and addi a2, a2, 2, and what goes into a3. */
  const begin = (place: string): string => `
    ${place}
    li t1, 0x00160613
    li t2, 0x00260613
    li t3, 0x00168693
    li t4, 0x00268693
    li a2, 0
    li a3, 0`;
  const swap = 'mv t5, t1\nmv t1, t2\nmv t2, t5\nmv t5, t3\nmv t3, t4\nmv t4, t5';

  it('that the run itself lies in are there when it is over', () => {
    const body = `
      ${swap}
      lw a5, 8(a0)
      sw t1, 0(a0)
      sw t3, 4(a0)
      sw t1, 8(a0)
    patched:
      nop
      nop
      nop
      add a4, a4, a2`;
    const { retired } = runBeside(begin('la a0, patched'), body, { times: 40 });
    expect(retired).toBeGreaterThan(0);
  });

  it('of another page, and data beside it, are there when it is called', () => {
    const body = `
      ${swap}
      lw a5, -16(a0)
      lw a6, 4(a0)
      sw t1, 4(a0)
      sd a2, -16(a0)
      sw t3, 0(a0)
      sd a3, -8(a0)
      jalr ra, 0(a0)
      add a4, a4, a2`;
    const text = `
      ${begin(`li a0, ${ramBase + data + 0x1000}`)}
      li t5, 0x00008067
      sw t5, 8(a0)`;
    const { retired } = runBeside(text, body, { times: 40 });
    expect(retired).toBeGreaterThan(0);
  });
});
