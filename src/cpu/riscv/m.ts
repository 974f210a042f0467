// The RISC-V Instruction Set Manual, Volume I (20240411), chapter 13: "M" extension, version 2.0.
import type { Ops } from '../ops.ts';
import { rows } from './row.ts';

type Divide = <V, C>(o: Ops<V, C>, a: V, b: V) => V;

/** Table 11: by 0 the quotient is all ones and the remainder the dividend; the one overflow gives the dividend and 0. */
function guarded<V, C>(
  o: Ops<V, C>,
  dividend: V,
  divisor: V,
  divide: Divide,
  byZero: (a: () => V) => V,
  overflow?: { minimum: bigint; result: (a: () => V) => V },
): V {
  // The divisor was made last, so it is the first to be taken.
  const b = o.let(divisor);
  const a = o.let(dividend);
  return o.choose(
    o.isZero(b()),
    () => byZero(a),
    () => {
      if (overflow === undefined) return divide(o, a(), b());
      const isMinusOne = o.fromCondition(o.eq(b(), o.constant(-1n)));
      const isMinimum = o.fromCondition(o.eq(a(), o.constant(overflow.minimum)));
      return o.choose(
        o.ne(o.and(isMinusOne, isMinimum), o.constant(0n)),
        () => overflow.result(a),
        () => divide(o, a(), b()),
      );
    },
  );
}

const minimum64 = -(2n ** 63n);

export const m = [
  ...rows({}, [
    ['mul', 'rd, rs1, rs2', '0000001 rs2 rs1 000 rd 0110011', (o) => o.setX(o.mul(o.x('rs1'), o.x('rs2')))],
    [
      'mulw',
      'rd, rs1, rs2',
      '0000001 rs2 rs1 000 rd 0111011',
      (o) => o.setX(o.signed(o.mul(o.x('rs1'), o.x('rs2')), 32)),
    ],
  ]),
  ...rows({ rare: true }, [
    ['mulh', 'rd, rs1, rs2', '0000001 rs2 rs1 001 rd 0110011', (o) => o.setX(o.mulHigh(o.x('rs1'), o.x('rs2')))],
    ['mulhsu', 'rd, rs1, rs2', '0000001 rs2 rs1 010 rd 0110011', (o) => o.setX(o.mulHighSU(o.x('rs1'), o.x('rs2')))],
    ['mulhu', 'rd, rs1, rs2', '0000001 rs2 rs1 011 rd 0110011', (o) => o.setX(o.mulHighU(o.x('rs1'), o.x('rs2')))],
    [
      'div',
      'rd, rs1, rs2',
      '0000001 rs2 rs1 100 rd 0110011',
      (o) =>
        o.setX(
          guarded(
            o,
            o.x('rs1'),
            o.x('rs2'),
            (d, a, b) => d.div(a, b),
            () => o.constant(-1n),
            { minimum: minimum64, result: (a) => a() },
          ),
        ),
    ],
    [
      'divu',
      'rd, rs1, rs2',
      '0000001 rs2 rs1 101 rd 0110011',
      (o) =>
        o.setX(
          guarded(
            o,
            o.x('rs1'),
            o.x('rs2'),
            (d, a, b) => d.divU(a, b),
            () => o.constant(-1n),
          ),
        ),
    ],
    [
      'rem',
      'rd, rs1, rs2',
      '0000001 rs2 rs1 110 rd 0110011',
      (o) =>
        o.setX(
          guarded(
            o,
            o.x('rs1'),
            o.x('rs2'),
            (d, a, b) => d.rem(a, b),
            (a) => a(),
            { minimum: minimum64, result: () => o.constant(0n) },
          ),
        ),
    ],
    [
      'remu',
      'rd, rs1, rs2',
      '0000001 rs2 rs1 111 rd 0110011',
      (o) =>
        o.setX(
          guarded(
            o,
            o.x('rs1'),
            o.x('rs2'),
            (d, a, b) => d.remU(a, b),
            (a) => a(),
          ),
        ),
    ],
    // On 64 bits the word forms cannot overflow: the quotient 2^31 is sign-extended into the dividend.
    [
      'divw',
      'rd, rs1, rs2',
      '0000001 rs2 rs1 100 rd 0111011',
      (o) =>
        o.setX(
          guarded(
            o,
            o.signed(o.x('rs1'), 32),
            o.signed(o.x('rs2'), 32),
            (d, a, b) => d.signed(d.div(a, b), 32),
            () => o.constant(-1n),
          ),
        ),
    ],
    [
      'divuw',
      'rd, rs1, rs2',
      '0000001 rs2 rs1 101 rd 0111011',
      (o) =>
        o.setX(
          guarded(
            o,
            o.unsigned(o.x('rs1'), 32),
            o.unsigned(o.x('rs2'), 32),
            (d, a, b) => d.signed(d.divU(a, b), 32),
            () => o.constant(-1n),
          ),
        ),
    ],
    [
      'remw',
      'rd, rs1, rs2',
      '0000001 rs2 rs1 110 rd 0111011',
      (o) =>
        o.setX(
          guarded(
            o,
            o.signed(o.x('rs1'), 32),
            o.signed(o.x('rs2'), 32),
            (d, a, b) => d.rem(a, b),
            (a) => a(),
          ),
        ),
    ],
    [
      'remuw',
      'rd, rs1, rs2',
      '0000001 rs2 rs1 111 rd 0111011',
      (o) =>
        o.setX(
          guarded(
            o,
            o.unsigned(o.x('rs1'), 32),
            o.unsigned(o.x('rs2'), 32),
            (d, a, b) => d.signed(d.remU(a, b), 32),
            (a) => o.signed(a(), 32),
          ),
        ),
    ],
  ]),
];
