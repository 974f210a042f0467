// The RISC-V Instruction Set Manual, Volume I (20240411), chapter "B", version 1.0.0: "Zba", address generation.
import type { Ops } from '../ops.ts';
import { rows } from './row.ts';
import type { Row } from './row.ts';

/** A shifted index, taken whole or as an unsigned word, is added to a base address. */
function shiftAndAdd(shift: 1 | 2 | 3, funct3: string): readonly Row[] {
  const address = <V, C>(o: Ops<V, C>, index: V): void =>
    o.setX(o.add(o.shl(index, o.constant(BigInt(shift))), o.x('rs2')));
  return rows({ rare: true }, [
    [`sh${shift}add`, 'rd, rs1, rs2', `0010000 rs2 rs1 ${funct3} rd 0110011`, (o) => address(o, o.x('rs1'))],
    [
      `sh${shift}add.uw`,
      'rd, rs1, rs2',
      `0010000 rs2 rs1 ${funct3} rd 0111011`,
      (o) => address(o, o.unsigned(o.x('rs1'), 32)),
    ],
  ]);
}

export const zba = [
  ...rows({ rare: true }, [
    [
      'add.uw',
      'rd, rs1, rs2',
      '0000100 rs2 rs1 000 rd 0111011',
      (o) => o.setX(o.add(o.unsigned(o.x('rs1'), 32), o.x('rs2'))),
    ],
    [
      'slli.uw',
      'rd, rs1, shamt',
      '000010 shamt rs1 001 rd 0011011',
      (o) => o.setX(o.shl(o.unsigned(o.x('rs1'), 32), o.imm())),
    ],
  ]),
  ...shiftAndAdd(1, '010'),
  ...shiftAndAdd(2, '100'),
  ...shiftAndAdd(3, '110'),
];
