// Nanoseconds per floating-point operation, by the state that decides about its path:
//   npx esbuild test/bench/float.ts --bundle --platform=node --format=esm --outfile=dist/bench/float.js
//   node dist/bench/float.js
// Each figure is the least of many loops over 1,024 operands and includes the loop, its loads and its call; the first
// row is a function that does nothing.
import { performance } from 'node:perf_hooks';
import { defineFloat } from '../../src/cpu/float/functions.ts';
import { memoryOp, ModuleBuilder, op, valueType } from '../../src/wasm/module.ts';
import type { Callable } from '../../src/wasm/module.ts';
import { FloatInstance, operationNames, operations } from '../cpu/float/instance.ts';
import { RandomBits } from '../cpu/float/operands.ts';

const { i32, i64 } = valueType;

const flagsAddress = 64;
const operandAddresses = [0x2000, 0x4000, 0x6000];
const resultAddress = 0x8000;
const operandCount = 1024;
const iterations = 20_000;
const repetitions = 150;

interface Shape {
  readonly arity: number;
  readonly rounds: boolean;
}

/** (iterations, mode, keep): loops, and-ing `keep` to the flags before every call. */
function exportLoop(module: ModuleBuilder, name: string, callee: Callable, { arity, rounds }: Shape): void {
  const code = module.function([i32, i32, i32], []);
  const [count, mode, keep] = [code.parameter(0), code.parameter(1), code.parameter(2)];
  const at = code.i32();
  const loop = code.loop();
  code.i32Const(0).i32Const(0).memory(memoryOp.i32_load, flagsAddress).get(keep).op(op.i32_and);
  code.memory(memoryOp.i32_store, flagsAddress);
  code
    .get(count)
    .i32Const(operandCount - 1)
    .op(op.i32_and)
    .i32Const(3)
    .op(op.i32_shl)
    .tee(at);
  for (const address of operandAddresses.slice(0, arity)) code.get(at).memory(memoryOp.i64_load, address);
  if (rounds) code.get(mode);
  code.call(callee).memory(memoryOp.i64_store, resultAddress);
  code.get(count).i32Const(1).op(op.i32_sub).tee(count).brIf(loop);
  code.end();
  module.exportFunction(name, code);
}

type Loop = (count: number, mode: number, keep: number) => void;

function instantiate(): { loops: Record<string, Loop>; memory: DataView } {
  const module = new ModuleBuilder();
  module.importMemory('env', 'memory', { minimum: 1, maximum: 1, shared: false });
  const functions = defineFloat(module, { flags: flagsAddress, mode: flagsAddress + 4, limit: flagsAddress + 8 });
  const nothing = module.function([i64, i64], [i64]);
  nothing.get(nothing.parameter(0));
  exportLoop(module, 'nothing', nothing, { arity: 2, rounds: false });
  for (const format of ['double', 'single'] as const) {
    for (const name of operationNames) {
      exportLoop(module, `${format}.${name}`, functions[format][name], operations[name]);
    }
  }
  exportLoop(module, 'singleToDouble', functions.singleToDouble, { arity: 1, rounds: false });
  exportLoop(module, 'doubleToSingle', functions.doubleToSingle, { arity: 1, rounds: true });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.toBytes()), { env: { memory } });
  return { loops: instance.exports as Record<string, Loop>, memory: new DataView(memory.buffer) };
}

function fillOperands(memory: DataView, name: string, scale: number): void {
  const random = new RandomBits(1);
  const isSingle = name.startsWith('single');
  for (const address of operandAddresses) {
    for (let index = 0; index < operandCount; index++) {
      const at = address + 8 * index;
      const value = ((random.word() + random.word() / 2 ** 32) / 2 ** 32 + 0.001) * scale;
      const signed = name.endsWith('sqrt') || random.below(2) === 0 ? value : -value;
      memory.setBigUint64(at, 0n, true);
      if (name.includes('from')) memory.setBigInt64(at, BigInt(Math.trunc(signed)), true);
      else if (isSingle) memory.setFloat32(at, signed, true);
      else memory.setFloat64(at, signed, true);
    }
  }
}

const NX = 1;

const columns = [
  { title: 'RNE, NX raised', mode: 0, raised: NX, keep: NX, scale: 1000 },
  { title: 'RNE', mode: 0, raised: 0, keep: 0, scale: 1000 },
  { title: 'RUP', mode: 3, raised: 0, keep: 0, scale: 1000 },
  { title: 'RNE, subnormal', mode: 0, raised: 0, keep: 0, scale: 0 },
];

const leastNormal = (name: string) => (name.startsWith('single') ? 2 ** -126 : 2 ** -1022);

const { loops, memory } = instantiate();
console.log(['operation'.padEnd(20), ...columns.map(({ title }) => title.padStart(16))].join(''));
for (const [name, loop] of Object.entries(loops)) {
  const figures = columns.map(({ mode, raised, keep, scale }) => {
    fillOperands(memory, name, scale === 0 ? leastNormal(name) : name.includes('from') ? 2 ** 62 : scale);
    let best = Infinity;
    for (let repetition = 0; repetition < repetitions; repetition++) {
      memory.setInt32(flagsAddress, raised, true);
      const start = performance.now();
      loop(iterations, mode, keep);
      best = Math.min(best, performance.now() - start);
    }
    return ((best * 1e6) / iterations).toFixed(2).padStart(16);
  });
  console.log([name.padEnd(20), ...figures].join(''));
}

const warmUp = FloatInstance.moduleBytes();
const writeStart = performance.now();
const bytes = FloatInstance.moduleBytes();
const compileStart = performance.now();
const isCompiled = new WebAssembly.Module(bytes) instanceof WebAssembly.Module;
const end = performance.now();
console.log(
  `module: ${warmUp.length} bytes, written in ${(compileStart - writeStart).toFixed(2)} ms (warm), ` +
    `${isCompiled ? 'compiled' : 'not compiled'} in ${(end - compileStart).toFixed(2)} ms (Node.js compiles functions when they are first called)`,
);
