// Looks through guest RAM for a snapshot, in WebAssembly: the hart stands still meanwhile, and most of RAM is zeros. 256 MiB that
// nobody has touched take 45 ms (40 of them the host's for its page faults; it keeps one page of zeros for all of them), where
// TypeScript took 110.
import { isShared } from '../shared-memory.ts';
import { memoryOp, ModuleBuilder, op, valueType } from '../wasm/module.ts';
import type { Code, Local } from '../wasm/module.ts';

const { i32, i64 } = valueType;
const pageSize = 4096;
const wordSize = 8;
/** Words that are looked at in one round of a loop. */
const stride = 8;
/** Odd, so that no word is lost in a product; its bits are those of the golden ratio. */
const multiplier = 0x9e37_79b9_7f4a_7c15n;

/** Pages are named by their place in the memory, in bytes. */
export interface PageScan {
  /** The first page from `from` on that has anything but zeros, `end` where there is none; signed 32-bit numbers. */
  next(from: number, end: number): number;
  /** Of equal pages the same, 32 bits. */
  hash(page: number): number;
  /** Not 0 where both pages have the same bytes. */
  same(one: number, other: number): number;
}

export function makePageScan(memory: WebAssembly.Memory): PageScan {
  const module = new ModuleBuilder();
  const pages = memory.buffer.byteLength / 0x1_0000;
  module.importMemory('env', 'memory', { minimum: pages, maximum: pages, shared: isShared(memory.buffer) });
  module.exportFunction('next', defineNext(module));
  module.exportFunction('hash', defineHash(module));
  module.exportFunction('same', defineSame(module));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.toBytes()), { env: { memory } });
  return exports as unknown as PageScan;
}

function defineNext(module: ModuleBuilder): Code {
  const code = module.function([i32, i32], [i32]);
  const page = code.parameter(0);
  const end = code.parameter(1);
  const at = code.i32();
  const pageEnd = code.i32();
  const found = code.block();
  const nextPage = code.loop();
  code.get(page).get(end).op(op.i32_ge_u).brIf(found);
  code.get(page).tee(at).i32Const(pageSize).op(op.i32_add).set(pageEnd);
  const again = code.loop();
  for (let word = 0; word < stride; word += 1) {
    code.get(at).memory(memoryOp.i64_load, word * wordSize);
    if (word > 0) code.op(op.i64_or);
  }
  code.i64Const(0).op(op.i64_ne).brIf(found);
  emitStep(code, at, stride);
  code.get(at).get(pageEnd).op(op.i32_ne).brIf(again).end();
  code.get(pageEnd).set(page).br(nextPage).end();
  code.end();
  code.get(page);
  return code;
}

/** Word by word: h := (h xor word) * multiplier, of which the upper half is the hash. */
function defineHash(module: ModuleBuilder): Code {
  const code = module.function([i32], [i32]);
  const at = code.parameter(0);
  const pageEnd = code.i32();
  const hash = code.local(i64);
  code.get(at).i32Const(pageSize).op(op.i32_add).set(pageEnd);
  code.i64Const(1).set(hash);
  const again = code.loop();
  for (let word = 0; word < stride; word += 1) {
    code
      .get(hash)
      .get(at)
      .memory(memoryOp.i64_load, word * wordSize)
      .op(op.i64_xor);
    code.i64Const(BigInt.asIntN(64, multiplier)).op(op.i64_mul).set(hash);
  }
  emitStep(code, at, stride);
  code.get(at).get(pageEnd).op(op.i32_ne).brIf(again).end();
  code.get(hash).i64Const(32).op(op.i64_shr_u).op(op.i32_wrap_i64);
  return code;
}

function defineSame(module: ModuleBuilder): Code {
  const code = module.function([i32, i32], [i32]);
  const one = code.parameter(0);
  const other = code.parameter(1);
  const pageEnd = code.i32();
  code.get(one).i32Const(pageSize).op(op.i32_add).set(pageEnd);
  const again = code.loop();
  code.get(one).memory(memoryOp.i64_load).get(other).memory(memoryOp.i64_load).op(op.i64_ne).if();
  code.i32Const(0).return().end();
  emitStep(code, one, 1);
  emitStep(code, other, 1);
  code.get(one).get(pageEnd).op(op.i32_ne).brIf(again).end();
  code.i32Const(1);
  return code;
}

function emitStep(code: Code, at: Local, words: number): void {
  code
    .get(at)
    .i32Const(words * wordSize)
    .op(op.i32_add)
    .set(at);
}
