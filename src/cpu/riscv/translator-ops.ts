// Translated instructions: the rows' vocabulary with operands that are known when they are translated, and registers in
// locals.
import type { CsrOperation, FloatFormat, FloatOperation, SystemOperation } from '../ops.ts';
import { memoryOp, op, simdOp } from '../../wasm/module.ts';
import type { Callable, Code, Local } from '../../wasm/module.ts';
import type { Decoded } from './decoder.ts';
import type { FloatInline } from './float-inline.ts';
import { at } from './layout.ts';
import type { HighMultiply } from './multiply.ts';
import { registerFields } from './register-fields.ts';
import type { Row } from './row.ts';
import { needsOf } from './row-needs.ts';
import type { ScratchType } from './scratch.ts';
import { SupervisorCode } from './supervisor-code.ts';
import { dynamicRounding, emitted, WasmOps } from './wasm-ops.ts';
import type { Emitted } from './wasm-ops.ts';

/** The function of a region, as its instructions see it. */
export interface RegionFrame {
  readonly code: Code;
  /** The local that holds an integer register, 1 to 31, or a floating-point one, in the low half of a vector. */
  x(register: number): Local;
  f(register: number): Local;
  /** Virtual address of the start of the page. */
  readonly pageBase: Local;
  readonly readCache: Local;
  readonly writeCache: Local;
  /** Floating-point registers and flags are among what it holds. */
  readonly usesFloat: boolean;
  /** Not 0 once a floating-point register or flag has changed. */
  readonly floatDirty: Local;
  scratch(type: ScratchType): Local;
  floatFunction(operation: FloatOperation, format: FloatFormat): Callable;
  readonly highMultiply: HighMultiply;
  readonly floatInline: FloatInline;
  /** A function that does what an instruction does. */
  longWay(decoded: Decoded): Callable;
}

/** The ways out of the instruction that is being emitted. */
export interface InstructionExits {
  /** Emits what goes on at this instruction in the interpreter, as if nothing of it had happened. */
  emitRetry(): void;
  /** Emits that the instruction is not retired, though it is done. */
  emitUncounted(): void;
  /** Emits the way to the target of the branch or jump. */
  emitTaken(): void;
  /** Emits what leaves the region for the address on the stack. */
  emitLeave(): void;
}

export class TranslatorOps extends WasmOps {
  readonly #frame: RegionFrame;
  readonly #exits: InstructionExits;
  #decoded: Decoded;
  #offset = 0;

  /** `first` is any instruction, until `emit` names one. */
  constructor(frame: RegionFrame, exits: InstructionExits, first: Decoded) {
    super(frame.code);
    this.#frame = frame;
    this.#exits = exits;
    this.#decoded = first;
  }

  protected override get row(): Row {
    return this.#decoded.row;
  }

  /** Emits an instruction; `offset` is its place in the page. */
  emit(decoded: Decoded, offset: number): void {
    this.#decoded = decoded;
    this.#offset = offset;
    const { row } = decoded;
    const { floatInline } = this.#frame;
    const {
      float: [need],
      sign,
    } = needsOf(row);
    const emitLongWay = (): void => this.#emitLongWay();
    if (sign !== undefined) floatInline.emitSign(this.#frame, sign, decoded, emitLongWay);
    else if (need === undefined) row.meaning(this);
    else if (!floatInline.emit(this.#frame, need, decoded, emitLongWay)) emitLongWay();
  }

  #emitLongWay(): void {
    const { code } = this;
    const { rs1, rs2, rd, bits } = this.#decoded;
    for (const { field, isFloat } of registerFields(this.row)) {
      if (field === 'rd') {
        code.call(this.#frame.longWay(this.#decoded));
        if (isFloat) code.set(this.#frame.f(rd));
        else this.setX(emitted);
      } else if (isFloat) code.get(this.#frame.f({ rs1, rs2, rs3: bits >>> 27 }[field]));
      else if (field !== 'rs3') this.x(field);
    }
    this.markFloatDirty();
  }

  x(field: 'rs1' | 'rs2'): Emitted {
    const register = this.#decoded[field];
    if (register === 0) this.code.i64Const(0);
    else this.code.get(this.#frame.x(register));
    return emitted;
  }

  setX(_value: Emitted): void {
    const { rd } = this.#decoded;
    if (rd === 0) this.code.op(op.drop);
    else this.code.set(this.#frame.x(rd));
  }

  f(field: 'rs1' | 'rs2' | 'rs3'): Emitted {
    this.code.get(this.#frame.f(field === 'rs3' ? this.#decoded.bits >>> 27 : this.#decoded[field]));
    if (!this.movesFloat) this.code.simd(simdOp.i64x2_extract_lane, 0);
    return emitted;
  }

  setF(_value: Emitted): void {
    if (!this.movesFloat) this.code.simd(simdOp.i64x2_splat);
    this.code.set(this.#frame.f(this.#decoded.rd));
    this.markFloatDirty();
  }

  imm(): Emitted {
    this.code.i64Const(this.#decoded.imm);
    return emitted;
  }

  pc(): Emitted {
    return this.#address(this.#offset);
  }

  next(): Emitted {
    return this.#address(this.#offset + this.#decoded.length);
  }

  branch(_condition: Emitted): void {
    this.code.if();
    this.#exits.emitTaken();
    this.code.end();
  }

  jump(): void {
    this.#exits.emitTaken();
  }

  jumpTo(_address: Emitted): void {
    this.#exits.emitLeave();
  }

  csr(operation: CsrOperation, _source: Emitted): Emitted {
    const code = this.code;
    const source = this.scratch('i64');
    const old = this.scratch('i64');
    code.set(source);
    this.#emitUsual((supervisor) => {
      supervisor.emitCommonCsr(operation, source, this.#decoded.bits >>> 20);
      code.set(old);
    });
    for (const [local, place] of [
      [this.#frame.readCache, at.readCache],
      [this.#frame.writeCache, at.writeCache],
    ] as const) {
      code.i32Const(0).memory(memoryOp.i32_load, place).set(local);
    }
    code.get(old);
    return emitted;
  }

  system(operation: SystemOperation): void {
    const target = this.scratch('i64');
    this.#emitUsual((supervisor) => {
      if (operation === 'ecall') supervisor.emitCall(() => this.pc());
      else supervisor.emitReturn();
      this.code.set(target);
    });
    if (operation === 'ecall') this.#exits.emitUncounted();
    this.code.get(target);
    this.#exits.emitLeave();
  }

  /** Emits what goes on behind it, or else is for the interpreter. */
  #emitUsual(emit: (supervisor: SupervisorCode) => void): void {
    const code = this.code;
    const usual = code.block();
    const slow = code.block();
    // What has to do with floating point here and in memory is not the same.
    if (this.#frame.usesFloat) code.br(slow);
    emit(new SupervisorCode(code, slow, (type) => this.scratch(type)));
    code.br(usual).end();
    this.#exits.emitRetry();
    code.end();
  }

  /** What an flw has loaded and its boxing. */
  override or(): Emitted {
    if (!this.movesFloat) return super.or();
    this.code.simd(simdOp.i64x2_splat).simd(simdOp.v128_or);
    return emitted;
  }

  protected override get movesFloat(): boolean {
    return needsOf(this.row).floatMove;
  }

  protected override scratch(type: ScratchType): Local {
    return this.#frame.scratch(type);
  }

  protected override emitCache(kind: 'read' | 'write'): void {
    this.code.get(kind === 'read' ? this.#frame.readCache : this.#frame.writeCache);
  }

  // The interpreter, which knows what to do, runs this one instruction.
  protected override emitLoadMiss(): void {
    this.#exits.emitRetry();
  }

  protected override emitStoreMiss(): void {
    this.#exits.emitRetry();
  }

  protected override emitAtomicMiss(): void {
    this.#exits.emitRetry();
  }

  protected override markFloatDirty(): void {
    this.code.i32Const(1).set(this.#frame.floatDirty);
  }

  protected override emitRounding(): void {
    const code = this.code;
    const static_ = (this.#decoded.bits >>> 12) & 7;
    if (static_ !== dynamicRounding) {
      code.i32Const(static_);
      return;
    }
    // Where frm holds a reserved value, the region is left when it is entered.
    code.i32Const(0).memory(memoryOp.i32_load, at.frm);
  }

  protected override floatFunction(operation: FloatOperation, format: FloatFormat): Callable {
    return this.#frame.floatFunction(operation, format);
  }

  protected override highMultiply(): HighMultiply {
    return this.#frame.highMultiply;
  }

  #address(offset: number): Emitted {
    this.code.get(this.#frame.pageBase).i64Const(offset).op(op.i64_add);
    return emitted;
  }
}
