// What each instruction computes, said a second time and without the rows: integer functions over bigints, floating-point
// ones by the exact oracle. The RISC-V Instruction Set Manual, Volume I (20240411), chapters 2, 4, 13, 20 and 21.
import { beforeEach, describe, expect, it } from 'vitest';
import { instructionSet } from '../../../src/cpu/riscv/decoder.ts';
import { double, floatOracle, single } from '../../oracle/float.ts';
import type { FloatFormat } from '../../oracle/float.ts';
import { boundaryValues } from '../float/operands.ts';
import { at } from '../../../src/cpu/riscv/layout.ts';
import { zba } from '../../../src/cpu/riscv/zba.ts';
import { zbb } from '../../../src/cpu/riscv/zbb.ts';
import { zbs } from '../../../src/cpu/riscv/zbs.ts';
import { encode } from './encode.ts';
import { ramBase, TestHart } from './test-hart.ts';

const machine = new TestHart({ ramBytes: 0x1_0000 });
beforeEach(() => machine.reset());

const u = (value: bigint): bigint => BigInt.asUintN(64, value);
const s = (value: bigint): bigint => BigInt.asIntN(64, value);
/** A 32-bit result, sign-extended. */
const w = (value: bigint): bigint => u(BigInt.asIntN(32, value));
const s32 = (value: bigint): bigint => BigInt.asIntN(32, value);
const u32 = (value: bigint): bigint => BigInt.asUintN(32, value);
const flag = (condition: boolean): bigint => (condition ? 1n : 0n);

const tested = new Set<string>();

/** Runs one instruction with registers as given, and leaves the pc behind it. */
function run(name: string, fields: Readonly<Record<string, number>>, x: Readonly<Record<string, bigint>> = {}): void {
  tested.add(name);
  machine.write(ramBase, 4, BigInt(encode(name, fields)));
  machine.start(BigInt(ramBase));
  for (const [register, value] of Object.entries(x)) machine.setX(register, value);
  same(machine.run(1), 'budget', name);
}

/** As expect().toBe, but cheap where it holds: there are a hundred thousand of them. */
function same(actual: unknown, expected: unknown, ...where: unknown[]): void {
  if (actual !== expected) expect([...where, actual]).toEqual([...where, expected]);
}

const values = [0n, 1n, 2n, 5n, 31n, 63n, 64n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 0x1_2345_6789n].concat([
  2n ** 63n - 1n,
  2n ** 63n,
  0xdead_beef_0bad_f00dn,
  2n ** 64n - 2n,
  2n ** 64n - 1n,
]);

describe('two registers', () => {
  const functions: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
    add: (a, b) => u(a + b),
    sub: (a, b) => u(a - b),
    sll: (a, b) => u(a << (b % 64n)),
    slt: (a, b) => flag(s(a) < s(b)),
    sltu: (a, b) => flag(a < b),
    xor: (a, b) => a ^ b,
    srl: (a, b) => a >> (b % 64n),
    sra: (a, b) => u(s(a) >> (b % 64n)),
    or: (a, b) => a | b,
    and: (a, b) => a & b,
    addw: (a, b) => w(a + b),
    subw: (a, b) => w(a - b),
    sllw: (a, b) => w(a << (b % 32n)),
    srlw: (a, b) => w(u32(a) >> (b % 32n)),
    sraw: (a, b) => w(s32(a) >> (b % 32n)),
    mul: (a, b) => u(a * b),
    mulh: (a, b) => u((s(a) * s(b)) >> 64n),
    mulhsu: (a, b) => u((s(a) * b) >> 64n),
    mulhu: (a, b) => (a * b) >> 64n,
    mulw: (a, b) => w(a * b),
    // Table 11: nothing divides by 0, and the one quotient that does not fit is the dividend.
    div: (a, b) => (b === 0n ? u(-1n) : u(s(a) / s(b))),
    divu: (a, b) => (b === 0n ? u(-1n) : a / b),
    rem: (a, b) => (b === 0n ? a : u(s(a) % s(b))),
    remu: (a, b) => (b === 0n ? a : a % b),
    divw: (a, b) => (s32(b) === 0n ? u(-1n) : w(s32(a) / s32(b))),
    divuw: (a, b) => (u32(b) === 0n ? u(-1n) : w(u32(a) / u32(b))),
    remw: (a, b) => (s32(b) === 0n ? w(a) : w(s32(a) % s32(b))),
    remuw: (a, b) => (u32(b) === 0n ? w(a) : w(u32(a) % u32(b))),
  };

  it.each(Object.entries(functions))('%s', (name, result) => {
    for (const a of values) {
      for (const b of values) {
        run(name, { rd: 10, rs1: 11, rs2: 12 }, { a1: a, a2: b });
        same(machine.x('a0'), result(a, b), name, a, b);
      }
    }
  });
});

describe('a register and an immediate', () => {
  const functions: Readonly<Record<string, (a: bigint, imm: bigint) => bigint>> = {
    addi: (a, imm) => u(a + imm),
    slti: (a, imm) => flag(s(a) < imm),
    sltiu: (a, imm) => flag(a < u(imm)),
    xori: (a, imm) => a ^ u(imm),
    ori: (a, imm) => a | u(imm),
    andi: (a, imm) => a & u(imm),
    addiw: (a, imm) => w(a + imm),
  };
  it.each(Object.entries(functions))('%s', (name, result) => {
    for (const a of values) {
      for (const imm of [0, 1, -1, 7, 2047, -2048]) {
        run(name, { rd: 10, rs1: 11, imm }, { a1: a });
        same(machine.x('a0'), result(a, BigInt(imm)), name, a, imm);
      }
    }
  });

  const shifts: Readonly<Record<string, (a: bigint, shift: bigint) => bigint>> = {
    slli: (a, shift) => u(a << shift),
    srli: (a, shift) => a >> shift,
    srai: (a, shift) => u(s(a) >> shift),
    slliw: (a, shift) => w(a << shift),
    srliw: (a, shift) => w(u32(a) >> shift),
    sraiw: (a, shift) => w(s32(a) >> shift),
  };
  it.each(Object.entries(shifts))('%s', (name, result) => {
    const short = name.endsWith('w');
    for (const a of values) {
      for (const shift of short ? [0, 1, 31] : [0, 1, 31, 32, 63]) {
        run(name, { rd: 10, rs1: 11, [short ? 'shamtw' : 'shamt']: shift }, { a1: a });
        same(machine.x('a0'), result(a, BigInt(shift)), name, a, shift);
      }
    }
  });

  it.each([0, 0x1000, 0x7fff_f000, -0x8000_0000, -0x1000])('lui and auipc of %d', (imm) => {
    run('lui', { rd: 10, imm });
    expect(machine.x('a0')).toBe(u(BigInt(imm)));
    run('auipc', { rd: 10, imm });
    expect(machine.x('a0')).toBe(u(BigInt(ramBase) + BigInt(imm)));
  });
});

describe('x0', () => {
  it('reads as 0 and keeps it', () => {
    run('addi', { rd: 0, rs1: 11, imm: 5 }, { a1: 1n });
    run('add', { rd: 10, rs1: 0, rs2: 0 });
    expect(machine.x('a0')).toBe(0n);
  });

  it('is no place for a load’s or a jump’s result either', () => {
    machine.write(ramBase + 0x100, 8, 77n);
    run('ld', { rd: 0, rs1: 11, imm: 0 }, { a1: BigInt(ramBase + 0x100) });
    run('jal', { rd: 0, imm: 8 });
    run('add', { rd: 10, rs1: 0, rs2: 0 });
    expect(machine.x('a0')).toBe(0n);
  });
});

describe('branches and jumps', () => {
  const conditions: Readonly<Record<string, (a: bigint, b: bigint) => boolean>> = {
    beq: (a, b) => a === b,
    bne: (a, b) => a !== b,
    blt: (a, b) => s(a) < s(b),
    bge: (a, b) => s(a) >= s(b),
    bltu: (a, b) => a < b,
    bgeu: (a, b) => a >= b,
  };
  it.each(Object.entries(conditions))('%s', (name, taken) => {
    for (const a of values) {
      for (const b of values) {
        run(name, { rs1: 10, rs2: 11, imm: 4094 }, { a0: a, a1: b });
        same(machine.pc - BigInt(ramBase), taken(a, b) ? 4094n : 4n, a, b);
      }
    }
  });

  it.each([-4096, -2, 2, 4, 4094])('a branch reaches %d', (imm) => {
    machine.put('nop', ramBase + 0x2000);
    machine.write(ramBase + 0x2000, 4, BigInt(encode('beq', { imm })));
    machine.start(BigInt(ramBase + 0x2000));
    machine.run(1);
    expect(machine.pc).toBe(BigInt(ramBase + 0x2000 + imm));
  });

  it.each([-0x10_0000, -2, 2, 0xffffe])('jal reaches %d and leaves the address behind it', (imm) => {
    const wide = new TestHart({ ramBytes: 0x40_0000 });
    wide.write(ramBase + 0x20_0000, 4, BigInt(encode('jal', { rd: 1, imm })));
    wide.start(BigInt(ramBase + 0x20_0000));
    wide.run(1);
    expect([wide.pc, wide.x('ra')]).toEqual([BigInt(ramBase + 0x20_0000 + imm), BigInt(ramBase + 0x20_0004)]);
    tested.add('jal');
  });

  it.each([0, 1, -1, 2047, -2048])('jalr with %d clears bit 0 of the target, and rd may be rs1', (imm) => {
    const base = BigInt(ramBase + 0x4000);
    run('jalr', { rd: 10, rs1: 10, imm }, { a0: base });
    expect([machine.pc, machine.x('a0')]).toEqual([(base + BigInt(imm)) & ~1n, BigInt(ramBase + 4)]);
  });

  it('compressed jumps leave the address two bytes on', () => {
    machine.write(ramBase, 2, BigInt(encode('c.jalr', { rs1: 10 })));
    machine.start(BigInt(ramBase));
    machine.setX('a0', BigInt(ramBase + 0x100));
    machine.run(1);
    expect([machine.pc, machine.x('ra')]).toEqual([BigInt(ramBase + 0x100), BigInt(ramBase + 2)]);
  });
});

describe('loads and stores', () => {
  const data = BigInt(ramBase + 0x800);
  it.each([
    ['lb', 1, true],
    ['lh', 2, true],
    ['lw', 4, true],
    ['ld', 8, true],
    ['lbu', 1, false],
    ['lhu', 2, false],
    ['lwu', 4, false],
  ] as const)('%s', (name, size, signed) => {
    for (const content of [0x8877_6655_4433_2211n, 0x1122_3344_5566_7788n, 0x8080_8080_8080_8080n]) {
      machine.write(Number(data) - 3, 8, content);
      run(name, { rd: 10, rs1: 11, imm: -3 }, { a1: data });
      const part = BigInt.asUintN(size * 8, content);
      expect(machine.x('a0')).toBe(signed ? u(BigInt.asIntN(size * 8, part)) : part);
    }
  });

  it.each([
    ['sb', 1],
    ['sh', 2],
    ['sw', 4],
    ['sd', 8],
  ] as const)('%s', (name, size) => {
    machine.write(Number(data), 8, 2n ** 64n - 1n);
    run(name, { rs1: 11, rs2: 12, imm: 2047 }, { a1: data - 2047n, a2: 0x8877_6655_4433_2211n });
    const mask = (1n << BigInt(size * 8)) - 1n;
    expect(machine.read(Number(data), 8)).toBe(u(~mask) | (0x8877_6655_4433_2211n & mask));
  });
});

describe('floating point', () => {
  const boxed = 0xffff_ffff_0000_0000n;
  const canonical = 0x7fc0_0000n;
  const formats = { s: single, d: double } as const;
  type Letter = keyof typeof formats;
  /** What an operand's bits count as: a single that is not boxed is the canonical NaN (§21.2). */
  const operand = (letter: Letter, bits: bigint): bigint =>
    letter === 'd' ? bits : (bits & boxed) === boxed ? bits & 0xffff_ffffn : canonical;
  const result = (letter: Letter, bits: bigint): bigint => (letter === 'd' ? bits : bits | boxed);
  const sample = (letter: Letter): bigint[] =>
    letter === 'd'
      ? boundaryValues(double).filter((_, index) => index % 4 === 0)
      : [
          ...boundaryValues(single)
            .filter((_, index) => index % 4 === 0)
            .map((bits) => bits | boxed),
          0x3f80_0000n,
          0xffff_fffe_0000_0000n,
        ];

  beforeEach(() => machine.execute('li t0, 0x6000\ncsrs mstatus, t0\nstop'));

  const setF = (index: number, bits: bigint): void => machine.hart.registers.setF(index, bits);
  /** Flags raised since the last time. */
  const flags = (): number => {
    const { registers } = machine.hart;
    const raised = registers.word(at.fflags);
    registers.setFcsr(0, registers.word(at.frm));
    return raised;
  };

  type Exact = (format: FloatFormat, ...operands: (bigint | number)[]) => { bits: bigint; flags: number };
  const exact = floatOracle as unknown as Readonly<Record<string, Exact>>;

  /** Runs an instruction in each rounding mode that it has and compares with the oracle. */
  function check(
    name: string,
    letter: Letter,
    operands: readonly bigint[],
    expected: (mode: number) => { bits: bigint; flags: number },
    to: 'x' | 'f',
  ): void {
    const hasMode = instructionSet.find((row) => row.name === name)!.encoding.fields.has('rm');
    for (const mode of hasMode ? [0, 1, 2, 3, 4] : [0]) {
      const names = ['rs1', 'rs2', 'rs3'].slice(0, operands.length);
      for (const [index, bits] of operands.entries()) setF(11 + index, bits);
      const fields = Object.fromEntries(names.map((field, index) => [field, 11 + index]));
      run(name, { rd: 10, ...fields, ...(hasMode && { rm: mode }) });
      const { bits, flags: raised } = expected(mode);
      const seen = to === 'x' ? machine.x('a0') : machine.f('fa0');
      same(seen, to === 'x' ? bits : result(letter, bits), name, operands, mode);
      same(flags(), raised, name, operands, mode);
    }
  }

  describe.each(['s', 'd'] as const)('of format %s', (letter) => {
    const format = formats[letter];
    const o = (bits: bigint): bigint => operand(letter, bits);
    const sign = 1n << BigInt(format.width - 1);

    it.each(['add', 'sub', 'mul', 'div', 'min', 'max'])('f%s', (name) => {
      for (const a of sample(letter))
        for (const b of sample(letter).filter((_, index) => index % 2 === 0)) {
          check(`f${name}.${letter}`, letter, [a, b], (mode) => exact[name]!(format, o(a), o(b), mode), 'f');
        }
    });

    it.each(['eq', 'lt', 'le'])('f%s', (name) => {
      for (const a of sample(letter))
        for (const b of sample(letter)) {
          check(`f${name}.${letter}`, letter, [a, b], () => exact[name]!(format, o(a), o(b)), 'x');
        }
    });

    it('fsqrt and fclass', () => {
      for (const a of sample(letter)) {
        check(`fsqrt.${letter}`, letter, [a], (mode) => exact['sqrt']!(format, o(a), mode), 'f');
        check(`fclass.${letter}`, letter, [a], () => exact['classify']!(format, o(a)), 'x');
      }
    });

    it.each([
      ['fmadd', 0n, 0n],
      ['fmsub', 0n, sign],
      ['fnmsub', sign, 0n],
      ['fnmadd', sign, sign],
    ])('%s: the signs of product and addend', (name, product, addend) => {
      const few = sample(letter).filter((_, index) => index % 3 === 0);
      for (const a of few)
        for (const b of few)
          for (const c of few) {
            check(
              `${name}.${letter}`,
              letter,
              [a, b, c],
              (mode) => exact['fma']!(format, o(a) ^ product, o(b), o(c) ^ addend, mode),
              'f',
            );
          }
    });

    it.each([
      ['fsgnj', (_a: bigint, b: bigint) => b & sign],
      ['fsgnjn', (_a: bigint, b: bigint) => ~b & sign],
      ['fsgnjx', (a: bigint, b: bigint) => (a ^ b) & sign],
    ])('%s', (name, chosen) => {
      for (const a of sample(letter))
        for (const b of sample(letter)) {
          const bits = (o(a) & (sign - 1n)) | chosen(o(a), o(b));
          check(`${name}.${letter}`, letter, [a, b], () => ({ bits, flags: 0 }), 'f');
        }
    });

    it.each([
      ['w', 'Int32'],
      ['wu', 'Uint32'],
      ['l', 'Int64'],
      ['lu', 'Uint64'],
    ])('fcvt to and from %s', (type, name) => {
      for (const a of sample(letter))
        check(`fcvt.${type}.${letter}`, letter, [a], (mode) => exact[`to${name}`]!(format, o(a), mode), 'x');
      for (const integer of values) {
        for (const rm of [0, 1, 2, 3, 4]) {
          run(`fcvt.${letter}.${type}`, { rd: 10, rs1: 11, rm }, { a1: integer });
          const { bits, flags: raised } = exact[`from${name}`]!(format, integer, rm);
          same(machine.f('fa0'), result(letter, bits), type, integer, rm);
          same(flags(), raised, type, integer, rm);
        }
      }
    });
  });

  it('conversions between the formats', () => {
    for (const a of sample('d'))
      check('fcvt.s.d', 's', [a], (mode) => floatOracle.convert(double, single, a, mode), 'f');
    for (const a of sample('s'))
      check('fcvt.d.s', 'd', [a], (mode) => floatOracle.convert(single, double, operand('s', a), mode), 'f');
  });

  it('§20.5, §21.2: moves carry bits, boxed on the way in and sign-extended on the way out', () => {
    const bits = 0x1234_5678_9abc_def0n;
    run('fmv.d.x', { rd: 10, rs1: 11 }, { a1: bits });
    expect(machine.f('fa0')).toBe(bits);
    run('fmv.x.d', { rd: 12, rs1: 10 });
    expect(machine.x('a2')).toBe(bits);
    run('fmv.x.w', { rd: 12, rs1: 10 });
    expect(machine.x('a2')).toBe(0xffff_ffff_9abc_def0n);
    run('fmv.w.x', { rd: 10, rs1: 11 }, { a1: bits });
    expect(machine.f('fa0')).toBe(0xffff_ffff_9abc_def0n);
  });

  it('§21.2: flw boxes, fsw takes the low half, whatever is above it', () => {
    const data = BigInt(ramBase + 0x800);
    machine.write(Number(data), 8, 0x1111_1111_9abc_def0n);
    run('flw', { rd: 10, rs1: 11, imm: 0 }, { a1: data });
    expect(machine.f('fa0')).toBe(0xffff_ffff_9abc_def0n);
    run('fld', { rd: 10, rs1: 11, imm: 0 }, { a1: data });
    expect(machine.f('fa0')).toBe(0x1111_1111_9abc_def0n);
    run('fsw', { rs1: 11, rs2: 10, imm: 12 }, { a1: data });
    run('fsd', { rs1: 11, rs2: 10, imm: 16 }, { a1: data });
    expect([machine.read(Number(data) + 8, 8), machine.read(Number(data) + 16, 8)]).toEqual([
      0x9abc_def0_0000_0000n,
      0x1111_1111_9abc_def0n,
    ]);
  });

  it('§20.2: flags accrue', () => {
    setF(11, double.bias === 1023 ? 0x7ff0_0000_0000_0000n : 0n);
    setF(12, 0n);
    run('fmul.d', { rd: 10, rs1: 11, rs2: 12 });
    setF(11, 0x3ff0_0000_0000_0000n);
    run('fdiv.d', { rd: 10, rs1: 11, rs2: 12 });
    expect(flags()).toBe(16 | 8);
  });

  it('§20.2: the dynamic rounding mode is frm', () => {
    for (const mode of [0, 1, 2, 3, 4]) {
      machine.execute(`csrwi frm, ${mode}\nstop`);
      setF(11, 0x3ff0_0000_0000_0000n);
      setF(12, 0x4008_0000_0000_0000n);
      run('fdiv.d', { rd: 10, rs1: 11, rs2: 12, rm: 7 });
      expect(machine.f('fa0')).toBe(floatOracle.div(double, 0x3ff0_0000_0000_0000n, 0x4008_0000_0000_0000n, mode).bits);
    }
  });
});

it('no instruction was left out but for those that other tests are about', () => {
  const elsewhere = /^(?:amo|lr|sc|csr|fence|ecall|ebreak|[sm]ret|wfi|sfence)/u;
  const ofBits = new Set([...zba, ...zbb, ...zbs].map(({ name }) => name));
  const names = instructionSet.map(({ name }) => name).filter((name) => !elsewhere.test(name) && !ofBits.has(name));
  expect(names.filter((name) => !tested.has(name))).toEqual([]);
});
