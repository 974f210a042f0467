import { describe, expect, it } from 'vitest';
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
        for (let round = 0; round < 1500; round++) {
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
    // Doubles on and beside singles, and half-way between two of them.
    const nearSingles = Array.from({ length: 2000 }, () => {
      const exact = floatOracle.convert(single, double, singles.operands(1)[0]!, 0).bits;
      const offset = [0n, 1n, -1n, 1n << 28n, (1n << 28n) + 1n, (1n << 28n) - 1n][singles.random.below(6)]!;
      return BigInt.asUintN(64, exact + offset);
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

describe('the flags word', () => {
  it('keeps what was raised before', () => {
    const one = 0x3ff0_0000_0000_0000n;
    expect(wasm.call('double.div', [one, 0n, 0], 0b10010).flags).toBe(0b11010);
    expect(wasm.call('double.add', [one, one, 3], 0b11111).flags).toBe(0b11111);
  });
});
