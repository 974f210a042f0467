// Floating-point instructions, each in a region of its own, against the evaluator that reads the same rows over bigints.
import { decode, instructionSet } from '../../../src/cpu/riscv/decoder.ts';
import type { Decoded } from '../../../src/cpu/riscv/decoder.ts';
import { at } from '../../../src/cpu/riscv/layout.ts';
import type { Row } from '../../../src/cpu/riscv/row.ts';
import { needsOf } from '../../../src/cpu/riscv/row-needs.ts';
import { evaluate } from '../../oracle/evaluator.ts';
import { double, single } from '../../oracle/float.ts';
import { OperandSource } from '../float/operands.ts';
import { encode } from './encode.ts';
import { translateAll } from './stream/run.ts';
import { ramBase, TestHart } from './test-hart.ts';

/** Every row that computes with floating-point numbers. */
export const floatRows = instructionSet.filter((row) => {
  const { float, sign } = needsOf(row);
  return float.length > 0 || sign !== undefined;
});

export function rowNamed(name: string): Row {
  const row = floatRows.find((candidate) => candidate.name === name);
  if (row === undefined) throw new Error(`there is no ${name}`);
  return row;
}

const dynamicMode = 7;
const dirty = 0x6000;
const initial = 0x2000;
const registers = { rd: 13, rs1: 10, rs2: 11, rs3: 12 };
const boxed = 0xffff_ffff_0000_0000n;
const never = (): never => {
  throw new Error('a floating-point instruction asks for nothing else');
};

export interface FloatCase {
  readonly row: Row;
  readonly rm: number;
  /** Of fa0 to fa2 and, in the first place, of a0. */
  readonly operands: readonly bigint[];
  /** The second operand is the first one's register. */
  readonly same?: boolean;
  readonly fcsr: number;
}

export class TranslatedFloat {
  readonly #machine: TestHart;
  /** By its name and rounding mode, where an instruction stands with a jump to itself behind it, and what it is. */
  readonly #places = new Map<string, { readonly address: bigint; readonly decoded: Decoded }>();

  #checked = 0;

  constructor(relaxedMultiplyAdd: boolean) {
    this.#machine = new TestHart({ ramBytes: 0x1_0000, translation: { ...translateAll, relaxedMultiplyAdd } });
    for (const row of floatRows) {
      for (let rm = 0; rm < 8; rm += 1) for (const same of [false, true]) this.#place(row, rm, same);
    }
    for (const { address } of this.#places.values()) {
      // To go there makes the place hot, and what is hot is translated before the next run.
      this.#machine.hart.registers.setWord(at.mstatus, initial);
      for (let run = 0; run < 2; run += 1) {
        this.#machine.start(address);
        this.#machine.run(1);
      }
    }
    this.#machine.run(0);
  }

  /** Instructions that were checked, and those that were retired in translated code: the jumps behind them as well. */
  get counts(): { readonly checked: number; readonly translated: number } {
    return { checked: this.#checked, translated: this.#machine.hart.translator?.statistics.retired ?? 0 };
  }

  /** Throws an error that says what differs. */
  check({ row, rm, operands, fcsr, same = false }: FloatCase): void {
    const { address, decoded } = this.#placeOf(row, rm, same);
    const { hart } = this.#machine;
    const { registers: state } = hart;
    const x = [...Array.from({ length: 10 }, () => 0n), operands[0] ?? 0n];
    const f = [...Array.from({ length: 10 }, () => 0n), ...operands];
    state.setX(10, x[10]!);
    for (const [index, bits] of operands.entries()) state.setF(10 + index, bits);
    state.setX(13, 0n);
    state.setF(13, 0n);
    state.setFcsr(fcsr & 31, fcsr >> 5);
    state.setWord(at.mstatus, initial);
    this.#machine.start(address);
    hart.run(2);
    hart.run(0);
    this.#checked += 1;

    const { flags = 0, ...expected } = evaluate(decoded, {
      x,
      f,
      pc: address,
      roundingMode: fcsr >> 5,
      requireFloat: () => undefined,
      illegal: never,
      load: never,
      store: never,
      atomic: never,
      reservation: undefined,
      csr: never,
      system: never,
    });
    const found = {
      pc: state.pc(),
      x: state.x(13),
      f: state.f(13),
      flags: state.word(at.fflags),
      status: state.word(at.mstatus) & dirty,
    };
    const wanted = {
      pc: address + 4n,
      x: expected.x ?? 0n,
      f: expected.f ?? 0n,
      flags: (fcsr & 31) | flags,
      status: dirty,
    };
    for (const name of ['pc', 'x', 'f', 'flags', 'status'] as const) {
      if (found[name] === wanted[name]) continue;
      const hexadecimal = (value: bigint | number): string => `0x${value.toString(16)}`;
      throw new Error(
        `${row.name}${same ? ' of one register' : ''} with rm ${rm}, fcsr ${fcsr}, of ${operands.map(hexadecimal).join(', ')}: ${name} is ` +
          `${hexadecimal(found[name])}, not ${hexadecimal(wanted[name])}`,
      );
    }
  }

  #place(row: Row, rm: number, same: boolean): void {
    const { fields } = row.encoding;
    const named = Object.fromEntries(Object.entries(registers).filter(([field]) => fields.has(field)));
    if ((!fields.has('rm') && rm > 0) || (same && !fields.has('rs2'))) return;
    if (same) named['rs2'] = registers.rs1;
    const bits = encode(row.name, { ...named, ...(fields.has('rm') && { rm }) });
    const decoded = decode(bits);
    if (decoded === undefined) return;
    const address = ramBase + this.#places.size * 8;
    this.#machine.write(address, 4, BigInt(bits));
    this.#machine.write(address + 4, 4, BigInt(encode('jal')));
    this.#places.set(`${row.name} ${rm} ${same}`, { address: BigInt(address), decoded });
  }

  #placeOf(row: Row, rm: number, same: boolean): { readonly address: bigint; readonly decoded: Decoded } {
    const place = this.#places.get(`${row.name} ${rm} ${same}`);
    if (place === undefined) throw new Error(`${row.name} has no rounding mode ${rm}`);
    return place;
  }
}

const isSingle = ({ name }: Row): boolean =>
  name === 'fcvt.d.s' || /\.s(\.[wl]u?)?$/.test(name.replace(/^fcvt\.[wl]u?/, ''));
const isFromInteger = ({ name }: Row): boolean => /^fcvt\.[sd]\.[wl]u?$/.test(name);

/** Cases that repeat for a seed; each is as likely to find NX raised as not, and other flags and modes now and then. */
export class FloatCases {
  readonly #sources: Readonly<Record<'single' | 'double', OperandSource>>;

  constructor(seed: number) {
    this.#sources = { single: new OperandSource(single, seed), double: new OperandSource(double, seed + 1) };
  }

  next(row: Row): FloatCase {
    const { random } = this.#sources.single;
    const isDynamic = random.below(2) === 0;
    const mode = random.below(2) === 0 ? 0 : random.below(5);
    const flags = random.below(2) | (random.below(4) === 0 ? random.below(32) : 0);
    const hasMode = row.encoding.fields.has('rm');
    return {
      row,
      rm: !hasMode ? 0 : isDynamic ? dynamicMode : mode,
      fcsr: flags | ((isDynamic ? mode : random.below(5)) << 5),
      operands: this.#operands(row),
      same: row.encoding.fields.has('rs2') && random.below(8) === 0,
    };
  }

  #operands(row: Row): bigint[] {
    const { single: singles, double: doubles } = this.#sources;
    if (isFromInteger(row)) return [doubles.integer()];
    const { fields } = row.encoding;
    const count = fields.has('rs3') ? 3 : fields.has('rs2') ? 2 : 1;
    if (!isSingle(row)) return doubles.operands(count);
    const isUnboxed = singles.random.below(50) === 0 ? singles.random.below(count) : count;
    return singles.operands(count).map((bits, index) => (index === isUnboxed ? doubles.random.long() : bits | boxed));
  }
}
