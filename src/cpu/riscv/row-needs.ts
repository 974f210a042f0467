// What an instruction asks of an engine, found by asking its row: one more reader of the rows.
import type { FloatFormat, FloatOperation, Ops } from '../ops.ts';
import type { Row } from './row.ts';

export interface FloatNeed {
  readonly operation: FloatOperation;
  readonly format: FloatFormat;
}

export interface RowNeeds {
  /** Only the hart as a whole can do it: a control and status register, a trap, a fence. */
  readonly hart: boolean;
  readonly float: readonly FloatNeed[];
  readonly highMultiply: boolean;
}

/** By row: the rows are the same for ever. */
const known = new Map<Row, RowNeeds>();

export function needsOf(row: Row): RowNeeds {
  let needs = known.get(row);
  if (needs === undefined) {
    const asking = new Asking();
    row.meaning(asking);
    needs = asking.needs;
    known.set(row, needs);
  }
  return needs;
}

const nothing = (): void => undefined;

/** Values are nothing; only what is asked for counts. */
class Asking implements Ops<void, void> {
  readonly needs = { hart: false, float: [] as FloatNeed[], highMultiply: false };

  readonly x = nothing;
  readonly setX = nothing;
  readonly f = nothing;
  readonly setF = nothing;
  readonly imm = nothing;
  readonly pc = nothing;
  readonly next = nothing;
  readonly constant = nothing;
  readonly add = nothing;
  readonly sub = nothing;
  readonly mul = nothing;
  readonly div = nothing;
  readonly divU = nothing;
  readonly rem = nothing;
  readonly remU = nothing;
  readonly and = nothing;
  readonly or = nothing;
  readonly xor = nothing;
  readonly shl = nothing;
  readonly shrS = nothing;
  readonly shrU = nothing;
  readonly rotr = nothing;
  readonly clz = nothing;
  readonly ctz = nothing;
  readonly popcnt = nothing;
  readonly signed = nothing;
  readonly unsigned = nothing;
  readonly eq = nothing;
  readonly ne = nothing;
  readonly lt = nothing;
  readonly ltU = nothing;
  readonly ge = nothing;
  readonly geU = nothing;
  readonly isZero = nothing;
  readonly fromCondition = nothing;
  readonly select = nothing;
  readonly load = nothing;
  readonly store = nothing;
  readonly loadReserved = nothing;
  readonly storeConditional = nothing;
  readonly branch = nothing;
  readonly jump = nothing;
  readonly jumpTo = nothing;

  let(): () => void {
    return nothing;
  }

  choose(_condition: void, whenTrue: () => void, whenFalse: () => void): void {
    whenTrue();
    whenFalse();
  }

  amo(_address: void, _size: 4 | 8, update: (old: () => void) => void): void {
    update(nothing);
  }

  mulHigh(): void {
    this.needs.highMultiply = true;
  }

  mulHighU(): void {
    this.needs.highMultiply = true;
  }

  mulHighSU(): void {
    this.needs.highMultiply = true;
  }

  float(operation: FloatOperation, format: FloatFormat): void {
    this.needs.float.push({ operation, format });
  }

  csr(): void {
    this.needs.hart = true;
  }

  system(): void {
    this.needs.hart = true;
  }
}
