// Streams are made of units: one instruction, or a few that belong together (a constant and the jump that uses it, a loop).
// What is random about a unit is decided when it is made; what depends on addresses, when it is placed.
import { c, readFields } from '../../../../src/cpu/riscv/c.ts';
import type { CompressedRow } from '../../../../src/cpu/riscv/c.ts';
import { decode, instructionSet } from '../../../../src/cpu/riscv/decoder.ts';
import type { Row } from '../../../../src/cpu/riscv/row.ts';
import { loadImmediate } from '../assembler.ts';
import { encode } from '../encode.ts';
import type { Choices } from './random.ts';

/** Where a unit stands. */
export interface Place {
  readonly address: bigint;
  /** The address of the unit so many units on, or of the block's end. */
  readonly ahead: (units: number) => bigint;
}

export interface Unit {
  /** Bytes. */
  readonly size: number;
  /** Its instructions, low half first; lengths are those that their lowest bits say. */
  place(where: Place): readonly number[];
}

export const returnAddress = 1;
export const stackPointer = 2;
/** Registers that hold addresses of scratch memory, multiples of 16. No stream changes them. */
export const pointers = [stackPointer, 8, 9] as const;
const loopCounter = 27;
const reserved: ReadonlySet<number> = new Set([...pointers, loopCounter]);
const free = Array.from({ length: 32 }, (_, index) => index).filter((index) => !reserved.has(index));
const freeShort = [10, 11, 12, 13, 14, 15];

/** An instruction whose bits do not depend on where it stands. */
export function fixed(...instructions: readonly number[]): Unit {
  return { size: instructions.reduce((sum, bits) => sum + lengthOf(bits), 0), place: () => instructions };
}

function lengthOf(bits: number): number {
  return (bits & 3) === 3 ? 4 : 2;
}

const isMemory = (row: Row): boolean => row.syntax.includes('(rs1)');
/** ctzw has a unit of its own. */
const plainRows = instructionSet.filter(
  (row) => row.traits.flow === undefined && !isMemory(row) && !/^(e|csr|ctzw|s?fence|[sm]ret|wfi)/u.test(row.name),
);
const integerRows = plainRows.filter((row) => row.traits.float !== true);
const floatRows = plainRows.filter((row) => row.traits.float === true);
const loadStoreRows = instructionSet.filter((row) => row.syntax.includes('imm(rs1)') && row.traits.flow === undefined);
const amoRows = instructionSet.filter((row) => row.name.startsWith('amo'));
const compressedRows = c.filter((row) => !/\(|^c\.(j|b|e|addi16sp)/u.test(`${row.name} ${row.syntax}`));
const compressedMemoryRows = c.filter((row) => row.syntax.includes('('));
const wildRows = instructionSet.filter(
  (row) => row.traits.flow === undefined && !/^(sc|ctzw|[sm]ret|wfi|csr|sfence)/u.test(row.name),
);

/** Random bits in every field that is not given, but no integer register as destination that streams must not change. */
export function randomFields(random: Choices, row: Row, given: Readonly<Record<string, number>> = {}): number {
  const { match, mask } = row.encoding;
  let bits = (match | (random.word() & ~mask)) >>> 0;
  const set = (at: number, width: number, value: number): void => {
    const field = ((1 << width) - 1) << at;
    bits = ((bits & ~field) | ((value << at) & field)) >>> 0;
  };
  const floatTarget = row.traits.floatFields?.includes('rd') === true;
  if (row.encoding.fields.has('rd') && !floatTarget) set(7, 5, random.pick(free));
  if (row.encoding.fields.has('rm') && !random.once(24)) set(12, 3, random.once(2) ? 7 : random.below(5));
  if (given['rd'] !== undefined) set(7, 5, given['rd']);
  if (given['rs1'] !== undefined) set(15, 5, given['rs1']);
  if (given['rs2'] !== undefined) set(20, 5, given['rs2']);
  return bits;
}

export const integerArithmetic = (random: Choices): Unit => fixed(randomFields(random, random.pick(integerRows)));

/** ctzw of a word that is not 0: of one that is, QEMU 7.2 counts the zeros in the upper half, too. */
export function trailingZeros(random: Choices): Unit {
  const rs1 = random.pick(free.filter((register) => register !== 0));
  return fixed(
    encode('bseti', { rd: rs1, rs1, shamt: random.below(32) }),
    encode('ctzw', { rd: random.pick(free), rs1 }),
  );
}

/** Few registers, so that results meet again as operands. */
export const floatArithmetic = (random: Choices): Unit => fixed(randomFields(random, random.pick(floatRows)));

/** A compressed instruction that neither goes elsewhere nor touches memory. */
export function compressedArithmetic(random: Choices): Unit {
  for (;;) {
    const bits = randomCompressed(random, random.pick(compressedRows));
    const decoded = decode(bits);
    // c.mv and c.add without a source register are jumps.
    if (decoded === undefined || decoded.row.traits.flow !== undefined) continue;
    if (!reserved.has(decoded.rd)) return fixed(bits);
  }
}

function randomCompressed(random: Choices, row: CompressedRow): number {
  return (row.encoding.match | (random.word() & ~row.encoding.mask & 0xffff)) >>> 0;
}

export const loadOrStore = (random: Choices): Unit =>
  fixed(randomFields(random, random.pick(loadStoreRows), { rs1: random.pick(pointers) }));

export function compressedLoadOrStore(random: Choices): Unit {
  for (;;) {
    const row = random.pick(compressedMemoryRows);
    const bits = randomCompressed(random, row);
    const expanded = row.expand(readFields(row.encoding, bits));
    const found = decode(bits);
    if (expanded === undefined || found === undefined) continue;
    const writesInteger = expanded.rd !== undefined && found.row.traits.float !== true;
    if (writesInteger && reserved.has(found.rd)) continue;
    if ((pointers as readonly number[]).includes(found.rs1)) return fixed(bits);
  }
}

/** A register := a pointer plus a distance that is a multiple of `step`, as pointers are of 16. */
function aimed(random: Choices, step: number, register: number, pointer = random.pick(pointers)): number {
  const distance = random.between(-1024 / step, 1023 / step) * step;
  return encode('addi', { rd: register, rs1: pointer, imm: distance });
}

/**
 * Loads and stores of any size near each other, from one base register, which only the last may overwrite: what it then
 * holds may be no address at all. Some are about the end of the page that a pointer points to.
 */
export function accessRun(random: Choices): Unit {
  const base = random.between(28, 31);
  const near = random.once(2) ? random.between(-16, 16) : random.between(-1900, 1900);
  const length = random.between(2, 9);
  const accesses = Array.from({ length }, (_, index) => {
    const row = random.pick(loadStoreRows);
    const { fields } = row.encoding;
    const register = index === length - 1 && random.once(2) ? base : random.below(28);
    const imm = near + random.between(-40, 40);
    if (!fields.has('rd')) return encode(row.name, { rs1: base, rs2: register, imm });
    const isInteger = row.traits.float !== true;
    return encode(row.name, { rs1: base, rd: isInteger && reserved.has(register) ? 0 : register, imm });
  });
  const others = accesses.map(() =>
    random.once(4) ? [randomFields(random, random.pick(integerRows), { rd: random.pick(freeShort) })] : [],
  );
  const pointer = random.pick(pointers);
  // From the end of the pointer's page, or from the pointer.
  const start = random.once(2)
    ? [
        encode('srli', { rd: base, rs1: pointer, shamt: 12 }),
        encode('addi', { rd: base, rs1: base, imm: 1 }),
        encode('slli', { rd: base, rs1: base, shamt: 12 }),
      ]
    : [aimed(random, 16, base, pointer)];
  return fixed(...start, ...accesses.flatMap((access, index) => [access, ...(others[index] ?? [])]));
}

export function atomicMemoryOperation(random: Choices): Unit {
  const address = random.pick(free.filter((index) => index > 4));
  const row = random.pick(amoRows);
  // One operation in sixteen is most likely not aligned.
  return fixed(aimed(random, random.once(16) ? 1 : 8, address), randomFields(random, row, { rs1: address }));
}

/**
 * LR, perhaps something in between, SC to the same place or to the one beside it. Only in the page of the stack pointer,
 * which can be read and written: whether an SC that fails anyway also traps is left to the implementation.
 */
export function reservedPair(random: Choices): Unit {
  const [address, beside] = [28, 29];
  const width = random.pick(['w', 'd']);
  const between = random.once(2)
    ? [randomFields(random, random.pick(integerRows), { rd: random.pick(freeShort) })]
    : [];
  const order = { aq: random.below(2), rl: random.below(2) };
  return fixed(
    aimed(random, 16, address, stackPointer),
    encode('addi', { rd: beside, rs1: address, imm: 8 }),
    encode(`lr.${width}`, { rd: random.pick(freeShort), rs1: address, ...order }),
    ...between,
    ...(random.once(6) ? [encode('sd', { rs1: address, rs2: random.below(32), imm: 0 })] : []),
    encode(`sc.${width}`, {
      rd: random.pick(freeShort),
      rs1: random.once(6) ? beside : address,
      rs2: random.below(32),
      ...order,
    }),
  );
}

/** LR of an address that may be misaligned. */
export function misalignedReservation(random: Choices): Unit {
  const address = 28;
  return fixed(aimed(random, 1, address), encode(random.pick(['lr.w', 'lr.d']), { rd: 10, rs1: address }));
}

const branches = ['beq', 'bne', 'blt', 'bge', 'bltu', 'bgeu'];

export function forwardBranch(random: Choices): Unit {
  const distance = random.between(1, 4);
  const [rs1, rs2] = [random.below(32), random.below(32)];
  const name = random.pick([...branches, 'c.beqz', 'c.bnez']);
  const short = random.between(8, 15);
  return {
    size: name.startsWith('c.') ? 2 : 4,
    place: ({ address, ahead }) => {
      const imm = Number(ahead(distance) - address);
      return [name.startsWith('c.') ? encode(name, { "rs1'": short, imm }) : encode(name, { rs1, rs2, imm })];
    },
  };
}

export function forwardJump(random: Choices): Unit {
  const distance = random.between(1, 3);
  const rd = random.pick(free);
  if (random.once(3)) {
    return { size: 2, place: ({ address, ahead }) => [encode('c.j', { imm: Number(ahead(distance) - address) })] };
  }
  if (random.once(2)) {
    return { size: 4, place: ({ address, ahead }) => [encode('jal', { rd, imm: Number(ahead(distance) - address) })] };
  }
  if (random.once(2)) {
    const name = random.pick(['c.jr', 'c.jalr']);
    return {
      size: 10,
      place: ({ address, ahead }) => [
        encode('auipc', { rd: 31, imm: 0 }),
        encode('addi', { rd: 31, rs1: 31, imm: Number(ahead(distance) - address) }),
        encode(name, { rs1: 31 }),
      ],
    };
  }
  // Bit 0 of the target is dropped.
  const odd = random.below(2);
  return {
    size: 8,
    place: ({ address, ahead }) => [
      encode('auipc', { rd: 31, imm: 0 }),
      encode('jalr', { rd, rs1: 31, imm: Number(ahead(distance) - address) | odd }),
    ],
  };
}

/** The stack pointer there and back. */
export function stackMove(random: Choices): Unit {
  const imm = random.between(1, 31) * 16;
  return fixed(encode('c.addi16sp', { imm }), encode('c.addi16sp', { imm: -imm }));
}

/** The same units some times over. */
export function loop(random: Choices, body: readonly Unit[]): Unit {
  const times = random.between(2, 4);
  const inner = body.reduce((sum, unit) => sum + unit.size, 0);
  return {
    size: 4 + inner + 4 + 4,
    place: ({ address }) => {
      const placed: number[] = [];
      let at = address + 4n;
      for (const unit of body) {
        const end = at + BigInt(unit.size);
        placed.push(...unit.place({ address: at, ahead: () => end }));
        at = end;
      }
      return [
        encode('addi', { rd: loopCounter, rs1: 0, imm: times }),
        ...placed,
        encode('addi', { rd: loopCounter, rs1: loopCounter, imm: -1 }),
        encode('bne', { rs1: loopCounter, rs2: 0, imm: -(inner + 4) }),
      ];
    },
  };
}

/** A register := a constant. */
export const constant = (rd: number, value: bigint): number[] =>
  loadImmediate(rd, value).map(([name, fields]) => encode(name, fields));

/**
 * Replaces an instruction further on, which then runs as replaced: a whole word or one parcel. Code can be written
 * `aliasDistance` above where it is executed. No register keeps that address: a wild store must not find it.
 */
export function selfModification(random: Choices, aliasDistance: bigint): Unit {
  const target = 28;
  const whole = random.once(2);
  const replacement = whole
    ? randomFields(random, random.pick(integerRows), { rd: random.pick(freeShort) })
    : encode('c.addi', { rd: random.pick(freeShort), imm: random.between(1, 31) });
  const before = [
    encode('auipc', { rd: target, imm: 0 }),
    ...constant(29, aliasDistance),
    encode('add', { rd: target, rs1: target, rs2: 29 }),
    ...constant(29, BigInt(replacement)),
  ];
  const distance = before.length * 4 + 12;
  return {
    size: distance + 4,
    place: () => [
      ...before,
      encode(whole ? 'sw' : 'sh', { rs1: target, rs2: 29, imm: distance }),
      encode('addi', { rd: target }),
      encode('fence.i'),
      // Two parcels, each a c.nop, which is c.addi x0, 0.
      ...(whole ? [encode('addi')] : [0x0001, 0x0001]),
    ],
  };
}

/** A load or store through any register at all. */
export const wildAccess = (random: Choices): Unit =>
  fixed(randomFields(random, random.pick(loadStoreRows), { rs1: random.below(32) }));

/** Any instruction that does not jump, with any operands. */
export const wildInstruction = (random: Choices): Unit => fixed(randomFields(random, random.pick(wildRows)));

/** A call to where nothing can be executed: it returns at once. */
export function wildJump(random: Choices, target: bigint): Unit {
  const steps = constant(31, target);
  return fixed(...steps, encode('jalr', { rd: returnAddress, rs1: 31, imm: random.below(2) }));
}

/** Bits that are no instruction. */
export function illegal(random: Choices): Unit {
  const short = random.once(2);
  for (;;) {
    const bits = short ? random.word() & 0xffff : (random.word() | 3) >>> 0;
    if (short === ((bits & 3) === 3)) continue;
    if (decode(bits) === undefined) return fixed(bits);
  }
}
