import { describe, expect, it } from 'vitest';
import { resultLimit } from '../../../src/cpu/float/environment.ts';
import { double, floatOracle, single } from '../../oracle/float.ts';
import type { FloatFormat, FloatResult } from '../../oracle/float.ts';
import { FloatInstance, operationNames, operations } from './instance.ts';
import type { FormatName, OperationName } from './instance.ts';
import { boundaryValues, integers, nearIntegerBounds, OperandSource } from './operands.ts';

const formats: Record<FormatName, FloatFormat> = { single, double };
const modes = [0, 1, 2, 3, 4];
const noModes = [0];
const inexact = 1;
const wasm = new FloatInstance();

type Oracle = (format: FloatFormat, ...operands: (bigint | number)[]) => FloatResult;

/** Compares bits and flags with the oracle's; where NX is raised already, the fast paths skip the test for it. */
function check(name: string, operands: readonly bigint[], mode: number | undefined, expected: FloatResult): void {
  const parameters = mode === undefined ? operands : [...operands, mode];
  for (const raised of [0, inexact]) {
    const { bits, flags } = wasm.call(name, parameters, raised);
    if (bits === expected.bits && flags === (expected.flags | raised)) continue;
    const show = (value: bigint) => `0x${value.toString(16)}`;
    expect.fail(
      `${name}(${operands.map(show).join(', ')}) in mode ${mode}, flags ${raised} before: ` +
        `${show(bits)} flags ${flags}, expected ${show(expected.bits)} flags ${expected.flags | raised}`,
    );
  }
}

function checkOperation(formatName: FormatName, name: OperationName, operands: readonly bigint[]): void {
  const { rounds } = operations[name];
  const oracle = floatOracle[name] as Oracle;
  for (const mode of rounds ? modes : noModes) {
    const expected = oracle(formats[formatName], ...operands, mode);
    check(`${formatName}.${name}`, operands, rounds ? mode : undefined, expected);
  }
}

const isFromInteger = (name: OperationName) => name.startsWith('from');

for (const formatName of ['single', 'double'] as const) {
  const format = formats[formatName];
  const boundaries = boundaryValues(format);

  describe(`${formatName}: every rounding mode, bits and flags as the exact result rounded once`, () => {
    for (const name of operationNames) {
      const { arity } = operations[name];

      if (arity === 1) {
        it(`${name}: boundary values`, () => {
          const values = isFromInteger(name) ? integers : [...boundaries, ...nearIntegerBounds(format)];
          for (const value of values) checkOperation(formatName, name, [value]);
        });
      } else if (arity === 2) {
        it(`${name}: every pair of boundary values`, () => {
          for (const a of boundaries) for (const b of boundaries) checkOperation(formatName, name, [a, b]);
        });
      } else {
        it(`${name}: triples of boundary values`, () => {
          const few = boundaries.filter((_, index) => index % 3 === 0);
          for (const a of few) for (const b of few) for (const c of few) checkOperation(formatName, name, [a, b, c]);
        });
      }

      it(`${name}: operands from seed 1`, () => {
        const source = new OperandSource(format, 1);
        for (let round = 0; round < 1000; round++) {
          checkOperation(formatName, name, isFromInteger(name) ? [source.integer()] : source.operands(arity));
        }
      });
    }
  });
}

describe('conversions between the formats', () => {
  it('single to double is exact', () => {
    const source = new OperandSource(single, 2);
    const values = [...boundaryValues(single), ...Array.from({ length: 3000 }, () => source.operands(1)[0]!)];
    for (const value of values) {
      check('singleToDouble', [value], undefined, floatOracle.convert(single, double, value, 0));
    }
  });

  it('double to single rounds once in every mode', () => {
    const source = new OperandSource(double, 3);
    const singles = new OperandSource(single, 4);
    // Doubles on and beside singles, half-way between two of them, and a quarter, which decides about underflow.
    const offsets = [0n, 1n << 27n, 1n << 28n, 1n << 29n]
      .flatMap((offset) => [offset - 1n, offset, offset + 1n])
      .flatMap((offset) => [offset, -offset]);
    const someSingles = Array.from({ length: 100 }, () => singles.operands(1)[0]!);
    const nearSingles = [...boundaryValues(single), ...someSingles].flatMap((value) => {
      const exact = floatOracle.convert(single, double, value, 0).bits;
      return offsets.map((offset) => BigInt.asUintN(64, exact + offset));
    });
    const values = [
      ...boundaryValues(double),
      ...nearSingles,
      ...Array.from({ length: 2000 }, () => source.operands(1)[0]!),
    ];
    for (const value of values) {
      for (const mode of modes) {
        check('doubleToSingle', [value], mode, floatOracle.convert(double, single, value, mode));
      }
    }
  });
});

/** `significand`, of p digits, times 2^exponent. */
function scaled(format: FloatFormat, significand: bigint, exponent: number): bigint {
  const fractionBits = BigInt(format.precision - 1);
  expect(significand >> fractionBits, 'an integer of p digits').toBe(1n);
  const field = BigInt(exponent + format.bias) + fractionBits;
  return (field << fractionBits) | (significand - (1n << fractionBits));
}

describe('fma: products beside a power of two', () => {
  for (const formatName of ['single', 'double'] as const) {
    const format = formats[formatName];
    const half = 1n << BigInt(format.precision - 1);
    // (2^(p-1) + i) (2^p - 2i) = 2^(2p-1) - 2i^2, and one more of the second factor adds 2^(p-1) + i: by this i, the
    // product exceeds the power by far less than its last kept digit.
    const i = BigInt(Math.floor(Math.sqrt(Number(half) / 2)));
    const factors = [
      [half + i, 2n * half - 2n * i],
      [half + i, 2n * half - 2n * i + 1n],
      [half + 1n, 2n * half - 2n],
    ] as const;

    it(`${formatName}: what falls off of the lesser one still counts, at every distance`, () => {
      for (const [left, right] of factors) {
        for (let distance = -format.precision - 3; distance < 3 * format.precision; distance++) {
          const a = scaled(format, left, -format.precision);
          const b = scaled(format, right, -format.precision);
          for (const addend of [half, half + 1n, 2n * half - 1n]) {
            const c = scaled(format, addend, distance - format.precision);
            checkOperation(formatName, 'fma', [a, b, c]);
            checkOperation(formatName, 'fma', [a, b, c | (half << BigInt(format.width - format.precision))]);
          }
        }
      }
    });

    it(`${formatName}: the product's error makes the sum overflow`, () => {
      const greatest = 2n * half - 1n;
      const last = format.bias - (format.precision - 1);
      const unit = last - (format.precision - 1);
      let overflows = 0;
      for (let step = 1n; step < 60n; step++) {
        // Products from the greatest number to two of its last digits more, of which c is almost half a one.
        const left = half + (half / 61n) * step;
        const right = (greatest * half) / left + 1n;
        const a = scaled(format, left, 0);
        const b = scaled(format, right, unit);
        for (const addend of [half, greatest - 1n, greatest]) {
          const c = scaled(format, addend, unit - 2);
          checkOperation(formatName, 'fma', [a, b, c]);
          const isOverflow = (bits: bigint) => (floatOracle.fma(format, a, b, bits, 0).flags & 4) !== 0;
          if (isOverflow(c) && !isOverflow(0n)) overflows += 1;
        }
      }
      expect(overflows).toBeGreaterThan(0);
    });
  }
});

describe('the flags word', () => {
  it('keeps what was raised before', () => {
    const one = 0x3ff0_0000_0000_0000n;
    expect(wasm.call('double.div', [one, 0n, 0], 0b10010).flags).toBe(0b11010);
    expect(wasm.call('double.add', [one, one, 3], 0b11111).flags).toBe(0b11111);
  });

  it('has a word beside it that lets translated code compute once NX is raised, in the mode RNE', () => {
    const [one, three] = [0x3ff0_0000_0000_0000n, 0x4008_0000_0000_0000n];
    expect(wasm.limitAfter('double.div', [one, three, 0], 0)).toBe(resultLimit);
    expect(wasm.limitAfter('double.div', [one, three, 0], 1)).toBe(0);
    expect(wasm.limitAfter('double.add', [one, three, 0], 0)).toBe(0);
    expect(wasm.limitAfter('double.div', [one, 0n, 0], 0)).toBe(0);
  });
});
