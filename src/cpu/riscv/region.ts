// Finds what is translated together: the blocks that can be reached from a place by branches, jumps, calls and the
// returns from them, in its page and in pages near it.
import { decode, lengthOf } from './decoder.ts';
import type { Decoded } from './decoder.ts';
import { pageSize } from './layout.ts';
import { needsOf } from './row-needs.ts';
import { isCommonCsr } from './supervisor-code.ts';

export interface RegionInstruction {
  /** Bytes from the start of the entry's page; below 0 and beyond its end in other pages. */
  readonly offset: number;
  readonly decoded: Decoded;
}

export interface RegionBlock {
  readonly offset: number;
  readonly instructions: readonly RegionInstruction[];
  /** Where it goes on when it does not branch or jump: behind its last instruction. Undefined: nowhere. */
  readonly next: number | undefined;
  /** Where it branches, jumps or calls to, where that is known. */
  readonly taken: number | undefined;
  /** Where it returns to, one of these or elsewhere, if it ends in a return. */
  readonly returns: readonly number[];
}

/** Bytes of one page: from the first to behind the last, as offsets in the page. */
export interface PageRange {
  readonly from: number;
  readonly to: number;
}

export interface Region {
  /** The first is the entry. */
  readonly blocks: readonly RegionBlock[];
  /** For each block those that it may lead to. */
  readonly graph: readonly (readonly number[])[];
  /** The number of the block at an offset, as one block sees it; undefined: not in the region. */
  blockAt(offset: number, from: number): number | undefined;
  /** What it was made of, by page: 0 is the entry's. */
  readonly pages: ReadonlyMap<number, PageRange>;
}

/** A page's code in halfwords. */
export type PageCode = Uint16Array<ArrayBufferLike>;

/** The code around an entry, by page: 0 is the entry's, 1 the next. */
export interface CodeView {
  /** Undefined: the page is not among those that are executed at present. */
  page(number: number): PageCode | undefined;
  /** Whether the interpreter has come by this place in a page that there is: what it has not is seldom wanted. */
  isKnown(offset: number): boolean;
}

/** How far a region goes. */
export interface RegionShape {
  readonly instructions: number;
  /** Whether functions that are called belong to it, and what is behind the calls. */
  readonly calls: boolean;
}

/**
 * A small region is soon translated, and holds little that others hold too. In a large one calls and returns are jumps; of
 * 600 instructions it took twice as long to compile and ran no faster.
 */
export const smallRegion: RegionShape = { instructions: 100, calls: false };
export const largeRegion: RegionShape = { instructions: 300, calls: true };

/** Instructions of the loop that a region may begin with and hold once more. */
const maximumEntryLoop = 64;
/** Places that one return is compared with. */
const maximumReturns = 8;
/** Registers that hold return addresses by convention (Volume I, §2.5.1). */
const isLink = (register: number): boolean => register === 1 || register === 5;

/** The region that begins at an offset; undefined where the first instruction cannot be translated. */
export function findRegion(code: CodeView, entry: number, shape: RegionShape): Region | undefined {
  const found = new Map<number, Decoded>();
  const leaders = new Set([entry]);
  const waiting = [entry];
  const wait = (offset: number): void => {
    leaders.add(offset);
    if (code.isKnown(offset)) waiting.push(offset);
  };
  // What is nearest comes first.
  for (let index = 0; index < waiting.length; index += 1) {
    let before: Decoded | undefined;
    for (let offset = waiting[index] ?? 0; !found.has(offset) && found.size < shape.instructions;) {
      const decoded = instructionAt(code, offset);
      if (decoded === undefined) break;
      found.set(offset, decoded);
      const next = offset + decoded.length;
      const target = targetOf(offset, decoded, before);
      const isInside = shape.calls || !isCall(decoded);
      if (isInside && isCall(decoded)) wait(next);
      if (isInside && target !== undefined) wait(target);
      if (endsFlow(decoded)) break;
      // Whatever may go elsewhere ends a block, which is paid for as a whole; so does the end of a page.
      if (decoded.row.traits.flow !== undefined || pageOf(next) !== pageOf(offset)) leaders.add(next);
      before = decoded;
      offset = next;
    }
  }
  if (!found.has(entry)) return undefined;
  return assemble(found, leaders, entry);
}

/** The page that an offset is in. */
export function pageOf(offset: number): number {
  return Math.floor(offset / pageSize);
}

function assemble(found: ReadonlyMap<number, Decoded>, leaders: ReadonlySet<number>, entry: number): Region {
  const starts = [entry, ...[...leaders].filter((offset) => offset !== entry && found.has(offset))];
  const blockAt = numbered(starts);
  const blocks = starts.map((start): RegionBlock => {
    const instructions: RegionInstruction[] = [];
    let before: Decoded | undefined;
    for (let offset = start; ;) {
      const decoded = found.get(offset);
      if (decoded === undefined) return { offset: start, instructions, next: offset, taken: undefined, returns: [] };
      instructions.push({ offset, decoded });
      const next = offset + decoded.length;
      if (decoded.row.traits.flow !== undefined) {
        return {
          offset: start,
          instructions,
          next: endsFlow(decoded) ? undefined : next,
          taken: targetOf(offset, decoded, before),
          returns: [],
        };
      }
      if (blockAt.has(next)) return { offset: start, instructions, next, taken: undefined, returns: [] };
      before = decoded;
      offset = next;
    }
  });
  return reached(withReturns(blocks, blockAt), blockAt);
}

function numbered(starts: readonly number[], from = 0): Map<number, number> {
  return new Map(starts.map((offset, index) => [offset, from + index]));
}

/** The region of the blocks that the first one leads to: what is behind a call from which nothing returns is not among them. */
function reached(all: readonly RegionBlock[], placeOf: ReadonlyMap<number, number>): Region {
  const successors = all.map((block) => [
    ...new Set(successorsOf(block).flatMap((offset) => placeOf.get(offset) ?? [])),
  ]);
  const seen = new Set([0]);
  for (const index of seen) for (const to of successors[index] ?? []) seen.add(to);
  const loop = entryLoop(all, successors, seen);
  // The loop that the region begins with, then all blocks, the loop's once more: the other loops around it are around
  // these, and the first ones are reached from outside only.
  const first = numbered([...loop].map((index) => all[index]?.offset ?? 0));
  const rest = numbered(
    [...seen].map((index) => all[index]?.offset ?? 0),
    loop.size,
  );
  const blocks = [...loop, ...seen].flatMap((index) => all[index] ?? []);
  const blockAt = (offset: number, from: number): number | undefined =>
    (from < first.size ? first.get(offset) : undefined) ?? rest.get(offset);
  const graph = blocks.map((block, index) => [
    ...new Set(successorsOf(block).flatMap((offset) => blockAt(offset, index) ?? [])),
  ]);
  return { blocks, graph, blockAt, pages: pagesOf(blocks) };
}

function successorsOf({ taken, next, returns }: RegionBlock): number[] {
  return [taken, next, ...returns].filter((offset) => offset !== undefined);
}

/**
 * The blocks of the loop that the entry is the head of, if it is also in a loop around that one: WebAssembly would have
 * one loop for both. By convention a loop's head is its first instruction, and comes before where it jumps back.
 */
function entryLoop(
  blocks: readonly RegionBlock[],
  successors: readonly (readonly number[])[],
  reachable: ReadonlySet<number>,
): ReadonlySet<number> {
  const predecessors = blocks.map((): number[] => []);
  for (const index of reachable) for (const to of successors[index] ?? []) predecessors[to]?.push(index);
  const entry = blocks[0]?.offset ?? 0;
  const isInside = (index: number): boolean => (blocks[index]?.offset ?? 0) >= entry;
  const loop = new Set([0]);
  for (const index of predecessors[0] ?? []) if (isInside(index)) loop.add(index);
  let size = 0;
  for (const index of loop) {
    size += blocks[index]?.instructions.length ?? 0;
    if (size > maximumEntryLoop) return new Set();
    if (index !== 0) for (const from of predecessors[index] ?? []) loop.add(from);
  }
  const isAround = (predecessors[0] ?? []).some((index) => !loop.has(index));
  const isLoop = (predecessors[0] ?? []).some((index) => loop.has(index));
  return isLoop && isAround ? loop : new Set();
}

function pagesOf(blocks: readonly RegionBlock[]): ReadonlyMap<number, PageRange> {
  const pages = new Map<number, PageRange>();
  const cover = (offset: number): void => {
    const page = pageOf(offset);
    const at = offset - page * pageSize;
    const range = pages.get(page);
    pages.set(page, { from: Math.min(range?.from ?? at, at), to: Math.max(range?.to ?? 0, at + 2) });
  };
  for (const { instructions } of blocks) {
    for (const { offset, decoded } of instructions) {
      cover(offset);
      cover(offset + decoded.length - 2);
    }
  }
  return pages;
}

/** Finds where each return may lead: behind the calls of the function it is in. */
function withReturns(blocks: readonly RegionBlock[], blockAt: ReadonlyMap<number, number>): RegionBlock[] {
  const returns = blocks.map(() => new Set<number>());
  for (const { instructions, taken } of blocks) {
    const last = instructions.at(-1);
    if (taken === undefined || last === undefined || !isCall(last.decoded)) continue;
    const site = last.offset + last.decoded.length;
    if (!blockAt.has(site)) continue;
    for (const block of returnsOf(blocks, blockAt, taken)) {
      const sites = returns[block];
      if (sites !== undefined && sites.size < maximumReturns) sites.add(site);
    }
  }
  return blocks.map((block, index) => ({ ...block, returns: [...(returns[index] ?? [])] }));
}

/** The blocks that return from a function, given its first. */
function returnsOf(blocks: readonly RegionBlock[], blockAt: ReadonlyMap<number, number>, start: number): number[] {
  const found: number[] = [];
  const seen = new Set<number>();
  const waiting = [start];
  for (let offset = waiting.pop(); offset !== undefined; offset = waiting.pop()) {
    const index = blockAt.get(offset);
    const block = index === undefined ? undefined : blocks[index];
    if (index === undefined || block === undefined || seen.has(index)) continue;
    seen.add(index);
    const last = block.instructions.at(-1);
    if (last !== undefined && isReturn(last.decoded)) found.push(index);
    if (block.next !== undefined) waiting.push(block.next);
    // A call comes back behind itself.
    if (last !== undefined && isCall(last.decoded)) waiting.push(last.offset + last.decoded.length);
    else if (block.taken !== undefined) waiting.push(block.taken);
  }
  return found;
}

/** Undefined for what is not translated: illegal, for the hart alone, or in a page that is not at hand. */
function instructionAt(code: CodeView, offset: number): Decoded | undefined {
  const parcel = halfwordAt(code, offset);
  if (parcel === undefined) return undefined;
  if (lengthOf(parcel) === 2) return translatable(decode(parcel));
  const upper = halfwordAt(code, offset + 2);
  return upper === undefined ? undefined : translatable(decode(parcel | (upper << 16)));
}

function halfwordAt(code: CodeView, offset: number): number | undefined {
  const page = pageOf(offset);
  return code.page(page)?.[(offset - page * pageSize) >>> 1];
}

function translatable(decoded: Decoded | undefined): Decoded | undefined {
  if (decoded === undefined) return undefined;
  const { hart } = needsOf(decoded.row);
  const translated = hart === undefined || hart === 'ecall' || hart === 'sret';
  return translated || (hart === 'csr' && isCommonCsr(decoded.bits >>> 20)) ? decoded : undefined;
}

/** The target of a branch, of a jump or call, also of one whose address was made by auipc just before it. */
function targetOf(offset: number, { row, rs1, imm }: Decoded, before: Decoded | undefined): number | undefined {
  const { flow } = row.traits;
  if (flow === 'branch' || flow === 'jump') return offset + imm;
  if (flow !== 'indirect' || before?.row.name !== 'auipc' || before.rd !== rs1) return undefined;
  return (offset - before.length + before.imm + imm) & ~1;
}

function endsFlow({ row }: Decoded): boolean {
  return row.traits.flow === 'jump' || row.traits.flow === 'indirect';
}

function isCall(decoded: Decoded): boolean {
  return endsFlow(decoded) && isLink(decoded.rd);
}

/** Whether an instruction returns from a function, by convention. */
export function isReturn({ row, rd, rs1, imm }: Decoded): boolean {
  return row.traits.flow === 'indirect' && rd === 0 && isLink(rs1) && imm === 0;
}
