// What GNU objdump prints for the same bits, with decimal immediates; a conformance test compares them by the thousand.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { c } from '../../../src/cpu/riscv/c.ts';
import { decode, instructionSet } from '../../../src/cpu/riscv/decoder.ts';
import { disassemble } from '../../../src/cpu/riscv/disassembler.ts';
import { assemble } from './assembler.ts';

describe('an instruction as text', () => {
  it.each([
    [0x0010_0093, 'addi ra, zero, 1'],
    [0xfff5_4513, 'xori a0, a0, -1'],
    [0xdead_c0b7, 'lui ra, 0xdeadc'],
    [0x8000_0517, 'auipc a0, 0x80000'],
    [0x03f5_1513, 'slli a0, a0, 63'],
    [0x41f5_551b, 'sraiw a0, a0, 31'],
    [0xffc1_2503, 'lw a0, -4(sp)'],
    [0x7ea1_3fa3, 'sd a0, 2047(sp)'],
    [0xfe0f_87e7, 'jalr a5, -32(t6)'],
    [0x0ff0_000f, 'fence iorw, iorw'],
    [0x0110_000f, 'fence w, w'],
    [0x0000_100f, 'fence.i'],
    [0x1005_252f, 'lr.w a0, (a0)'],
    [0x1ec5_b52f, 'sc.d.aqrl a0, a2, (a1)'],
    [0x0cc5_a52f, 'amoswap.w.aq a0, a2, (a1)'],
    [0xe2c5_b52f, 'amomaxu.d.rl a0, a2, (a1)'],
    [0x00c5_8553, 'fadd.s fa0, fa1, fa2, rne'],
    [0x00c5_f553, 'fadd.s fa0, fa1, fa2'],
    [0x6ac5_f543, 'fmadd.d fa0, fa1, fa2, fa3'],
    [0xc225_9553, 'fcvt.l.d a0, fa1, rtz'],
    [0xd235_8553, 'fcvt.d.lu fa0, a1, rne'],
    [0xe205_1553, 'fclass.d a0, fa0'],
    [0x0085_3507, 'fld fa0, 8(a0)'],
    [0x00a5_2427, 'fsw fa0, 8(a0)'],
    [0x20c5_a53b, 'sh1add.uw a0, a1, a2'],
    [0x0bf5_951b, 'slli.uw a0, a1, 63'],
    [0x6005_9513, 'clz a0, a1'],
    [0x0805_c53b, 'zext.h a0, a1'],
    [0x63f5_d513, 'rori a0, a1, 63'],
    [0x2875_d513, 'orc.b a0, a1'],
    [0x6b85_d513, 'rev8 a0, a1'],
    [0x2bf5_9513, 'bseti a0, a1, 63'],
    [0x3000_2573, 'csrrs a0, 0x300, zero'],
    [0x0011_f073, 'csrrci zero, 0x1, 3'],
    [0x1200_0073, 'sfence.vma zero, zero'],
    [0x3020_0073, 'mret'],
    [0x0000_0073, 'ecall'],
  ])('0x%i is %s', (bits, text) => {
    expect(disassemble(bits)).toBe(text);
  });

  it.each([
    [0x4505, 'c.li a0, 1'],
    [0x1141, 'c.addi sp, -16'],
    [0x7139, 'c.addi16sp sp, -64'],
    [0x0808, 'c.addi4spn a0, sp, 16'],
    [0x757d, 'c.lui a0, 0xfffff'],
    [0x6505, 'c.lui a0, 0x1'],
    [0x5d7c, 'c.lw a5, 124(a0)'],
    [0x7c7c, 'c.ld a5, 248(s0)'],
    [0x3c68, 'c.fld fa0, 248(s0)'],
    [0xbc68, 'c.fsd fa0, 248(s0)'],
    [0x557e, 'c.lwsp a0, 252(sp)'],
    [0x357e, 'c.fldsp fa0, 504(sp)'],
    [0xdfaa, 'c.swsp a0, 252(sp)'],
    [0x9d05, 'c.subw a0, s1'],
    [0x93fd, 'c.srli a5, 63'],
    [0x852e, 'c.mv a0, a1'],
    [0x8082, 'c.jr ra'],
    [0x9002, 'c.ebreak'],
  ])('%i is %s', (bits, text) => {
    expect(disassemble(bits)).toBe(text);
  });

  it('names the targets of branches and jumps where it knows the address, else distances', () => {
    expect(disassemble(0xfe00_0ee3)).toBe('beq zero, zero, -4');
    expect(disassemble(0xfe00_0ee3, 0x8000_0000n)).toBe('beq zero, zero, 0x7ffffffc');
    expect(disassemble(0x0080_006f, 0xffff_ffff_ffff_fffcn)).toBe('jal zero, 0x4');
    expect(disassemble(0xbffd, 0x1000n)).toBe('c.j 0xffe');
    expect(disassemble(0xe101)).toBe('c.bnez a0, 0');
  });

  it('says in numbers what is no instruction', () => {
    expect([disassemble(0xffff_ffff), disassemble(0x0000), disassemble(0xdead_9c41)]).toEqual([
      '.word 0xffffffff',
      '.half 0x0',
      '.half 0x9c41',
    ]);
  });
});

describe('the text assembles to the bits that it came from', () => {
  const bitsOf = (text: string): number => {
    const { bytes } = assemble(text, 0n);
    return bytes.reduceRight((bits, byte) => bits * 256 + byte, 0);
  };

  it('for every row', () => {
    fc.assert(
      fc.property(fc.nat(instructionSet.length - 1), fc.nat(0xffff_ffff), (index, random) => {
        const { name, encoding } = instructionSet[index]!;
        // What fences ignore is not written.
        const written = name.startsWith('fence') ? 0x0ff0_0000 : 0xffff_ffff;
        const bits = ((random & ~encoding.mask & written) | encoding.match) >>> 0;
        fc.pre(decode(bits) !== undefined && !(name === 'fence.i' && bits !== encoding.match));
        fc.pre(name !== 'fence' || ((bits >>> 20) & 15) * ((bits >>> 24) & 15) !== 0);
        expect(bitsOf(disassemble(bits))).toBe(bits);
      }),
      { numRuns: 2000 },
    );
  });

  it('for every parcel', () => {
    fc.assert(
      fc.property(fc.nat(c.length - 1), fc.nat(0xffff), (index, random) => {
        const { encoding } = c[index]!;
        const bits = (random & ~encoding.mask) | encoding.match;
        fc.pre(decode(bits) !== undefined);
        expect(bitsOf(disassemble(bits))).toBe(bits);
      }),
      { numRuns: 1000 },
    );
  });
});
