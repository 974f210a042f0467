// The RISC-V Instruction Set Manual, Volume I (20240411), chapters 2 and 4: RV32I and RV64I.
import type { AccessSize, Meaning, Ops } from '../ops.ts';
import { rows } from './row.ts';

const load = (size: AccessSize, extension: 'signed' | 'unsigned'): Meaning => {
  return (o) => o.setX(o.load(o.add(o.x('rs1'), o.imm()), size, extension));
};
const store = (size: AccessSize): Meaning => {
  return (o) => o.store(o.add(o.x('rs1'), o.imm()), o.x('rs2'), size);
};
/** A word operation's result is sign-extended from 32 bits (§4.2). */
const word = <V, C>(o: Ops<V, C>, value: V): void => o.setX(o.signed(value, 32));

export const rv64i = rows({}, [
  ['lui', 'rd, imm', 'imm[31:12] rd 0110111', (o) => o.setX(o.imm())],
  ['auipc', 'rd, imm', 'imm[31:12] rd 0010111', (o) => o.setX(o.add(o.pc(), o.imm()))],

  ['addi', 'rd, rs1, imm', 'imm[11:0] rs1 000 rd 0010011', (o) => o.setX(o.add(o.x('rs1'), o.imm()))],
  ['slti', 'rd, rs1, imm', 'imm[11:0] rs1 010 rd 0010011', (o) => o.setX(o.fromCondition(o.lt(o.x('rs1'), o.imm())))],
  ['sltiu', 'rd, rs1, imm', 'imm[11:0] rs1 011 rd 0010011', (o) => o.setX(o.fromCondition(o.ltU(o.x('rs1'), o.imm())))],
  ['xori', 'rd, rs1, imm', 'imm[11:0] rs1 100 rd 0010011', (o) => o.setX(o.xor(o.x('rs1'), o.imm()))],
  ['ori', 'rd, rs1, imm', 'imm[11:0] rs1 110 rd 0010011', (o) => o.setX(o.or(o.x('rs1'), o.imm()))],
  ['andi', 'rd, rs1, imm', 'imm[11:0] rs1 111 rd 0010011', (o) => o.setX(o.and(o.x('rs1'), o.imm()))],
  ['slli', 'rd, rs1, shamt', '000000 shamt rs1 001 rd 0010011', (o) => o.setX(o.shl(o.x('rs1'), o.imm()))],
  ['srli', 'rd, rs1, shamt', '000000 shamt rs1 101 rd 0010011', (o) => o.setX(o.shrU(o.x('rs1'), o.imm()))],
  ['srai', 'rd, rs1, shamt', '010000 shamt rs1 101 rd 0010011', (o) => o.setX(o.shrS(o.x('rs1'), o.imm()))],

  ['add', 'rd, rs1, rs2', '0000000 rs2 rs1 000 rd 0110011', (o) => o.setX(o.add(o.x('rs1'), o.x('rs2')))],
  ['sub', 'rd, rs1, rs2', '0100000 rs2 rs1 000 rd 0110011', (o) => o.setX(o.sub(o.x('rs1'), o.x('rs2')))],
  ['sll', 'rd, rs1, rs2', '0000000 rs2 rs1 001 rd 0110011', (o) => o.setX(o.shl(o.x('rs1'), o.x('rs2')))],
  [
    'slt',
    'rd, rs1, rs2',
    '0000000 rs2 rs1 010 rd 0110011',
    (o) => o.setX(o.fromCondition(o.lt(o.x('rs1'), o.x('rs2')))),
  ],
  [
    'sltu',
    'rd, rs1, rs2',
    '0000000 rs2 rs1 011 rd 0110011',
    (o) => o.setX(o.fromCondition(o.ltU(o.x('rs1'), o.x('rs2')))),
  ],
  ['xor', 'rd, rs1, rs2', '0000000 rs2 rs1 100 rd 0110011', (o) => o.setX(o.xor(o.x('rs1'), o.x('rs2')))],
  ['srl', 'rd, rs1, rs2', '0000000 rs2 rs1 101 rd 0110011', (o) => o.setX(o.shrU(o.x('rs1'), o.x('rs2')))],
  ['sra', 'rd, rs1, rs2', '0100000 rs2 rs1 101 rd 0110011', (o) => o.setX(o.shrS(o.x('rs1'), o.x('rs2')))],
  ['or', 'rd, rs1, rs2', '0000000 rs2 rs1 110 rd 0110011', (o) => o.setX(o.or(o.x('rs1'), o.x('rs2')))],
  ['and', 'rd, rs1, rs2', '0000000 rs2 rs1 111 rd 0110011', (o) => o.setX(o.and(o.x('rs1'), o.x('rs2')))],

  ['addiw', 'rd, rs1, imm', 'imm[11:0] rs1 000 rd 0011011', (o) => word(o, o.add(o.x('rs1'), o.imm()))],
  ['slliw', 'rd, rs1, shamtw', '0000000 shamtw rs1 001 rd 0011011', (o) => word(o, o.shl(o.x('rs1'), o.imm()))],
  [
    'srliw',
    'rd, rs1, shamtw',
    '0000000 shamtw rs1 101 rd 0011011',
    (o) => word(o, o.shrU(o.unsigned(o.x('rs1'), 32), o.imm())),
  ],
  [
    'sraiw',
    'rd, rs1, shamtw',
    '0100000 shamtw rs1 101 rd 0011011',
    (o) => o.setX(o.shrS(o.signed(o.x('rs1'), 32), o.imm())),
  ],
  ['addw', 'rd, rs1, rs2', '0000000 rs2 rs1 000 rd 0111011', (o) => word(o, o.add(o.x('rs1'), o.x('rs2')))],
  ['subw', 'rd, rs1, rs2', '0100000 rs2 rs1 000 rd 0111011', (o) => word(o, o.sub(o.x('rs1'), o.x('rs2')))],
  [
    'sllw',
    'rd, rs1, rs2',
    '0000000 rs2 rs1 001 rd 0111011',
    (o) => word(o, o.shl(o.x('rs1'), o.and(o.x('rs2'), o.constant(31n)))),
  ],
  [
    'srlw',
    'rd, rs1, rs2',
    '0000000 rs2 rs1 101 rd 0111011',
    (o) => word(o, o.shrU(o.unsigned(o.x('rs1'), 32), o.and(o.x('rs2'), o.constant(31n)))),
  ],
  [
    'sraw',
    'rd, rs1, rs2',
    '0100000 rs2 rs1 101 rd 0111011',
    (o) => o.setX(o.shrS(o.signed(o.x('rs1'), 32), o.and(o.x('rs2'), o.constant(31n)))),
  ],

  ['lb', 'rd, imm(rs1)', 'imm[11:0] rs1 000 rd 0000011', load(1, 'signed')],
  ['lh', 'rd, imm(rs1)', 'imm[11:0] rs1 001 rd 0000011', load(2, 'signed')],
  ['lw', 'rd, imm(rs1)', 'imm[11:0] rs1 010 rd 0000011', load(4, 'signed')],
  ['ld', 'rd, imm(rs1)', 'imm[11:0] rs1 011 rd 0000011', load(8, 'signed')],
  ['lbu', 'rd, imm(rs1)', 'imm[11:0] rs1 100 rd 0000011', load(1, 'unsigned')],
  ['lhu', 'rd, imm(rs1)', 'imm[11:0] rs1 101 rd 0000011', load(2, 'unsigned')],
  ['lwu', 'rd, imm(rs1)', 'imm[11:0] rs1 110 rd 0000011', load(4, 'unsigned')],
  ['sb', 'rs2, imm(rs1)', 'imm[11:5] rs2 rs1 000 imm[4:0] 0100011', store(1)],
  ['sh', 'rs2, imm(rs1)', 'imm[11:5] rs2 rs1 001 imm[4:0] 0100011', store(2)],
  ['sw', 'rs2, imm(rs1)', 'imm[11:5] rs2 rs1 010 imm[4:0] 0100011', store(4)],
  ['sd', 'rs2, imm(rs1)', 'imm[11:5] rs2 rs1 011 imm[4:0] 0100011', store(8)],

  // §2.7: without other harts to be seen by, program order is all the order there is.
  ['fence', 'pred, succ', 'fm pred succ rs1 000 rd 0001111', () => undefined],
]);

export const rv64iFlow = [
  ...rows({ flow: 'jump' }, [
    [
      'jal',
      'rd, imm',
      'imm[20|10:1|11|19:12] rd 1101111',
      (o) => {
        o.setX(o.next());
        o.jump();
      },
    ],
  ]),
  ...rows({ flow: 'indirect' }, [
    [
      'jalr',
      'rd, imm(rs1)',
      'imm[11:0] rs1 000 rd 1100111',
      (o) => {
        // rs1 may be rd: the target comes first. §2.5.1: bit 0 of the target is cleared.
        const target = o.let(o.and(o.add(o.x('rs1'), o.imm()), o.constant(-2n)));
        o.setX(o.next());
        o.jumpTo(target());
      },
    ],
  ]),
  ...rows({ flow: 'branch' }, [
    ['beq', 'rs1, rs2, imm', branchEncoding('000'), (o) => o.branch(o.eq(o.x('rs1'), o.x('rs2')))],
    ['bne', 'rs1, rs2, imm', branchEncoding('001'), (o) => o.branch(o.ne(o.x('rs1'), o.x('rs2')))],
    ['blt', 'rs1, rs2, imm', branchEncoding('100'), (o) => o.branch(o.lt(o.x('rs1'), o.x('rs2')))],
    ['bge', 'rs1, rs2, imm', branchEncoding('101'), (o) => o.branch(o.ge(o.x('rs1'), o.x('rs2')))],
    ['bltu', 'rs1, rs2, imm', branchEncoding('110'), (o) => o.branch(o.ltU(o.x('rs1'), o.x('rs2')))],
    ['bgeu', 'rs1, rs2, imm', branchEncoding('111'), (o) => o.branch(o.geU(o.x('rs1'), o.x('rs2')))],
  ]),
];

function branchEncoding(funct3: string): string {
  return `imm[12|10:5] rs2 rs1 ${funct3} imm[4:1|11] 1100011`;
}
