// The RISC-V Instruction Set Manual, Volume I (20240411), chapter "B", version 1.0.0: "Zbb", basic bit manipulation.
import type { Ops } from '../ops.ts';
import { rows } from './row.ts';

/** Of each byte all bits but the highest; every second byte, and every second pair of bytes. */
const lowBits = 0x7f7f_7f7f_7f7f_7f7fn;
const highBits = ~lowBits;
const evenBytes = 0x00ff_00ff_00ff_00ffn;
const oddBytes = ~evenBytes;
const evenPairs = 0x0000_ffff_0000_ffffn;
const oddPairs = ~evenPairs;

const not = <V, C>(o: Ops<V, C>, value: V): V => o.xor(value, o.constant(-1n));

/** As many bits to the left as are missing to a whole turn to the right. */
const rotateLeft = <V, C>(o: Ops<V, C>, bits: 32 | 64): V =>
  o.rotr(o.x('rs1'), o.sub(o.constant(0n), o.x('rs2')), bits);

/** All ones in each byte that is not 0. */
function orCombine<V, C>(o: Ops<V, C>): V {
  // Within a byte the sum of the low bits carries into the highest unless they are 0, and never further.
  const carries = o.add(o.and(o.x('rs1'), o.constant(lowBits)), o.constant(lowBits));
  const marks = o.let(o.and(o.or(carries, o.x('rs1')), o.constant(highBits)));
  return o.sub(o.shl(marks(), o.constant(1n)), o.shrU(marks(), o.constant(7n)));
}

/** The bytes in the opposite order: those of each pair change places, then the four pairs. */
function reverseBytes<V, C>(o: Ops<V, C>): V {
  const odd = o.and(o.shl(o.x('rs1'), o.constant(8n)), o.constant(oddBytes));
  const even = o.and(o.shrU(o.x('rs1'), o.constant(8n)), o.constant(evenBytes));
  const pairs = o.let(o.or(odd, even));
  // Pairs 3 2 1 0 are 2 1 0 3 and 0 3 2 1 when turned, of which 0 1 2 3 takes every second.
  return o.or(
    o.and(o.rotr(pairs(), o.constant(48n), 64), o.constant(evenPairs)),
    o.and(o.rotr(pairs(), o.constant(16n), 64), o.constant(oddPairs)),
  );
}

export const zbb = rows({ rare: true }, [
  ['andn', 'rd, rs1, rs2', '0100000 rs2 rs1 111 rd 0110011', (o) => o.setX(o.and(o.x('rs1'), not(o, o.x('rs2'))))],
  ['orn', 'rd, rs1, rs2', '0100000 rs2 rs1 110 rd 0110011', (o) => o.setX(o.or(o.x('rs1'), not(o, o.x('rs2'))))],
  ['xnor', 'rd, rs1, rs2', '0100000 rs2 rs1 100 rd 0110011', (o) => o.setX(not(o, o.xor(o.x('rs1'), o.x('rs2'))))],

  ['clz', 'rd, rs1', '0110000 00000 rs1 001 rd 0010011', (o) => o.setX(o.clz(o.x('rs1')))],
  ['ctz', 'rd, rs1', '0110000 00001 rs1 001 rd 0010011', (o) => o.setX(o.ctz(o.x('rs1')))],
  ['cpop', 'rd, rs1', '0110000 00010 rs1 001 rd 0010011', (o) => o.setX(o.popcnt(o.x('rs1')))],
  [
    'clzw',
    'rd, rs1',
    '0110000 00000 rs1 001 rd 0011011',
    (o) => o.setX(o.sub(o.clz(o.unsigned(o.x('rs1'), 32)), o.constant(32n))),
  ],
  // A bit behind the word's last ends the count.
  [
    'ctzw',
    'rd, rs1',
    '0110000 00001 rs1 001 rd 0011011',
    (o) => o.setX(o.ctz(o.or(o.x('rs1'), o.constant(1n << 32n)))),
  ],
  ['cpopw', 'rd, rs1', '0110000 00010 rs1 001 rd 0011011', (o) => o.setX(o.popcnt(o.unsigned(o.x('rs1'), 32)))],

  [
    'max',
    'rd, rs1, rs2',
    '0000101 rs2 rs1 110 rd 0110011',
    (o) => o.setX(o.select(o.x('rs1'), o.x('rs2'), o.ge(o.x('rs1'), o.x('rs2')))),
  ],
  [
    'maxu',
    'rd, rs1, rs2',
    '0000101 rs2 rs1 111 rd 0110011',
    (o) => o.setX(o.select(o.x('rs1'), o.x('rs2'), o.geU(o.x('rs1'), o.x('rs2')))),
  ],
  [
    'min',
    'rd, rs1, rs2',
    '0000101 rs2 rs1 100 rd 0110011',
    (o) => o.setX(o.select(o.x('rs1'), o.x('rs2'), o.lt(o.x('rs1'), o.x('rs2')))),
  ],
  [
    'minu',
    'rd, rs1, rs2',
    '0000101 rs2 rs1 101 rd 0110011',
    (o) => o.setX(o.select(o.x('rs1'), o.x('rs2'), o.ltU(o.x('rs1'), o.x('rs2')))),
  ],

  ['sext.b', 'rd, rs1', '0110000 00100 rs1 001 rd 0010011', (o) => o.setX(o.signed(o.x('rs1'), 8))],
  ['sext.h', 'rd, rs1', '0110000 00101 rs1 001 rd 0010011', (o) => o.setX(o.signed(o.x('rs1'), 16))],
  ['zext.h', 'rd, rs1', '0000100 00000 rs1 100 rd 0111011', (o) => o.setX(o.unsigned(o.x('rs1'), 16))],

  ['rol', 'rd, rs1, rs2', '0110000 rs2 rs1 001 rd 0110011', (o) => o.setX(rotateLeft(o, 64))],
  ['rolw', 'rd, rs1, rs2', '0110000 rs2 rs1 001 rd 0111011', (o) => o.setX(rotateLeft(o, 32))],
  ['ror', 'rd, rs1, rs2', '0110000 rs2 rs1 101 rd 0110011', (o) => o.setX(o.rotr(o.x('rs1'), o.x('rs2'), 64))],
  ['rorw', 'rd, rs1, rs2', '0110000 rs2 rs1 101 rd 0111011', (o) => o.setX(o.rotr(o.x('rs1'), o.x('rs2'), 32))],
  ['rori', 'rd, rs1, shamt', '011000 shamt rs1 101 rd 0010011', (o) => o.setX(o.rotr(o.x('rs1'), o.imm(), 64))],
  ['roriw', 'rd, rs1, shamtw', '0110000 shamtw rs1 101 rd 0011011', (o) => o.setX(o.rotr(o.x('rs1'), o.imm(), 32))],

  ['orc.b', 'rd, rs1', '001010000111 rs1 101 rd 0010011', (o) => o.setX(orCombine(o))],
  ['rev8', 'rd, rs1', '011010111000 rs1 101 rd 0010011', (o) => o.setX(reverseBytes(o))],
]);
