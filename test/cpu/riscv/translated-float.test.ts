// Floating point in translated code, on the host's own arithmetic as far as it goes: results, flags and mstatus.FS are
// those of the exact result rounded once.
import { describe, expect, it } from 'vitest';
import { enableNewerWebAssembly } from '../../../src/node/engine-flags.ts';
import { double, floatOracle, single } from '../../oracle/float.ts';
import type { FloatFormat } from '../../oracle/float.ts';
import { RandomBits } from '../float/operands.ts';
import { translateAll } from './stream/run.ts';
import { TestHart } from './test-hart.ts';
import { FloatCases, floatRows, rowNamed, TranslatedFloat } from './translated-float.ts';

enableNewerWebAssembly();

const formats = { s: single, d: double } as const;
const signs = [0n, 1n] as const;
/** NX is raised, and frm is RNE. */
const inexact = 1;

/** The number with this significand, of which the leading 1 is left out, and exponent field. */
function encoded(format: FloatFormat, field: number, fraction: bigint, sign = 0n): bigint {
  const { width, precision } = format;
  const bits = (sign << BigInt(width - 1)) | (BigInt(field) << BigInt(precision - 1)) | fraction;
  return width === 32 ? bits | 0xffff_ffff_0000_0000n : bits;
}

const around = (bits: bigint): bigint[] => [-2n, -1n, 0n, 1n, 2n].map((offset) => bits + offset);

describe.each([
  ['the host’s fused multiply-add, where it has one', true],
  ['no fused multiply-add', false],
])('with %s', (_, relaxed) => {
  const translated = new TranslatedFloat(relaxed);
  const check = (name: string, operands: readonly bigint[]): void =>
    translated.check({ row: rowNamed(name), rm: 0, operands, fcsr: inexact });

  it.each(floatRows.map((row) => [row.name, row] as const))('%s, on operands from seed 1', (name, row) => {
    const cases = new FloatCases(1);
    for (let count = 0; count < (/^fn?m(add|sub)/.test(name) ? 1000 : 400); count += 1)
      translated.check(cases.next(row));
  });

  describe.each(['s', 'd'] as const)('format %s', (letter) => {
    const format = formats[letter];
    const { bias, precision } = format;

    it('§7.5 of IEEE 754: what is rounded up to the least normal number is tiny or is not', () => {
      for (const sign of signs) {
        for (const small of [...around(encoded(format, 1, 0n, sign)), ...around(encoded(format, 2, 0n, sign))]) {
          for (const one of around(encoded(format, bias, 0n))) {
            check(`fmul.${letter}`, [small, one]);
            check(`fdiv.${letter}`, [small, one]);
            for (const addend of [0n, 1n]) {
              check(`fmadd.${letter}`, [small, one, encoded(format, 0, addend, sign)]);
              check(`fmsub.${letter}`, [small, one, encoded(format, 0, addend, sign)]);
            }
          }
        }
      }
    });

    it('a product a little below the least normal number, which it is rounded to, counts as what it is', () => {
      const half = 1n << BigInt(precision - 2);
      const almostTwo = encoded(format, bias, 2n * half - 1n);
      for (const sign of signs) {
        for (const fraction of around(half)) {
          for (const field of [1, 2, 3]) {
            for (const name of ['fmadd', 'fmsub', 'fnmadd', 'fnmsub'])
              check(`${name}.${letter}`, [encoded(format, 0, half), almostTwo, encoded(format, field, fraction, sign)]);
          }
        }
      }
    });

    it('products below the normal numbers decide where an addend is half-way between two numbers', () => {
      const random = new RandomBits(2);
      const digits = BigInt(precision - 1);
      for (let count = 0; count < 3000; count += 1) {
        const [a, b] = [random.long(), random.long()].map((bits) => BigInt.asUintN(Number(digits), bits));
        // The product is of 2^(1 - bias - p - 2) to 2^(1 - bias + 2).
        const field = bias - Math.floor(bias / 2) + random.below(4);
        const other = bias + 1 - precision - 2 + random.below(precision + 4) - field + 3;
        check(`fmadd.${letter}`, [
          encoded(format, field, a!),
          encoded(format, other, b!, BigInt(random.below(2))),
          encoded(format, random.below(6), BigInt(random.below(16)), BigInt(random.below(2))),
        ]);
      }
    });
  });

  it('doubles around the least normal single, and around the greatest', () => {
    const ends = [double.bias + 1 - single.bias, double.bias + single.bias, double.bias + 1 + single.bias];
    for (const field of ends) {
      for (const distance of [28n, 29n, 30n, 31n].map((power) => 1n << power)) {
        for (const near of [0n, distance, -distance]) {
          for (const bits of around(encoded(double, field, 0n) + near)) check('fcvt.s.d', [bits]);
        }
      }
    }
  });

  it('all of that was translated', () => {
    const { checked, translated: retired } = translated.counts;
    expect(checked).toBeGreaterThan(10_000);
    expect(retired).toBeGreaterThanOrEqual(2 * checked);
  });
});

it('a program that clears NX, or changes the rounding mode, is obeyed', () => {
  const rounds = 40;
  const settings = [
    ['csrwi fcsr, 1', 0],
    ['csrwi fflags, 0', 0],
    ['csrwi frm, 3', 3],
    ['csrwi fcsr, 1\ncsrwi frm, 2', 2],
  ] as const;
  const machine = new TestHart({ translation: translateAll });
  const { symbol } = machine.execute(`
    li t0, 0x6000
    csrs mstatus, t0
    li t0, 1
    fcvt.d.w fa0, t0
    li t0, 3
    fcvt.d.w fa1, t0
    la s0, results
    li s1, ${rounds}
  again:
    ${settings.map(([line]) => `${line}\njal ra, divide\ncsrr t1, fcsr\nsd t1, 0(s0)\nsd a0, 8(s0)\naddi s0, s0, 16`).join('\n')}
    addi s1, s1, -1
    bnez s1, again
    stop
  divide:
    fdiv.d fa2, fa0, fa1
    fdiv.d fa2, fa2, fa1
    fmv.x.d a0, fa2
    ret
    .align 16
  results:
    nop`);
  const [one, three] = [0x3ff0_0000_0000_0000n, 0x4008_0000_0000_0000n];
  let address = Number(symbol('results'));
  for (let round = 0; round < rounds; round += 1) {
    for (const [, mode] of settings) {
      const third = floatOracle.div(double, one, three, mode).bits;
      const ninth = floatOracle.div(double, third, three, mode).bits;
      expect([machine.read(address, 8), machine.read(address + 8, 8)]).toEqual([BigInt((mode << 5) | 1), ninth]);
      address += 16;
    }
  }
  expect(machine.hart.translator?.statistics.retired).toBeGreaterThan(rounds * settings.length);
});
