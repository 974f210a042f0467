// The RISC-V Instruction Set Manual, Volume I (20240411); register names as in the RISC-V calling convention (psABI 1.0).
import { extract, extractSigned } from './encoding.ts';
import type { Encoding } from './encoding.ts';
import { decode, findCompressed, lengthOf } from './decoder.ts';

export const integerNames =
  'zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6'.split(' ');
const floatNames = (
  'ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ' +
  'ft8 ft9 ft10 ft11'
).split(' ');
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
  const flow = decoded.row.traits.flow;
  const relative = (flow === 'branch' || flow === 'jump') && address !== undefined;
  const target = relative ? `0x${BigInt.asUintN(64, address + BigInt(decoded.imm)).toString(16)}` : undefined;
  if (decoded.length === 4) {
    const { name, syntax, encoding, traits } = decoded.row;
    return render(name, syntax, encoding, bits, (field) => traits.floatFields?.includes(field) ?? false, target);
  }
  const row = findCompressed(bits & 0xffff);
  if (row === undefined) throw new Error('a decoded parcel has a row');
  const float = compressedFloat[row.base];
  return render(row.name, row.syntax, row.encoding, bits, (field) => field.startsWith(float ?? ' '), target);
}

function render(
  name: string,
  syntax: string,
  encoding: Encoding,
  bits: number,
  isFloat: (field: string) => boolean,
  target: string | undefined,
): string {
  const operands = syntax.replace(/[a-z]+[0-9]?'?/gu, (field) => {
    const found = encoding.fields.get(field);
    if (found === undefined) return field;
    if (field === 'imm') return target ?? String(extractSigned(found, bits));
    const value = extract(found, bits);
    if (/^r[sd]/u.test(field)) {
      const number = field.endsWith("'") ? value + 8 : value;
      return (isFloat(field) ? floatNames : integerNames)[number] ?? `?${number}`;
    }
    if (field === 'rm') return roundingModes[value] ?? String(value);
    if (field === 'csr') return `0x${value.toString(16)}`;
    return String(value);
  });
  return operands === '' ? name : `${name} ${operands}`;
}
