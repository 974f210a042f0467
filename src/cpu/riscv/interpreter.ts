// The interpreter: a loop over decoded entries, generated from the rows once per hart. One `br_table` reaches every
// common instruction and every common sequence of them; the rare ones live in a second function, so that the loop stays
// small enough for an optimising compiler to finish soon. (Threading the handlers by tail calls was measured at a third of
// this speed.)
import { defineFloat } from '../float/functions.ts';
import type { FloatFunctions } from '../float/functions.ts';
import { memoryOp, ModuleBuilder, op, valueType } from '../../wasm/module.ts';
import type { Callable, Code, Label, Local } from '../../wasm/module.ts';
import { defineChain, emitAloneEntry } from './region-chain.ts';
import { commonHandlers, firstRare, pseudoHandlers, rareHandlers, sequences } from './handlers.ts';
import type { PseudoHandler, RowHandler } from './handlers.ts';
import { InterpreterOps, systemCodes } from './interpreter-ops.ts';
import type { Frame, HartAccesses, HartImports } from './interpreter-ops.ts';
import { at, entryFields, entryShift, heatBytes, heatShift, pageSize, slotMask, floatState } from './layout.ts';
import { defineHighMultiply } from './multiply.ts';
import { exportPure } from './pure-exports.ts';
import { Scratch } from './scratch.ts';
import { defineAccesses } from './walk-code.ts';
import type { RamRange } from './mmu.ts';
import type { HighMultiply } from './multiply.ts';

/** What the interpreter calls in the hart besides what its instructions do. Each goes on at the stored pc. */
interface LoopImports {
  /** Looks for interrupts and clears `attention`. */
  readonly attend: Callable;
  /** Makes the page at pc ready to be executed, or traps. */
  readonly fetch: Callable;
  /** (entry): decodes from this entry on; not 0: the page was given away, go on at the stored pc. */
  readonly decode: Callable;
  /** Decodes the instruction at pc, whose second half is in the next page, into `crossing`; not 0: trapped. */
  readonly crossing: Callable;
  /**
   * (entry, its page's virtual address in halves): so much is jumped to this entry that a region should begin there.
   * Undefined: nothing is translated.
   */
  readonly hot: Callable | undefined;
  readonly hotAfter: number;
}

const { i32, i64 } = valueType;

/** Where the two bytes of heat overflow. */
const heatLimit = 0x1_0000;
/** The memory that the interpreter's module imports, in pages of 64 KiB. */
export interface MemoryShape {
  readonly pages: number;
  readonly shared: boolean;
}

export interface InterpreterShape extends MemoryShape {
  readonly ram: RamRange;
  /** Runs regions, and asks for one at an entry that was jumped to so often, 1 to 65,536 times. Absent: no regions. */
  readonly hotAfter?: number;
}

/**
 * What `hotAfter` should be. A compiler's code is large and nowhere hot, and gains little: with 8,192 its first run took a
 * half more of the processor than without a translator, and with 200 the boot of the small kernel took three times as long.
 * Where more is gained, in loops, this many jumps take a millisecond.
 */
export const defaultHotAfter = 32_768;

/**
 * The module: imports `env.memory` and the hart's functions, exports `run: () => void`. One that translates also imports
 * `env.hot` and the table of regions, `env.regions`, and exports what `pureExports` names.
 */
export function interpreterModule(shape: InterpreterShape): Uint8Array<ArrayBuffer> {
  const memory: MemoryShape = shape;
  const { hotAfter } = shape;
  const translates = hotAfter !== undefined;
  const module = new ModuleBuilder();
  module.importMemory('env', 'memory', { minimum: memory.pages, maximum: memory.pages, shared: memory.shared });
  const accesses: HartAccesses = {
    load: module.importFunction('env', 'load', [i32, i32, i32], [i32]),
    store: module.importFunction('env', 'store', [i32, i32, i32, i32], [i32]),
    atomic: module.importFunction('env', 'atomic', [i32, i32, i32, i32], [i32]),
  };
  const others = {
    csr: module.importFunction('env', 'csr', [i32], []),
    system: module.importFunction('env', 'system', [i32, i32, i32], []),
  };
  const loop: LoopImports = {
    attend: module.importFunction('env', 'attend', [], []),
    fetch: module.importFunction('env', 'fetch', [], []),
    decode: module.importFunction('env', 'decode', [i32], [i32]),
    crossing: module.importFunction('env', 'crossing', [], [i32]),
    hot: translates ? module.importFunction('env', 'hot', [i32, i32, i32], []) : undefined,
    hotAfter: hotAfter ?? 0,
  };
  if (translates) module.importTable('env', 'regions', 0);
  const hart: HartImports = { ...others, ...defineAccesses(module, accesses, shape.ram) };
  const float = defineFloat(module, floatState);
  const highMultiply = defineHighMultiply(module);
  const rare = defineRare(module, hart, float, highMultiply);
  const chain = translates ? defineChain(module) : undefined;
  module.exportFunction('run', defineLoop(module, hart, loop, { float, highMultiply, rare, chain }));
  if (translates) exportPure(module, float, highMultiply);
  return module.toBytes();
}

/** (entry, its address): runs a rare instruction; not 0: go on at the stored pc. The caller has stored the budget. */
function defineRare(
  module: ModuleBuilder,
  hart: HartImports,
  float: FloatFunctions,
  highMultiply: HighMultiply,
): Callable {
  const code = module.function([i32, i64], [i32]);
  const ip = code.parameter(0);
  const pc = code.parameter(1);
  const scratch = new Scratch(code);
  const frame: Frame = {
    code,
    hart,
    float,
    highMultiply,
    ip,
    emitPc: () => code.get(pc),
    emitSync: () => code.i32Const(0).get(pc).memory(memoryOp.i64_store, at.pc),
    emitResync: () => code.i32Const(1).return(),
    emitNear: () => unreachableForm(),
    emitFar: () => unreachableForm(),
    emitCache: (kind) => code.i32Const(0).memory(memoryOp.i32_load, kind === 'read' ? at.readCache : at.writeCache),
    scratch: (type) => scratch.take(type),
  };
  const illegal = code.block();
  const labels = rareHandlers.map(() => code.block());
  code.get(ip).memory(memoryOp.i32_load16_u, entryFields.handler).i32Const(firstRare).op(op.i32_sub);
  code.brTable(labels.toReversed(), illegal);
  for (const handler of rareHandlers) {
    code.end();
    scratch.reset();
    new InterpreterOps(frame, handler).emit();
    code.i32Const(0).return();
  }
  code.end();
  frame.emitSync();
  code.i32Const(systemCodes.illegal).i32Const(0).i32Const(0).call(hart.system);
  code.i32Const(1);
  return code;
}

function unreachableForm(): never {
  throw new Error('a rare instruction neither branches nor jumps');
}

/** Functions of the module that the loop calls. */
interface LoopFunctions {
  readonly float: FloatFunctions;
  readonly highMultiply: HighMultiply;
  readonly rare: Callable;
  /** Undefined: nothing is translated. */
  readonly chain: Callable | undefined;
}

function defineLoop(
  module: ModuleBuilder,
  hart: HartImports,
  loop: LoopImports,
  { float, highMultiply, rare, chain }: LoopFunctions,
): Callable {
  const code = module.function([], []);
  const scratch = new Scratch(code);
  const ip = code.i32();
  const budget = code.i32();
  /** The present page: where its entries are, and its virtual address. */
  const page = code.i32();
  const pageAddress = code.i64();
  /** pc = pcBase + (ip >>> entryShift). */
  const pcBase = code.i64();
  /** Where to go on, at `lookup`. */
  const target = code.i64();
  const readCache = code.i32();
  const writeCache = code.i32();
  const fetchCache = code.i32();
  const slot = code.i32();
  const offset = code.i64();
  const heat = code.i32();
  const distance = code.i32();
  const emitPc = (): void => {
    code.get(pcBase).get(ip).i32Const(entryShift).op(op.i32_shr_u).op(op.i64_extend_i32_u).op(op.i64_add);
  };
  const emitBudgetStore = (): void => {
    code.i32Const(0).get(budget).memory(memoryOp.i32_store, at.budget);
  };
  const emitSync = (): void => {
    code.i32Const(0);
    emitPc();
    code.memory(memoryOp.i64_store, at.pc);
    emitBudgetStore();
  };
  const emitLoad = (local: Local, from: number): void => {
    code.i32Const(0).memory(memoryOp.i32_load, from).set(local);
  };
  const emitCaches = (): void => {
    emitLoad(readCache, at.readCache);
    emitLoad(writeCache, at.writeCache);
    emitLoad(fetchCache, at.fetchCache);
  };
  /** Counts a jump to the present entry. */
  const emitHeat = (): void => {
    if (loop.hot === undefined) return;
    code
      .get(ip)
      .i32Const(heatShift)
      .op(op.i32_shr_u)
      .i32Const(heatBytes - 2)
      .op(op.i32_and)
      .tee(slot);
    code
      .get(slot)
      .memory(memoryOp.i32_load16_u, at.heat)
      .i32Const(Math.ceil(heatLimit / loop.hotAfter))
      .op(op.i32_add)
      .tee(heat);
    code.memory(memoryOp.i32_store16, at.heat);
    code
      .get(heat)
      .i32Const(heatLimit - 1)
      .op(op.i32_gt_u)
      .if();
    code.get(ip).get(pageAddress).op(op.i32_wrap_i64);
    code.get(pageAddress).i64Const(32).op(op.i64_shr_u).op(op.i32_wrap_i64).call(loop.hot);
    code.end();
  };
  /** ip := the entry at `offset` bytes into the page. */
  const emitEntryInPage = (): void => {
    code.get(page).get(offset).op(op.i32_wrap_i64).i32Const(entryShift).op(op.i32_shl).op(op.i32_add).set(ip);
  };

  /** Goes on at the present address with the entry in `at.alone`. */
  const emitAlone = (): void => {
    emitPc();
    code
      .i64Const(at.alone >>> entryShift)
      .op(op.i64_sub)
      .set(pcBase);
    code.i32Const(at.alone).set(ip);
  };

  const resync = code.loop();
  code.i32Const(0).memory(memoryOp.i32_load, at.leave).if();
  code.return();
  code.end();
  code.i32Const(0).memory(memoryOp.i32_load, at.attention).if();
  code.call(loop.attend).br(resync);
  code.end();
  emitLoad(budget, at.budget);
  emitCaches();
  code.i32Const(0).memory(memoryOp.i64_load, at.pc).set(target);

  /** Finds the page and the entry of `target`, or goes on when it has been made ready. */
  const emitLookup = (): void => {
    code.get(target).op(op.i32_wrap_i64).i32Const(8).op(op.i32_shr_u).i32Const(slotMask).op(op.i32_and);
    code.get(fetchCache).op(op.i32_add).tee(slot).memory(memoryOp.i64_load).tee(pageAddress);
    code
      .get(target)
      .op(op.i64_xor)
      .tee(offset)
      .i64Const(pageSize - 1)
      .op(op.i64_gt_u)
      .if();
    code.i32Const(0).get(target).memory(memoryOp.i64_store, at.pc);
    emitBudgetStore();
    code.call(loop.fetch).br(resync);
    code.end();
    code.get(slot).memory(memoryOp.i32_load, 8).set(page);
    code.get(pageAddress).get(page).i32Const(entryShift).op(op.i32_shr_u).op(op.i64_extend_i32_u);
    code.op(op.i64_sub).set(pcBase);
    emitEntryInPage();
  };
  const lookup = code.loop();
  emitLookup();
  emitHeat();

  const next = code.loop();
  const spent = code.block();
  const emitCount = (): void => {
    code.get(budget).i32Const(1).op(op.i32_sub).tee(budget).i32Const(0).op(op.i32_lt_s).brIf(spent);
  };
  emitCount();

  let accessesMemory = false;
  const frame: Frame = {
    code,
    hart,
    float,
    highMultiply,
    ip,
    emitPc,
    emitSync,
    emitResync: () => code.br(resync),
    emitNear: () => {
      if (loop.hot === undefined) {
        code.get(ip).op(op.i32_add).set(ip).br(next);
        return;
      }
      code.tee(distance).get(ip).op(op.i32_add).set(ip);
      // Regions begin where loops do.
      code.get(distance).i32Const(0).op(op.i32_lt_s).if();
      emitHeat();
      code.end();
      code.br(next);
    },
    emitFar: (inPage) => {
      code.set(target);
      if (inPage) {
        code
          .get(target)
          .get(pageAddress)
          .op(op.i64_xor)
          .tee(offset)
          .i64Const(pageSize - 1)
          .op(op.i64_le_u)
          .if();
        emitEntryInPage();
        emitHeat();
        code.br(next).end();
      }
      code.br(lookup);
    },
    emitCache: (kind) => {
      accessesMemory = true;
      code.get(kind === 'read' ? readCache : writeCache);
    },
    scratch: (type) => scratch.take(type),
  };
  const emitHandler = (handler: RowHandler): void => {
    scratch.reset();
    new InterpreterOps(frame, handler).emit();
    emitStep(code, ip, handler.length);
  };
  const emitSequence = (handlers: readonly RowHandler[]): void => {
    for (const [index, handler] of handlers.entries()) {
      if (index > 0) {
        // The access before may have taken back what was decoded here.
        if (accessesMemory) code.get(ip).memory(memoryOp.i32_load16_u, entryFields.handler).op(op.i32_eqz).brIf(next);
        emitCount();
      }
      accessesMemory = false;
      emitHandler(handler);
    }
  };
  const emitUncounted = (): void => {
    code.get(budget).i32Const(1).op(op.i32_add).set(budget);
  };
  const pseudo: Readonly<Record<PseudoHandler, () => void>> = {
    undecoded: () => {
      emitUncounted();
      emitSync();
      code.get(ip).call(loop.decode).if();
      code.br(resync).end();
      code.br(next);
    },
    pageEnd: () => {
      emitUncounted();
      emitPc();
      code.set(target).br(lookup);
    },
    crossing: () => {
      emitUncounted();
      emitSync();
      code.call(loop.crossing).if();
      code.br(resync).end();
      emitAlone();
      code.br(next);
    },
    translated: () => {
      if (chain === undefined) {
        code.op(op.unreachable);
        return;
      }
      emitUncounted();
      emitPc();
      code.get(budget).call(chain).set(budget).set(target);
      emitCaches();
      emitLookup();
      code.get(ip).memory(memoryOp.i32_load16_u, entryFields.handler);
      code.i32Const(pseudoHandlers.indexOf('translated')).op(op.i32_eq).if();
      // With a second br_table to the handlers here, which gave each two ways in, all code took a quarter longer.
      emitAloneEntry(code, ip, slot);
      emitAlone();
      code.br(next);
      code.end();
      emitHeat();
      code.br(next);
    },
  };

  // Blocks open from the outermost, so the last handler's label opens first.
  const rareLabel = code.block();
  const labels: Label[] = Array.from({ length: firstRare }, () => code.block()).toReversed();
  code.get(ip).memory(memoryOp.i32_load16_u, entryFields.handler).brTable(labels, rareLabel);
  for (const name of pseudoHandlers) {
    code.end();
    pseudo[name]();
  }
  for (const handler of commonHandlers) {
    code.end();
    emitHandler(handler);
    code.br(next);
  }
  for (const sequence of sequences) {
    code.end();
    emitSequence(sequence);
    code.br(next);
  }
  code.end();
  emitBudgetStore();
  code.get(ip);
  emitPc();
  code.call(rare).if();
  code.br(resync).end();
  // Rare instructions take four bytes; the short ebreak traps and never gets here.
  emitStep(code, ip, 4);
  emitCaches();
  code.br(next);
  code.end();
  code.i32Const(0).set(budget);
  emitSync();
  code.return();
  code.end().end().end();
  code.op(op.unreachable);
  return code;
}

function emitStep(code: Code, ip: Local, length: number): void {
  code
    .get(ip)
    .i32Const(length << entryShift)
    .op(op.i32_add)
    .set(ip);
}
