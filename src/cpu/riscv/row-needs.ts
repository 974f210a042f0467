// What an instruction asks of an engine, found by asking its row: one more reader of the rows.
import type { AccessSize, FloatFormat, FloatOperation, Ops, SystemOperation, SignInjection } from '../ops.ts';
import type { Row } from './row.ts';

/** A register, as an operand of a floating-point operation. */
export interface FloatOperand {
  readonly register: 'x' | 'f';
  readonly field: 'rs1' | 'rs2' | 'rs3';
  /** Whether the number enters with its sign changed. */
  readonly negated: boolean;
}

export interface FloatNeed {
  readonly operation: FloatOperation;
  readonly format: FloatFormat;
  readonly operands: readonly FloatOperand[];
}

/** Of rs1, by rs2. */
export interface SignNeed {
  readonly kind: SignInjection;
  readonly format: FloatFormat;
}

/** A load or store; the address of each is rs1 and the immediate. */
export interface AccessNeed {
  readonly kind: 'read' | 'write';
  readonly size: AccessSize;
}

export interface RowNeeds {
  /** What concerns the hart as a whole: a control and status register, a trap, a fence. */
  readonly hart: 'csr' | SystemOperation | undefined;
  readonly float: readonly FloatNeed[];
  readonly highMultiply: boolean;
  readonly sign: SignNeed | undefined;
  /** It moves a number between memory and a floating-point register and does nothing else. */
  readonly floatMove: boolean;
  /** Not of an atomic access. */
  readonly access: AccessNeed | undefined;
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

const itself = (value: Asked): Asked => value;

/** An operand, a constant, what was loaded from memory, or anything else. */
type Asked = FloatOperand | bigint | 'loaded' | void;

const isOperand = (value: Asked): value is FloatOperand => typeof value === 'object';

/** Of values only those count that go into a floating-point operation as they are, or with their sign changed. */
class Asking implements Ops<Asked, void> {
  readonly needs = {
    hart: undefined as RowNeeds['hart'],
    float: [] as FloatNeed[],
    highMultiply: false,
    sign: undefined as SignNeed | undefined,
    floatMove: false,
    access: undefined as AccessNeed | undefined,
  };

  readonly setX = nothing;
  readonly imm = nothing;
  readonly pc = nothing;
  readonly next = nothing;
  readonly add = nothing;
  readonly sub = nothing;
  readonly mul = nothing;
  readonly div = nothing;
  readonly divU = nothing;
  readonly rem = nothing;
  readonly remU = nothing;
  readonly and = nothing;
  readonly shl = nothing;
  readonly shrS = nothing;
  readonly shrU = nothing;
  readonly rotr = nothing;
  readonly clz = nothing;
  readonly ctz = nothing;
  readonly popcnt = nothing;
  readonly signed = nothing;
  readonly eq = nothing;
  readonly ne = nothing;
  readonly lt = nothing;
  readonly ltU = nothing;
  readonly ge = nothing;
  readonly geU = nothing;
  readonly isZero = nothing;
  readonly fromCondition = nothing;
  readonly loadReserved = nothing;
  readonly storeConditional = nothing;
  readonly branch = nothing;
  readonly jump = nothing;
  readonly jumpTo = nothing;

  readonly constant = itself;
  readonly unsigned = itself;
  /** With the bits above a single. */
  readonly or = itself;
  /** A single is the canonical NaN where it is not boxed. */
  readonly select = itself;

  x(field: 'rs1' | 'rs2'): Asked {
    return { register: 'x', field, negated: false };
  }

  f(field: FloatOperand['field']): Asked {
    return { register: 'f', field, negated: false };
  }

  let(value: Asked): () => Asked {
    return () => value;
  }

  xor(value: Asked, sign: Asked): Asked {
    return isOperand(value) && typeof sign === 'bigint' ? { ...value, negated: !value.negated } : undefined;
  }

  load(_address: Asked, size: AccessSize): Asked {
    this.needs.access = { kind: 'read', size };
    return 'loaded';
  }

  setF(value: Asked): void {
    if (value === 'loaded') this.needs.floatMove = true;
  }

  store(_address: Asked, value: Asked, size: AccessSize): void {
    this.needs.access = { kind: 'write', size };
    this.needs.floatMove = isOperand(value) && value.register === 'f';
  }

  choose(_condition: void, whenTrue: () => Asked, whenFalse: () => Asked): void {
    whenTrue();
    whenFalse();
  }

  amo(_address: Asked, _size: 4 | 8, update: (old: () => Asked) => Asked): void {
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

  injectSign(kind: SignInjection, format: FloatFormat): void {
    this.needs.sign = { kind, format };
  }

  float(operation: FloatOperation, format: FloatFormat, ...operands: Asked[]): void {
    this.needs.float.push({ operation, format, operands: operands.filter(isOperand) });
  }

  csr(): void {
    this.needs.hart = 'csr';
  }

  system(operation: SystemOperation): void {
    this.needs.hart = operation;
  }
}
