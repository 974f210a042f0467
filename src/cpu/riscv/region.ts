// Finds what is translated together: the blocks that can be reached from a place in a page by branches and jumps within
// that page. Calls and returns leave a region.
import { decode, lengthOf } from './decoder.ts';
import type { Decoded } from './decoder.ts';
import { pageSize } from './layout.ts';
import { needsOf } from './row-needs.ts';

export interface RegionInstruction {
  /** Bytes from the start of the page. */
  readonly offset: number;
  readonly decoded: Decoded;
}

export interface RegionBlock {
  readonly offset: number;
  readonly instructions: readonly RegionInstruction[];
  /** Where it goes on when it does not branch or jump: behind its last instruction. Undefined: nowhere. */
  readonly next: number | undefined;
  /** Where it branches or jumps to, where that can be in the region. */
  readonly taken: number | undefined;
}

export interface Region {
  /** The first is the entry. */
  readonly blocks: readonly RegionBlock[];
  /** By offset. */
  readonly blockAt: ReadonlyMap<number, number>;
  /** The bytes of the page that it was made of: from the first to behind the last. */
  readonly from: number;
  readonly to: number;
}

/** Instructions of a region. Beyond it a compiler takes longer than the code is likely to run. */
const maximumInstructions = 256;

/** The page's code in halfwords. */
export type PageCode = Uint16Array<ArrayBufferLike>;

/** The region that begins at an offset; undefined where the first instruction cannot be translated. */
export function findRegion(code: PageCode, entry: number): Region | undefined {
  const found = new Map<number, Decoded>();
  const leaders = new Set([entry]);
  const waiting = [entry];
  for (let start = waiting.pop(); start !== undefined; start = waiting.pop()) {
    for (let offset = start; !found.has(offset) && found.size < maximumInstructions;) {
      const decoded = instructionAt(code, offset);
      if (decoded === undefined) break;
      found.set(offset, decoded);
      const next = offset + decoded.length;
      const target = targetOf(offset, decoded);
      if (target !== undefined) {
        leaders.add(target);
        waiting.push(target);
      }
      if (endsFlow(decoded)) break;
      // Whatever may go elsewhere ends a block, which is paid for as a whole.
      if (decoded.row.traits.flow !== undefined) leaders.add(next);
      offset = next;
    }
  }
  if (!found.has(entry)) return undefined;
  return assemble(found, leaders, entry);
}

function assemble(found: ReadonlyMap<number, Decoded>, leaders: ReadonlySet<number>, entry: number): Region {
  const starts = [entry, ...[...leaders].filter((offset) => offset !== entry && found.has(offset))];
  const blockAt = new Map(starts.map((offset, index) => [offset, index]));
  let from = entry;
  let to = entry;
  const blocks = starts.map((start): RegionBlock => {
    const instructions: RegionInstruction[] = [];
    let offset = start;
    for (;;) {
      const decoded = found.get(offset);
      if (decoded === undefined) break;
      instructions.push({ offset, decoded });
      const at = offset;
      offset += decoded.length;
      const taken = targetOf(at, decoded);
      if (decoded.row.traits.flow !== undefined) {
        from = Math.min(from, start);
        to = Math.max(to, offset);
        return { offset: start, instructions, next: endsFlow(decoded) ? undefined : offset, taken };
      }
      if (blockAt.has(offset)) break;
    }
    from = Math.min(from, start);
    to = Math.max(to, offset);
    return { offset: start, instructions, next: offset, taken: undefined };
  });
  return { blocks, blockAt, from, to };
}

/** Undefined for what is not translated: illegal, for the hart alone, or not wholly in the page. */
function instructionAt(code: PageCode, offset: number): Decoded | undefined {
  if (offset < 0 || offset >= pageSize) return undefined;
  const parcel = code[offset >>> 1] ?? 0;
  if (lengthOf(parcel) === 4 && offset + 4 > pageSize) return undefined;
  const decoded = decode(lengthOf(parcel) === 4 ? parcel | ((code[(offset >>> 1) + 1] ?? 0) << 16) : parcel);
  return decoded === undefined || needsOf(decoded.row).hart ? undefined : decoded;
}

/** The target of a branch, or of a jump that is no call, in the page. */
function targetOf(offset: number, { row, rd, imm }: Decoded): number | undefined {
  const { flow } = row.traits;
  if (flow !== 'branch' && !(flow === 'jump' && rd === 0)) return undefined;
  const target = offset + imm;
  return target >= 0 && target < pageSize ? target : undefined;
}

function endsFlow({ row }: Decoded): boolean {
  return row.traits.flow === 'jump' || row.traits.flow === 'indirect';
}
