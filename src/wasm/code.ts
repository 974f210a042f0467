// WebAssembly Core Specification 2.0, §5.4 (instructions) and §5.5.13 (code).
import { ByteWriter } from './byte-writer.ts';
import { controlOp, op, simdMemoryOp, valueType } from './opcodes.ts';
import type { MemoryOpcode, Opcode, SimdMemoryOpcode, SimdOpcode, ValueType } from './opcodes.ts';

/** A local variable or parameter of one function. */
export interface Local {
  readonly index: number;
  readonly type: ValueType;
}

/** The target of a branch: the end of a block or `if`, the start of a loop. Branches name it, never a depth. */
export interface Label {
  /** How many labels enclose it. */
  readonly level: number;
}

/** Something that `call` can name: an import or a function of the module. */
export interface Callable {
  readonly index: number;
}

/** Gives the index of a function type, making it where it is new. */
export type TypeIndex = (parameters: readonly ValueType[], results: readonly ValueType[]) => number;

/**
 * The body of one function, written instruction by instruction in the order of a stack machine: operands first.
 * Nothing is kept but the bytes, because translated code is made while the guest waits.
 */
export class Code implements Callable {
  readonly index: number;
  readonly parameters: readonly Local[];
  readonly results: readonly ValueType[];
  readonly #typeIndex: TypeIndex;
  readonly #body = new ByteWriter();
  readonly #locals: ValueType[] = [];
  /** Places in the body of branches that are seldom taken. */
  readonly #unlikely: number[] = [];
  #level = 0;

  constructor(index: number, parameters: readonly ValueType[], results: readonly ValueType[], typeIndex: TypeIndex) {
    this.index = index;
    this.parameters = parameters.map((type, position) => ({ index: position, type }));
    this.results = results;
    this.#typeIndex = typeIndex;
  }

  /** Bytes of the instructions so far. */
  get length(): number {
    return this.#body.length;
  }

  /** The parameter at `position`, counted from 0. */
  parameter(position: number): Local {
    const parameter = this.parameters[position];
    if (parameter === undefined) throw new RangeError(`function has no parameter ${position}`);
    return parameter;
  }

  local(type: ValueType): Local {
    this.#locals.push(type);
    return { index: this.parameters.length + this.#locals.length - 1, type };
  }

  i32(): Local {
    return this.local(valueType.i32);
  }

  i64(): Local {
    return this.local(valueType.i64);
  }

  f64(): Local {
    return this.local(valueType.f64);
  }

  /** An instruction without immediates. */
  op(opcode: Opcode): this {
    this.#body.byte(opcode);
    return this;
  }

  /** An instruction on vectors, with the lane that it names. */
  simd(opcode: SimdOpcode, lane?: number): this {
    this.#indexed(controlOp.simd, opcode);
    if (lane !== undefined) this.#body.byte(lane);
    return this;
  }

  get(local: Local): this {
    return this.#indexed(controlOp.local_get, local.index);
  }

  set(local: Local): this {
    return this.#indexed(controlOp.local_set, local.index);
  }

  tee(local: Local): this {
    return this.#indexed(controlOp.local_tee, local.index);
  }

  i32Const(value: number): this {
    this.#body.byte(controlOp.i32_const);
    this.#body.signed(value);
    return this;
  }

  i64Const(value: bigint | number): this {
    this.#body.byte(controlOp.i64_const);
    if (typeof value === 'number' && value === (value | 0)) this.#body.signed(value);
    else this.#body.signed64(BigInt(value));
    return this;
  }

  f32Const(value: number): this {
    this.#body.byte(controlOp.f32_const);
    this.#body.append(new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  f64Const(value: number): this {
    this.#body.byte(controlOp.f64_const);
    this.#body.append(new Uint8Array(Float64Array.of(value).buffer));
    return this;
  }

  /** A load or store at the address on the stack plus `offset`. Alignment is a hint, and none is given. */
  memory(opcode: MemoryOpcode, offset = 0): this {
    this.#body.byte(opcode);
    this.#body.byte(0);
    this.#body.unsigned(offset);
    return this;
  }

  /** The same between memory and the lowest lane of a vector. */
  simdMemory(opcode: SimdMemoryOpcode, offset = 0): this {
    this.#body.byte(controlOp.simd);
    this.memory(opcode as number as MemoryOpcode, offset);
    if (opcode < simdMemoryOp.v128_load32_zero) this.#body.byte(0);
    return this;
  }

  block(result?: ValueType): Label {
    return this.#open(controlOp.block, result);
  }

  loop(result?: ValueType): Label {
    return this.#open(controlOp.loop, result);
  }

  /** Takes the condition from the stack. */
  if(result?: ValueType): Label {
    return this.#open(controlOp.if, result);
  }

  else(): this {
    this.#body.byte(controlOp.else);
    return this;
  }

  /** Closes the innermost block, loop or `if`. */
  end(): this {
    this.#body.byte(controlOp.end);
    this.#level -= 1;
    return this;
  }

  br(label: Label): this {
    return this.#indexed(controlOp.br, this.#depth(label));
  }

  brIf(label: Label): this {
    return this.#indexed(controlOp.br_if, this.#depth(label));
  }

  /** The same where it is seldom done: what only that way needs does not burden the other. */
  brIfUnlikely(label: Label): this {
    this.#unlikely.push(this.#body.length);
    return this.brIf(label);
  }

  /** Branches by the number on the stack. */
  brTable(labels: readonly Label[], otherwise: Label): this {
    this.#indexed(controlOp.br_table, labels.length);
    for (const label of labels) this.#body.unsigned(this.#depth(label));
    this.#body.unsigned(this.#depth(otherwise));
    return this;
  }

  call(callee: Callable): this {
    return this.#indexed(controlOp.call, callee.index);
  }

  returnCall(callee: Callable): this {
    return this.#indexed(controlOp.return_call, callee.index);
  }

  /** Calls the function at the table index on the stack. */
  callIndirect(parameters: readonly ValueType[], results: readonly ValueType[]): this {
    this.#indexed(controlOp.call_indirect, this.#typeIndex(parameters, results));
    this.#body.byte(0);
    return this;
  }

  returnCallIndirect(parameters: readonly ValueType[], results: readonly ValueType[]): this {
    this.#indexed(controlOp.return_call_indirect, this.#typeIndex(parameters, results));
    this.#body.byte(0);
    return this;
  }

  return(): this {
    return this.op(op.return);
  }

  /** memory.fill (§5.4.6): address, byte and count are on the stack. */
  memoryFill(): this {
    this.#body.append(Uint8Array.of(0xfc, 0x0b, 0x00));
    return this;
  }

  /**
   * §5.5.13: the function as the code section holds it. All blocks must be closed. Where branches are seldom taken, its
   * part of the section of branch hints goes into `hints`. Gives whether there was one.
   */
  finish(into: ByteWriter, hints: ByteWriter): boolean {
    if (this.#level !== 0) throw new Error(`${this.#level} blocks were not closed`);
    const content = new ByteWriter();
    const runs: { type: ValueType; count: number }[] = [];
    for (const type of this.#locals) {
      const last = runs.at(-1);
      if (last?.type === type) last.count += 1;
      else runs.push({ type, count: 1 });
    }
    content.unsigned(runs.length);
    for (const { type, count } of runs) {
      content.unsigned(count);
      content.byte(type);
    }
    const hasHints = this.#unlikely.length > 0;
    if (hasHints) this.#writeHints(hints, content.length);
    content.append(this.#body.bytes());
    content.byte(controlOp.end);
    into.sized(content);
    return hasHints;
  }

  /** Branch hinting proposal: the function, then for each branch its place in it, a length of 1, and 0. */
  #writeHints(into: ByteWriter, bodyStart: number): void {
    into.unsigned(this.index);
    into.unsigned(this.#unlikely.length);
    for (const place of this.#unlikely) {
      into.unsigned(bodyStart + place);
      into.byte(1);
      into.byte(0);
    }
  }

  #open(opcode: number, result: ValueType | undefined): Label {
    this.#body.byte(opcode);
    this.#body.byte(result ?? controlOp.void);
    this.#level += 1;
    return { level: this.#level };
  }

  #depth(label: Label): number {
    return this.#level - label.level;
  }

  #indexed(opcode: number, index: number): this {
    this.#body.byte(opcode);
    this.#body.unsigned(index);
    return this;
  }
}
