// The RISC-V Instruction Set Manual, Volume I (20240411), chapter 27: "C" extension, version 2.0 (RV64C with D).
import { extract, extractSigned, parseEncoding } from './encoding.ts';
import type { Encoding } from './encoding.ts';

/** Operands of the base instruction that a compressed one stands for; what is absent is 0. */
export interface Operands {
  readonly rd?: number;
  readonly rs1?: number;
  readonly rs2?: number;
  readonly imm?: number;
}

/** A compressed instruction: a short way to write a base instruction, with no meaning of its own. */
export interface CompressedRow {
  readonly name: string;
  readonly syntax: string;
  readonly encoding: Encoding;
  /** The base instruction's name. */
  readonly base: string;
  /** Gives its operands; undefined where these field values are reserved. */
  readonly expand: (fields: FieldReader) => Operands | undefined;
}

/** Reads fields of one 16-bit instruction. */
export interface FieldReader {
  /** Any field, zero-extended. */
  unsigned(name: string): number;
  signed(name: string): number;
  /** A three-bit register field, which names x8 to x15 (§27.2). */
  short(name: string): number;
}

/** The reader of an encoding's fields in one instruction. */
export function readFields(encoding: Encoding, instruction: number): FieldReader {
  const field = (name: string) => {
    const found = encoding.fields.get(name);
    if (found === undefined) throw new Error(`encoding has no field ${name}`);
    return found;
  };
  return {
    unsigned: (name) => extract(field(name), instruction),
    signed: (name) => extractSigned(field(name), instruction),
    short: (name) => extract(field(name), instruction) + 8,
  };
}

const x0 = 0;
const ra = 1;
const sp = 2;

type RowText = readonly [
  name: string,
  syntax: string,
  encoding: string,
  base: string,
  expand: (f: FieldReader) => Operands | undefined,
];

/** Rd' := memory at rs1' + imm. */
const shortLoad = (f: FieldReader): Operands => ({ rd: f.short("rd'"), rs1: f.short("rs1'"), imm: f.unsigned('imm') });
const shortStore = (f: FieldReader): Operands => ({
  rs1: f.short("rs1'"),
  rs2: f.short("rs2'"),
  imm: f.unsigned('imm'),
});
const stackLoad = (f: FieldReader): Operands => ({ rd: f.unsigned('rd'), rs1: sp, imm: f.unsigned('imm') });
const stackStore = (f: FieldReader): Operands => ({ rs1: sp, rs2: f.unsigned('rs2'), imm: f.unsigned('imm') });
const shortArithmetic = (f: FieldReader): Operands => ({
  rd: f.short("rd'"),
  rs1: f.short("rd'"),
  rs2: f.short("rs2'"),
});
/** A register field that must not name x0. */
const notZero = (f: FieldReader, name: string, operands: Operands): Operands | undefined =>
  f.unsigned(name) === 0 ? undefined : operands;

// Where one encoding is a special case of another, the special case stands first.
const table: readonly RowText[] = [
  // Quadrant 0
  [
    'c.addi4spn',
    "rd', sp, imm",
    "000 imm[5:4|9:6|2|3] rd' 00",
    'addi',
    (f) => notZero(f, 'imm', { rd: f.short("rd'"), rs1: sp, imm: f.unsigned('imm') }),
  ],
  ['c.fld', "rd', imm(rs1')", "001 imm[5:3] rs1' imm[7:6] rd' 00", 'fld', shortLoad],
  ['c.lw', "rd', imm(rs1')", "010 imm[5:3] rs1' imm[2|6] rd' 00", 'lw', shortLoad],
  ['c.ld', "rd', imm(rs1')", "011 imm[5:3] rs1' imm[7:6] rd' 00", 'ld', shortLoad],
  ['c.fsd', "rs2', imm(rs1')", "101 imm[5:3] rs1' imm[7:6] rs2' 00", 'fsd', shortStore],
  ['c.sw', "rs2', imm(rs1')", "110 imm[5:3] rs1' imm[2|6] rs2' 00", 'sw', shortStore],
  ['c.sd', "rs2', imm(rs1')", "111 imm[5:3] rs1' imm[7:6] rs2' 00", 'sd', shortStore],

  // Quadrant 1
  [
    'c.addi',
    'rd, imm',
    '000 imm[5] rd imm[4:0] 01',
    'addi',
    (f) => ({ rd: f.unsigned('rd'), rs1: f.unsigned('rd'), imm: f.signed('imm') }),
  ],
  [
    'c.addiw',
    'rd, imm',
    '001 imm[5] rd imm[4:0] 01',
    'addiw',
    (f) => notZero(f, 'rd', { rd: f.unsigned('rd'), rs1: f.unsigned('rd'), imm: f.signed('imm') }),
  ],
  [
    'c.li',
    'rd, imm',
    '010 imm[5] rd imm[4:0] 01',
    'addi',
    (f) => ({ rd: f.unsigned('rd'), rs1: x0, imm: f.signed('imm') }),
  ],
  [
    'c.addi16sp',
    'sp, imm',
    '011 imm[9] 00010 imm[4|6|8:7|5] 01',
    'addi',
    (f) => notZero(f, 'imm', { rd: sp, rs1: sp, imm: f.signed('imm') }),
  ],
  [
    'c.lui',
    'rd, imm',
    '011 imm[17] rd imm[16:12] 01',
    'lui',
    (f) => notZero(f, 'imm', { rd: f.unsigned('rd'), imm: f.signed('imm') }),
  ],
  [
    'c.srli',
    "rd', shamt",
    "100 shamt[5] 00 rd' shamt[4:0] 01",
    'srli',
    (f) => ({ rd: f.short("rd'"), rs1: f.short("rd'"), imm: f.unsigned('shamt') }),
  ],
  [
    'c.srai',
    "rd', shamt",
    "100 shamt[5] 01 rd' shamt[4:0] 01",
    'srai',
    (f) => ({ rd: f.short("rd'"), rs1: f.short("rd'"), imm: f.unsigned('shamt') }),
  ],
  [
    'c.andi',
    "rd', imm",
    "100 imm[5] 10 rd' imm[4:0] 01",
    'andi',
    (f) => ({ rd: f.short("rd'"), rs1: f.short("rd'"), imm: f.signed('imm') }),
  ],
  ['c.sub', "rd', rs2'", "100 0 11 rd' 00 rs2' 01", 'sub', shortArithmetic],
  ['c.xor', "rd', rs2'", "100 0 11 rd' 01 rs2' 01", 'xor', shortArithmetic],
  ['c.or', "rd', rs2'", "100 0 11 rd' 10 rs2' 01", 'or', shortArithmetic],
  ['c.and', "rd', rs2'", "100 0 11 rd' 11 rs2' 01", 'and', shortArithmetic],
  ['c.subw', "rd', rs2'", "100 1 11 rd' 00 rs2' 01", 'subw', shortArithmetic],
  ['c.addw', "rd', rs2'", "100 1 11 rd' 01 rs2' 01", 'addw', shortArithmetic],
  ['c.j', 'imm', '101 imm[11|4|9:8|10|6|7|3:1|5] 01', 'jal', (f) => ({ rd: x0, imm: f.signed('imm') })],
  [
    'c.beqz',
    "rs1', imm",
    "110 imm[8|4:3] rs1' imm[7:6|2:1|5] 01",
    'beq',
    (f) => ({ rs1: f.short("rs1'"), rs2: x0, imm: f.signed('imm') }),
  ],
  [
    'c.bnez',
    "rs1', imm",
    "111 imm[8|4:3] rs1' imm[7:6|2:1|5] 01",
    'bne',
    (f) => ({ rs1: f.short("rs1'"), rs2: x0, imm: f.signed('imm') }),
  ],

  // Quadrant 2
  [
    'c.slli',
    'rd, shamt',
    '000 shamt[5] rd shamt[4:0] 10',
    'slli',
    (f) => ({ rd: f.unsigned('rd'), rs1: f.unsigned('rd'), imm: f.unsigned('shamt') }),
  ],
  ['c.fldsp', 'rd, imm(sp)', '001 imm[5] rd imm[4:3|8:6] 10', 'fld', stackLoad],
  ['c.lwsp', 'rd, imm(sp)', '010 imm[5] rd imm[4:2|7:6] 10', 'lw', (f) => notZero(f, 'rd', stackLoad(f))],
  ['c.ldsp', 'rd, imm(sp)', '011 imm[5] rd imm[4:3|8:6] 10', 'ld', (f) => notZero(f, 'rd', stackLoad(f))],
  ['c.ebreak', '', '100 1 00000 00000 10', 'ebreak', () => ({})],
  ['c.jr', 'rs1', '100 0 rs1 00000 10', 'jalr', (f) => notZero(f, 'rs1', { rd: x0, rs1: f.unsigned('rs1'), imm: 0 })],
  ['c.mv', 'rd, rs2', '100 0 rd rs2 10', 'add', (f) => ({ rd: f.unsigned('rd'), rs1: x0, rs2: f.unsigned('rs2') })],
  ['c.jalr', 'rs1', '100 1 rs1 00000 10', 'jalr', (f) => ({ rd: ra, rs1: f.unsigned('rs1'), imm: 0 })],
  [
    'c.add',
    'rd, rs2',
    '100 1 rd rs2 10',
    'add',
    (f) => ({ rd: f.unsigned('rd'), rs1: f.unsigned('rd'), rs2: f.unsigned('rs2') }),
  ],
  ['c.fsdsp', 'rs2, imm(sp)', '101 imm[5:3|8:6] rs2 10', 'fsd', stackStore],
  ['c.swsp', 'rs2, imm(sp)', '110 imm[5:2|7:6] rs2 10', 'sw', stackStore],
  ['c.sdsp', 'rs2, imm(sp)', '111 imm[5:3|8:6] rs2 10', 'sd', stackStore],
];

export const c: readonly CompressedRow[] = table.map(([name, syntax, encoding, base, expand]) => ({
  name,
  syntax,
  encoding: parseEncoding(encoding),
  base,
  expand,
}));
