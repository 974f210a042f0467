// The RISC-V Instruction Set Manual, Volume I (20240411), chapter 14: "A" extension, version 2.1.
import type { Ops } from '../ops.ts';
import { rows } from './row.ts';
import type { Row } from './row.ts';

type Update = <V, C>(o: Ops<V, C>, old: () => V, operand: () => V) => V;

const updates: readonly (readonly [name: string, funct5: string, update: Update])[] = [
  ['amoswap', '00001', (_o, _old, operand) => operand()],
  ['amoadd', '00000', (o, old, operand) => o.add(old(), operand())],
  ['amoxor', '00100', (o, old, operand) => o.xor(old(), operand())],
  ['amoand', '01100', (o, old, operand) => o.and(old(), operand())],
  ['amoor', '01000', (o, old, operand) => o.or(old(), operand())],
  ['amomin', '10000', (o, old, operand) => o.select(old(), operand(), o.lt(old(), operand()))],
  ['amomax', '10100', (o, old, operand) => o.select(old(), operand(), o.ge(old(), operand()))],
  // Sign-extended words keep their unsigned order, so the word forms need no case of their own.
  ['amominu', '11000', (o, old, operand) => o.select(old(), operand(), o.ltU(old(), operand()))],
  ['amomaxu', '11100', (o, old, operand) => o.select(old(), operand(), o.geU(old(), operand()))],
];

function operand<V, C>(o: Ops<V, C>, size: 4 | 8): V {
  return size === 4 ? o.signed(o.x('rs2'), 32) : o.x('rs2');
}

function sized(suffix: 'w' | 'd', funct3: string, size: 4 | 8): readonly Row[] {
  return rows({ rare: true }, [
    [
      `lr.${suffix}`,
      'rd, (rs1)',
      `00010 aq rl 00000 rs1 ${funct3} rd 0101111`,
      (o) => o.setX(o.loadReserved(o.x('rs1'), size)),
    ],
    [
      `sc.${suffix}`,
      'rd, rs2, (rs1)',
      `00011 aq rl rs2 rs1 ${funct3} rd 0101111`,
      (o) => o.setX(o.storeConditional(o.x('rs1'), o.x('rs2'), size)),
    ],
    ...updates.map(
      ([name, funct5, update]) =>
        [
          `${name}.${suffix}`,
          'rd, rs2, (rs1)',
          `${funct5} aq rl rs2 rs1 ${funct3} rd 0101111`,
          <V, C>(o: Ops<V, C>) => o.setX(o.amo(o.x('rs1'), size, (old) => update(o, old, () => operand(o, size)))),
        ] as const,
    ),
  ]);
}

export const a = [...sized('w', '010', 4), ...sized('d', '011', 8)];
