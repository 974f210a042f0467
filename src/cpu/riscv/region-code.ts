// The WebAssembly function of one region: (pc, budget) -> (pc, budget). Registers are locals while it runs; it makes no
// call but to pure functions. What it cannot do it leaves to the interpreter, at the instruction in question.
import type { FloatFormat, FloatOperation } from '../ops.ts';
import { ControlFlow } from '../control-flow.ts';
import { StructuredWriter } from '../structured-writer.ts';
import { memoryOp, op, valueType } from '../../wasm/module.ts';
import type { Callable, Code, Label, Local, ModuleBuilder } from '../../wasm/module.ts';
import { at } from './layout.ts';
import type { HighMultiply } from './multiply.ts';
import type { Region, RegionBlock } from './region.ts';
import { Scratch } from './scratch.ts';
import { TranslatorOps } from './translator-ops.ts';
import type { InstructionExits, RegionFrame } from './translator-ops.ts';
import { floatStatus } from './wasm-ops.ts';

const { i32, i64 } = valueType;
/** Parameters and results of a region's function: address of an instruction, instructions that may still be retired. */
export const regionSignature = { parameters: [i64, i32], results: [i64, i32] } as const;

/** What the functions of a module may call. */
export interface RegionImports {
  float(operation: FloatOperation, format: FloatFormat): Callable;
  readonly highMultiply: HighMultiply;
}

export function defineRegion(module: ModuleBuilder, region: Region, imports: RegionImports): Code {
  const code = module.function(regionSignature.parameters, regionSignature.results);
  new RegionCode(code, region, imports).emit();
  return code;
}

/** Registers by number that a region reads, and those it writes. */
interface RegisterUse {
  readonly read: Set<number>;
  readonly written: Set<number>;
}

class RegionCode implements InstructionExits {
  readonly #code: Code;
  readonly #region: Region;
  readonly #pc: Local;
  readonly #budget: Local;
  readonly #frame: RegionFrame;
  readonly #flow: ControlFlow;
  readonly #writer: StructuredWriter;
  readonly #scratch: Scratch;
  readonly #x: RegisterUse = { read: new Set(), written: new Set() };
  readonly #f: RegisterUse = { read: new Set(), written: new Set() };
  readonly #xLocals: (Local | undefined)[] = [];
  readonly #fLocals: (Local | undefined)[] = [];
  readonly #ops: TranslatorOps;
  #usesFloat = false;
  #left: Label;
  /** Of the instruction that is being emitted: its block, where that branches to, its place and immediate. */
  #number = 0;
  #taken: number | undefined;
  #offset = 0;
  #immediate = 0;
  /** Instructions of its block that have not been retired when it begins, itself among them. */
  #unpaid = 0;

  constructor(code: Code, region: Region, imports: RegionImports) {
    this.#code = code;
    this.#region = region;
    this.#pc = code.parameter(0);
    this.#budget = code.parameter(1);
    this.#findRegisters();
    const take = (use: RegisterUse, locals: (Local | undefined)[]): void => {
      for (const register of new Set([...use.read, ...use.written])) locals[register] = code.i64();
    };
    take(this.#x, this.#xLocals);
    take(this.#f, this.#fLocals);
    const scratch = new Scratch(code);
    this.#frame = {
      code,
      x: (register) => localOf(this.#xLocals, register),
      f: (register) => localOf(this.#fLocals, register),
      pageBase: code.i64(),
      readCache: code.i32(),
      writeCache: code.i32(),
      floatDirty: code.i32(),
      scratch: (type) => scratch.take(type),
      floatFunction: (operation, format) => imports.float(operation, format),
      highMultiply: imports.highMultiply,
    };
    this.#scratch = scratch;
    const [first] = region.blocks[0]?.instructions ?? [];
    if (first === undefined) throw new Error('a region has an instruction');
    this.#ops = new TranslatorOps(this.#frame, this, first.decoded);
    this.#left = { level: 0 };
    const graph = region.blocks.map((block) => this.#successors(block));
    this.#flow = new ControlFlow(graph);
    this.#writer = new StructuredWriter(code, this.#flow, (block) => this.#emitBlock(block));
  }

  emit(): void {
    const code = this.#code;
    const entry = this.#region.blocks[0]?.offset ?? 0;
    if (this.#usesFloat) {
      // Without the unit nothing is done here: the interpreter finds out which instruction may not run.
      code.i32Const(0).memory(memoryOp.i32_load, at.mstatus).i32Const(floatStatus).op(op.i32_and).op(op.i32_eqz).if();
      code.get(this.#pc).get(this.#budget).return();
      code.end();
    }
    code.get(this.#pc).i64Const(entry).op(op.i64_sub).set(this.#frame.pageBase);
    code.i32Const(0).memory(memoryOp.i32_load, at.readCache).set(this.#frame.readCache);
    code.i32Const(0).memory(memoryOp.i32_load, at.writeCache).set(this.#frame.writeCache);
    this.#emitLoads(at.x, this.#xLocals);
    this.#emitLoads(at.f, this.#fLocals);
    this.#left = code.block();
    this.#writer.write();
    code.end();
    this.#emitStores(at.x, this.#xLocals, this.#x.written);
    this.#emitStores(at.f, this.#fLocals, this.#f.written);
    if (this.#usesFloat) {
      code.get(this.#frame.floatDirty).if();
      code.i32Const(0).i32Const(0).memory(memoryOp.i32_load, at.mstatus).i32Const(floatStatus).op(op.i32_or);
      code.memory(memoryOp.i32_store, at.mstatus);
      code.end();
    }
    code.get(this.#pc).get(this.#budget);
  }

  #findRegisters(): void {
    for (const { instructions } of this.#region.blocks) {
      for (const { decoded } of instructions) {
        const { row, bits } = decoded;
        if (row.traits.float === true) this.#usesFloat = true;
        for (const field of ['rs1', 'rs2', 'rs3', 'rd'] as const) {
          if (!row.encoding.fields.has(field)) continue;
          const use = row.traits.floatFields?.includes(field) === true ? this.#f : this.#x;
          const register = field === 'rs3' ? bits >>> 27 : decoded[field];
          if (use === this.#x && register === 0) continue;
          (field === 'rd' ? use.written : use.read).add(register);
        }
      }
    }
  }

  #successors(block: RegionBlock): number[] {
    const { blockAt } = this.#region;
    const offsets = [block.taken, block.next].filter((offset) => offset !== undefined);
    return [...new Set(offsets.flatMap((offset) => blockAt.get(offset) ?? []))];
  }

  #emitBlock(number: number): void {
    const code = this.#code;
    const block = this.#region.blocks[number];
    if (block === undefined) throw new RangeError(`no block ${number}`);
    const { instructions, next } = block;
    // The whole block is paid for before it begins.
    code.get(this.#budget).i32Const(instructions.length).op(op.i32_sub).tee(this.#budget);
    code.i32Const(0).op(op.i32_lt_s).if();
    this.#emitRetry(block.offset, instructions.length);
    code.end();
    for (let index = 0; index < instructions.length; index += 1) {
      const instruction = instructions[index];
      if (instruction === undefined) break;
      this.#number = number;
      this.#taken = block.taken;
      this.#offset = instruction.offset;
      this.#immediate = instruction.decoded.imm;
      this.#unpaid = instructions.length - index;
      this.#scratch.reset();
      this.#ops.emit(instruction.decoded, instruction.offset);
    }
    if (next !== undefined) this.#emitTransfer(number, next);
  }

  /** Goes on at the present instruction in the interpreter, as if nothing of it had happened. */
  emitRetry(): void {
    this.#emitRetry(this.#offset, this.#unpaid);
  }

  emitTaken(): void {
    if (this.#taken === undefined) this.#emitGoTo(this.#offset + this.#immediate);
    else this.#emitTransfer(this.#number, this.#taken);
  }

  emitLeave(): void {
    this.#code.set(this.#pc).br(this.#left);
  }

  #emitTransfer(from: number, offset: number): void {
    const to = this.#region.blockAt.get(offset);
    if (to === undefined || this.#flow.isIrreducible(from, to)) this.#emitGoTo(offset);
    else this.#writer.transfer(from, to);
  }

  /** Goes on in the interpreter at an offset, with instructions given back that were paid for. */
  #emitRetry(offset: number, unpaid: number): void {
    const code = this.#code;
    code.get(this.#budget).i32Const(unpaid).op(op.i32_add).set(this.#budget);
    this.#emitGoTo(offset);
  }

  #emitGoTo(offset: number): void {
    this.#code.get(this.#frame.pageBase).i64Const(offset).op(op.i64_add).set(this.#pc).br(this.#left);
  }

  #emitLoads(base: number, locals: readonly (Local | undefined)[]): void {
    for (const [register, local] of locals.entries()) {
      if (local === undefined) continue;
      this.#code
        .i32Const(0)
        .memory(memoryOp.i64_load, base + register * 8)
        .set(local);
    }
  }

  #emitStores(base: number, locals: readonly (Local | undefined)[], written: ReadonlySet<number>): void {
    for (const [register, local] of locals.entries()) {
      if (local === undefined || !written.has(register)) continue;
      this.#code
        .i32Const(0)
        .get(local)
        .memory(memoryOp.i64_store, base + register * 8);
    }
  }
}

function localOf(locals: readonly (Local | undefined)[], register: number): Local {
  const local = locals[register];
  if (local === undefined) throw new RangeError(`register ${register} is not among the region's`);
  return local;
}
