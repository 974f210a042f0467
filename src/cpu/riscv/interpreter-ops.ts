// The rows' vocabulary as WebAssembly for the interpreter: operands come from the decoded entry at run time.
import type { AccessSize, CsrOperation, FloatFormat, FloatOperation, Ops, SystemOperation } from '../ops.ts';
import type { FloatFunctions, FloatOperations } from '../float/functions.ts';
import { memoryOp, op, valueType } from '../../wasm/module.ts';
import type { Callable, Code, Local } from '../../wasm/module.ts';
import type { RowHandler } from './handlers.ts';
import { at, entryFields, pageSize, slotMask } from './layout.ts';
import type { HighMultiply } from './multiply.ts';

/** Stands for a value that was emitted: it is on the WebAssembly stack. */
export interface Emitted {
  readonly emitted: true;
}
const emitted: Emitted = { emitted: true };

/** mstatus.FS, bits 14 and 13 (Volume II, §3.1.6.6). */
const floatStatus = 0x6000;
const dynamicRounding = 7;

/** Numbers by which generated code names what it asks of the hart. */
export const systemCodes: Readonly<Record<SystemOperation, number>> = {
  illegal: 0,
  ecall: 1,
  ebreak: 2,
  sret: 3,
  mret: 4,
  wfi: 5,
  'sfence.vma': 6,
  'fence.i': 7,
};
export const csrCodes: Readonly<Record<CsrOperation, number>> = { write: 0, set: 1, clear: 2 };
export const atomicCodes = { load: 0, store: 1 } as const;

/** What generated code calls in the hart. Before each call it stores pc and budget. */
export interface HartImports {
  /** (low, high, size): loads into `transfer`; not 0: trapped. */
  readonly load: Callable;
  /** (low, high, size, length of the instruction): stores from `transfer`; not 0: go on at the stored pc. */
  readonly store: Callable;
  /** (low, high, size, kind): the place in memory of an atomic access; 0: trapped. */
  readonly atomic: Callable;
  /** (instruction, operation): exchanges through `transfer`; 0, or 1: trapped, or 2: done, go on at the stored pc. */
  readonly csr: Callable;
  /** (operation, instruction, length): always go on at the stored pc. */
  readonly system: Callable;
}

/** The generated function that a handler's code is part of. */
export interface Frame {
  readonly code: Code;
  readonly hart: HartImports;
  readonly float: FloatFunctions;
  readonly highMultiply: HighMultiply;
  /** The decoded entry. */
  readonly ip: Local;
  /** Emits the address of the instruction. */
  emitPc(): void;
  /** Emits the stores of pc and budget that the hart relies on. */
  emitSync(): void;
  /** Emits what goes on at the stored pc. */
  emitResync(): void;
  /** Emits the way to the entry `displacement` bytes (on the stack) from this one. */
  emitNear(): void;
  /** Emits the way to the address on the stack; `inPage` allows the short way within the page. */
  emitFar(inPage: boolean): void;
  /** Emits the address of the translation cache for reads or for writes. */
  emitCache(kind: 'read' | 'write'): void;
  /** A local of the function that no other part of this handler uses. */
  scratch(type: 'i32' | 'i64'): Local;
}

const loads = {
  signed: { 1: memoryOp.i64_load8_s, 2: memoryOp.i64_load16_s, 4: memoryOp.i64_load32_s, 8: memoryOp.i64_load },
  unsigned: { 1: memoryOp.i64_load8_u, 2: memoryOp.i64_load16_u, 4: memoryOp.i64_load32_u, 8: memoryOp.i64_load },
} as const;
const stores = {
  1: memoryOp.i64_store8,
  2: memoryOp.i64_store16,
  4: memoryOp.i64_store32,
  8: memoryOp.i64_store,
} as const;

const roundingFloat: ReadonlySet<FloatOperation> = new Set<FloatOperation>([
  ...(['add', 'sub', 'mul', 'div', 'sqrt', 'fma', 'convert'] as const),
  ...(['toInt32', 'toUint32', 'toInt64', 'toUint64', 'fromInt32', 'fromUint32', 'fromInt64', 'fromUint64'] as const),
]);

export class InterpreterOps implements Ops<Emitted, Emitted> {
  readonly #frame: Frame;
  readonly #code: Code;
  readonly #handler: RowHandler;

  constructor(frame: Frame, handler: RowHandler) {
    this.#frame = frame;
    this.#code = frame.code;
    this.#handler = handler;
  }

  /** The whole handler: its row's meaning between what every instruction has in common. */
  emit(): void {
    if (this.#handler.row.traits.float === true) this.#requireFloat();
    this.#handler.row.meaning(this);
  }

  x(field: 'rs1' | 'rs2'): Emitted {
    return this.#register(at.x, field);
  }

  setX(_value: Emitted): void {
    this.#setRegister(at.x);
  }

  f(field: 'rs1' | 'rs2' | 'rs3'): Emitted {
    if (field !== 'rs3') return this.#register(at.f, field);
    // rs3 is bits 31 to 27; its place is its number times 8.
    this.#code.get(this.#frame.ip).memory(memoryOp.i32_load, entryFields.bits);
    this.#code.i32Const(24).op(op.i32_shr_u).i32Const(0xf8).op(op.i32_and).memory(memoryOp.i64_load, at.f);
    return emitted;
  }

  setF(_value: Emitted): void {
    this.#setRegister(at.f);
    this.#markFloatDirty();
  }

  imm(): Emitted {
    this.#code.get(this.#frame.ip).memory(memoryOp.i64_load32_s, entryFields.imm);
    return emitted;
  }

  pc(): Emitted {
    this.#frame.emitPc();
    return emitted;
  }

  next(): Emitted {
    this.#frame.emitPc();
    this.#code.i64Const(this.#handler.length).op(op.i64_add);
    return emitted;
  }

  constant(value: bigint): Emitted {
    this.#code.i64Const(BigInt.asIntN(64, value));
    return emitted;
  }

  let(_value: Emitted): () => Emitted {
    const local = this.#frame.scratch('i64');
    this.#code.set(local);
    return () => {
      this.#code.get(local);
      return emitted;
    };
  }

  add = (): Emitted => this.#op(op.i64_add);
  sub = (): Emitted => this.#op(op.i64_sub);
  mul = (): Emitted => this.#op(op.i64_mul);
  mulHigh = (): Emitted => this.#call(this.#frame.highMultiply.signed);
  mulHighU = (): Emitted => this.#call(this.#frame.highMultiply.unsigned);
  mulHighSU = (): Emitted => this.#call(this.#frame.highMultiply.signedUnsigned);
  div = (): Emitted => this.#op(op.i64_div_s);
  divU = (): Emitted => this.#op(op.i64_div_u);
  rem = (): Emitted => this.#op(op.i64_rem_s);
  remU = (): Emitted => this.#op(op.i64_rem_u);
  and = (): Emitted => this.#op(op.i64_and);
  or = (): Emitted => this.#op(op.i64_or);
  xor = (): Emitted => this.#op(op.i64_xor);
  shl = (): Emitted => this.#op(op.i64_shl);
  shrS = (): Emitted => this.#op(op.i64_shr_s);
  shrU = (): Emitted => this.#op(op.i64_shr_u);
  eq = (): Emitted => this.#op(op.i64_eq);
  ne = (): Emitted => this.#op(op.i64_ne);
  lt = (): Emitted => this.#op(op.i64_lt_s);
  ltU = (): Emitted => this.#op(op.i64_lt_u);
  ge = (): Emitted => this.#op(op.i64_ge_s);
  geU = (): Emitted => this.#op(op.i64_ge_u);
  isZero = (): Emitted => this.#op(op.i64_eqz);
  fromCondition = (): Emitted => this.#op(op.i64_extend_i32_u);
  select = (): Emitted => this.#op(op.select);

  signed(_value: Emitted, bits: 8 | 16 | 32): Emitted {
    return this.#op(bits === 8 ? op.i64_extend8_s : bits === 16 ? op.i64_extend16_s : op.i64_extend32_s);
  }

  unsigned(_value: Emitted, bits: 8 | 16 | 32): Emitted {
    this.#code.i64Const(2 ** bits - 1);
    return this.#op(op.i64_and);
  }

  choose(_condition: Emitted, whenTrue: () => Emitted, whenFalse: () => Emitted): Emitted {
    this.#code.if(valueType.i64);
    whenTrue();
    this.#code.else();
    whenFalse();
    this.#code.end();
    return emitted;
  }

  load(_address: Emitted, size: AccessSize, extension: 'signed' | 'unsigned'): Emitted {
    const code = this.#code;
    const { address, offset, slot } = this.#translate('read', size);
    const opcode = loads[extension][size];
    code.if(valueType.i64);
    this.#frame.emitSync();
    this.#emitHalves(address);
    code.i32Const(size).call(this.#frame.hart.load).if();
    this.#frame.emitResync();
    code.end();
    code.i32Const(0).memory(opcode, at.transfer);
    code.else();
    this.#emitPlace(offset, slot);
    code.memory(opcode);
    code.end();
    return emitted;
  }

  store(_address: Emitted, _value: Emitted, size: AccessSize): void {
    const code = this.#code;
    const value = this.#frame.scratch('i64');
    code.set(value);
    const { address, offset, slot } = this.#translate('write', size);
    code.if();
    this.#frame.emitSync();
    code.i32Const(0).get(value).memory(memoryOp.i64_store, at.transfer);
    this.#emitHalves(address);
    code.i32Const(size).i32Const(this.#handler.length).call(this.#frame.hart.store).if();
    this.#frame.emitResync();
    code.end();
    code.else();
    this.#emitPlace(offset, slot);
    code.get(value).memory(stores[size]);
    code.end();
  }

  amo(_address: Emitted, size: 4 | 8, update: (old: () => Emitted) => Emitted): Emitted {
    const code = this.#code;
    const place = this.#atomicPlace(size, atomicCodes.store);
    const old = this.#frame.scratch('i64');
    code.get(place).memory(loads.signed[size]).set(old);
    code.get(place);
    update(() => {
      code.get(old);
      return emitted;
    });
    code.memory(stores[size]);
    code.get(old);
    return emitted;
  }

  loadReserved(_address: Emitted, size: 4 | 8): Emitted {
    const code = this.#code;
    const place = this.#atomicPlace(size, atomicCodes.load);
    const value = this.#frame.scratch('i64');
    code.i32Const(0).get(place).memory(memoryOp.i32_store, at.reservation);
    code.i32Const(0).get(place).memory(loads.signed[size]).tee(value).memory(memoryOp.i64_store, at.reservedValue);
    code.get(value);
    return emitted;
  }

  /**
   * The reservation holds as long as the word does: a store of the same value in between goes unnoticed, which the
   * manual's success rule allows on a single hart, where only the hart's own stores and devices can come between.
   */
  storeConditional(_address: Emitted, _value: Emitted, size: 4 | 8): Emitted {
    const code = this.#code;
    const value = this.#frame.scratch('i64');
    code.set(value);
    const place = this.#atomicPlace(size, atomicCodes.store);
    const failed = this.#frame.scratch('i64');
    code.i64Const(1).set(failed);
    code.i32Const(0).memory(memoryOp.i32_load, at.reservation).get(place).op(op.i32_eq).if();
    code.i32Const(0).memory(memoryOp.i64_load, at.reservedValue).get(place).memory(loads.signed[size]);
    code.op(op.i64_eq).if();
    code.get(place).get(value).memory(stores[size]);
    code.i64Const(0).set(failed);
    code.end().end();
    code.i32Const(0).i32Const(0).memory(memoryOp.i32_store, at.reservation);
    code.get(failed);
    return emitted;
  }

  branch(_condition: Emitted): void {
    this.#code.if();
    this.jump();
    this.#code.end();
  }

  jump(): void {
    if (this.#handler.far) {
      this.pc();
      this.imm();
      this.#code.op(op.i64_add);
      this.#frame.emitFar(false);
    } else {
      // The decoder has turned the immediate of a near jump into a distance between entries.
      this.#code.get(this.#frame.ip).memory(memoryOp.i32_load, entryFields.imm);
      this.#frame.emitNear();
    }
  }

  jumpTo(_address: Emitted): void {
    this.#frame.emitFar(!this.#handler.far);
  }

  float(operation: FloatOperation, format: FloatFormat, ..._operands: Emitted[]): Emitted {
    if (roundingFloat.has(operation)) this.#emitRounding();
    // §20.2: a reserved rounding mode is illegal also where the result, always exact, does not depend on it.
    if (operation === 'convert' && format === 'double') this.#code.op(op.drop);
    this.#code.call(this.#floatFunction(operation, format));
    // Flags are part of the state that FS tells of (Volume II, §3.1.6.6); setF does it for the other rows.
    if (this.#handler.row.traits.floatFields?.includes('rd') !== true) this.#markFloatDirty();
    return emitted;
  }

  csr(operation: CsrOperation, _source: Emitted): Emitted {
    const code = this.#code;
    const source = this.#frame.scratch('i64');
    const outcome = this.#frame.scratch('i32');
    code.set(source);
    this.#frame.emitSync();
    code.i32Const(0).get(source).memory(memoryOp.i64_store, at.transfer);
    code.get(this.#frame.ip).memory(memoryOp.i32_load, entryFields.bits);
    code.i32Const(csrCodes[operation]).call(this.#frame.hart.csr).tee(outcome).if();
    code.get(outcome).i32Const(2).op(op.i32_eq).if();
    // The instruction is done but for rd, and the hart wants to look at what has changed.
    code.i32Const(0).memory(memoryOp.i64_load, at.transfer);
    this.#setRegister(at.x);
    code.end();
    this.#frame.emitResync();
    code.end();
    code.i32Const(0).memory(memoryOp.i64_load, at.transfer);
    return emitted;
  }

  system(operation: SystemOperation): void {
    this.#frame.emitSync();
    this.#code.i32Const(systemCodes[operation]);
    this.#code.get(this.#frame.ip).memory(memoryOp.i32_load, entryFields.bits);
    this.#code.i32Const(this.#handler.length).call(this.#frame.hart.system);
    this.#frame.emitResync();
  }

  #op(opcode: (typeof op)[keyof typeof op]): Emitted {
    this.#code.op(opcode);
    return emitted;
  }

  #call(callee: Callable): Emitted {
    this.#code.call(callee);
    return emitted;
  }

  #register(base: number, field: 'rs1' | 'rs2'): Emitted {
    this.#code.get(this.#frame.ip).memory(memoryOp.i32_load16_u, entryFields[field]).memory(memoryOp.i64_load, base);
    return emitted;
  }

  #setRegister(base: number): void {
    const value = this.#frame.scratch('i64');
    this.#code.set(value).get(this.#frame.ip).memory(memoryOp.i32_load16_u, entryFields.rd);
    this.#code.get(value).memory(memoryOp.i64_store, base);
  }

  /** Takes the address from the stack, leaves the condition that the cache cannot answer. */
  #translate(kind: 'read' | 'write', size: AccessSize): { address: Local; offset: Local; slot: Local } {
    const code = this.#code;
    const address = this.#frame.scratch('i64');
    const offset = this.#frame.scratch('i64');
    const slot = this.#frame.scratch('i32');
    code.tee(address).op(op.i32_wrap_i64).i32Const(8).op(op.i32_shr_u).i32Const(slotMask).op(op.i32_and);
    this.#frame.emitCache(kind);
    code.op(op.i32_add).tee(slot).memory(memoryOp.i64_load).get(address).op(op.i64_xor).tee(offset);
    code.i64Const(pageSize - size).op(op.i64_gt_u);
    return { address, offset, slot };
  }

  /** The place in memory that `#translate` has found. */
  #emitPlace(offset: Local, slot: Local): void {
    this.#code.get(offset).op(op.i32_wrap_i64).get(slot).memory(memoryOp.i32_load, 8).op(op.i32_add);
  }

  #emitHalves(value: Local): void {
    this.#code.get(value).op(op.i32_wrap_i64);
    this.#code.get(value).i64Const(32).op(op.i64_shr_u).op(op.i32_wrap_i64);
  }

  /** Takes the address from the stack; atomic accesses are rare enough for the hart to translate each. */
  #atomicPlace(size: 4 | 8, kind: number): Local {
    const code = this.#code;
    const address = this.#frame.scratch('i64');
    const place = this.#frame.scratch('i32');
    const slot = this.#frame.scratch('i32');
    const offset = this.#frame.scratch('i64');
    code.tee(address).op(op.i32_wrap_i64).i32Const(8).op(op.i32_shr_u).i32Const(slotMask).op(op.i32_and);
    this.#frame.emitCache(kind === atomicCodes.load ? 'read' : 'write');
    code.op(op.i32_add).tee(slot).memory(memoryOp.i64_load).get(address).op(op.i64_xor).tee(offset);
    // Beyond the page, or not aligned: the low bits of the offset are those of the address.
    code.i64Const(pageSize - 1).op(op.i64_gt_u);
    code
      .get(offset)
      .i64Const(size - 1)
      .op(op.i64_and)
      .i64Const(0)
      .op(op.i64_ne)
      .op(op.i32_or)
      .if(valueType.i32);
    this.#frame.emitSync();
    this.#emitHalves(address);
    code.i32Const(size).i32Const(kind).call(this.#frame.hart.atomic).tee(place).op(op.i32_eqz).if();
    this.#frame.emitResync();
    code.end();
    code.get(place);
    code.else();
    this.#emitPlace(offset, slot);
    code.end();
    code.set(place);
    return place;
  }

  #requireFloat(): void {
    const code = this.#code;
    code.i32Const(0).memory(memoryOp.i32_load, at.mstatus).i32Const(floatStatus).op(op.i32_and).op(op.i32_eqz).if();
    this.system('illegal');
    code.end();
  }

  #markFloatDirty(): void {
    const code = this.#code;
    code.i32Const(0).i32Const(0).memory(memoryOp.i32_load, at.mstatus);
    code.i32Const(floatStatus).op(op.i32_or).memory(memoryOp.i32_store, at.mstatus);
  }

  /** §20.2: the instruction's rounding mode, or frm's where it says dynamic; frm may hold a reserved value. */
  #emitRounding(): void {
    const code = this.#code;
    const mode = this.#frame.scratch('i32');
    code.get(this.#frame.ip).memory(memoryOp.i32_load, entryFields.bits);
    code.i32Const(12).op(op.i32_shr_u).i32Const(7).op(op.i32_and).tee(mode);
    code.i32Const(dynamicRounding).op(op.i32_eq).if();
    code.i32Const(0).memory(memoryOp.i32_load, at.frm).tee(mode).i32Const(4).op(op.i32_gt_u).if();
    this.system('illegal');
    code.end();
    code.end();
    code.get(mode);
  }

  #floatFunction(operation: FloatOperation, format: FloatFormat): Callable {
    const { float } = this.#frame;
    if (operation === 'convert') return format === 'double' ? float.singleToDouble : float.doubleToSingle;
    const operations: FloatOperations = float[format];
    return operations[operation];
  }
}
