// Every floating-point operation against QEMU's: a program for RISC-V, run by qemu-riscv64, executes the instructions
// that src/cpu/float is made for. FLOAT_CASES is the number of cases, FLOAT_SEED repeats a run, FLOAT_OPERATIONS is a
// regular expression for the names of those to run, such as double.fma.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FloatInstance, operationNames, operations } from '../cpu/float/instance.ts';
import type { FormatName, OperationName } from '../cpu/float/instance.ts';
import { OperandSource } from '../cpu/float/operands.ts';
import { double, single } from '../oracle/float.ts';

const compiler = 'riscv64-linux-gnu-gcc';
const emulator = 'qemu-riscv64';

/** The instruction of each operation; `%` stands for the format's letter. */
const mnemonics: Record<OperationName, string> = {
  add: 'fadd.%',
  sub: 'fsub.%',
  mul: 'fmul.%',
  div: 'fdiv.%',
  sqrt: 'fsqrt.%',
  fma: 'fmadd.%',
  min: 'fmin.%',
  max: 'fmax.%',
  eq: 'feq.%',
  lt: 'flt.%',
  le: 'fle.%',
  classify: 'fclass.%',
  toInt32: 'fcvt.w.%',
  toUint32: 'fcvt.wu.%',
  toInt64: 'fcvt.l.%',
  toUint64: 'fcvt.lu.%',
  fromInt32: 'fcvt.%.w',
  fromUint32: 'fcvt.%.wu',
  fromInt64: 'fcvt.%.l',
  fromUint64: 'fcvt.%.lu',
};
const integerResult = /^(to|eq|lt|le|classify)/;
const integerOperand = /^from/;

interface Operation {
  /** Among the functions of `FloatInstance`. */
  readonly name: string;
  readonly instruction: string;
  readonly arity: number;
  readonly rounds: boolean;
  /** The format of the operands, or undefined for an integer; and of the result. */
  readonly from: FormatName | undefined;
  readonly to: FormatName | undefined;
}

const letter = { single: 's', double: 'd' } as const;

const allOperations: Operation[] = (['single', 'double'] as const).flatMap((format) =>
  operationNames.map((name) => ({
    name: `${format}.${name}`,
    instruction: mnemonics[name].replace('%', letter[format]),
    ...operations[name],
    from: integerOperand.test(name) ? undefined : format,
    to: integerResult.test(name) ? undefined : format,
  })),
);
allOperations.push(
  { name: 'singleToDouble', instruction: 'fcvt.d.s', arity: 1, rounds: false, from: 'single', to: 'double' },
  { name: 'doubleToSingle', instruction: 'fcvt.s.d', arity: 1, rounds: true, from: 'double', to: 'single' },
);

/** Moves between the registers' files without a look at the value. */
const intoFloat = { single: 'fmv.w.x', double: 'fmv.d.x' } as const;
const fromFloat = { single: 'fmv.x.w', double: 'fmv.x.d' } as const;

function assembly({ instruction, arity, rounds, from, to }: Operation): string {
  const sources = ['a', 'b', 'c'].slice(0, arity);
  const registers = sources.map((source, index) => (from === undefined ? `%[${source}]` : `ft${index}`));
  const moves = sources.map((source, index) =>
    from === undefined ? '' : `${intoFloat[from]} ft${index}, %[${source}]`,
  );
  const target = to === undefined ? '%[result]' : 'ft3';
  const operands = [target, ...registers, ...(rounds && !isAlwaysExact(instruction) ? ['dyn'] : [])];
  const lines = [
    'csrw fcsr, %[fcsr]',
    ...moves,
    `${instruction} ${operands.join(', ')}`,
    'csrr %[flags], fflags',
    to === undefined ? '' : `${fromFloat[to]} %[result], ft3`,
  ];
  return lines
    .filter((line) => line !== '')
    .map((line) => `"${line}\\n"`)
    .join(' ');
}

/** The assembler takes no rounding mode for these. */
const isAlwaysExact = (instruction: string) => /^fcvt\.d\.wu?$/.test(instruction);

/** Reads { operation, mode, a, b, c } from standard input and writes { result, flags } for each. */
function programSource(): string {
  const cases = allOperations.map((operation, index) => {
    const mask = operation.to === 'single' ? ' result &= 0xffffffff;' : '';
    return (
      `    case ${index}: asm volatile(${assembly(operation)}\n` +
      `      : [result] "=&r"(result), [flags] "=&r"(flags)\n` +
      `      : [fcsr] "r"(mode << 5), [a] "r"(a), [b] "r"(b), [c] "r"(c)\n` +
      `      : "ft0", "ft1", "ft2", "ft3");${mask} break;`
    );
  });
  return `#include <stdint.h>
#include <stdio.h>
int main(void) {
  uint64_t in[5], out[2];
  while (fread(in, sizeof in, 1, stdin) == 1) {
    uint64_t mode = in[1], a = in[2], b = in[3], c = in[4], result = 0, flags = 0;
    switch (in[0]) {
${cases.join('\n')}
    default: return 1;
    }
    out[0] = result;
    out[1] = flags;
    if (fwrite(out, sizeof out, 1, stdout) != 1) return 2;
  }
  return 0;
}
`;
}

function requireTool(tool: string, debianPackage: string): string {
  const { error, stdout } = spawnSync(tool, ['--version'], { encoding: 'utf8' });
  if (error !== undefined)
    throw new Error(`this comparison needs ${tool} (Debian package ${debianPackage}): ${error.message}`);
  return stdout.split('\n')[0] ?? '';
}

interface Case {
  readonly operation: number;
  readonly mode: number;
  readonly operands: readonly bigint[];
}

describe('floating point against QEMU', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-float-'));
  const program = join(folder, 'float');
  const caseCount = Number(process.env['FLOAT_CASES'] ?? 200_000);
  const seed = Number(process.env['FLOAT_SEED'] ?? Date.now() % 2 ** 32);
  const pattern = new RegExp(process.env['FLOAT_OPERATIONS'] ?? '');
  const chosen = [...allOperations.keys()].filter((index) => pattern.test(allOperations[index]!.name));
  const wasm = new FloatInstance();

  beforeAll(() => {
    const versions = [requireTool(compiler, 'gcc-riscv64-linux-gnu'), requireTool(emulator, 'qemu-user')];
    console.log(`${versions.join('; ')}; FLOAT_CASES=${caseCount} FLOAT_SEED=${seed}`);
    const source = `${program}.c`;
    writeFileSync(source, programSource());
    const built = spawnSync(compiler, ['-O1', '-static', '-march=rv64gc', '-o', program, source], { encoding: 'utf8' });
    if (built.status !== 0) throw new Error(`${compiler} failed: ${built.stderr}`);
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  function fromQemu(cases: readonly Case[]): BigUint64Array {
    const input = new BigUint64Array(cases.length * 5);
    for (const [index, { operation, mode, operands }] of cases.entries()) {
      input.set([BigInt(operation), BigInt(mode), ...operands], index * 5);
    }
    const { status, stdout, stderr } = spawnSync(emulator, [program], {
      input: new Uint8Array(input.buffer),
      maxBuffer: cases.length * 16 + 65_536,
    });
    if (status !== 0) throw new Error(`${emulator} ended with ${status}: ${stderr.toString()}`);
    expect(stdout.length, 'bytes of results').toBe(cases.length * 16);
    return new BigUint64Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.length));
  }

  it('every operation gives the same bits and the same flags in every rounding mode', () => {
    const sources = { single: new OperandSource(single, seed), double: new OperandSource(double, seed + 1) };
    const random = sources.single.random;
    const differences: string[] = [];
    const hexadecimal = (value: bigint) => `0x${value.toString(16)}`;

    for (let done = 0; done < caseCount; done += 50_000) {
      const cases = Array.from({ length: Math.min(50_000, caseCount - done) }, (): Case => {
        const index = chosen[random.below(chosen.length)]!;
        const { from, arity } = allOperations[index]!;
        const operands = from === undefined ? [sources.double.integer()] : sources[from].operands(arity);
        return { operation: index, mode: random.below(5), operands };
      });
      const results = fromQemu(cases);
      for (const [index, { operation, mode, operands }] of cases.entries()) {
        const { name, rounds } = allOperations[operation]!;
        const { bits, flags } = wasm.call(name, rounds ? [...operands, mode] : operands);
        const [expectedBits, expectedFlags] = [results[2 * index]!, Number(results[2 * index + 1]!)];
        if (bits === expectedBits && flags === expectedFlags) continue;
        differences.push(
          `${name}(${operands.map(hexadecimal).join(', ')}) in mode ${mode}: ${hexadecimal(bits)} flags ${flags}, ` +
            `QEMU gives ${hexadecimal(expectedBits)} flags ${expectedFlags}`,
        );
      }
    }
    expect(differences.length, differences.slice(0, 20).join('\n')).toBe(0);
  });
});
