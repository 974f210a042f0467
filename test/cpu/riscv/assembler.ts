// Assembly text to bytes, by the rows' own syntax: what the tests' programs are written in. As GNU as reads it, with the
// few pseudo-instructions that tests need.
import { integerNames } from '../../../src/cpu/riscv/register-names.ts';
import { encode, formOf } from './encode.ts';
import type { Fields } from './encode.ts';

const floatNames = 'ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 fs2 fs3 fs4 fs5 fs6 fs7'
  .concat(' fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11')
  .split(' ');
const roundingModes = ['rne', 'rtz', 'rdn', 'rup', 'rmm', '5', '6', 'dyn'];

/** Control and status registers and their numbers (Volume II, §2.2). */
const csrTable = `
  fflags 001, frm 002, fcsr 003, cycle c00, time c01, instret c02, hpmcounter3 c03,
  sstatus 100, sie 104, stvec 105, scounteren 106, senvcfg 10a, sscratch 140, sepc 141, scause 142, stval 143, sip 144,
  stimecmp 14d, satp 180,
  mvendorid f11, marchid f12, mimpid f13, mhartid f14, mconfigptr f15, mstatus 300, misa 301, medeleg 302, mideleg 303,
  mie 304, mtvec 305, mcounteren 306, menvcfg 30a, mcountinhibit 320, mhpmevent3 323, mscratch 340, mepc 341, mcause 342,
  mtval 343, mip 344, mcycle b00, minstret b02, mhpmcounter3 b03, pmpcfg0 3a0, pmpcfg1 3a1, pmpcfg2 3a2`;

export const csrNumbers: Readonly<Record<string, number>> = Object.fromEntries([
  ...csrTable.split(',').map((pair) => {
    const [name, number] = pair.trim().split(' ');
    return [name, Number.parseInt(number!, 16)] as const;
  }),
  ...Array.from({ length: 64 }, (_, entry) => [`pmpaddr${entry}`, 0x3b0 + entry] as const),
]);

export interface Program {
  readonly base: bigint;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The address of a label. */
  readonly symbol: (name: string) => bigint;
}

/** What is known when bytes are made: where they lie, and what the labels stand for. */
interface Place {
  readonly address: bigint;
  readonly valueOf: (expression: string) => bigint;
}

interface Item {
  readonly size: number;
  emit(place: Place): readonly { readonly value: bigint; readonly size: number }[];
}

const number = /^-?(?:0x[0-9a-f]+|\d+)$/iu;

function parseNumber(text: string): bigint {
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text.replace('+', ''));
}

export function registerNumber(name: string): number {
  const plain = /^[xf](\d+)$/u.exec(name);
  const found = plain === null ? integerNames.indexOf(name === 'fp' ? 's0' : name) : Number(plain[1]);
  const index = found >= 0 ? found : floatNames.indexOf(name);
  if (index < 0 || index > 31) throw new Error(`no register ${name}`);
  return index;
}

/** The steps that build a 64-bit constant. */
export function loadImmediate(rd: number, constant: bigint): readonly (readonly [name: string, fields: Fields])[] {
  const value = BigInt.asIntN(64, constant);
  const low = BigInt.asIntN(12, value);
  if (value === low) return [['addi', { rd, rs1: 0, imm: Number(low) }]];
  if (value === BigInt.asIntN(32, value)) {
    const upper = Number(BigInt.asIntN(32, value - low));
    const lui = ['lui', { rd, imm: upper }] as const;
    return low === 0n ? [lui] : [lui, ['addiw', { rd, rs1: rd, imm: Number(low) }]];
  }
  let shift = 12n;
  let rest = BigInt.asIntN(64, value - low) >> 12n;
  while ((rest & 1n) === 0n) {
    rest >>= 1n;
    shift += 1n;
  }
  const steps = [...loadImmediate(rd, rest), ['slli', { rd, rs1: rd, shamt: Number(shift) }] as const];
  return low === 0n ? steps : [...steps, ['addi', { rd, rs1: rd, imm: Number(low) }]];
}

type Alias = (operands: readonly string[]) => string;

/** Pseudo-instructions that are another way to write one instruction. */
const aliases: Readonly<Record<string, Alias>> = {
  nop: () => 'addi x0, x0, 0',
  mv: ([rd, rs]) => `addi ${rd}, ${rs}, 0`,
  j: ([target]) => `jal x0, ${target}`,
  jr: ([rs]) => `jalr x0, 0(${rs})`,
  ret: () => 'jalr x0, 0(ra)',
  beqz: ([rs, target]) => `beq ${rs}, x0, ${target}`,
  bnez: ([rs, target]) => `bne ${rs}, x0, ${target}`,
  csrr: ([rd, csr]) => `csrrs ${rd}, ${csr}, x0`,
  csrw: ([csr, rs]) => `csrrw x0, ${csr}, ${rs}`,
  csrs: ([csr, rs]) => `csrrs x0, ${csr}, ${rs}`,
  csrc: ([csr, rs]) => `csrrc x0, ${csr}, ${rs}`,
  csrwi: ([csr, value]) => `csrrwi x0, ${csr}, ${value}`,
  csrsi: ([csr, value]) => `csrrsi x0, ${csr}, ${value}`,
  csrci: ([csr, value]) => `csrrci x0, ${csr}, ${value}`,
  'sfence.all': () => 'sfence.vma x0, x0',
  /** Where a test's program ends: it stays here. */
  stop: () => 'jal x0, .',
};

/** Assembles lines of `label: instruction # comment`. */
export function assemble(text: string, base: bigint): Program {
  const symbols = new Map<string, bigint>();
  const items: { readonly address: bigint; readonly item: Item; readonly line: string }[] = [];
  let address = base;
  for (const line of text.split('\n')) {
    let rest = line.replace(/#.*$/u, '').trim();
    for (let label = /^(\w+):\s*/u.exec(rest); label !== null; label = /^(\w+):\s*/u.exec(rest)) {
      if (symbols.has(label[1]!)) throw new Error(`label ${label[1]} stands twice`);
      symbols.set(label[1]!, address);
      rest = rest.slice(label[0].length);
    }
    if (rest === '') continue;
    const item = parseLine(rest, address - base);
    items.push({ address, item, line: rest });
    address += BigInt(item.size);
  }
  const bytes = new Uint8Array(Number(address - base));
  const symbol = (name: string): bigint => {
    const found = symbols.get(name);
    if (found === undefined) throw new Error(`no label ${name}`);
    return found;
  };
  for (const { address: at, item, line } of items) {
    const valueOf = (expression: string): bigint => evaluate(expression, at, symbol);
    try {
      let offset = Number(at - base);
      for (const { value, size } of item.emit({ address: at, valueOf })) {
        for (let index = 0; index < size; index += 1)
          bytes[offset + index] = Number((value >> BigInt(index * 8)) & 0xffn);
        offset += size;
      }
    } catch (error) {
      throw new Error(`in "${line}"`, { cause: error });
    }
  }
  return { base, bytes, symbol };
}

/** `symbol`, `symbol + 8`, `. - 4` or a number. */
function evaluate(expression: string, here: bigint, symbol: (name: string) => bigint): bigint {
  const text = expression.replaceAll(' ', '');
  if (number.test(text)) return parseNumber(text);
  const [, name = '', offset = '0'] = /^([\w.]+)([+-](?:0x[0-9a-f]+|\d+))?$/iu.exec(text) ?? [];
  return (name === '.' ? here : symbol(name)) + parseNumber(offset);
}

function parseLine(text: string, offset: bigint): Item {
  const [, mnemonic = '', tail = ''] = /^(\S+)\s*(.*)$/u.exec(text) ?? [];
  const operands = tail === '' ? [] : tail.split(',').map((operand) => operand.trim());
  if (mnemonic.startsWith('.')) return directive(mnemonic, operands, Number(offset));
  if (mnemonic === 'li') {
    const steps = loadImmediate(registerNumber(operands[0]!), parseNumber(operands[1]!));
    return instructions(
      steps.map(
        ([name, fields]) =>
          () =>
            encode(name, fields),
      ),
    );
  }
  if (mnemonic === 'la') {
    const rd = registerNumber(operands[0]!);
    const distance = ({ valueOf, address }: Place): number => Number(valueOf(operands[1]!) - address);
    return instructions([
      (place) => encode('auipc', { rd, imm: ((distance(place) + 0x800) & ~0xfff) | 0 }),
      (place) => encode('addi', { rd, rs1: rd, imm: (distance(place) << 20) >> 20 }),
    ]);
  }
  const alias = aliases[mnemonic];
  return alias === undefined ? instruction(mnemonic, tail) : parseLine(alias(operands), offset);
}

function directive(name: string, operands: readonly string[], offset: number): Item {
  const sizes: Readonly<Record<string, number>> = { '.half': 2, '.word': 4, '.dword': 8 };
  const size = sizes[name];
  if (size !== undefined) {
    return {
      size: size * operands.length,
      emit: ({ valueOf }) => operands.map((operand) => ({ value: valueOf(operand), size })),
    };
  }
  const amount = Number(parseNumber(operands[0] ?? ''));
  const target = name === '.align' ? Math.ceil(offset / amount) * amount : name === '.org' ? amount : Number.NaN;
  if (!(target >= offset)) throw new Error(`${name} ${operands[0]}: not possible at ${offset}`);
  return { size: target - offset, emit: () => [] };
}

function instructions(steps: readonly ((place: Place) => number)[]): Item {
  return { size: steps.length * 4, emit: (place) => steps.map((step) => ({ value: BigInt(step(place)), size: 4 })) };
}

function instruction(mnemonic: string, tail: string): Item {
  const ordered = /^((?:lr|sc|amo\w+)\.[wd])\.(aq|rl|aqrl)$/u.exec(mnemonic);
  const name = ordered?.[1] ?? mnemonic;
  const order: Fields = ordered === null ? {} : { aq: Number(ordered[2] !== 'rl'), rl: Number(ordered[2] !== 'aq') };
  const form = formOf(name);
  if (form === undefined) throw new Error(`no instruction ${mnemonic}`);
  const size = form.encoding.width / 8;
  const names = form.syntax.match(/[a-z]+\d?'?/gu)?.filter((field) => form.encoding.fields.has(field)) ?? [];
  const given = matchOperands(form.syntax, tail) ?? matchOperands(form.syntax.replace(/, rm$/u, ''), tail);
  if (given === undefined) throw new Error(`${mnemonic} is written ${mnemonic} ${form.syntax}, not ${tail}`);
  const rounding: Fields = form.encoding.fields.has('rm') && given.length < names.length ? { rm: 7 } : {};
  return {
    size,
    emit: (place) => {
      const fields = given.map((operand, index) => [
        names[index]!,
        operandValue(names[index]!, operand, mnemonic, place),
      ]);
      return [{ value: BigInt(encode(name, { ...order, ...rounding, ...Object.fromEntries(fields) })), size }];
    },
  };
}

/** The texts that stand for the fields of a syntax, in its order. */
function matchOperands(syntax: string, tail: string): string[] | undefined {
  const pattern = syntax
    .replaceAll(/[()]/gu, '\\$&')
    .replaceAll(/[a-z]+\d?'?/gu, (field) => (field === 'sp' ? 'sp' : '([^,()]+)'))
    .replaceAll(' ', '\\s*');
  return new RegExp(`^${pattern}$`, 'u')
    .exec(tail.trim())
    ?.slice(1)
    .map((text) => text.trim());
}

function operandValue(field: string, text: string, mnemonic: string, place: Place): number {
  if (/^r[sd]/u.test(field)) return registerNumber(text);
  if (field === 'rm') return roundingModes.indexOf(text);
  if (field === 'csr') return csrNumbers[text] ?? Number(parseNumber(text));
  if (field === 'pred' || field === 'succ') {
    return ['w', 'r', 'o', 'i'].reduce((set, letter, bit) => set | (text.includes(letter) ? 1 << bit : 0), 0);
  }
  const relative = /^(?:c\.)?(?:b\w\w\w?u?|beqz|bnez|jal|j)$/u.test(mnemonic) && !number.test(text);
  const value = place.valueOf(text) - (relative ? place.address : 0n);
  // The operand of lui and auipc is the upper twenty bits alone.
  return Number(BigInt.asIntN(32, /(?:lui|auipc)$/u.test(mnemonic) ? value << 12n : value));
}
