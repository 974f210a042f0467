// The RISC-V Instruction Set Manual, Volume I (20240411), §1.5 (instruction length) and the rows' encodings.
import { a } from './a.ts';
import { c, readFields } from './c.ts';
import type { CompressedRow } from './c.ts';
import { extract, extractSigned } from './encoding.ts';
import type { Encoding, Field } from './encoding.ts';
import { fd } from './fd.ts';
import { m } from './m.ts';
import type { Row } from './row.ts';
import { rv64i, rv64iFlow } from './rv64i.ts';
import { system } from './system.ts';
import { zba } from './zba.ts';
import { zbb } from './zbb.ts';
import { zbs } from './zbs.ts';

/** An instruction and its operands. */
export interface Decoded {
  readonly row: Row;
  /** The row's place in the instruction set. */
  readonly number: number;
  /** Bytes that it takes: 2 where it was compressed. */
  readonly length: 2 | 4;
  readonly rd: number;
  readonly rs1: number;
  readonly rs2: number;
  /** The immediate as a signed 32-bit number, with the shift that the encoding gives it. */
  readonly imm: number;
  /** The instruction's 32 bits, which hold rm, rs3 and the CSR's number; 0 where it was compressed. */
  readonly bits: number;
}

/** RV64GCB: every instruction, in the order of the manual's chapters. A row's place here is its number. */
export const instructionSet: readonly Row[] = [
  ...rv64i,
  ...rv64iFlow,
  ...m,
  ...a,
  ...fd,
  ...zba,
  ...zbb,
  ...zbs,
  ...system,
];

interface Candidate {
  readonly row: Row;
  readonly number: number;
  readonly rd: Field | undefined;
  readonly rs1: Field | undefined;
  readonly rs2: Field | undefined;
  readonly imm: Field | undefined;
  readonly immSigned: boolean;
  /** Has a rounding mode, of which 101 and 110 are reserved (§20.2). */
  readonly rm: boolean;
}

function candidate(row: Row, number: number): Candidate {
  const { fields } = row.encoding;
  const unsignedImmediate = fields.get('shamt') ?? fields.get('shamtw') ?? fields.get('uimm');
  return {
    row,
    number,
    rd: fields.get('rd'),
    rs1: fields.get('rs1'),
    rs2: fields.get('rs2'),
    imm: fields.get('imm') ?? unsignedImmediate,
    immSigned: unsignedImmediate === undefined,
    rm: fields.has('rm'),
  };
}

/** Bits 6 to 2 and 14 to 12, which tell most instructions apart. */
function bucketOf(instruction: number): number {
  return ((instruction >>> 2) & 0x1f) | (((instruction >>> 12) & 7) << 5);
}

/** By the opcode, bits 6 to 2, which every instruction of 32 bits has. */
const byOpcode = Array.from({ length: 32 }, (): Candidate[] => []);
for (const [number, row] of instructionSet.entries())
  byOpcode[bucketOf(row.encoding.match) & 0x1f]?.push(candidate(row, number));
/** Each on first sight: all of them take milliseconds in a thread that has just begun. */
const buckets: (readonly Candidate[] | undefined)[] = [];

function bucketAt(bucket: number): readonly Candidate[] {
  const bits = ((bucket & 0x1f) << 2) | ((bucket >>> 5) << 12) | 3;
  const candidates = byOpcode[bucket & 0x1f] ?? [];
  return (buckets[bucket] ??= candidates.filter(({ row }) => mayMatch(row.encoding, bits, 0x707f)));
}

/** Of a compressed instruction the quadrant and bits 15 to 13. */
function compressedBucketOf(parcel: number): number {
  return (parcel & 3) | ((parcel >>> 13) << 2);
}

const compressedBuckets: (readonly CompressedRow[] | undefined)[] = [];

function compressedBucketAt(bucket: number): readonly CompressedRow[] {
  const bits = (bucket & 3) | ((bucket >>> 2) << 13);
  return (compressedBuckets[bucket] ??= c.filter(({ encoding }) => mayMatch(encoding, bits, 0xe003)));
}

function mayMatch(encoding: Encoding, bits: number, mask: number): boolean {
  return ((encoding.match ^ bits) & encoding.mask & mask) === 0;
}

const numberByName = new Map(instructionSet.map((row, number) => [row.name, number]));
/** What each 16-bit parcel stands for, found on first sight; null for what stands for nothing. */
const compressed = Array<Decoded | null | undefined>(0x1_0000);

/** Slots for what was decoded last, by bits of the instruction: the same few instructions are met again and again. */
const recentSlots = 4096;
const recentBits = new Int32Array(recentSlots);
const recent = Array<Decoded | undefined>(recentSlots);

/** The length in bytes of the instruction that starts with this 16-bit parcel. */
export function lengthOf(parcel: number): 2 | 4 {
  return (parcel & 3) === 3 ? 4 : 2;
}

/** Decodes the instruction in `bits` (a compressed one in the low half); undefined where it is illegal. */
export function decode(bits: number): Decoded | undefined {
  if (lengthOf(bits) === 2) return decodeCompressed(bits & 0xffff);
  const slot = ((bits >>> 7) ^ (bits >>> 20)) & (recentSlots - 1);
  if (recentBits[slot] === (bits | 0)) return recent[slot];
  const decoded = decodeBase(bits);
  recentBits[slot] = bits;
  recent[slot] = decoded;
  return decoded;
}

/** The compressed instruction in a parcel, and the base instruction that it stands for. */
export function findCompressed(parcel: number): CompressedRow | undefined {
  return compressedBucketAt(compressedBucketOf(parcel)).find(
    (row) => (parcel & row.encoding.mask) === row.encoding.match,
  );
}

function decodeBase(bits: number): Decoded | undefined {
  for (const found of bucketAt(bucketOf(bits))) {
    const { row, number, rd, rs1, rs2, imm } = found;
    if ((bits & row.encoding.mask) >>> 0 !== row.encoding.match) continue;
    if (found.rm && ((bits >>> 12) & 7) >= 5 && ((bits >>> 12) & 7) !== 7) return undefined;
    return {
      row,
      number,
      length: 4,
      rd: rd === undefined ? 0 : extract(rd, bits),
      rs1: rs1 === undefined ? 0 : extract(rs1, bits),
      rs2: rs2 === undefined ? 0 : extract(rs2, bits),
      imm: imm === undefined ? 0 : found.immSigned ? extractSigned(imm, bits) : extract(imm, bits),
      bits,
    };
  }
  return undefined;
}

function decodeCompressed(parcel: number): Decoded | undefined {
  let known = compressed[parcel];
  if (known === undefined) {
    known = expand(parcel) ?? null;
    compressed[parcel] = known;
  }
  return known ?? undefined;
}

function expand(parcel: number): Decoded | undefined {
  const found = findCompressed(parcel);
  const operands = found?.expand(readFields(found.encoding, parcel));
  if (found === undefined || operands === undefined) return undefined;
  const number = numberByName.get(found.base);
  const row = number === undefined ? undefined : instructionSet[number];
  if (number === undefined || row === undefined) throw new Error(`${found.name} stands for ${found.base}: no such row`);
  const { rd = 0, rs1 = 0, rs2 = 0, imm = 0 } = operands;
  return { row, number, length: 2, rd, rs1, rs2, imm, bits: 0 };
}
