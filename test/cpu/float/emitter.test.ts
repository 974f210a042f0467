import { expect, it } from 'vitest';
import { Emitter, Variable } from '../../../src/cpu/float/emitter.ts';
import type { Kind, Operand } from '../../../src/cpu/float/emitter.ts';
import { memoryOp, ModuleBuilder, valueType } from '../../../src/wasm/module.ts';

type Body = (emit: Emitter, a: Variable<'i64'>, b: Variable<'i64'>) => Operand<'i64'>;

/** What a function with this body gives for two numbers. */
function run(body: Body, a: bigint, b: bigint): bigint {
  const module = new ModuleBuilder();
  const emit = new Emitter(module);
  module.exportFunction(
    'tested',
    emit.function(['i64', 'i64'], (x, y) => body(emit, x, y)),
  );
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.toBytes()));
  return (instance.exports['tested'] as (a: bigint, b: bigint) => bigint)(a, b);
}

it('nested calls are an expression', () => {
  expect(run(({ i64 }, a, b) => i64.sub(i64.shl(a, 3n), i64.mul(b, b)), 5n, 2n)).toBe(36n);
});

it('a variable or constant may stand left of computed operands', () => {
  expect(run(({ i64 }, a, b) => i64.sub(100n, i64.sub(a, i64.shl(b, 1n))), 5n, 2n)).toBe(99n);
  expect(run(({ i64 }, a, b) => i64.select(a, i64.add(b, 1n), i64.lt_s(a, b)), 7n, 2n)).toBe(3n);
  expect(run(({ i64 }, a, b) => i64.select(a, i64.add(b, 1n), i64.lt_s(a, b)), 1n, 2n)).toBe(1n);
});

it('choose evaluates one of its two forms', () => {
  const body: Body = ({ i64 }, a, b) =>
    i64.choose(
      i64.eqz(b),
      () => -1n,
      () => i64.div_s(a, b),
    );
  expect(run(body, 7n, 2n)).toBe(3n);
  expect(run(body, 7n, 0n)).toBe(-1n);
});

it('loads and stores take addresses and values of any form', () => {
  const module = new ModuleBuilder();
  module.importMemory('env', 'memory', { minimum: 1, maximum: 1, shared: false });
  const emit = new Emitter(module);
  const { i32, i64 } = emit;
  const body = emit.function(['i32', 'i64'], (address, value) => {
    emit.storeAt(memoryOp.i32_store8, address, 0x185);
    emit.storeAt(memoryOp.i64_store, address, i64.mul(value, 3n), 8);
    emit.storeAt(memoryOp.i64_store, i32.add(address, 16), emit.loadAt('i64', memoryOp.i64_load, address, 8), 0);
    emit.storeAt(memoryOp.i64_store, 64, -1n, 2);
    return i64.extend_i32_u(emit.loadAt('i32', memoryOp.i32_load8_s, i32.sub(address, 1), 1));
  });
  module.exportFunction('tested', body);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.toBytes()), { env: { memory } });
  expect((exports['tested'] as (address: number, value: bigint) => bigint)(32, 7n)).toBe(0xffff_ff85n);
  const view = new DataView(memory.buffer);
  expect([32, 40, 48, 66].map((place) => view.getBigInt64(place, true))).toEqual([0x85n, 21n, 21n, -1n]);
});

it('computed operands that are used in another order are refused', () => {
  const swapped: Body = ({ i64 }, a, b) => {
    const sum = i64.add(a, b);
    const product = i64.mul(a, b);
    return i64.sub(product, sum);
  };
  expect(() => run(swapped, 1n, 2n)).toThrow('in the order in which they were computed');
});

it('a computed operand that is used twice is refused', () => {
  const twice: Body = ({ i64 }, a, b) => {
    const sum = i64.add(a, b);
    return i64.mul(sum, sum);
  };
  expect(() => run(twice, 1n, 2n)).toThrow('and once');
});

it('a computed operand that is never used is refused', () => {
  const unused: Body = ({ i64 }, a, b) => {
    i64.add(a, b);
    return a;
  };
  expect(() => run(unused, 1n, 2n)).toThrow('never used');
});

it('writes a part of a function that is written otherwise, in the variables that it is given', () => {
  const module = new ModuleBuilder();
  const code = module.function([valueType.i64], [valueType.i64]);
  const parameter = code.parameter(0);
  const given: string[] = [];
  const emit = new Emitter();
  const newLocal = (kind: Kind) => {
    given.push(kind);
    return code.local(valueType[kind]);
  };
  const long = code.block();
  emit.within(code, newLocal, () => {
    const { i64 } = emit;
    const a = new Variable('i64', parameter);
    const twice = emit.let(i64.add(a, a));
    emit.branchIfUnlikely(i64.eq(twice, 14n), long);
    emit.set(
      a,
      i64.mul(
        twice,
        emit.written('i64', () => void code.i64Const(10)),
      ),
    );
  });
  code.end();
  code.get(parameter);
  module.exportFunction('f', code);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.toBytes()));
  const f = exports['f'] as (value: bigint) => bigint;
  // Stands left of a computed operand, and so waits in another variable.
  expect(given).toEqual(['i64', 'i64']);
  expect([f(3n), f(7n)]).toEqual([60n, 7n]);
});
