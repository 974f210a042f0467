// Loads or stores of a block that have their base register in common: one look into the translation cache does for all of
// them where they lie in one page.
import type { AccessSize } from '../ops.ts';
import type { RegionInstruction } from './region.ts';
import { registerFields } from './register-fields.ts';
import { needsOf } from './row-needs.ts';

export interface AccessRun {
  readonly kind: 'read' | 'write';
  /** The register that all addresses are counted from; not x0. */
  readonly base: number;
  /** The lowest displacement from it, and the bytes from there to the end of what lies highest. */
  readonly from: number;
  readonly span: number;
}

/** Accesses of a run that follow one upon another. */
export interface RunPart {
  readonly run: AccessRun;
  readonly count: number;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** Accesses that are worth a look of their own. */
const minimumAccesses = 2;
/** Bytes of a run: the more, the more often it lies across the end of a page. */
const maximumSpan = 512;

interface OpenRun {
  kind: 'read' | 'write';
  base: number;
  from: number;
  span: number;
  /** By their place in the block. */
  readonly accesses: number[];
}

/** Finds the runs of a block: their parts by the place of the first instruction. */
export function findRuns(instructions: readonly RegionInstruction[]): ReadonlyMap<number, RunPart> {
  const open = new Map<string, OpenRun>();
  const parts = new Map<number, RunPart>();
  const close = (key: string): void => {
    const run = open.get(key);
    if (run === undefined) return;
    open.delete(key);
    if (run.accesses.length >= minimumAccesses) addParts(run, parts);
  };
  for (const [index, { decoded }] of instructions.entries()) {
    const { row, rs1, rd, imm } = decoded;
    const { hart, access } = needsOf(row);
    // Which pages are open may be different behind it.
    if (hart !== undefined) for (const key of open.keys()) close(key);
    if (access !== undefined && rs1 !== 0) {
      const key = keyOf(access.kind, rs1);
      let run = open.get(key);
      if (run !== undefined && !extend(run, imm, access.size)) {
        close(key);
        run = undefined;
      }
      if (run === undefined) {
        run = { kind: access.kind, base: rs1, from: imm, span: access.size, accesses: [] };
        open.set(key, run);
      }
      run.accesses.push(index);
    }
    if (registerFields(row).some(({ field, isFloat }) => field === 'rd' && !isFloat)) {
      close(keyOf('read', rd));
      close(keyOf('write', rd));
    }
  }
  for (const key of open.keys()) close(key);
  return parts;
}

function keyOf(kind: 'read' | 'write', base: number): string {
  return `${kind} ${base}`;
}

/** False: it would become too long. */
function extend(run: OpenRun, displacement: number, size: AccessSize): boolean {
  const from = Math.min(run.from, displacement);
  const span = Math.max(run.from + run.span, displacement + size) - from;
  if (span > maximumSpan) return false;
  run.from = from;
  run.span = span;
  return true;
}

function addParts({ kind, base, from, span, accesses }: OpenRun, into: Map<number, RunPart>): void {
  const run = { kind, base, from, span };
  for (let start = 0; start < accesses.length;) {
    const first = accesses[start] ?? 0;
    let end = start + 1;
    while (accesses[end] === first + end - start) end += 1;
    into.set(first, { run, count: end - start, isFirst: start === 0, isLast: end === accesses.length });
    start = end;
  }
}
