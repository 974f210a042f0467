// The RISC-V Instruction Set Manual, Volume I (20240411), chapters 20 and 21: "F" and "D" extensions, version 2.2.
// One table serves both formats, as the manual's two chapters do.
import type { FloatFormat, FloatOperation, Ops, SignInjection } from '../ops.ts';
import { rows } from './row.ts';
import type { Row } from './row.ts';

type FloatField = 'rs1' | 'rs2' | 'rs3';

interface Format {
  readonly suffix: 's' | 'd';
  readonly name: FloatFormat;
  /** The fmt field. */
  readonly fmt: string;
  readonly signBit: bigint;
}

const single: Format = { suffix: 's', name: 'single', fmt: '00', signBit: 1n << 31n };
const double: Format = { suffix: 'd', name: 'double', fmt: '01', signBit: 1n << 63n };

const boxed = 0xffff_ffff_0000_0000n;
const canonicalSingle = 0x7fc0_0000n;

/** §21.2: a single that is not NaN-boxed counts as the canonical NaN. */
function operand<V, C>(o: Ops<V, C>, format: Format, field: FloatField): V {
  if (format === double) return o.f(field);
  const raw = o.let(o.f(field));
  return o.select(
    o.unsigned(raw(), 32),
    o.constant(canonicalSingle),
    o.eq(o.and(raw(), o.constant(boxed)), o.constant(boxed)),
  );
}

function setResult<V, C>(o: Ops<V, C>, format: Format, value: V): void {
  o.setF(format === double ? value : o.or(value, o.constant(boxed)));
}

function negate<V, C>(o: Ops<V, C>, format: Format, value: V): V {
  return o.xor(value, o.constant(format.signBit));
}

/** fmadd and its kin (§20.6): signs of the product and of the addend. */
function fused(format: Format, negateProduct: boolean, negateAddend: boolean) {
  return <V, C>(o: Ops<V, C>): void => {
    const a = operand(o, format, 'rs1');
    const first = negateProduct ? negate(o, format, a) : a;
    const second = operand(o, format, 'rs2');
    const c = operand(o, format, 'rs3');
    const third = negateAddend ? negate(o, format, c) : c;
    setResult(o, format, o.float('fma', format.name, first, second, third));
  };
}

function arithmetic(format: Format, operation: FloatOperation) {
  return <V, C>(o: Ops<V, C>): void =>
    setResult(o, format, o.float(operation, format.name, operand(o, format, 'rs1'), operand(o, format, 'rs2')));
}

function compare(format: Format, operation: FloatOperation) {
  return <V, C>(o: Ops<V, C>): void =>
    o.setX(o.float(operation, format.name, operand(o, format, 'rs1'), operand(o, format, 'rs2')));
}

/** §20.5. */
function signInjection(format: Format, kind: SignInjection) {
  return <V, C>(o: Ops<V, C>): void =>
    setResult(o, format, o.injectSign(kind, format.name, operand(o, format, 'rs1'), operand(o, format, 'rs2')));
}

function toInteger(format: Format, operation: FloatOperation) {
  return <V, C>(o: Ops<V, C>): void => o.setX(o.float(operation, format.name, operand(o, format, 'rs1')));
}

function fromInteger(format: Format, operation: FloatOperation) {
  return <V, C>(o: Ops<V, C>): void => setResult(o, format, o.float(operation, format.name, o.x('rs1')));
}

const all = ['rd', 'rs1', 'rs2', 'rs3'];
const toX = ['rs1', 'rs2'];
const fromX = ['rd'];

function formatRows(format: Format): readonly Row[] {
  const { suffix: s, fmt } = format;
  const traits = { float: true, rare: true };
  return [
    ...rows({ ...traits, floatFields: all }, [
      [`fmadd.${s}`, 'rd, rs1, rs2, rs3, rm', `rs3 ${fmt} rs2 rs1 rm rd 1000011`, fused(format, false, false)],
      [`fmsub.${s}`, 'rd, rs1, rs2, rs3, rm', `rs3 ${fmt} rs2 rs1 rm rd 1000111`, fused(format, false, true)],
      [`fnmsub.${s}`, 'rd, rs1, rs2, rs3, rm', `rs3 ${fmt} rs2 rs1 rm rd 1001011`, fused(format, true, false)],
      [`fnmadd.${s}`, 'rd, rs1, rs2, rs3, rm', `rs3 ${fmt} rs2 rs1 rm rd 1001111`, fused(format, true, true)],
      [`fadd.${s}`, 'rd, rs1, rs2, rm', `00000${fmt} rs2 rs1 rm rd 1010011`, arithmetic(format, 'add')],
      [`fsub.${s}`, 'rd, rs1, rs2, rm', `00001${fmt} rs2 rs1 rm rd 1010011`, arithmetic(format, 'sub')],
      [`fmul.${s}`, 'rd, rs1, rs2, rm', `00010${fmt} rs2 rs1 rm rd 1010011`, arithmetic(format, 'mul')],
      [`fdiv.${s}`, 'rd, rs1, rs2, rm', `00011${fmt} rs2 rs1 rm rd 1010011`, arithmetic(format, 'div')],
      [
        `fsqrt.${s}`,
        'rd, rs1, rm',
        `01011${fmt} 00000 rs1 rm rd 1010011`,
        (o) => setResult(o, format, o.float('sqrt', format.name, operand(o, format, 'rs1'))),
      ],
      [`fsgnj.${s}`, 'rd, rs1, rs2', `00100${fmt} rs2 rs1 000 rd 1010011`, signInjection(format, 'copy')],
      [`fsgnjn.${s}`, 'rd, rs1, rs2', `00100${fmt} rs2 rs1 001 rd 1010011`, signInjection(format, 'negate')],
      [`fsgnjx.${s}`, 'rd, rs1, rs2', `00100${fmt} rs2 rs1 010 rd 1010011`, signInjection(format, 'xor')],
      [`fmin.${s}`, 'rd, rs1, rs2', `00101${fmt} rs2 rs1 000 rd 1010011`, arithmetic(format, 'min')],
      [`fmax.${s}`, 'rd, rs1, rs2', `00101${fmt} rs2 rs1 001 rd 1010011`, arithmetic(format, 'max')],
    ]),
    ...rows({ ...traits, floatFields: toX }, [
      [`feq.${s}`, 'rd, rs1, rs2', `10100${fmt} rs2 rs1 010 rd 1010011`, compare(format, 'eq')],
      [`flt.${s}`, 'rd, rs1, rs2', `10100${fmt} rs2 rs1 001 rd 1010011`, compare(format, 'lt')],
      [`fle.${s}`, 'rd, rs1, rs2', `10100${fmt} rs2 rs1 000 rd 1010011`, compare(format, 'le')],
      [`fclass.${s}`, 'rd, rs1', `11100${fmt} 00000 rs1 001 rd 1010011`, toInteger(format, 'classify')],
      [`fcvt.w.${s}`, 'rd, rs1, rm', `11000${fmt} 00000 rs1 rm rd 1010011`, toInteger(format, 'toInt32')],
      [`fcvt.wu.${s}`, 'rd, rs1, rm', `11000${fmt} 00001 rs1 rm rd 1010011`, toInteger(format, 'toUint32')],
      [`fcvt.l.${s}`, 'rd, rs1, rm', `11000${fmt} 00010 rs1 rm rd 1010011`, toInteger(format, 'toInt64')],
      [`fcvt.lu.${s}`, 'rd, rs1, rm', `11000${fmt} 00011 rs1 rm rd 1010011`, toInteger(format, 'toUint64')],
    ]),
    ...rows({ ...traits, floatFields: fromX }, [
      [`fcvt.${s}.w`, 'rd, rs1, rm', `11010${fmt} 00000 rs1 rm rd 1010011`, fromInteger(format, 'fromInt32')],
      [`fcvt.${s}.wu`, 'rd, rs1, rm', `11010${fmt} 00001 rs1 rm rd 1010011`, fromInteger(format, 'fromUint32')],
      [`fcvt.${s}.l`, 'rd, rs1, rm', `11010${fmt} 00010 rs1 rm rd 1010011`, fromInteger(format, 'fromInt64')],
      [`fcvt.${s}.lu`, 'rd, rs1, rm', `11010${fmt} 00011 rs1 rm rd 1010011`, fromInteger(format, 'fromUint64')],
    ]),
  ];
}

export const fd = [
  ...formatRows(single),
  ...formatRows(double),
  ...rows({ float: true, rare: true, floatFields: all }, [
    [
      'fcvt.s.d',
      'rd, rs1, rm',
      '0100000 00001 rs1 rm rd 1010011',
      (o) => setResult(o, single, o.float('convert', 'single', operand(o, double, 'rs1'))),
    ],
    [
      'fcvt.d.s',
      'rd, rs1, rm',
      '0100001 00000 rs1 rm rd 1010011',
      (o) => setResult(o, double, o.float('convert', 'double', operand(o, single, 'rs1'))),
    ],
  ]),
  // Moves carry bits: no boxing check on the way out (§20.5), boxing on the way in (§21.2).
  ...rows({ float: true, floatFields: toX }, [
    ['fmv.x.w', 'rd, rs1', '1110000 00000 rs1 000 rd 1010011', (o) => o.setX(o.signed(o.f('rs1'), 32))],
    ['fmv.x.d', 'rd, rs1', '1110001 00000 rs1 000 rd 1010011', (o) => o.setX(o.f('rs1'))],
  ]),
  ...rows({ float: true, floatFields: fromX }, [
    ['fmv.w.x', 'rd, rs1', '1111000 00000 rs1 000 rd 1010011', (o) => setResult(o, single, o.unsigned(o.x('rs1'), 32))],
    ['fmv.d.x', 'rd, rs1', '1111001 00000 rs1 000 rd 1010011', (o) => o.setF(o.x('rs1'))],
    [
      'flw',
      'rd, imm(rs1)',
      'imm[11:0] rs1 010 rd 0000111',
      (o) => setResult(o, single, o.load(o.add(o.x('rs1'), o.imm()), 4, 'unsigned')),
    ],
    [
      'fld',
      'rd, imm(rs1)',
      'imm[11:0] rs1 011 rd 0000111',
      (o) => o.setF(o.load(o.add(o.x('rs1'), o.imm()), 8, 'unsigned')),
    ],
  ]),
  ...rows({ float: true, floatFields: ['rs2'] }, [
    [
      'fsw',
      'rs2, imm(rs1)',
      'imm[11:5] rs2 rs1 010 imm[4:0] 0100111',
      (o) => o.store(o.add(o.x('rs1'), o.imm()), o.f('rs2'), 4),
    ],
    [
      'fsd',
      'rs2, imm(rs1)',
      'imm[11:5] rs2 rs1 011 imm[4:0] 0100111',
      (o) => o.store(o.add(o.x('rs1'), o.imm()), o.f('rs2'), 8),
    ],
  ]),
];
