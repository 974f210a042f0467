// The RISC-V Instruction Set Manual, Volume I (20240411), §2.2, §2.3 and §27.2: instruction formats.
import { describe, expect, it } from 'vitest';
import { c } from '../../../src/cpu/riscv/c.ts';
import { instructionSet } from '../../../src/cpu/riscv/decoder.ts';
import { extract, extractSigned, insert, parseEncoding } from '../../../src/cpu/riscv/encoding.ts';
import type { Encoding, Field } from '../../../src/cpu/riscv/encoding.ts';

function field(encoding: Encoding, name: string): Field {
  const found = encoding.fields.get(name);
  if (found === undefined) throw new Error(`no field ${name}`);
  return found;
}

describe('reading an encoding', () => {
  it('takes fixed bits from the highest down', () => {
    const { width, mask, match } = parseEncoding('0100000 rs2 rs1 101 rd 0110011');
    expect({ width, mask, match }).toEqual({ width: 32, mask: 0xfe00_707f, match: 0x4000_5033 });
  });

  it('keeps bit 31 of mask and match unsigned', () => {
    const { mask, match } = parseEncoding('1111000 00000 rs1 000 rd 1010011');
    expect([mask, match]).toEqual([0xfff0_707f, 0xf000_0053]);
  });

  it('gives the runs of a field the bits that their brackets name', () => {
    const imm = field(parseEncoding('imm[20|10:1|11|19:12] rd 1101111'), 'imm');
    // One bit of the value at a time: where the J format puts it (§2.3, figure 4).
    const places = [...Array(21).keys()].map((bit) => Math.log2(insert(imm, 1 << bit)));
    const expected = [-Infinity, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 20, 12, 13, 14, 15, 16, 17, 18, 19, 31];
    expect(places).toEqual(expected);
  });

  it.each(['rd 0110011', 'imm[11:0] rs1 000 rd 00000111', '000 imm[5] rd imm[4:0] 0'])(
    'refuses %j: wrong width',
    (text) => {
      expect(() => parseEncoding(text)).toThrow(/bits$/);
    },
  );

  it('refuses a field that it does not know, and bit numbers that are none', () => {
    expect(() => parseEncoding('0000000 rs2 rs1 000 xx 0110011')).toThrow('unknown field "xx"');
    expect(() => parseEncoding('imm[a:0] rs1 000 rd 0010011')).toThrow('bad bit numbers');
  });
});

describe('a field', () => {
  const imm = field(parseEncoding('imm[12|10:5] rs2 rs1 000 imm[4:1|11] 1100011'), 'imm');

  it.each([0, 2, -2, 4094, -4096, 0x554, -0x556])('gives back the %d that was put in', (value) => {
    expect(extractSigned(imm, insert(imm, value))).toBe(value);
  });

  it('is read unsigned where it is asked so', () => {
    expect(extract(imm, insert(imm, -2))).toBe(0x1ffe);
  });

  it('extends a field of 32 bits, too', () => {
    const upper = field(parseEncoding('imm[31:12] rd 0110111'), 'imm');
    expect(extractSigned(upper, 0x8000_0037)).toBe(-0x8000_0000);
    expect(extract(upper, 0xffff_f037)).toBe(0xffff_f000);
  });
});

describe('every row', () => {
  const all = [...instructionSet, ...c];

  it('accounts for every bit once', () => {
    for (const { name, encoding } of all) {
      let seen = BigInt(encoding.mask);
      let bits = encoding.mask.toString(2).replaceAll('0', '').length;
      for (const { pieces } of encoding.fields.values()) {
        for (const { at, width } of pieces) {
          seen |= ((1n << BigInt(width)) - 1n) << BigInt(at);
          bits += width;
        }
      }
      expect([name, seen, bits]).toEqual([name, (1n << BigInt(encoding.width)) - 1n, encoding.width]);
      expect([name, encoding.match & ~encoding.mask]).toEqual([name, 0]);
    }
  });

  it('has no gap between the lowest and the highest bit of a field, and none twice', () => {
    for (const { name, encoding } of all) {
      for (const { pieces, bits } of encoding.fields.values()) {
        const positions = pieces.flatMap(({ to, width }) => Array.from({ length: width }, (_, index) => to + index));
        const lowest = Math.min(...positions);
        const range = Array.from({ length: bits - lowest }, (_, index) => lowest + index);
        expect([name, positions.sort((a, b) => a - b)]).toEqual([name, range]);
      }
    }
  });

  it('names in its syntax the fields that it has', () => {
    // What fence and fence.i ignore (§2.7, chapter 6), and the order bits, which are written as suffixes.
    const unwritten = ['aq', 'rl', 'fm', 'rd', 'rs1', 'imm'];
    for (const { name, encoding, syntax } of all) {
      const named = (syntax.match(/[a-z]+\d?'?/g) ?? []).filter((word) => word !== 'sp');
      const silent = [...encoding.fields.keys()].filter((field) => !named.includes(field));
      expect([name, named.filter((word) => !encoding.fields.has(word))]).toEqual([name, []]);
      const fences = name === 'fence' || name === 'fence.i';
      expect([name, silent.filter((field) => !(fences ? unwritten : ['aq', 'rl']).includes(field))]).toEqual([
        name,
        [],
      ]);
    }
  });
});
