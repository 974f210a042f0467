// Compares what a block left in two logs, instruction by instruction where traps are concerned, and knows where the other
// side is not to be believed.
import { decode } from '../../../../src/cpu/riscv/decoder.ts';
import { disassemble } from '../../../../src/cpu/riscv/disassembler.ts';
import { integerNames } from '../../../../src/cpu/riscv/register-names.ts';
import type { Block } from './image.ts';
import type { BlockResult, TrapRecord } from './run.ts';

/** A trap that the other side reports otherwise than the manual, or as the manual leaves open. */
export interface Deviation {
  /** Where the manual says it, and which version of what says otherwise. */
  readonly clause: string;
  readonly versions: string;
  holds(ours: TrapRecord, theirs: TrapRecord, instruction: string): boolean;
  /** How often it was met. */
  met: number;
}

export function differences(
  block: Block,
  ours: BlockResult,
  theirs: BlockResult,
  deviations: readonly Deviation[],
): string[] {
  const found = [
    ...trapDifferences(block, 'machine', ours.traps, theirs.traps, deviations),
    ...trapDifferences(block, 'supervisor', ours.supervisorTraps, theirs.supervisorTraps, deviations),
  ];
  for (let index = 0; index < 32; index += 1) {
    if (ours.x[index] !== theirs.x[index])
      found.push(`${integerNames[index]}: ${pair(ours.x[index], theirs.x[index])}`);
    if (ours.f[index] !== theirs.f[index]) found.push(`f${index}: ${pair(ours.f[index], theirs.f[index])}`);
  }
  if (ours.fcsr !== theirs.fcsr) found.push(`fcsr: ${pair(ours.fcsr, theirs.fcsr)}`);
  if (ours.checksum !== theirs.checksum) found.push('memory');
  return found;
}

function trapDifferences(
  block: Block,
  mode: string,
  ours: readonly TrapRecord[],
  theirs: readonly TrapRecord[],
  deviations: readonly Deviation[],
): string[] {
  for (let index = 0; index < Math.max(ours.length, theirs.length); index += 1) {
    const [a, b] = [ours[index], theirs[index]];
    if (a?.cause === b?.cause && a?.epc === b?.epc && a?.tval === b?.tval) continue;
    const deviation =
      a && b && deviations.find((one) => a.epc === b.epc && one.holds(a, b, instructionAt(block, a.epc)));
    if (deviation !== undefined) {
      deviation.met += 1;
      continue;
    }
    const show = (trap: TrapRecord | undefined): string =>
      trap === undefined
        ? 'none'
        : `cause ${trap.cause}, epc ${hex(trap.epc)} (${instructionAt(block, trap.epc)}), tval ${hex(trap.tval)}`;
    return [`trap ${index} to ${mode} mode: ${show(a)}, but ${show(b)}`];
  }
  return [];
}

/** The block's instruction at an address as text. */
export function instructionAt({ instructions }: Block, address: bigint): string {
  const found = instructions.find((instruction) => BigInt.asUintN(64, instruction.address) === address);
  return found === undefined ? 'not in the block' : disassemble(found.bits, found.address);
}

/** A block's units from `first` on, disassembled. */
export function listing({ instructions }: Block, first: number): string {
  return instructions
    .filter(({ unit }) => unit >= first)
    .map(({ address, bits, unit }) => {
      const code = (bits & 3) === 3 ? bits.toString(16).padStart(8, '0') : bits.toString(16).padStart(4, '0');
      const legal = decode(bits) === undefined ? ' (illegal)' : '';
      return `  ${unit}: ${hex(BigInt.asUintN(64, address))} ${code} ${disassemble(bits, address)}${legal}`;
    })
    .join('\n');
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

function pair(a: bigint | undefined, b: bigint | undefined): string {
  return `${hex(a ?? 0n)}, but ${hex(b ?? 0n)}`;
}
