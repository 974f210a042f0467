// An image of RAM that holds the harness and blocks of random instructions, each with the state that it starts from. The
// same seed gives the same image; a block cut short is otherwise the same.
import { OperandSource } from '../../float/operands.ts';
import { double, single } from '../../../oracle/float.ts';
import { encode } from '../encode.ts';
import { descriptor, makeHarness, variable } from './harness.ts';
import type { Harness } from './harness.ts';
import {
  dataPageCount,
  pagedCodePlace,
  physical,
  ramBase,
  satpSv39,
  satpSv48,
  supervisorDataEntry,
  systemAddress,
  upperHalf,
  virtual,
  writeTables,
} from './layout.ts';
import { Choices } from './random.ts';
import { askedForTrap, floatCsr, systemUnit } from './system-units.ts';
import type { Mode } from './system-units.ts';
import * as units from './units.ts';
import type { Unit } from './units.ts';

export interface StreamOptions {
  readonly seed: number;
  readonly blocks: number;
  readonly unitsPerBlock: number;
  /** Whether each dump sums up the memory. */
  readonly checksum: boolean;
  /** For a hart that leaves accessed and dirty bits to who handles the page fault: code has them set already. */
  readonly bitsFault?: boolean;
  /** The last block ends after so many of its units. */
  readonly lastUnits?: number;
}

export interface Block {
  readonly index: number;
  readonly mode: Mode;
  readonly entry: bigint;
  readonly exit: bigint;
  /** Instructions with their addresses, and the number of the unit that each is of. */
  readonly instructions: readonly { readonly address: bigint; readonly bits: number; readonly unit: number }[];
}

export interface Stream {
  readonly options: StreamOptions;
  readonly harness: Harness;
  readonly blocks: readonly Block[];
  /** All of RAM up to `length`. */
  readonly image: Uint8Array<ArrayBuffer>;
}

/** Room that is left in each of the two places for code when a block begins. */
const roomForBlock = 0x4000;

export class StreamTooLong extends Error {}

export function makeStream(options: StreamOptions): Stream {
  const image = new Uint8Array(physical.log - ramBase);
  const view = new DataView(image.buffer);
  const put64 = (address: number, value: bigint): void => view.setBigUint64(address - ramBase, value, true);
  const harness = makeHarness(options.checksum);
  image.set(harness.machine.bytes, physical.machineCode - ramBase);
  image.set(harness.supervisor.bytes, physical.supervisorCode - ramBase);
  writeTables(put64, options.bitsFault);
  fillScratch(view, new Choices(options.seed));
  put64(physical.variables + variable.log, BigInt(physical.log));
  put64(physical.variables + variable.block, BigInt(physical.blocks));
  put64(physical.variables + variable.endOfBlocks, BigInt(physical.blocks + options.blocks * descriptor.size));
  const used = { bare: 0, paged: 0 };
  const blocks: Block[] = [];
  for (let index = 0; index < options.blocks; index += 1) {
    const random = new Choices(options.seed + Math.imul(index + 1, 0x9e37_79b9));
    const mode = chooseMode(random);
    const kind = mode.paged ? 'paged' : 'bare';
    const offset = used[kind];
    if (offset > 0x20_0000 - roomForBlock) throw new StreamTooLong(`block ${index} has no room for its code`);
    const start = mode.paged ? codeAddress(mode) : BigInt(physical.bareCode);
    const count = index === options.blocks - 1 ? (options.lastUnits ?? options.unitsPerBlock) : options.unitsPerBlock;
    const made = Array.from({ length: options.unitsPerBlock }, () => chooseUnit(random, mode)).slice(0, count);
    const block = placeBlock(index, mode, start + BigInt(offset), made);
    for (const { address, bits } of block.instructions) {
      const at = Number(address - start);
      // Half by half: an instruction may lie in two pages.
      for (let half = 0; half < ((bits & 3) === 3 ? 2 : 1); half += 1) {
        const place = mode.paged ? pagedCodePlace(at + half * 2) : physical.bareCode + at + half * 2;
        view.setUint16(place - ramBase, (bits >>> (half * 16)) & 0xffff, true);
      }
    }
    used[kind] = Number(block.exit - start) + 4;
    writeDescriptor(
      (field, value) => put64(physical.blocks + index * descriptor.size + field, value),
      block,
      random,
      harness,
    );
    blocks.push(block);
  }
  return { options, harness, blocks, image };
}

function fillScratch(view: DataView, random: Choices): void {
  for (let offset = 0; offset < 0x4000; offset += 8) {
    view.setBigUint64(physical.scratch - ramBase + offset, random.integer(), true);
  }
}

function chooseMode(random: Choices): Mode {
  const privilege = random.pick([0, 0, 1, 1, 3] as const);
  const paged = privilege !== 3 && !random.once(3);
  const guarded = privilege === 1 && random.once(4);
  return {
    privilege,
    paged,
    guarded,
    // The supervisor's handler returns by sret, which TSR forbids.
    delegated: privilege !== 3 && !guarded && random.once(3),
    float: !random.once(12),
    sum: random.once(2),
    mxr: random.once(3),
    upper: paged && random.once(2),
    sv48: paged && random.once(2),
  };
}

function codeAddress({ privilege, upper }: Mode): bigint {
  return (upper ? upperHalf : 0n) + (privilege === 0 ? virtual.userCode : virtual.supervisorCode);
}

/** Where nothing can be executed. */
function deadEnds({ privilege, paged }: Mode): readonly bigint[] {
  const nowhere = 0x1_0000_0000_0000n;
  if (privilege === 3) return [nowhere, 0x100_0000_0000_0000n];
  if (!paged) return [nowhere, BigInt(physical.scratch + 0x1ffe), BigInt(physical.log), -4096n, 0n];
  const other = privilege === 0 ? virtual.supervisorCode : virtual.userCode;
  const holes = [virtual.data, virtual.data + 0x6ffen, upperHalf + virtual.data + 0x2_0000n, virtual.userSuperpage];
  const faults = [virtual.badPointer, virtual.absentTable, virtual.misalignedSuperpage];
  return [...holes, ...faults, other, nowhere, 0x80_0000_0000n, -0x80_0000_0000n, 0n];
}

function chooseUnit(random: Choices, mode: Mode): Unit {
  const protectedMode = mode.privilege !== 3;
  const make = random.weighted<() => Unit>([
    [78, () => simpleUnit(random)],
    [6, () => units.forwardBranch(random)],
    [4, () => units.forwardJump(random)],
    [
      3,
      () =>
        units.loop(
          random,
          Array.from({ length: random.between(1, 5) }, () => simpleUnit(random)),
        ),
    ],
    [6, () => systemUnit(random, mode)],
    [2, () => askedForTrap(random)],
    [2, () => units.illegal(random)],
    [1, () => units.wildJump(random, random.pick(deadEnds(mode)))],
    [protectedMode ? 3 : 0, () => units.wildAccess(random)],
    [protectedMode ? 4 : 0, () => units.wildInstruction(random)],
    [1, () => units.fixed(encode(random.pick(['fence', 'fence.i'])))],
    [
      mode.paged || !protectedMode ? 2 : 0,
      () => units.selfModification(random, mode.paged ? virtual.aliasDistance : 0n),
    ],
  ]);
  return make();
}

/** Units that may stand in a loop. */
const simpleUnits: readonly (readonly [weight: number, make: (random: Choices) => Unit])[] = [
  [18, units.integerArithmetic],
  [1, units.trailingZeros],
  [22, units.floatArithmetic],
  [14, units.compressedArithmetic],
  [14, units.loadOrStore],
  [8, units.compressedLoadOrStore],
  [4, units.accessRun],
  [6, units.atomicMemoryOperation],
  [3, units.reservedPair],
  [1, units.misalignedReservation],
  [1, units.stackMove],
  [4, floatCsr],
];

const simpleUnit = (random: Choices): Unit => random.weighted(simpleUnits)(random);

function placeBlock(index: number, mode: Mode, entry: bigint, made: readonly Unit[]): Block {
  const starts = [entry];
  for (const unit of made) starts.push(starts.at(-1)! + BigInt(unit.size));
  const exit = starts.at(-1)!;
  const instructions = made.flatMap((unit, number) => {
    let address = starts[number]!;
    return unit
      .place({ address, ahead: (distance) => starts[Math.min(number + distance, made.length)]! })
      .map((bits) => {
        const placed = { address, bits, unit: number };
        address += (bits & 3) === 3 ? 4n : 2n;
        return placed;
      });
  });
  return {
    index,
    mode,
    entry,
    exit,
    instructions: [...instructions, { address: exit, bits: encode('ecall'), unit: made.length }],
  };
}

function writeDescriptor(
  put: (field: number, value: bigint) => void,
  block: Block,
  random: Choices,
  harness: Harness,
): void {
  const { mode, entry, exit } = block;
  const { privilege, paged, sv48, delegated, float, sum, mxr, guarded } = mode;
  const handlerBase = paged ? systemAddress('supervisorCode') : BigInt(physical.supervisorCode);
  const inHandler = (label: string): bigint => {
    return BigInt.asUintN(64, handlerBase + harness.supervisor.symbol(label) - BigInt(physical.supervisorCode));
  };
  put(descriptor.entry, BigInt.asUintN(64, entry));
  put(descriptor.exit, BigInt.asUintN(64, exit));
  put(descriptor.satp, paged ? (sv48 ? satpSv48 : satpSv39) : 0n);
  const status =
    (BigInt(privilege) << 11n) | (float ? 3n << 13n : 0n) | (sum ? 1n << 18n : 0n) | (mxr ? 1n << 19n : 0n);
  put(descriptor.mstatus, status | (guarded ? 7n << 20n : 0n));
  // All but calls from S-mode, by which the supervisor's handler ends a block.
  put(descriptor.medeleg, delegated ? 0xb1ffn : 0n);
  put(
    descriptor.sscratch,
    BigInt.asUintN(64, paged ? systemAddress('supervisorData') : BigInt(physical.supervisorData)),
  );
  put(descriptor.stvec, inHandler('trap'));
  put(descriptor.supervisorExit, delegated ? inHandler('exit') : 1n);
  put(descriptor.fcsr, BigInt((random.below(5) << 5) | (random.once(2) ? 0 : random.below(32))));
  const singles = new OperandSource(single, random.word());
  const doubles = new OperandSource(double, random.word());
  for (let index = 0; index < 32; index += 1) {
    put(descriptor.f + index * 8, floatValue(random, singles, doubles));
    put(descriptor.x + index * 8, random.integer());
  }
  for (const pointer of units.pointers) {
    put(descriptor.x + pointer * 8, BigInt.asUintN(64, pointerValue(random, mode, pointer === units.stackPointer)));
  }
}

/** Doubles, boxed singles, and singles that are not boxed. */
function floatValue(random: Choices, singles: OperandSource, doubles: OperandSource): bigint {
  const kind = random.below(8);
  if (kind < 4) return doubles.operands(1)[0]!;
  const value = singles.operands(1)[0]!;
  return kind < 7 ? value | 0xffff_ffff_0000_0000n : value | ((random.long() << 32n) & 0xffff_ffff_0000_0000n);
}

/**
 * The stack pointer is in the middle of a page that can be read and written; the others are anywhere, often near an edge.
 * None comes near the start of the scratch memory: where an access is partly in a PMP region QEMU denies it as a whole,
 * while the hart asks for each page (Volume II, §3.7.1.3 leaves that open for misaligned ones).
 */
function pointerValue(random: Choices, { privilege, paged, upper }: Mode, isStack: boolean): bigint {
  const edge = BigInt(isStack ? 2048 : random.pick([0, 16, 2048, 4064, 4080, random.below(256) * 16]));
  if (!paged) return BigInt(physical.scratch + (isStack ? 1 : random.between(1, 3)) * 4096) + edge;
  const half = upper ? upperHalf : 0n;
  const ofSupervisor = (privilege === 1) !== (!isStack && random.once(6));
  const side = ofSupervisor ? supervisorDataEntry : 0;
  if (!isStack && random.once(4)) {
    if (random.once(4)) return half + virtual.misalignedSuperpage + 2048n;
    return half + (ofSupervisor ? virtual.supervisorSuperpage : virtual.userSuperpage) + 4096n + edge;
  }
  if (!isStack && random.once(16)) return virtual.gigapage + BigInt(physical.scratch + 4096 - ramBase) + edge;
  return half + virtual.data + BigInt((side + (isStack ? 0 : random.below(dataPageCount))) * 4096) + edge;
}
