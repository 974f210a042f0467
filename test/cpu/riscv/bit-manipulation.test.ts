// What each instruction of Zba, Zbb and Zbs leaves, said a second time and without the rows: by lists of bits where it is
// about bits. The RISC-V Instruction Set Manual, Volume I (20240411), chapter "B", "Instructions (in alphabetical order)".
import { describe, expect, it } from 'vitest';
import { zba } from '../../../src/cpu/riscv/zba.ts';
import { zbb } from '../../../src/cpu/riscv/zbb.ts';
import { zbs } from '../../../src/cpu/riscv/zbs.ts';
import { translateAll } from './stream/run.ts';
import { ramBase, TestHart } from './test-hart.ts';

const u = (value: bigint): bigint => BigInt.asUintN(64, value);
const s = (value: bigint): bigint => BigInt.asIntN(64, value);
const u32 = (value: bigint): bigint => BigInt.asUintN(32, value);
/** Bits from the highest down. */
const bitsOf = (value: bigint, width = 64): string => BigInt.asUintN(width, value).toString(2).padStart(width, '0');
const fromBits = (bits: string): bigint => BigInt(`0b${bits}`);
const signExtended = (bits: string): bigint => fromBits(bits.padStart(64, bits[0]));
const turned = (bits: string, left: number): string => bits.slice(left) + bits.slice(0, left);
const bytesOf = (value: bigint): string[] => bitsOf(value).match(/.{8}/gu)!;
const withBit = (value: bigint, index: number, change: (bit: string) => string): bigint => {
  const bits = bitsOf(value);
  const at = 63 - index;
  return fromBits(bits.slice(0, at) + change(bits[at]!) + bits.slice(at + 1));
};
const leading = (bits: string): bigint => BigInt(bits.includes('1') ? bits.indexOf('1') : bits.length);
const trailing = (bits: string): bigint => BigInt(bits.length - 1 - bits.lastIndexOf('1'));
const ones = (bits: string): bigint => BigInt(bits.replaceAll('0', '').length);

const ofOne: Readonly<Record<string, (a: bigint) => bigint>> = {
  clz: (a) => leading(bitsOf(a)),
  clzw: (a) => leading(bitsOf(a, 32)),
  ctz: (a) => trailing(bitsOf(a)),
  ctzw: (a) => trailing(bitsOf(a, 32)),
  cpop: (a) => ones(bitsOf(a)),
  cpopw: (a) => ones(bitsOf(a, 32)),
  'sext.b': (a) => signExtended(bitsOf(a, 8)),
  'sext.h': (a) => signExtended(bitsOf(a, 16)),
  'zext.h': (a) => fromBits(bitsOf(a, 16)),
  'orc.b': (a) =>
    fromBits(
      bytesOf(a)
        .map((byte) => (byte.includes('1') ? '1' : '0').repeat(8))
        .join(''),
    ),
  rev8: (a) => fromBits(bytesOf(a).reverse().join('')),
};

const ofTwo: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  'add.uw': (a, b) => u(b + u32(a)),
  sh1add: (a, b) => u(b + a * 2n),
  sh2add: (a, b) => u(b + a * 4n),
  sh3add: (a, b) => u(b + a * 8n),
  'sh1add.uw': (a, b) => u(b + u32(a) * 2n),
  'sh2add.uw': (a, b) => u(b + u32(a) * 4n),
  'sh3add.uw': (a, b) => u(b + u32(a) * 8n),
  andn: (a, b) => a & u(~b),
  orn: (a, b) => a | u(~b),
  xnor: (a, b) => u(~(a ^ b)),
  max: (a, b) => (s(a) < s(b) ? b : a),
  maxu: (a, b) => (a < b ? b : a),
  min: (a, b) => (s(a) < s(b) ? a : b),
  minu: (a, b) => (a < b ? a : b),
  rol: (a, b) => fromBits(turned(bitsOf(a), Number(b % 64n))),
  rolw: (a, b) => signExtended(turned(bitsOf(a, 32), Number(b % 32n))),
  ror: (a, b) => fromBits(turned(bitsOf(a), 64 - Number(b % 64n))),
  rorw: (a, b) => signExtended(turned(bitsOf(a, 32), 32 - Number(b % 32n))),
  bclr: (a, b) => withBit(a, Number(b % 64n), () => '0'),
  bext: (a, b) => BigInt(bitsOf(a)[63 - Number(b % 64n)]!),
  binv: (a, b) => withBit(a, Number(b % 64n), (bit) => (bit === '0' ? '1' : '0')),
  bset: (a, b) => withBit(a, Number(b % 64n), () => '1'),
};

const ofImmediate: Readonly<Record<string, (a: bigint, imm: bigint) => bigint>> = {
  'slli.uw': (a, imm) => u(u32(a) << imm),
  rori: ofTwo['ror']!,
  roriw: ofTwo['rorw']!,
  bclri: ofTwo['bclr']!,
  bexti: ofTwo['bext']!,
  binvi: ofTwo['binv']!,
  bseti: ofTwo['bset']!,
};

interface Instruction {
  readonly text: string;
  readonly result: (a: bigint, b: bigint) => bigint;
}

const immediates = (name: string): readonly number[] =>
  name.endsWith('w') && name !== 'slli.uw' ? [0, 1, 31] : [0, 1, 31, 32, 63];
const instructions: readonly Instruction[] = [
  ...Object.entries(ofOne).map(([name, result]) => ({ text: `${name} a0, a1`, result })),
  ...Object.entries(ofTwo).map(([name, result]) => ({ text: `${name} a0, a1, a2`, result })),
  ...Object.entries(ofImmediate).flatMap(([name, result]) =>
    immediates(name).map((imm) => ({ text: `${name} a0, a1, ${imm}`, result: (a: bigint) => result(a, BigInt(imm)) })),
  ),
];

const values = [0n, 1n, 31n, 63n, 64n, 0x7fn, 0x80n, 0x7fffn, 0x8000n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn].concat(
  [
    1n << 32n,
    0x0102_0304_8586_8708n,
    0x80ff_007f_0001_fe00n,
    0xdead_beef_0bad_f00dn,
    2n ** 63n - 1n,
    2n ** 63n,
    2n ** 64n - 2n,
    2n ** 64n - 1n,
  ],
);

describe.each([
  ['interpreted', undefined],
  ['translated', translateAll],
] as const)('%s', (_, translation) => {
  const machine = new TestHart({ ramBytes: 0x1_0000, ...(translation !== undefined && { translation }) });
  const results = ramBase + 0x4000;

  /** All the instructions on the same operands, once for each pair of them. */
  it('they leave what the manual says', () => {
    const lines = instructions.map(({ text }, index) => `${text}\nsd a0, ${index * 8}(s0)`);
    machine.load(`again:\n${lines.join('\n')}\nj again`);
    machine.setX('s0', BigInt(results));
    const length = instructions.length * 2 + 1;
    for (const a of values) {
      for (const b of values) {
        machine.setX('a1', a);
        machine.setX('a2', b);
        expect(machine.run(length)).toBe('budget');
        const found = instructions.map((_instruction, index) => machine.read(results + index * 8, 8));
        expect(found).toEqual(instructions.map(({ result }) => result(a, b)));
        // Between runs the translator does its work.
        machine.run(0);
      }
    }
    const translated = (machine.hart.translator?.statistics.retired ?? 0) / machine.hart.retired();
    if (translation !== undefined) expect(translated).toBeGreaterThan(0.9);
  });
});

it('none was left out', () => {
  const tested = [ofOne, ofTwo, ofImmediate].flatMap((functions) => Object.keys(functions));
  expect(tested.sort()).toEqual([...zba, ...zbb, ...zbs].map(({ name }) => name).sort());
});
