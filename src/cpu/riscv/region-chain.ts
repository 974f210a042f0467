// From region to region without TypeScript in between, and to the instruction at an entry where a region begins.
import { memoryOp, op } from '../../wasm/module.ts';
import type { Callable, Code, Local, ModuleBuilder } from '../../wasm/module.ts';
import { pseudoHandlers } from './handlers.ts';
import {
  at,
  counters,
  entryFields,
  entryShift,
  nearInPage,
  pageSize,
  regionFields,
  regionsAt,
  slotMask,
} from './layout.ts';
import { regionSignature } from './region-signature.ts';

/**
 * (pc, budget) -> (pc, budget): goes from region to region. It comes back where no region begins, or where one has done
 * nothing because its first instruction is for the interpreter. A function of its own, whose few variables stay in
 * registers.
 */
export function defineChain(module: ModuleBuilder): Callable {
  const code = module.function(regionSignature.parameters, regionSignature.results);
  const pc = code.parameter(0);
  const budget = code.parameter(1);
  const start = code.i32();
  const slot = code.i32();
  const offset = code.i64();
  const entry = code.i32();
  const left = code.i32();
  code.get(budget).set(start);
  const done = code.block();
  const again = code.loop();
  code.get(pc).op(op.i32_wrap_i64).i32Const(8).op(op.i32_shr_u).i32Const(slotMask).op(op.i32_and);
  code.i32Const(0).memory(memoryOp.i32_load, at.fetchCache);
  code.op(op.i32_add).tee(slot).memory(memoryOp.i64_load).get(pc).op(op.i64_xor).tee(offset);
  code
    .i64Const(pageSize - 1)
    .op(op.i64_gt_u)
    .brIf(done);
  code.get(slot).memory(memoryOp.i32_load, 8).get(offset).op(op.i32_wrap_i64).i32Const(entryShift);
  code.op(op.i32_shl).op(op.i32_add).tee(entry).memory(memoryOp.i32_load16_u, entryFields.handler);
  code.i32Const(pseudoHandlers.indexOf('translated')).op(op.i32_ne).brIf(done);
  code.get(pc).get(budget);
  emitRegionPlace(code, entry).memory(memoryOp.i32_load16_u, regionsAt + regionFields.function);
  code.callIndirect(regionSignature.parameters, regionSignature.results);
  code.set(left).set(pc);
  code.get(left).get(budget).op(op.i32_eq).brIf(done);
  code.get(left).set(budget).br(again);
  code.end().end();
  const counter = at.counters + counters.instructions;
  code.i32Const(0).i32Const(0).memory(memoryOp.i64_load, counter);
  code.get(start).get(budget).op(op.i32_sub).op(op.i64_extend_i32_u).op(op.i64_add).memory(memoryOp.i64_store, counter);
  code.get(pc).get(budget);
  return code;
}

/** The offset from `regionsAt` of what belongs to an entry. */
function emitRegionPlace(code: Code, ip: Local): Code {
  return code.get(ip).i32Const(at.decoded).op(op.i32_sub).i32Const(1).op(op.i32_shr_u);
}

/** Makes the entry in `at.alone` one of the instruction where a region begins. `handler` is any local. */
export function emitAloneEntry(code: Code, ip: Local, handler: Local): void {
  code.i32Const(0).get(ip).memory(memoryOp.i32_load16_u, entryFields.first);
  code.memory(memoryOp.i32_store16, at.alone + entryFields.first);
  code.i32Const(0);
  emitRegionPlace(code, ip)
    .memory(memoryOp.i32_load16_u, regionsAt + regionFields.alone)
    .tee(handler)
    .i32Const(nearInPage - 1)
    .op(op.i32_and)
    .memory(memoryOp.i32_store16, at.alone + entryFields.handler);
  // A distance between entries becomes one in bytes again.
  code.i32Const(0).get(ip).memory(memoryOp.i32_load, entryFields.word);
  code.get(handler).i32Const(Math.log2(nearInPage)).op(op.i32_shr_u).i32Const(entryShift).op(op.i32_mul);
  code.op(op.i32_shr_s).memory(memoryOp.i32_store, at.alone + entryFields.word);
}
