// Every row as the interpreter's generated code runs it, against the evaluator that reads the same row over bigints.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instructionSet } from '../../../src/cpu/riscv/decoder.ts';
import type { Row } from '../../../src/cpu/riscv/row.ts';
import { double, single } from '../../oracle/float.ts';
import { boundaryValues } from '../float/operands.ts';
import { csrNumbers } from './assembler.ts';
import { encode } from './encode.ts';
import type { Hart } from '../../../src/cpu/riscv/hart.ts';
import { Lockstep } from './lockstep.ts';
import { Choices } from './stream/random.ts';
import { translateAll } from './stream/run.ts';
import { randomFields } from './stream/units.ts';
import { ramBase, TestHart } from './test-hart.ts';

const ramBytes = 0x1_0000;
const code = BigInt(ramBase) + 0x1000n;
const data = BigInt(ramBase) + 0x4000n;
const handler = BigInt(ramBase) + 0x800n;

const jumpToItself = encode('jal', {});

function wordBytes(word: number): number[] {
  return [word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24];
}

/** Integers at the ends of their ranges, of either width, and one whose bytes differ. */
const integers = [0n, 1n, 32n, 0x7fff_ffffn, 0x8000_0000n, 0x7fff_ffff_ffff_ffffn, 1n << 63n, 2n ** 64n - 1n].concat([
  0x0180_ff00_7f10_fe23n,
]);
/** Addresses: every alignment, the end of a page, nothing there. */
const addresses = [0n, 1n, 2n, 3n, 4n, 5n, 7n, 8n, 0xff8n, 0xff9n, 0xffcn, 0xffdn, 0xffen, 0xfffn, 0x1000n]
  .map((offset) => data + offset)
  .concat([
    0n,
    7n,
    0xffff_ffffn,
    data + 0x1_0000_0000n,
    BigInt.asUintN(64, -8n),
    BigInt(ramBase + ramBytes - 4),
    1n << 56n,
  ]);
const every = <T>(step: number, values: readonly T[]): T[] => values.filter((_, index) => index % step === 0);
const singles = boundaryValues(single).map((bits) => bits | 0xffff_ffff_0000_0000n);
const doubles = boundaryValues(double);
/** Singles that are not boxed (Volume I, §21.2): each counts as the canonical NaN. */
const unboxed = [0x3f80_0000n, 0xffff_fffe_3f80_0000n, 0x7fff_ffff_ff80_0000n];

/** An interpreter and an evaluator that know nothing but one instruction at `code`, and a handler that goes on. */
class RowBench {
  readonly #shared: boolean;
  readonly #translated: boolean;
  #lockstep: Lockstep;
  /** What stands at `code`, translated. */
  #bits: number | undefined;
  #hart: Hart | undefined;
  readonly x = Array.from({ length: 32 }, (_, index) => BigInt(index) * 0x1111_1111_1111n);
  readonly f = Array.from({ length: 32 }, (_, index) => doubles[index]!);

  constructor(shared: boolean, translated: boolean) {
    this.#shared = shared;
    this.#translated = translated;
    this.#lockstep = this.#make();
  }

  /** Runs an instruction once on both. */
  check(bits: number, fcsr = 0): void {
    try {
      if (this.#translated) this.#checkTranslated(bits, fcsr);
      else this.#checkInterpreted(bits, fcsr);
    } catch (error) {
      // What comes next is to be judged by itself.
      this.#lockstep = this.#make();
      throw error;
    }
  }

  #checkInterpreted(bits: number, fcsr: number): void {
    this.#lockstep.prepare(code, bits, { x: this.x, f: this.f, fcsr });
    this.#lockstep.step();
  }

  /** The instruction in a region of its own with a jump to itself behind it, which is run when it is translated. */
  #checkTranslated(bits: number, fcsr: number): void {
    const state = { x: this.x, f: this.f, fcsr };
    if (bits !== this.#bits) {
      this.#lockstep.prepareCode(code, Uint8Array.from([...wordBytes(bits), ...wordBytes(jumpToItself)]), state);
      this.#lockstep.run(1);
      this.#bits = bits;
    }
    this.#lockstep.prepareState(code, state);
    this.#lockstep.run(2);
  }

  /** Regions that were translated so far. */
  get regions(): number {
    return this.#hart?.translator?.statistics.regions ?? 0;
  }

  compareMemory(): void {
    this.#lockstep.compareMemory();
  }

  #make(): Lockstep {
    const machine = new TestHart({
      shared: this.#shared,
      ramBytes,
      ...(this.#translated && { translation: translateAll }),
    });
    this.#hart = machine.hart;
    this.#bits = undefined;
    const random = new Choices(7);
    for (let offset = 0x4000; offset < 0x6000; offset += 8) machine.view.setBigUint64(offset, random.long(), true);
    machine.put('nop\nnop', Number(handler));
    machine.load(`li t0, ${handler}\ncsrw mtvec, t0`);
    const lockstep = new Lockstep(machine.hart, machine.ram, ramBase);
    while (lockstep.reference.csrs.get('mtvec') !== handler) lockstep.step();
    return lockstep;
  }
}

/** Operands of a row in registers 10, 11 and 12, results in 13. */
function checkRow(bench: RowBench, row: Row): void {
  const { fields } = row.encoding;
  const register = { rd: 13, rs1: 10, rs2: 11, rs3: 12 };
  const named = Object.fromEntries(Object.entries(register).filter(([name]) => fields.has(name)));
  const isFloat = (name: string): boolean => row.traits.floatFields?.includes(name) === true;
  const floats = row.name.includes('.d') && row.name !== 'fcvt.d.s' ? doubles : [...singles, ...unboxed];
  const operands = (name: 'rs1' | 'rs2' | 'rs3', few: boolean): readonly bigint[] => {
    if (!fields.has(name)) return [0n];
    if (isFloat(name)) return few ? every(13, floats) : fields.has('rs2') ? every(5, floats) : floats;
    if (name === 'rs1' && row.syntax.includes('(rs1)')) return addresses;
    return row.syntax.includes('(rs1)') ? every(3, integers) : integers;
  };
  const few = fields.has('rs3');
  for (const a of operands('rs1', few)) {
    for (const b of operands('rs2', few)) {
      for (const c of operands('rs3', few)) {
        [bench.x[10], bench.x[11]] = [a, b];
        [bench.f[10], bench.f[11], bench.f[12]] = [a, b, c];
        for (const [bits, fcsr] of forms(row, named)) bench.check(bits, fcsr);
      }
    }
  }
}

/** The row's immediates, or rounding modes: static ones, dynamic ones, reserved ones. */
function forms(row: Row, named: Readonly<Record<string, number>>): readonly (readonly [bits: number, fcsr: number])[] {
  const { fields } = row.encoding;
  if (fields.has('rm')) {
    const modes = [0, 1, 2, 3, 4].map((rm) => [encode(row.name, { ...named, rm }), 0] as const);
    const dynamic = [0, 1, 2, 3, 4, 5, 7].map(
      (frm) => [encode(row.name, { ...named, rm: 7 }), (frm << 5) | 1] as const,
    );
    return fields.has('rs2') ? [...every(2, modes), dynamic[3]!, dynamic[5]!] : [...modes, ...dynamic];
  }
  const imm = ['imm', 'shamt', 'shamtw'].find((name) => fields.has(name));
  if (imm === undefined || row.traits.float === true) return [[encode(row.name, named), 0]];
  const isShift = imm !== 'imm';
  const width = fields.get(imm)!.bits;
  const least = Math.min(...fields.get(imm)!.pieces.map(({ to }) => to));
  const step = 2 ** least;
  const values = isShift ? [0, 1, 31, 2 ** width - 1] : [0, step, -step, 2 ** (width - 1) - step, -(2 ** (width - 1))];
  const chosen = row.syntax.includes('(rs1)') ? [0, 1, -8] : values;
  return chosen.map((value) => [encode(row.name, { ...named, [imm]: value }), 0] as const);
}

const withCsr = (row: Row): boolean => row.encoding.fields.has('csr');
const waits = (row: Row): boolean => row.name === 'wfi';

describe.each([
  ['interpreter', 'shared', true, false],
  ['interpreter', 'unshared', false, false],
  ['translator', 'shared', true, true],
])('%s and evaluator agree in %s memory', (_engine, _memory, shared, translated) => {
  const bench = new RowBench(shared, translated);

  // The rows' code is the same in both; what differs is the module's memory, so a part of the work will do there.
  // Translated, it is the floating-point rows that take long.
  const rows = instructionSet.filter(
    (row, index) =>
      !withCsr(row) &&
      !waits(row) &&
      (translated ? row.traits.float !== true || index % 3 === 0 : shared || index % 5 === 0),
  );
  it.each(rows.map((row) => [row.name, row] as const))('%s, on operands at the ends of their ranges', (_name, row) => {
    checkRow(bench, row);
  });

  if (translated) {
    it('and the instructions were translated', () => {
      expect(bench.regions).toBeGreaterThan(rows.length);
    });
  }

  it('on any row, any fields, any operands', () => {
    const usual = instructionSet.filter((row) => !waits(row) && !withCsr(row));
    fc.assert(
      fc.property(fc.nat(usual.length - 1), fc.nat(), fc.nat(0xff), (index, seed, fcsr) => {
        const random = new Choices(seed);
        for (let register = 0; register < 32; register += 1) {
          bench.x[register] = random.once(3) ? random.pick(addresses) : random.integer();
          bench.f[register] = random.pick(random.once(2) ? singles : doubles);
        }
        bench.check(randomFields(random, usual[index]!), fcsr);
      }),
      { numRuns: shared ? 1500 : 300 },
    );
    bench.compareMemory();
  });

  it('on any 16 bits', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), fc.nat(), (parcel, seed) => {
        const random = new Choices(seed);
        for (let register = 0; register < 32; register += 1) {
          bench.x[register] = random.once(2) ? random.pick(addresses) : random.integer();
        }
        bench.check(parcel);
      }),
      { numRuns: shared ? 1500 : 300 },
    );
    bench.compareMemory();
  });

  it('on csrrw, csrrs, csrrc and their immediate forms', () => {
    const rows = instructionSet.filter(withCsr);
    for (const row of rows) {
      for (const csr of [
        csrNumbers['fcsr']!,
        csrNumbers['mscratch']!,
        csrNumbers['mepc']!,
        csrNumbers['mvendorid']!,
        0x7c0,
      ]) {
        for (const source of [0, 10]) {
          for (const value of integers) {
            bench.x[10] = value;
            const operand = row.encoding.fields.has('uimm') ? { uimm: source } : { rs1: source };
            bench.check(encode(row.name, { rd: 13, csr, ...operand }), 0xa5);
            bench.check(encode(row.name, { rd: 0, csr, ...operand }), 0xa5);
          }
        }
      }
    }
  });
});

it('fcvt.d.s, which always is exact, is illegal with a reserved rounding mode all the same (§20.2)', () => {
  const machine = new TestHart({ ramBytes });
  machine.execute(`
    la t0, handler
    csrw mtvec, t0
    li t0, 0x6000
    csrs mstatus, t0
    csrwi frm, 5
    fcvt.d.s ft0, ft1, rne
    csrr a0, mcause
    fcvt.d.s ft0, ft1, dyn
    stop
    .align 4
  handler:
    csrr a0, mcause
    csrr a1, mtval
    stop`);
  expect([machine.x('a0'), machine.x('a1')]).toEqual([2n, BigInt(encode('fcvt.d.s', { rs1: 1, rm: 7 }))]);
});
