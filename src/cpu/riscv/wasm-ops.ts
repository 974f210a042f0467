// The rows' vocabulary as WebAssembly, as far as an interpreter's handler and a translated instruction have it in common:
// all but where operands come from and where control goes.
import type {
  AccessSize,
  CsrOperation,
  FloatFormat,
  FloatOperation,
  Ops,
  SignInjection,
  SystemOperation,
} from '../ops.ts';
import { formats } from '../float/format.ts';
import { roundingOperations } from '../float/functions.ts';
import { memoryOp, op, simdMemoryOp, valueType } from '../../wasm/module.ts';
import type { Callable, Code, Local } from '../../wasm/module.ts';
import { at, pageSize, slotMask } from './layout.ts';
import type { HighMultiply } from './multiply.ts';
import type { Row } from './row.ts';
import type { ScratchType } from './scratch.ts';

/** Stands for a value that was emitted: it is on the WebAssembly stack. */
export interface Emitted {
  readonly emitted: true;
}
export const emitted: Emitted = { emitted: true };

/** mstatus.FS, bits 14 and 13 (Volume II, §3.1.6.6). */
export const floatStatus = 0x6000;
export const dynamicRounding = 7;

export const atomicCodes = { load: 0, store: 1 } as const;
export type AtomicCode = (typeof atomicCodes)[keyof typeof atomicCodes];

export type LoadOpcode = (typeof loads)[keyof typeof loads][AccessSize];

const loads = {
  signed: { 1: memoryOp.i64_load8_s, 2: memoryOp.i64_load16_s, 4: memoryOp.i64_load32_s, 8: memoryOp.i64_load },
  unsigned: { 1: memoryOp.i64_load8_u, 2: memoryOp.i64_load16_u, 4: memoryOp.i64_load32_u, 8: memoryOp.i64_load },
} as const;
export const stores = {
  1: memoryOp.i64_store8,
  2: memoryOp.i64_store16,
  4: memoryOp.i64_store32,
  8: memoryOp.i64_store,
} as const;

export abstract class WasmOps implements Ops<Emitted, Emitted> {
  protected readonly code: Code;

  constructor(code: Code) {
    this.code = code;
  }

  /** The instruction that is being emitted. */
  protected abstract get row(): Row;

  abstract x(field: 'rs1' | 'rs2'): Emitted;
  abstract setX(value: Emitted): void;
  abstract f(field: 'rs1' | 'rs2' | 'rs3'): Emitted;
  abstract setF(value: Emitted): void;
  abstract imm(): Emitted;
  abstract pc(): Emitted;
  abstract next(): Emitted;
  abstract branch(condition: Emitted): void;
  abstract jump(): void;
  abstract jumpTo(address: Emitted): void;
  abstract csr(operation: CsrOperation, source: Emitted): Emitted;
  abstract system(operation: SystemOperation): void;

  /** A local that no other part of this instruction uses. */
  protected abstract scratch(type: ScratchType): Local;
  /** Emits the address of the translation cache for reads or for writes. */
  protected abstract emitCache(kind: 'read' | 'write'): void;
  /** Emits what a load does where the cache does not know the page: leaves its result, or goes elsewhere. */
  protected abstract emitLoadMiss(address: Local, size: AccessSize, opcode: LoadOpcode): void;
  /** The same for a store, which leaves nothing. */
  protected abstract emitStoreMiss(address: Local, value: Local, size: AccessSize): void;
  /** The same for an atomic access: leaves its place in memory in `place` and on the stack. */
  protected abstract emitAtomicMiss(address: Local, place: Local, size: 4 | 8, code: AtomicCode): void;
  /** Emits the instruction's rounding mode, 0 to 4, or what makes it illegal. */
  protected abstract emitRounding(): void;
  /** The function that does what `float` asks for. */
  protected abstract floatFunction(operation: FloatOperation, format: FloatFormat): Callable;
  protected abstract highMultiply(): HighMultiply;

  /** Whether what goes to or from memory is a vector with a floating-point register's contents. */
  protected get movesFloat(): boolean {
    return false;
  }

  constant(value: bigint): Emitted {
    this.code.i64Const(BigInt.asIntN(64, value));
    return emitted;
  }

  let(_value: Emitted): () => Emitted {
    const local = this.scratch('i64');
    this.code.set(local);
    return () => {
      this.code.get(local);
      return emitted;
    };
  }

  add(): Emitted {
    return this.#op(op.i64_add);
  }

  sub(): Emitted {
    return this.#op(op.i64_sub);
  }

  mul(): Emitted {
    return this.#op(op.i64_mul);
  }

  mulHigh(): Emitted {
    return this.#call(this.highMultiply().signed);
  }

  mulHighU(): Emitted {
    return this.#call(this.highMultiply().unsigned);
  }

  mulHighSU(): Emitted {
    return this.#call(this.highMultiply().signedUnsigned);
  }

  div(): Emitted {
    return this.#op(op.i64_div_s);
  }

  divU(): Emitted {
    return this.#op(op.i64_div_u);
  }

  rem(): Emitted {
    return this.#op(op.i64_rem_s);
  }

  remU(): Emitted {
    return this.#op(op.i64_rem_u);
  }

  and(): Emitted {
    return this.#op(op.i64_and);
  }

  or(): Emitted {
    return this.#op(op.i64_or);
  }

  xor(): Emitted {
    return this.#op(op.i64_xor);
  }

  shl(): Emitted {
    return this.#op(op.i64_shl);
  }

  shrS(): Emitted {
    return this.#op(op.i64_shr_s);
  }

  shrU(): Emitted {
    return this.#op(op.i64_shr_u);
  }

  rotr(_a: Emitted, _count: Emitted, bits: 32 | 64): Emitted {
    if (bits === 64) return this.#op(op.i64_rotr);
    const count = this.scratch('i64');
    this.code.set(count).op(op.i32_wrap_i64).get(count).op(op.i32_wrap_i64).op(op.i32_rotr);
    return this.#op(op.i64_extend_i32_s);
  }

  clz(): Emitted {
    return this.#op(op.i64_clz);
  }

  ctz(): Emitted {
    return this.#op(op.i64_ctz);
  }

  popcnt(): Emitted {
    return this.#op(op.i64_popcnt);
  }

  eq(): Emitted {
    return this.#op(op.i64_eq);
  }

  ne(): Emitted {
    return this.#op(op.i64_ne);
  }

  lt(): Emitted {
    return this.#op(op.i64_lt_s);
  }

  ltU(): Emitted {
    return this.#op(op.i64_lt_u);
  }

  ge(): Emitted {
    return this.#op(op.i64_ge_s);
  }

  geU(): Emitted {
    return this.#op(op.i64_ge_u);
  }

  isZero(): Emitted {
    return this.#op(op.i64_eqz);
  }

  fromCondition(): Emitted {
    return this.#op(op.i64_extend_i32_u);
  }

  select(): Emitted {
    return this.#op(op.select);
  }

  signed(_value: Emitted, bits: 8 | 16 | 32): Emitted {
    return this.#op(bits === 8 ? op.i64_extend8_s : bits === 16 ? op.i64_extend16_s : op.i64_extend32_s);
  }

  unsigned(_value: Emitted, bits: 8 | 16 | 32): Emitted {
    this.code.i64Const(2 ** bits - 1);
    return this.#op(op.i64_and);
  }

  choose(_condition: Emitted, whenTrue: () => Emitted, whenFalse: () => Emitted): Emitted {
    this.code.if(valueType.i64);
    whenTrue();
    this.code.else();
    whenFalse();
    this.code.end();
    return emitted;
  }

  load(_address: Emitted, size: AccessSize, extension: 'signed' | 'unsigned'): Emitted {
    const code = this.code;
    const { address, offset, slot } = this.translate('read', size);
    code.if(this.movesFloat ? valueType.v128 : valueType.i64);
    this.emitLoadMiss(address, size, loads[extension][size]);
    code.else();
    this.emitPlace(offset, slot);
    this.emitLoad(size, extension);
    code.end();
    return emitted;
  }

  store(_address: Emitted, _value: Emitted, size: AccessSize): void {
    const code = this.code;
    const value = this.scratch(this.movesFloat ? 'v128' : 'i64');
    code.set(value);
    const { address, offset, slot } = this.translate('write', size);
    code.if();
    this.emitStoreMiss(address, value, size);
    code.else();
    this.emitPlace(offset, slot);
    code.get(value);
    this.emitStore(size);
    code.end();
  }

  /** Emits the load from the place in memory on the stack and `displacement`. */
  protected emitLoad(size: AccessSize, extension: 'signed' | 'unsigned', displacement = 0): void {
    if (!this.movesFloat) this.code.memory(loads[extension][size], displacement);
    else {
      const opcode = size === 4 ? simdMemoryOp.v128_load32_zero : simdMemoryOp.v128_load64_zero;
      this.code.simdMemory(opcode, displacement);
    }
  }

  /** Emits the store of the value on the stack to the place before it and `displacement`. */
  protected emitStore(size: AccessSize, displacement = 0): void {
    if (!this.movesFloat) this.code.memory(stores[size], displacement);
    else {
      const opcode = size === 4 ? simdMemoryOp.v128_store32_lane : simdMemoryOp.v128_store64_lane;
      this.code.simdMemory(opcode, displacement);
    }
  }

  amo(_address: Emitted, size: 4 | 8, update: (old: () => Emitted) => Emitted): Emitted {
    const code = this.code;
    const place = this.#atomicPlace(size, atomicCodes.store);
    const old = this.scratch('i64');
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
    const code = this.code;
    const place = this.#atomicPlace(size, atomicCodes.load);
    const value = this.scratch('i64');
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
    const code = this.code;
    const value = this.scratch('i64');
    code.set(value);
    const place = this.#atomicPlace(size, atomicCodes.store);
    const failed = this.scratch('i64');
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

  float(operation: FloatOperation, format: FloatFormat, ..._operands: Emitted[]): Emitted {
    if (roundingOperations.has(operation)) this.emitRounding();
    // §20.2: a reserved rounding mode is illegal also where the result, always exact, does not depend on it.
    if (operation === 'convert' && format === 'double') this.code.op(op.drop);
    this.code.call(this.floatFunction(operation, format));
    // Flags are part of the state that FS tells of (Volume II, §3.1.6.6); setF does it for the other rows.
    if (this.row.traits.floatFields?.includes('rd') !== true) this.markFloatDirty();
    return emitted;
  }

  injectSign(kind: SignInjection, format: FloatFormat, _value: Emitted, _sign: Emitted): Emitted {
    const code = this.code;
    const value = this.scratch('i64');
    const sign = this.scratch('i64');
    const { signBit, magnitudeMask } = formats[format];
    code.set(sign).tee(value).i64Const(magnitudeMask).op(op.i64_and).get(sign);
    if (kind !== 'copy') {
      if (kind === 'negate') code.i64Const(signBit);
      else code.get(value);
      code.op(op.i64_xor);
    }
    code.i64Const(signBit).op(op.i64_and).op(op.i64_or);
    return emitted;
  }

  #op(opcode: (typeof op)[keyof typeof op]): Emitted {
    this.code.op(opcode);
    return emitted;
  }

  #call(callee: Callable): Emitted {
    this.code.call(callee);
    return emitted;
  }

  /** Takes the address from the stack, leaves the condition that the cache cannot answer for so many bytes. */
  protected translate(kind: 'read' | 'write', bytes: number): { address: Local; offset: Local; slot: Local } {
    const code = this.code;
    const address = this.scratch('i64');
    const offset = this.scratch('i64');
    const slot = this.scratch('i32');
    code.tee(address).op(op.i32_wrap_i64).i32Const(8).op(op.i32_shr_u).i32Const(slotMask).op(op.i32_and);
    this.emitCache(kind);
    code.op(op.i32_add).tee(slot).memory(memoryOp.i64_load).get(address).op(op.i64_xor).tee(offset);
    code.i64Const(pageSize - bytes).op(op.i64_gt_u);
    return { address, offset, slot };
  }

  /** The place in memory that `translate` has found. */
  protected emitPlace(offset: Local, slot: Local): void {
    this.code.get(offset).op(op.i32_wrap_i64).get(slot).memory(memoryOp.i32_load, 8).op(op.i32_add);
  }

  /** Takes the address from the stack. Without the cache, or unaligned, the access is the hart's. */
  #atomicPlace(size: 4 | 8, kind: AtomicCode): Local {
    const code = this.code;
    const address = this.scratch('i64');
    const place = this.scratch('i32');
    const slot = this.scratch('i32');
    const offset = this.scratch('i64');
    code.tee(address).op(op.i32_wrap_i64).i32Const(8).op(op.i32_shr_u).i32Const(slotMask).op(op.i32_and);
    this.emitCache(kind === atomicCodes.load ? 'read' : 'write');
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
    this.emitAtomicMiss(address, place, size, kind);
    code.else();
    this.emitPlace(offset, slot);
    code.end();
    code.set(place);
    return place;
  }

  protected markFloatDirty(): void {
    const code = this.code;
    code.i32Const(0).i32Const(0).memory(memoryOp.i32_load, at.mstatus);
    code.i32Const(floatStatus).op(op.i32_or).memory(memoryOp.i32_store, at.mstatus);
  }
}
