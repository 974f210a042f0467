// The RISC-V Instruction Set Manual, Volume I (20240411): §1.5, chapter 27 and the listings of chapter 36.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { c } from '../../../src/cpu/riscv/c.ts';
import { decode, findCompressed, instructionSet, lengthOf } from '../../../src/cpu/riscv/decoder.ts';
import { extract, extractSigned } from '../../../src/cpu/riscv/encoding.ts';
import { encode } from './encode.ts';

const immediates = ['imm', 'shamt', 'shamtw', 'uimm'];

describe('the rows of 32 bits', () => {
  it('never match the same bits', () => {
    const pairs = instructionSet.flatMap((a, index) => instructionSet.slice(index + 1).map((b) => [a, b] as const));
    const overlapping = pairs.filter(([a, b]) => {
      return ((a.encoding.match ^ b.encoding.match) & a.encoding.mask & b.encoding.mask) === 0;
    });
    expect(overlapping.map(([a, b]) => `${a.name} and ${b.name}`)).toEqual([]);
  });

  it('all have 11 as their lowest bits, and not 11111 (§1.5)', () => {
    for (const { name, encoding } of instructionSet) {
      expect([name, encoding.match & encoding.mask & 3, (encoding.match >> 2) & 7]).not.toEqual([name, 3, 7]);
      expect([name, encoding.match & 3]).toEqual([name, 3]);
    }
  });

  it('have names of their own', () => {
    expect(new Set(instructionSet.map(({ name }) => name)).size).toBe(instructionSet.length);
  });

  it('are those of RV64IMAFDB, Zicsr, Zifencei and the supervisor', () => {
    const floats = [
      'add',
      'sub',
      'mul',
      'div',
      'min',
      'max',
      'sgnj',
      'sgnjn',
      'sgnjx',
      'madd',
      'msub',
      'nmadd',
      'nmsub',
    ]
      .concat(['sqrt', 'eq', 'lt', 'le', 'class', 'cvt.w', 'cvt.wu', 'cvt.l', 'cvt.lu'])
      .flatMap((name) => [`f${name}.s`, `f${name}.d`])
      .concat(['w', 'wu', 'l', 'lu'].flatMap((type) => [`fcvt.s.${type}`, `fcvt.d.${type}`]))
      .concat('fcvt.s.d fcvt.d.s fmv.x.w fmv.x.d fmv.w.x fmv.d.x flw fld fsw fsd'.split(' '));
    const atomics = 'lr sc amoswap amoadd amoxor amoand amoor amomin amomax amominu amomaxu'
      .split(' ')
      .flatMap((name) => [`${name}.w`, `${name}.d`]);
    const integers =
      'lui auipc jal jalr beq bne blt bge bltu bgeu lb lh lw ld lbu lhu lwu sb sh sw sd addi slti sltiu xori ori andi slli ' +
      'srli srai add sub sll slt sltu xor srl sra or and addiw slliw srliw sraiw addw subw sllw srlw sraw fence ecall ebreak ' +
      'mul mulh mulhsu mulhu div divu rem remu mulw divw divuw remw remuw ' +
      'csrrw csrrs csrrc csrrwi csrrsi csrrci fence.i sret mret wfi sfence.vma';
    const bits =
      'add.uw sh1add sh2add sh3add sh1add.uw sh2add.uw sh3add.uw slli.uw ' +
      'andn orn xnor clz clzw ctz ctzw cpop cpopw max maxu min minu sext.b sext.h zext.h rol rolw ror rorw rori roriw ' +
      'orc.b rev8 bclr bclri bext bexti binv binvi bset bseti';
    const expected = [...integers.split(' '), ...atomics, ...floats, ...bits.split(' ')];
    expect(instructionSet.map(({ name }) => name).sort()).toEqual(expected.sort());
  });

  it('decode to themselves with the fields that were encoded', () => {
    const any = fc.tuple(fc.nat(instructionSet.length - 1), fc.nat(0xffff_ffff));
    fc.assert(
      fc.property(any, ([index, random]) => {
        const row = instructionSet[index]!;
        const { mask, match, fields } = row.encoding;
        const bits = ((random & ~mask) | match) >>> 0;
        const rm = fields.get('rm');
        const decoded = decode(bits);
        if (rm !== undefined && [5, 6].includes(extract(rm, bits))) {
          // §20.2: these rounding modes are reserved.
          expect(decoded).toBeUndefined();
          return;
        }
        expect(decoded?.row.name).toBe(row.name);
        expect([decoded?.number, decoded?.length, (decoded?.bits ?? 0) >>> 0]).toEqual([index, 4, bits]);
        for (const name of ['rd', 'rs1', 'rs2'] as const) {
          const field = fields.get(name);
          expect(decoded?.[name]).toBe(field === undefined ? 0 : extract(field, bits));
        }
        const name = immediates.find((one) => fields.has(one));
        const imm = name === undefined ? undefined : fields.get(name)!;
        expect(decoded?.imm).toBe(
          imm === undefined ? 0 : name === 'imm' ? extractSigned(imm, bits) : extract(imm, bits),
        );
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the rows of 16 bits', () => {
  it('where they match the same bits, the first is the special case', () => {
    for (const [index, special] of c.entries()) {
      for (const general of c.slice(index + 1)) {
        const both = special.encoding.mask & general.encoding.mask;
        if (((special.encoding.match ^ general.encoding.match) & both) !== 0) continue;
        expect([special.name, general.name, general.encoding.mask & ~special.encoding.mask]).toEqual([
          special.name,
          general.name,
          0,
        ]);
      }
    }
  });

  it('stand for rows that exist, with an operand for each field that these have', () => {
    for (const { name, base } of c)
      expect([name, instructionSet.some((row) => row.name === base)]).toEqual([name, true]);
  });

  it('decode without the rest of the word', () => {
    expect(decode(0xdead_0001)).toEqual(decode(0x0001));
  });

  it('are decoded as often as the chapter has instructions and hints', () => {
    const counts = new Map<string, number>();
    for (let parcel = 0; parcel < 0x1_0000; parcel += 1) {
      if (lengthOf(parcel) === 4) continue;
      const name = decode(parcel) === undefined ? 'illegal' : findCompressed(parcel)!.name;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const expected: Record<string, number> = {
      // Eight bits of immediate and three of register, immediate 0 reserved.
      'c.addi4spn': 255 * 8,
      ...Object.fromEntries(['c.fld', 'c.lw', 'c.ld', 'c.fsd', 'c.sw', 'c.sd'].map((name) => [name, 2048])),
      'c.addi': 2048,
      'c.addiw': 31 * 64,
      'c.li': 2048,
      'c.addi16sp': 63,
      'c.lui': 31 * 63,
      'c.srli': 512,
      'c.srai': 512,
      'c.andi': 512,
      ...Object.fromEntries(['c.sub', 'c.xor', 'c.or', 'c.and', 'c.subw', 'c.addw'].map((name) => [name, 64])),
      ...Object.fromEntries(['c.j', 'c.beqz', 'c.bnez', 'c.slli', 'c.fldsp'].map((name) => [name, 2048])),
      ...Object.fromEntries(['c.fsdsp', 'c.swsp', 'c.sdsp'].map((name) => [name, 2048])),
      'c.lwsp': 31 * 64,
      'c.ldsp': 31 * 64,
      'c.ebreak': 1,
      'c.jr': 31,
      'c.jalr': 31,
      'c.mv': 32 * 31,
      'c.add': 32 * 31,
    };
    const legal = Object.values(expected).reduce((sum, count) => sum + count, 0);
    expect(Object.fromEntries(counts)).toEqual({ ...expected, illegal: 3 * 0x4000 - legal });
  });

  it.each([
    [0x0000, 'the illegal instruction'],
    [0x0004, 'c.addi4spn with immediate 0'],
    [0x8000, 'quadrant 0, funct3 100'],
    [0x2001, 'c.addiw to x0'],
    [0x6101, 'c.addi16sp with immediate 0'],
    [0x6081, 'c.lui with immediate 0'],
    [0x9c41, 'funct2 10 of the word operations'],
    [0x9c61, 'funct2 11 of the word operations'],
    [0x4002, 'c.lwsp to x0'],
    [0x6002, 'c.ldsp to x0'],
    [0x8002, 'c.jr of x0'],
  ])('%i is reserved: %s', (parcel) => {
    expect(decode(parcel)).toBeUndefined();
  });

  it.each([
    ['c.addi4spn', { "rd'": 8, imm: 1020 }, 'addi', { rd: 8, rs1: 2, rs2: 0, imm: 1020 }],
    ['c.fld', { "rd'": 15, "rs1'": 8, imm: 248 }, 'fld', { rd: 15, rs1: 8, rs2: 0, imm: 248 }],
    ['c.lw', { "rd'": 9, "rs1'": 14, imm: 124 }, 'lw', { rd: 9, rs1: 14, rs2: 0, imm: 124 }],
    ['c.sd', { "rs2'": 12, "rs1'": 10, imm: 64 }, 'sd', { rd: 0, rs1: 10, rs2: 12, imm: 64 }],
    ['c.addi', { rd: 31, imm: -32 }, 'addi', { rd: 31, rs1: 31, rs2: 0, imm: -32 }],
    ['c.addiw', { rd: 1, imm: 31 }, 'addiw', { rd: 1, rs1: 1, rs2: 0, imm: 31 }],
    ['c.li', { rd: 5, imm: -1 }, 'addi', { rd: 5, rs1: 0, rs2: 0, imm: -1 }],
    ['c.addi16sp', { imm: -512 }, 'addi', { rd: 2, rs1: 2, rs2: 0, imm: -512 }],
    ['c.lui', { rd: 7, imm: -0x2_0000 }, 'lui', { rd: 7, rs1: 0, rs2: 0, imm: -0x2_0000 }],
    ['c.srai', { "rd'": 11, shamt: 63 }, 'srai', { rd: 11, rs1: 11, rs2: 0, imm: 63 }],
    ['c.andi', { "rd'": 11, imm: -2 }, 'andi', { rd: 11, rs1: 11, rs2: 0, imm: -2 }],
    ['c.subw', { "rd'": 8, "rs2'": 15 }, 'subw', { rd: 8, rs1: 8, rs2: 15, imm: 0 }],
    ['c.j', { imm: -2048 }, 'jal', { rd: 0, rs1: 0, rs2: 0, imm: -2048 }],
    ['c.beqz', { "rs1'": 13, imm: -256 }, 'beq', { rd: 0, rs1: 13, rs2: 0, imm: -256 }],
    ['c.bnez', { "rs1'": 13, imm: 254 }, 'bne', { rd: 0, rs1: 13, rs2: 0, imm: 254 }],
    ['c.slli', { rd: 20, shamt: 33 }, 'slli', { rd: 20, rs1: 20, rs2: 0, imm: 33 }],
    ['c.fldsp', { rd: 30, imm: 504 }, 'fld', { rd: 30, rs1: 2, rs2: 0, imm: 504 }],
    ['c.lwsp', { rd: 30, imm: 252 }, 'lw', { rd: 30, rs1: 2, rs2: 0, imm: 252 }],
    ['c.sdsp', { rs2: 30, imm: 504 }, 'sd', { rd: 0, rs1: 2, rs2: 30, imm: 504 }],
    ['c.jr', { rs1: 5 }, 'jalr', { rd: 0, rs1: 5, rs2: 0, imm: 0 }],
    ['c.jalr', { rs1: 5 }, 'jalr', { rd: 1, rs1: 5, rs2: 0, imm: 0 }],
    ['c.mv', { rd: 3, rs2: 4 }, 'add', { rd: 3, rs1: 0, rs2: 4, imm: 0 }],
    ['c.add', { rd: 3, rs2: 4 }, 'add', { rd: 3, rs1: 3, rs2: 4, imm: 0 }],
  ])('%s %o is %s %o', (name, fields, base, operands) => {
    const decoded = decode(encode(name, fields));
    expect(decoded).toMatchObject({ length: 2, ...operands });
    expect(decoded?.row.name).toBe(base);
  });
});

describe('illegal words', () => {
  it.each([
    [0xffff_ffff, 'all ones'],
    [0x0000_707f, 'a length above 32 bits'],
    [0x0400_1013, 'slli with bit 26, which is no bit of shamt'],
    [0x0200_101b, 'slliw with shamt[5]'],
    [0x0000_7003, 'a load of funct3 111'],
    [0x0000_4023, 'a store of funct3 100'],
    [0x0000_2063, 'a branch of funct3 010'],
    [0x0000_1067, 'jalr of funct3 001'],
    [0x1010_202f, 'lr.w with rs2'],
    [0x0000_102f, 'an atomic halfword'],
    [0x0200_0053 | (5 << 12), 'fadd.d with rounding mode 101'],
    [0x0000_0053 | (6 << 12), 'fadd.s with rounding mode 110'],
    [0x0400_0053, 'fadd of half precision'],
    [0x0000_4073, 'a system instruction of funct3 100'],
    [0x0020_0073, 'uret'],
    [0x7b20_0073, 'dret'],
    [0x1020_0173, 'sret with rd'],
    [0x3020_0073 | (1 << 15), 'mret with rs1'],
    [0x0000_200f, 'cbo.inval'],
    [0x6030_1013, 'a count of funct5 00011'],
    [0x6020_301b, 'funct3 011 beside cpopw'],
    [0x6200_501b, 'roriw with shamt[5]'],
    [0x0810_403b, 'packw, which is zext.h where rs2 is x0'],
    [0x6980_5013, 'rev8 of 32 bits'],
    [0x6870_5013, 'brev8'],
    [0x0a00_1033, 'clmul'],
  ])('%i: %s', (bits) => {
    expect(decode(bits)).toBeUndefined();
  });
});
