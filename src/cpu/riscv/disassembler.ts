// The RISC-V Instruction Set Manual, Volume I (20240411); register names as in the RISC-V calling convention (psABI 1.0).
import { decode, findCompressed, lengthOf } from './decoder.ts';
import { extract } from './encoding.ts';
import type { Encoding } from './encoding.ts';
import { floatNames, integerNames } from './register-names.ts';

/** Suffixes for the bits aq and rl. */
const orders = ['', '.aq', '.rl', '.aqrl'];
/** What a fence orders: device input and output, reads and writes. */
const accessSets = Array.from({ length: 16 }, (_, set) => {
  return ['i', 'o', 'r', 'w'].filter((_letter, index) => ((set >>> (3 - index)) & 1) === 1).join('') || '0';
});
const roundingModes = ['rne', 'rtz', 'rdn', 'rup', 'rmm', '5', '6', 'dyn'];

/** Fields of compressed rows that name floating-point registers, by the base instruction. */
const compressedFloat: Readonly<Record<string, string>> = { fld: 'rd', fsd: 'rs2' };

/**
 * The instruction as an assembler takes it, registers by their ABI names; targets of branches and jumps are absolute
 * where the address of the instruction is given. Illegal bits become `.word` or `.half`.
 */
export function disassemble(bits: number, address?: bigint): string {
  const decoded = decode(bits);
  if (decoded === undefined) {
    return lengthOf(bits) === 2 ? `.half 0x${(bits & 0xffff).toString(16)}` : `.word 0x${(bits >>> 0).toString(16)}`;
  }
  const { flow } = decoded.row.traits;
  const relative = (flow === 'branch' || flow === 'jump') && address !== undefined;
  const imm = relative ? `0x${BigInt.asUintN(64, address + BigInt(decoded.imm)).toString(16)}` : String(decoded.imm);
  if (decoded.length === 4) {
    const { name, syntax, encoding, traits } = decoded.row;
    return render({
      name,
      syntax,
      encoding,
      bits,
      imm,
      isFloat: (field) => traits.floatFields?.includes(field) ?? false,
    });
  }
  const row = findCompressed(bits & 0xffff);
  if (row === undefined) throw new Error('a decoded parcel has a row');
  const float = compressedFloat[row.base];
  return render({ ...row, bits, imm, isFloat: (field) => float !== undefined && field.startsWith(float) });
}

interface Rendered {
  readonly name: string;
  readonly syntax: string;
  readonly encoding: Encoding;
  readonly bits: number;
  /** The immediate, or the target that it leads to. */
  readonly imm: string;
  readonly isFloat: (field: string) => boolean;
}

function render({ name, syntax, encoding, bits, imm, isFloat }: Rendered): string {
  const value = (field: string): number => {
    const found = encoding.fields.get(field);
    return found === undefined ? 0 : extract(found, bits);
  };
  const operands = syntax.replace(/[a-z]+[0-9]?'?/gu, (field) => {
    const found = encoding.fields.get(field);
    if (found === undefined) return field;
    // The operand of lui and auipc is the upper twenty bits alone.
    if (field === 'imm')
      return found.pieces.some(({ to }) => to < 12) ? imm : `0x${((Number(imm) >>> 12) & 0xf_ffff).toString(16)}`;
    if (/^r[sd]/u.test(field)) {
      const number = field.endsWith("'") ? value(field) + 8 : value(field);
      return (isFloat(field) ? floatNames : integerNames)[number] ?? `?${number}`;
    }
    if (field === 'rm') return roundingModes[value(field)] ?? String(value(field));
    if (field === 'csr') return `0x${value(field).toString(16)}`;
    if (field === 'pred' || field === 'succ') return accessSets[value(field)] ?? '';
    return String(value(field));
  });
  const order = orders[value('aq') | (value('rl') << 1)] ?? '';
  // The dynamic rounding mode is the one that goes without saying.
  return operands === '' ? name : `${name}${order} ${operands.replace(/, dyn$/u, '')}`;
}
