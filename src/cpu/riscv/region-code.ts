// The WebAssembly function of one region: (pc, budget) -> (pc, budget). Registers are locals while it runs; it makes no
// call but to pure functions. What it cannot do it leaves to the interpreter, at the instruction in question.
//
// Instructions are counted block by block, and the count is looked at where the region and its loops begin: whoever goes
// on there has enough to get to the next such place.
import type { FloatFormat, FloatOperation } from '../ops.ts';
import { ControlFlow } from '../control-flow.ts';
import { StructuredWriter } from '../structured-writer.ts';
import { memoryOp, op, simdMemoryOp, valueType } from '../../wasm/module.ts';
import type { Callable, Code, Label, Local, ModuleBuilder, ValueType } from '../../wasm/module.ts';
import { at, counters, decodedRamPage, exitReasons, pageSize, slotFields, slotMask } from './layout.ts';
import type { ExitReason } from './layout.ts';
import type { RegionPart } from './known-regions.ts';
import type { Decoded } from './decoder.ts';
import type { FloatInline } from './float-inline.ts';
import type { HighMultiply } from './multiply.ts';
import { findRuns } from './access-runs.ts';
import type { AccessRun, RunPart } from './access-runs.ts';
import { isReturn, pageOf } from './region.ts';
import { registerFields } from './register-fields.ts';
import type { Region, RegionBlock } from './region.ts';
import { regionSignature } from './region-signature.ts';
import { RunOps } from './run-ops.ts';
import { Scratch } from './scratch.ts';
import { TranslatorOps } from './translator-ops.ts';
import type { InstructionExits, RegionFrame } from './translator-ops.ts';
import { floatStatus } from './wasm-ops.ts';

const { i64, v128 } = valueType;

/** What the functions of a module may call, and what they may do instead. */
export interface RegionImports {
  float(operation: FloatOperation, format: FloatFormat): Callable;
  readonly highMultiply: HighMultiply;
  readonly floatInline: FloatInline;
  longWay(decoded: Decoded): Callable;
}

/** `entries` is the address of a 32-bit count of how often it is entered, if that is to be counted. */
export function defineRegion(
  module: ModuleBuilder,
  region: Region,
  parts: readonly RegionPart[],
  imports: RegionImports,
  entries?: number,
): Code {
  const code = module.function(regionSignature.parameters, regionSignature.results);
  new RegionCode(code, region, parts, imports).emit(entries);
  return code;
}

/** A page of the region besides the entry's. */
interface FarPage {
  readonly ramPage: number;
  /** Not 0 once it was found at the address where it has to be. */
  readonly known: Local;
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
  readonly #runOps: RunOps;
  /** Where the runs of the present block have their lowest byte in memory; 0: not in one page that is known. */
  readonly #places = new Map<AccessRun, Local>();
  readonly #runScratch: Scratch;
  readonly #farPages = new Map<number, FarPage>();
  /** Instructions from the start of each block to where the count is looked at again, at most. */
  readonly #reach: readonly number[];
  #usesFloat = false;
  /** The ways out, each of which is counted. */
  readonly #exits = new Map<ExitReason, Label>();
  /** Of the instruction that is being emitted: its block and its place. */
  #number = 0;
  #offset = 0;
  /** Instructions of its block that have not been retired when it begins, itself among them. */
  #unpaid = 0;

  constructor(code: Code, region: Region, parts: readonly RegionPart[], imports: RegionImports) {
    this.#code = code;
    this.#region = region;
    this.#pc = code.parameter(0);
    this.#budget = code.parameter(1);
    this.#findRegisters();
    const take = (use: RegisterUse, locals: (Local | undefined)[], type: ValueType): void => {
      for (const register of new Set([...use.read, ...use.written])) locals[register] = code.local(type);
    };
    take(this.#x, this.#xLocals, i64);
    take(this.#f, this.#fLocals, v128);
    for (const { page, ramPage } of parts) {
      if (page !== 0) this.#farPages.set(page, { ramPage, known: code.i32() });
    }
    const scratch = new Scratch(code);
    this.#frame = {
      code,
      x: (register) => localOf(this.#xLocals, register),
      f: (register) => localOf(this.#fLocals, register),
      pageBase: code.i64(),
      readCache: code.i32(),
      writeCache: code.i32(),
      floatDirty: code.i32(),
      usesFloat: this.#usesFloat,
      scratch: (type) => scratch.take(type),
      floatFunction: (operation, format) => imports.float(operation, format),
      highMultiply: imports.highMultiply,
      floatInline: imports.floatInline,
      longWay: (decoded) => imports.longWay(decoded),
    };
    this.#scratch = scratch;
    const [first] = region.blocks[0]?.instructions ?? [];
    if (first === undefined) throw new Error('a region has an instruction');
    this.#ops = new TranslatorOps(this.#frame, this, first.decoded);
    this.#runScratch = new Scratch(code);
    this.#runOps = new RunOps(this.#frame, this, first.decoded);
    this.#flow = new ControlFlow(region.graph);
    this.#writer = new StructuredWriter(code, this.#flow, (block) => this.#emitBlock(block));
    this.#reach = this.#flow.longestPaths(region.blocks.map(({ instructions }) => instructions.length));
  }

  emit(entries?: number): void {
    const code = this.#code;
    if (entries !== undefined) {
      code.i32Const(0).i32Const(0).memory(memoryOp.i32_load, entries).i32Const(1).op(op.i32_add);
      code.memory(memoryOp.i32_store, entries);
    }
    const entry = this.#region.blocks[0]?.offset ?? 0;
    if (this.#usesFloat) {
      // Without the unit, or with a reserved rounding mode, nothing is done here: the interpreter finds out which
      // instruction may not run.
      code.i32Const(0).memory(memoryOp.i32_load, at.mstatus).i32Const(floatStatus).op(op.i32_and).op(op.i32_eqz);
      code.i32Const(0).memory(memoryOp.i32_load, at.frm).i32Const(4).op(op.i32_gt_u).op(op.i32_or).if();
      code.get(this.#pc).get(this.#budget).return();
      code.end();
    }
    code.get(this.#pc).i64Const(entry).op(op.i64_sub).set(this.#frame.pageBase);
    code.i32Const(0).memory(memoryOp.i32_load, at.readCache).set(this.#frame.readCache);
    code.i32Const(0).memory(memoryOp.i32_load, at.writeCache).set(this.#frame.writeCache);
    this.#emitLoads(at.x, this.#xLocals);
    this.#emitLoads(at.f, this.#fLocals);
    const left = code.block();
    for (const reason of exitReasons) this.#exits.set(reason, code.block());
    this.#writer.write();
    for (let index = exitReasons.length - 1; index >= 0; index -= 1) {
      const counter = at.counters + counters.exits + index * 8;
      code.end().i32Const(0).i32Const(0).memory(memoryOp.i64_load, counter).i64Const(1).op(op.i64_add);
      code.memory(memoryOp.i64_store, counter).br(left);
    }
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
        for (const { field, isFloat } of registerFields(row)) {
          const register = field === 'rs3' ? bits >>> 27 : decoded[field];
          if (!isFloat && register === 0) continue;
          const use = isFloat ? this.#f : this.#x;
          (field === 'rd' ? use.written : use.read).add(register);
        }
      }
    }
  }

  #emitBlock(number: number): void {
    const code = this.#code;
    const block = this.#region.blocks[number];
    if (block === undefined) throw new RangeError(`no block ${number}`);
    const { instructions, next } = block;
    if (number === 0 || this.#flow.isLoop(number)) {
      code
        .get(this.#budget)
        .i32Const(this.#reach[number] ?? 0)
        .op(op.i32_lt_s)
        .if();
      this.#emitGoTo(block.offset, 'spent');
      code.end();
    }
    code.get(this.#budget).i32Const(instructions.length).op(op.i32_sub).set(this.#budget);
    const runs = findRuns(instructions);
    this.#places.clear();
    this.#runScratch.reset();
    for (let index = 0; index < instructions.length;) {
      const part = runs.get(index);
      const count = part?.count ?? 1;
      if (part === undefined)
        this.#emitInstruction(number, index, (decoded, offset) => this.#ops.emit(decoded, offset));
      else this.#emitRunPart(number, index, part);
      index += count;
    }
    if (next !== undefined) this.#emitTransfer(number, next);
  }

  #emitInstruction(number: number, index: number, emit: (decoded: Decoded, offset: number) => void): void {
    const instructions = this.#region.blocks[number]?.instructions ?? [];
    const instruction = instructions[index];
    if (instruction === undefined) throw new RangeError(`block ${number} has no instruction ${index}`);
    const { offset, decoded } = instruction;
    this.#number = number;
    this.#offset = offset;
    this.#unpaid = instructions.length - index;
    this.#scratch.reset();
    const lastPage = pageOf(offset + decoded.length - 1);
    if (lastPage !== pageOf(offset)) this.#emitPageCheck(lastPage, () => this.emitRetry());
    emit(decoded, offset);
  }

  /** Emits accesses of a run twice: where the run is in one page that is known, and where each looks for itself. */
  #emitRunPart(number: number, index: number, { run, count, isFirst, isLast }: RunPart): void {
    const code = this.#code;
    const place = this.#places.get(run) ?? this.#runScratch.take('i32');
    this.#places.set(run, place);
    const each = (emit: (decoded: Decoded, offset: number) => void): void => {
      for (let at = index; at < index + count; at += 1) this.#emitInstruction(number, at, emit);
    };
    const done = code.block();
    const otherwise = code.block();
    this.#scratch.reset();
    if (isFirst) this.#runOps.emitLook(run, place, otherwise);
    else code.get(place).op(op.i32_eqz).brIfUnlikely(otherwise);
    each((decoded, offset) => this.#runOps.emitAt(decoded, offset, run, place));
    code.br(done).end();
    if (isFirst && !isLast) code.i32Const(0).set(place);
    each((decoded, offset) => this.#ops.emit(decoded, offset));
    code.end();
  }

  /** Goes on at the present instruction in the interpreter, as if nothing of it had happened. */
  emitRetry(): void {
    this.#code.get(this.#budget).i32Const(this.#unpaid).op(op.i32_add).set(this.#budget);
    this.#emitGoTo(this.#offset, 'miss');
  }

  emitUncounted(): void {
    this.#code.get(this.#budget).i32Const(1).op(op.i32_add).set(this.#budget);
  }

  emitTaken(): void {
    const { taken } = this.#block;
    if (taken === undefined) throw new Error('the target of a branch or jump is known');
    this.#emitTransfer(this.#number, taken);
  }

  emitLeave(): void {
    const code = this.#code;
    const { taken, returns, instructions } = this.#block;
    const last = instructions.at(-1);
    // What is written in between are other blocks.
    const number = this.#number;
    if (taken !== undefined) {
      code.op(op.drop);
      this.emitTaken();
      return;
    }
    code.set(this.#pc);
    for (const site of returns) {
      code.get(this.#pc).get(this.#frame.pageBase).i64Const(site).op(op.i64_add).op(op.i64_eq).if();
      this.#emitTransfer(number, site);
      code.end();
    }
    this.#emitExit(last !== undefined && isReturn(last.decoded) ? 'return' : 'indirect');
  }

  get #block(): RegionBlock {
    const block = this.#region.blocks[this.#number];
    if (block === undefined) throw new RangeError(`no block ${this.#number}`);
    return block;
  }

  #emitTransfer(from: number, offset: number): void {
    const to = this.#region.blockAt(offset, from);
    if (to === undefined || this.#flow.isIrreducible(from, to)) {
      this.#emitGoTo(offset, 'beyond');
      return;
    }
    const page = pageOf(offset);
    if (page !== pageOf(this.#region.blocks[from]?.offset ?? 0)) {
      this.#emitPageCheck(page, () => this.#emitGoTo(offset, 'unmapped'));
    }
    this.#writer.transfer(from, to);
  }

  /** Sees to it that a page has the code that was translated; nothing in a region changes that. */
  #emitPageCheck(page: number, emitOtherwise: () => void): void {
    const far = this.#farPages.get(page);
    if (far === undefined) return;
    const code = this.#code;
    const address = this.#frame.scratch('i64');
    const slot = this.#frame.scratch('i32');
    code.get(far.known).op(op.i32_eqz).if();
    code
      .get(this.#frame.pageBase)
      .i64Const(page * pageSize)
      .op(op.i64_add)
      .tee(address);
    code.op(op.i32_wrap_i64).i32Const(8).op(op.i32_shr_u).i32Const(slotMask).op(op.i32_and);
    code.i32Const(0).memory(memoryOp.i32_load, at.fetchCache).op(op.i32_add).tee(slot);
    code.memory(memoryOp.i64_load).get(address).op(op.i64_ne);
    code
      .get(slot)
      .memory(memoryOp.i32_load, slotFields.place)
      .memory(memoryOp.i32_load, decodedRamPage)
      .i32Const(far.ramPage)
      .op(op.i32_ne)
      .op(op.i32_or)
      .if();
    emitOtherwise();
    code.end();
    code.i32Const(1).set(far.known);
    code.end();
  }

  #emitGoTo(offset: number, reason: ExitReason): void {
    this.#code.get(this.#frame.pageBase).i64Const(offset).op(op.i64_add).set(this.#pc);
    this.#emitExit(reason);
  }

  /** Leaves for the address in `#pc`. */
  #emitExit(reason: ExitReason): void {
    const label = this.#exits.get(reason);
    if (label === undefined) throw new Error(`no way out by ${reason}`);
    this.#code.br(label);
  }

  #emitLoads(base: number, locals: readonly (Local | undefined)[]): void {
    const code = this.#code;
    for (const [register, local] of locals.entries()) {
      if (local === undefined) continue;
      const place = base + register * 8;
      code.i32Const(0);
      if (local.type === v128) code.simdMemory(simdMemoryOp.v128_load64_zero, place);
      else code.memory(memoryOp.i64_load, place);
      code.set(local);
    }
  }

  #emitStores(base: number, locals: readonly (Local | undefined)[], written: ReadonlySet<number>): void {
    const code = this.#code;
    for (const [register, local] of locals.entries()) {
      if (local === undefined || !written.has(register)) continue;
      const place = base + register * 8;
      code.i32Const(0).get(local);
      if (local.type === v128) code.simdMemory(simdMemoryOp.v128_store64_lane, place);
      else code.memory(memoryOp.i64_store, place);
    }
  }
}

function localOf(locals: readonly (Local | undefined)[], register: number): Local {
  const local = locals[register];
  if (local === undefined) throw new RangeError(`register ${register} is not among the region's`);
  return local;
}
