// A handler of the interpreter: the rows' vocabulary with operands that come from the decoded entry at run time.
import type { AccessSize, CsrOperation, FloatFormat, FloatOperation, SystemOperation } from '../ops.ts';
import { floatFunctionOf } from '../float/functions.ts';
import type { FloatFunctions } from '../float/functions.ts';
import { memoryOp, op, valueType } from '../../wasm/module.ts';
import type { Callable, Code, Label, Local } from '../../wasm/module.ts';
import { entryForm } from './entry-form.ts';
import type { RowHandler } from './handlers.ts';
import { at, entryFields, xResults } from './layout.ts';
import type { HighMultiply } from './multiply.ts';
import type { Row } from './row.ts';
import type { ScratchType } from './scratch.ts';
import { SupervisorCode } from './supervisor-code.ts';
import { dynamicRounding, emitted, floatStatus, WasmOps } from './wasm-ops.ts';
import type { AtomicCode, Emitted, LoadOpcode } from './wasm-ops.ts';

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

/** Memory accesses by the hart. Each address is two halves. */
export interface HartAccesses {
  /** (low, high, size): loads into `transfer`; not 0: trapped. */
  readonly load: Callable;
  /** (low, high, size, length of the instruction): stores from `transfer`; not 0: go on at the stored pc. */
  readonly store: Callable;
  /** (low, high, size, kind): the place in memory of an atomic access; 0: trapped. */
  readonly atomic: Callable;
}

/** Memory accesses that the caches do not answer. */
export interface Accesses {
  /** (address, size): the place in memory to load from; 0: trapped. */
  readonly load: Callable;
  /** (address, size, value, length of the instruction): stores; not 0: go on at the stored pc. */
  readonly store: Callable;
  /** (address, size, kind): the place in memory of an atomic access; 0: trapped. */
  readonly atomic: Callable;
}

/** What handlers call; it goes to the hart in the end, if need be. Before each call they store pc and budget. */
export interface HartImports extends Accesses {
  /** (instruction): always goes on at the stored pc. */
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
  scratch(type: ScratchType): Local;
}

export class InterpreterOps extends WasmOps {
  readonly #frame: Frame;
  readonly #handler: RowHandler;

  constructor(frame: Frame, handler: RowHandler) {
    super(frame.code);
    this.#frame = frame;
    this.#handler = handler;
  }

  protected override get row(): Row {
    return this.#handler.row;
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
    this.#setRegister(xResults);
  }

  f(field: 'rs1' | 'rs2' | 'rs3'): Emitted {
    return this.#register(at.f, field);
  }

  setF(_value: Emitted): void {
    this.#setRegister(at.f);
    this.markFloatDirty();
  }

  imm(): Emitted {
    if (entryForm(this.row).word === 'imm') {
      this.code.get(this.#frame.ip).memory(memoryOp.i64_load32_s, entryFields.word);
    } else {
      this.#emitField('uimm', 0);
      this.code.op(op.i64_extend_i32_u);
    }
    return emitted;
  }

  pc(): Emitted {
    this.#frame.emitPc();
    return emitted;
  }

  next(): Emitted {
    this.#frame.emitPc();
    this.code.i64Const(this.#handler.length).op(op.i64_add);
    return emitted;
  }

  branch(_condition: Emitted): void {
    this.code.if();
    this.jump();
    this.code.end();
  }

  jump(): void {
    if (this.#handler.far) {
      this.pc();
      this.imm();
      this.code.op(op.i64_add);
      this.#frame.emitFar(false);
    } else {
      // The decoder has turned the immediate of a near jump into a distance between entries.
      this.code.get(this.#frame.ip).memory(memoryOp.i32_load, entryFields.word);
      this.#frame.emitNear();
    }
  }

  jumpTo(_address: Emitted): void {
    this.#frame.emitFar(!this.#handler.far);
  }

  csr(operation: CsrOperation, _source: Emitted): Emitted {
    const code = this.code;
    const source = this.#frame.scratch('i64');
    code.set(source);
    const done = code.block(valueType.i64);
    const slow = code.block();
    code.get(this.#frame.ip).memory(memoryOp.i32_load, entryFields.word).i32Const(20).op(op.i32_shr_u);
    this.#supervisor(slow).emitCsr(operation, source);
    code.br(done).end();
    this.#frame.emitSync();
    code.get(this.#frame.ip).memory(memoryOp.i32_load, entryFields.word).call(this.#frame.hart.csr);
    this.#frame.emitResync();
    code.end();
    return emitted;
  }

  system(operation: SystemOperation): void {
    if (operation === 'ecall' || operation === 'sret') {
      const code = this.code;
      const target = this.#frame.scratch('i64');
      const slow = code.block();
      if (operation === 'sret') this.#supervisor(slow).emitReturn();
      else {
        this.#supervisor(slow).emitCall(() => this.pc());
        code.i32Const(0).i32Const(0).memory(memoryOp.i32_load, at.budget).i32Const(1).op(op.i32_add);
        code.memory(memoryOp.i32_store, at.budget);
      }
      code.set(target).i32Const(0).get(target).memory(memoryOp.i64_store, at.pc);
      this.#frame.emitResync();
      code.end();
    }
    this.#frame.emitSync();
    this.code.i32Const(systemCodes[operation]);
    this.code.get(this.#frame.ip).memory(memoryOp.i32_load, entryFields.word);
    this.code.i32Const(this.#handler.length).call(this.#frame.hart.system);
    this.#frame.emitResync();
  }

  #supervisor(slow: Label): SupervisorCode {
    return new SupervisorCode(this.code, slow, (type) => this.#frame.scratch(type));
  }

  #register(base: number, field: 'rs1' | 'rs2' | 'rs3'): Emitted {
    const { first, word } = entryForm(this.row);
    if (field === 'rs1') this.code.get(this.#frame.ip).memory(memoryOp.i32_load8_u, entryFields.rs1);
    else if (field === first) this.code.get(this.#frame.ip).memory(memoryOp.i32_load8_u, entryFields.first);
    else if (word === 'rs2') this.code.get(this.#frame.ip).memory(memoryOp.i32_load, entryFields.word);
    else this.#emitField(field, 3);
    this.code.memory(memoryOp.i64_load, base);
    return emitted;
  }

  /** Emits a field of the instruction's bits, shifted left. */
  #emitField(name: string, shift: number): void {
    const [piece] = this.row.encoding.fields.get(name)?.pieces ?? [];
    if (piece === undefined) throw new Error(`${this.row.name} has no ${name}`);
    this.code.get(this.#frame.ip).memory(memoryOp.i32_load, entryFields.word);
    this.code.i32Const(piece.at - shift).op(op.i32_shr_u);
    this.code.i32Const(piece.mask << shift).op(op.i32_and);
  }

  #setRegister(base: number): void {
    const value = this.#frame.scratch('i64');
    this.code.set(value).get(this.#frame.ip).memory(memoryOp.i32_load8_u, entryFields.first);
    this.code.get(value).memory(memoryOp.i64_store, base);
  }

  protected override scratch(type: ScratchType): Local {
    return this.#frame.scratch(type);
  }

  protected override emitCache(kind: 'read' | 'write'): void {
    this.#frame.emitCache(kind);
  }

  protected override emitLoadMiss(address: Local, size: AccessSize, opcode: LoadOpcode): void {
    const code = this.code;
    const place = this.#frame.scratch('i32');
    this.#frame.emitSync();
    code.get(address).i32Const(size).call(this.#frame.hart.load).tee(place).op(op.i32_eqz).if();
    this.#frame.emitResync();
    code.end();
    code.get(place).memory(opcode);
  }

  protected override emitStoreMiss(address: Local, value: Local, size: AccessSize): void {
    const code = this.code;
    this.#frame.emitSync();
    code.get(address).i32Const(size).get(value).i32Const(this.#handler.length).call(this.#frame.hart.store).if();
    this.#frame.emitResync();
    code.end();
  }

  protected override emitAtomicMiss(address: Local, place: Local, size: 4 | 8, kind: AtomicCode): void {
    const code = this.code;
    this.#frame.emitSync();
    code.get(address).i32Const(size).i32Const(kind).call(this.#frame.hart.atomic).tee(place).op(op.i32_eqz).if();
    this.#frame.emitResync();
    code.end();
    code.get(place);
  }

  protected override highMultiply(): HighMultiply {
    return this.#frame.highMultiply;
  }

  #requireFloat(): void {
    const code = this.code;
    code.i32Const(0).memory(memoryOp.i32_load, at.mstatus).i32Const(floatStatus).op(op.i32_and).op(op.i32_eqz).if();
    this.system('illegal');
    code.end();
  }

  /** §20.2: the instruction's rounding mode, or frm's where it says dynamic; frm may hold a reserved value. */
  protected override emitRounding(): void {
    const code = this.code;
    const mode = this.#frame.scratch('i32');
    code.get(this.#frame.ip).memory(memoryOp.i32_load, entryFields.word);
    code.i32Const(12).op(op.i32_shr_u).i32Const(7).op(op.i32_and).tee(mode);
    code.i32Const(dynamicRounding).op(op.i32_eq).if();
    code.i32Const(0).memory(memoryOp.i32_load, at.frm).tee(mode).i32Const(4).op(op.i32_gt_u).if();
    this.system('illegal');
    code.end();
    code.end();
    code.get(mode);
  }

  protected override floatFunction(operation: FloatOperation, format: FloatFormat): Callable {
    return floatFunctionOf(this.#frame.float, operation, format);
  }
}
