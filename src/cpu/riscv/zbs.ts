// The RISC-V Instruction Set Manual, Volume I (20240411), chapter "B", version 1.0.0: "Zbs", single bits.
import type { Ops } from '../ops.ts';
import { rows } from './row.ts';

/** What becomes of rs1. `index` is the bit's number in its low six bits, which is what shifts take of it. */
type Change = <V, C>(o: Ops<V, C>, index: () => V) => V;

const bit = <V, C>(o: Ops<V, C>, index: () => V): V => o.shl(o.constant(1n), index());

const changes: readonly (readonly [name: string, funct6: string, funct3: string, change: Change])[] = [
  ['bclr', '010010', '001', (o, index) => o.and(o.x('rs1'), o.xor(bit(o, index), o.constant(-1n)))],
  ['bext', '010010', '101', (o, index) => o.and(o.shrU(o.x('rs1'), index()), o.constant(1n))],
  ['binv', '011010', '001', (o, index) => o.xor(o.x('rs1'), bit(o, index))],
  ['bset', '001010', '001', (o, index) => o.or(o.x('rs1'), bit(o, index))],
];

export const zbs = changes.flatMap(([name, funct6, funct3, change]) =>
  rows({ rare: true }, [
    [name, 'rd, rs1, rs2', `${funct6}0 rs2 rs1 ${funct3} rd 0110011`, (o) => o.setX(change(o, () => o.x('rs2')))],
    [`${name}i`, 'rd, rs1, shamt', `${funct6} shamt rs1 ${funct3} rd 0010011`, (o) => o.setX(change(o, () => o.imm()))],
  ]),
);
