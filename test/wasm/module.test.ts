// WebAssembly Core Specification 2.0, §5.4 and §5.5: modules that an engine takes, and what their code does.
import { describe, expect, it } from 'vitest';
import { memoryOp, ModuleBuilder, op, simdMemoryOp, simdOp, valueType } from '../../src/wasm/module.ts';
import type { Callable, Code, ValueType } from '../../src/wasm/module.ts';

const { i32, i64, f64, v128 } = valueType;

/** A module of one exported function. */
function define(parameters: readonly ValueType[], results: readonly ValueType[], write: (code: Code) => void) {
  const module = new ModuleBuilder();
  const code = module.function(parameters, results);
  write(code);
  module.exportFunction('f', code);
  return instantiate(module);
}

type Call = (...operands: (number | bigint)[]) => number | bigint | undefined;

function instantiate(module: ModuleBuilder, imports: Record<string, Record<string, unknown>> = {}): Call {
  const bytes = module.toBytes();
  expect(WebAssembly.validate(bytes)).toBe(true);
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports['f'] as Call;
}

describe('a module', () => {
  it('begins with its magic and version (§5.5.16), and may be empty', () => {
    const bytes = new ModuleBuilder().toBytes();
    expect(Array.from(bytes)).toEqual([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
    expect(WebAssembly.validate(bytes)).toBe(true);
  });

  it('can be asked for its bytes twice', () => {
    const module = new ModuleBuilder();
    module.exportFunction('f', module.function([], []));
    expect(module.toBytes()).toEqual(module.toBytes());
  });

  it('writes equal function types once (§5.5.4)', () => {
    const module = new ModuleBuilder();
    for (let count = 0; count < 3; count += 1) module.function([i32, i64], []);
    module.function([i64], [i32]);
    const bytes = Array.from(module.toBytes());
    // Section 1, its length, two types of five bytes each.
    expect(bytes.slice(8, 11)).toEqual([1, 11, 2]);
  });

  it('counts imported functions before its own, and refuses them after', () => {
    const module = new ModuleBuilder();
    const double = module.importFunction('env', 'double', [i32], [i32]);
    const triple = module.importFunction('env', 'triple', [i32], [i32]);
    const own = module.function([i32], [i32]);
    own.get(own.parameter(0)).call(double);
    const code = module.function([i32], [i32]);
    code.get(code.parameter(0)).call(own).call(triple);
    module.exportFunction('f', code);
    expect(() => module.importFunction('env', 'late', [], [])).toThrow('imports come before functions');
    const env = { double: (value: number) => value * 2, triple: (value: number) => value * 3 };
    expect(instantiate(module, { env })(7)).toBe(42);
  });

  it.each([true, false])('imports a memory whose sharing is as it says: %s', (shared) => {
    const module = new ModuleBuilder();
    module.importMemory('env', 'memory', { minimum: 1, maximum: 2, shared });
    const code = module.function([i32, i64], [i64]);
    code.get(code.parameter(0)).get(code.parameter(1)).memory(memoryOp.i64_store, 8);
    code.get(code.parameter(0)).memory(memoryOp.i64_load32_s, 12);
    module.exportFunction('f', code);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared });
    expect(instantiate(module, { env: { memory } })(16, 0x8765_4321_0000_0000n)).toBe(
      BigInt.asIntN(64, 0xffff_ffff_8765_4321n),
    );
    expect(new DataView(memory.buffer).getUint32(28, true)).toBe(0x8765_4321);
    const other = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: !shared });
    expect(() => instantiate(module, { env: { memory: other } })).toThrow();
  });

  it('has a table of its own, called through by index', () => {
    const module = new ModuleBuilder();
    const constants = [10, 20, 30].map((value) => {
      const code = module.function([], [i32]);
      code.i32Const(value);
      return code;
    });
    const code = module.function([i32], [i32]);
    code.get(code.parameter(0)).callIndirect([], [i32]);
    const tail = module.function([i32], [i32]);
    tail.get(tail.parameter(0)).returnCallIndirect([], [i32]);
    module.table(constants);
    module.exportFunction('f', code);
    const f = instantiate(module);
    expect([0, 1, 2].map((index) => f(index))).toEqual([10, 20, 30]);
    expect(() => f(3)).toThrow();
  });

  it('imports a table', () => {
    const module = new ModuleBuilder();
    module.importTable('env', 'table', 2);
    const code = module.function([i32], [i32]);
    code.get(code.parameter(0)).callIndirect([], [i32]);
    module.exportFunction('f', code);
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: 2 });
    const other = new ModuleBuilder();
    const seven = other.function([], [i32]);
    seven.i32Const(7);
    other.exportFunction('f', seven);
    table.set(1, instantiate(other));
    expect(instantiate(module, { env: { table } })(1)).toBe(7);
  });
});

describe('a function', () => {
  it('numbers locals behind its parameters, of any types in any order', () => {
    const f = define([i64], [f64], (code) => {
      const [a, b, c] = [code.i32(), code.f64(), code.i32()];
      code.i32Const(5).set(a).f64Const(0.5).set(b).i32Const(-3).set(c);
      code.get(a).get(c).op(op.i32_sub).op(op.f64_convert_i32_s);
      code.get(b).op(op.f64_add).get(code.parameter(0)).op(op.f64_convert_i64_s).op(op.f64_add);
    });
    expect(f(100n)).toBe(108.5);
  });

  it('has no parameter behind its last', () => {
    const code = new ModuleBuilder().function([i32], []);
    expect(() => code.parameter(1)).toThrow('function has no parameter 1');
  });

  it.each([0, 1, -1, 63, 64, -64, -65, 0x7fff_ffff, -0x8000_0000])('takes the constant %d', (value) => {
    expect(define([], [i32], (code) => code.i32Const(value))()).toBe(value);
    expect(define([], [i64], (code) => code.i64Const(value))()).toBe(BigInt(value));
  });

  it.each([2n ** 63n - 1n, -(2n ** 63n), 0x1_0000_0000n, -0x8000_0001n])(
    'takes the constant %d of 64 bits',
    (value) => {
      expect(define([], [i64], (code) => code.i64Const(value))()).toBe(value);
    },
  );

  it.each([0, -0, 1.5, Number.MIN_VALUE, Number.POSITIVE_INFINITY])('takes the constant %d as f64', (value) => {
    expect(define([], [f64], (code) => code.f64Const(value))()).toBe(value);
  });

  it('takes constants as f32', () => {
    expect(define([], [valueType.f32], (code) => code.f32Const(0.1))()).toBe(Math.fround(0.1));
  });

  it('fills memory (§5.4.6)', () => {
    const module = new ModuleBuilder();
    module.importMemory('env', 'memory', { minimum: 1, maximum: 1, shared: false });
    const code = module.function([], []);
    code.i32Const(10).i32Const(0xab).i32Const(5).memoryFill();
    module.exportFunction('f', code);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    instantiate(module, { env: { memory } })();
    expect(Array.from(new Uint8Array(memory.buffer, 9, 7))).toEqual([0, 0xab, 0xab, 0xab, 0xab, 0xab, 0]);
  });

  it('calls and tail-calls', () => {
    const module = new ModuleBuilder();
    const down: Callable & Code = module.function([i32], [i32]);
    // A million calls deep, which only tail calls survive.
    down.get(down.parameter(0)).op(op.i32_eqz).if();
    down.i32Const(99).return();
    down.end();
    down.get(down.parameter(0)).i32Const(1).op(op.i32_sub).returnCall(down);
    module.exportFunction('f', down);
    expect(instantiate(module)(1_000_000)).toBe(99);
  });
});

describe('labels name what they were opened for, however deep the branch is', () => {
  it('br leaves an outer block', () => {
    const f = define([i32], [i32], (code) => {
      const outer = code.block(i32);
      code.i32Const(1);
      const inner = code.block();
      code.get(code.parameter(0)).if();
      code.i32Const(2).br(outer).end();
      code.br(inner);
      code.end();
      code.end();
    });
    expect([f(0), f(1)]).toEqual([1, 2]);
  });

  it('br_if goes back to a loop', () => {
    const f = define([i32], [i32], (code) => {
      const [count, sum] = [code.parameter(0), code.i32()];
      const again = code.loop();
      code.get(sum).get(count).op(op.i32_add).set(sum);
      code.get(count).i32Const(1).op(op.i32_sub).tee(count).brIf(again);
      code.end();
      code.get(sum);
    });
    expect(f(100)).toBe(5050);
  });

  it('br_table takes the label by number, and the last one beyond', () => {
    const f = define([i32], [i32], (code) => {
      const labels = [code.block(), code.block(), code.block()].toReversed();
      code.get(code.parameter(0)).brTable(labels.slice(0, 2), labels[2]!);
      for (const value of [10, 20, 30]) code.end().i32Const(value).return();
      code.i32Const(0);
    });
    expect([f(0), f(1), f(2), f(-1)]).toEqual([10, 20, 30, 30]);
  });

  it('if and else give a value', () => {
    const f = define([i32], [i64], (code) => {
      code.get(code.parameter(0)).if(i64);
      code.i64Const(1);
      code.else();
      code.i64Const(2);
      code.end();
    });
    expect([f(5), f(0)]).toEqual([1n, 2n]);
  });

  it('a block that was not closed is our mistake', () => {
    const module = new ModuleBuilder();
    module.function([], []).block();
    expect(() => module.toBytes()).toThrow('1 blocks were not closed');
  });
});

describe('instructions without immediates are those that their names say', () => {
  const [a, b] = [0x8000_0001, 7];
  it.each([
    ['i32_add', (a + b) | 0],
    ['i32_sub', (a - b) | 0],
    ['i32_mul', Math.imul(a, b)],
    ['i32_div_s', Math.trunc((a | 0) / b)],
    ['i32_div_u', Math.floor(a / b)],
    ['i32_rem_s', (a | 0) % b],
    ['i32_rem_u', a % b],
    ['i32_and', a & b],
    ['i32_or', a | b],
    ['i32_xor', a ^ b],
    ['i32_shl', a << b],
    ['i32_shr_s', a >> b],
    ['i32_shr_u', a >>> b],
    ['i32_rotl', (a << b) | (a >>> (32 - b))],
    ['i32_rotr', (a >>> b) | (a << (32 - b))],
    ['i32_eq', 0],
    ['i32_ne', 1],
    ['i32_lt_s', 1],
    ['i32_lt_u', 0],
    ['i32_gt_s', 0],
    ['i32_gt_u', 1],
    ['i32_le_s', 1],
    ['i32_le_u', 0],
    ['i32_ge_s', 0],
    ['i32_ge_u', 1],
  ] as const)('%s', (name, value) => {
    const f = define([i32, i32], [i32], (code) => code.get(code.parameter(0)).get(code.parameter(1)).op(op[name]));
    expect(f(a, b)).toBe(value);
  });

  const [c, d] = [0x8000_0000_0000_0001n, 7n];
  const s = (value: bigint): bigint => BigInt.asIntN(64, value);
  it.each([
    ['i64_add', s(c + d)],
    ['i64_sub', s(c - d)],
    ['i64_mul', s(c * d)],
    ['i64_div_s', s(c) / d],
    ['i64_div_u', c / d],
    ['i64_rem_s', s(c) % d],
    ['i64_rem_u', c % d],
    ['i64_and', s(c & d)],
    ['i64_or', s(c | d)],
    ['i64_xor', s(c ^ d)],
    ['i64_shl', s(c << d)],
    ['i64_shr_s', s(c) >> d],
    ['i64_shr_u', c >> d],
    ['i64_rotl', s((c << d) | (c >> (64n - d)))],
    ['i64_rotr', s((c >> d) | (c << (64n - d)))],
  ] as const)('%s', (name, value) => {
    const f = define([i64, i64], [i64], (code) => code.get(code.parameter(0)).get(code.parameter(1)).op(op[name]));
    expect(f(c, d)).toBe(value);
  });

  it.each([
    ['i64_eq', 0],
    ['i64_ne', 1],
    ['i64_lt_s', 1],
    ['i64_lt_u', 0],
    ['i64_gt_s', 0],
    ['i64_gt_u', 1],
    ['i64_le_s', 1],
    ['i64_le_u', 0],
    ['i64_ge_s', 0],
    ['i64_ge_u', 1],
  ] as const)('%s', (name, value) => {
    const f = define([i64, i64], [i32], (code) => code.get(code.parameter(0)).get(code.parameter(1)).op(op[name]));
    expect(f(c, d)).toBe(value);
  });

  it.each([
    ['i32_eqz', i32, i32, 0, 1],
    ['i32_clz', i32, i32, 1, 31],
    ['i32_ctz', i32, i32, 8, 3],
    ['i32_popcnt', i32, i32, 0xff, 8],
    ['i64_eqz', i64, i32, 0n, 1],
    ['i64_clz', i64, i64, 1n, 63n],
    ['i64_ctz', i64, i64, 8n, 3n],
    ['i64_popcnt', i64, i64, -1n, 64n],
    ['i32_wrap_i64', i64, i32, 0x1_8000_0000n, -0x8000_0000],
    ['i64_extend_i32_s', i32, i64, -1, -1n],
    ['i64_extend_i32_u', i32, i64, -1, 0xffff_ffffn],
    ['i32_extend8_s', i32, i32, 0x180, -0x80],
    ['i32_extend16_s', i32, i32, 0x1_8000, -0x8000],
    ['i64_extend8_s', i64, i64, 0x180n, -0x80n],
    ['i64_extend16_s', i64, i64, 0x1_8000n, -0x8000n],
    ['i64_extend32_s', i64, i64, 0x1_8000_0000n, -0x8000_0000n],
    ['f64_reinterpret_i64', i64, f64, 0x3ff8_0000_0000_0000n, 1.5],
    ['i64_reinterpret_f64', f64, i64, 1.5, 0x3ff8_0000_0000_0000n],
    ['f64_sqrt', f64, f64, 2.25, 1.5],
    ['f64_neg', f64, f64, 2.25, -2.25],
  ] as const)('%s', (name, from, to, operand, value) => {
    const f = define([from], [to], (code) => code.get(code.parameter(0)).op(op[name]));
    expect(f(operand)).toBe(value);
  });

  it('select takes the first where the condition is not 0; drop takes nothing', () => {
    const f = define([i32], [i32], (code) => {
      code.i32Const(1).i32Const(2).get(code.parameter(0)).op(op.select).i32Const(3).op(op.drop);
    });
    expect([f(5), f(0)]).toEqual([1, 2]);
  });

  it('unreachable traps', () => {
    expect(define([], [], (code) => code.op(op.unreachable))).toThrow('unreachable');
  });
});

describe('vectors', () => {
  it('a number goes into every lane and comes out of one', () => {
    const f = define([f64], [f64], (code) =>
      code.get(code.parameter(0)).simd(simdOp.f64x2_splat).simd(simdOp.f64x2_extract_lane, 1),
    );
    expect(f(-1.5)).toBe(-1.5);
  });

  it('integers and floating-point numbers are the same bits in it', () => {
    const f = define([i64, i64], [f64], (code) => {
      for (const parameter of code.parameters) code.get(parameter).simd(simdOp.i64x2_splat);
      code.simd(simdOp.v128_or).simd(simdOp.f64x2_extract_lane, 0);
    });
    expect(f(0x3ff0_0000_0000_0000n, 0x0008_0000_0000_0000n)).toBe(1.5);
  });

  it('memory is read into the lowest lane, with zeros above it, and written from there', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const view = new DataView(memory.buffer);
    view.setBigUint64(1007, 0x8887_8685_8483_8281n, true);
    for (const [load, store, read, written] of [
      ['v128_load64_zero', 'v128_store32_lane', 0x8887_8685_8483_8281n, 0xffff_ffff_8483_8281n],
      ['v128_load32_zero', 'v128_store64_lane', 0x8483_8281n, 0x8483_8281n],
    ] as const) {
      view.setBigUint64(2005, 0xffff_ffff_ffff_ffffn, true);
      const module = new ModuleBuilder();
      module.importMemory('env', 'memory', { minimum: 1, maximum: 1, shared: false });
      const code = module.function([i32], [i64]);
      const vector = code.local(v128);
      code.get(code.parameter(0)).simdMemory(simdMemoryOp[load], 1000).set(vector);
      code.get(code.parameter(0)).get(vector).simdMemory(simdMemoryOp[store], 1998);
      code.get(vector).simd(simdOp.i64x2_extract_lane, 0);
      module.exportFunction('f', code);
      const f = instantiate(module, { env: { memory } });
      expect(BigInt.asUintN(64, BigInt(f(7) ?? 0))).toBe(read);
      expect(view.getBigUint64(2005, true)).toBe(written);
    }
  });
});

describe('branches that are seldom taken', () => {
  it('are named in a section before the code, by function and place in it (branch hinting proposal)', () => {
    const module = new ModuleBuilder();
    const usual = module.function([i32], []);
    const end = usual.block();
    usual.get(usual.parameter(0)).brIf(end).end();
    const code = module.function([i32], [i32]);
    const local = code.f64();
    code.f64Const(1.5).set(local);
    for (const value of [7, 8]) {
      const block = code.block();
      code.get(code.parameter(0)).i32Const(value).op(op.i32_eq);
      if (value === 7) code.brIfUnlikely(block);
      else code.brIf(block);
      code.i32Const(value).return();
      code.end();
    }
    code.i32Const(0);
    module.exportFunction('f', code);
    const bytes = Array.from(module.toBytes());
    const name = Array.from(new TextEncoder().encode('metadata.code.branch_hint'));
    const start = bytes.findIndex((_, index) => name.every((byte, offset) => bytes[index + offset] === byte));
    const [functions, index, hints, place, size, value, next] = bytes.slice(start + name.length);
    expect([functions, index, hints, size, value]).toEqual([1, code.index, 1, 1, 0]);
    // The code section begins: its length, two functions, the first with its length.
    const sections = bytes.slice(start + name.length + 6);
    expect(next).toBe(10);
    const first = sections[3] ?? 0;
    const body = sections.slice(3 + 1 + first + 1);
    const brIf = 0x0d;
    expect(body[place ?? 0]).toBe(brIf);
    expect(body.indexOf(brIf)).toBe(place);
    expect(instantiate(module)(7)).toBe(8);
  });

  it('have no section where there are none', () => {
    const module = new ModuleBuilder();
    const code = module.function([i32], []);
    const block = code.block();
    code.get(code.parameter(0)).brIf(block).end();
    expect(new TextDecoder('latin1').decode(module.toBytes())).not.toContain('branch_hint');
  });
});

describe('loads and stores are of the width and the sign that their names say', () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const view = new DataView(memory.buffer);
  const withMemory = (
    parameters: readonly ValueType[],
    results: readonly ValueType[],
    write: (code: Code) => void,
  ): Call => {
    const module = new ModuleBuilder();
    module.importMemory('env', 'memory', { minimum: 1, maximum: 1, shared: false });
    const code = module.function(parameters, results);
    write(code);
    module.exportFunction('f', code);
    return instantiate(module, { env: { memory } });
  };

  it.each([
    ['i32_load8_s', i32, -0x7f],
    ['i32_load8_u', i32, 0x81],
    ['i32_load16_s', i32, -0x7d7f],
    ['i32_load16_u', i32, 0x8281],
    ['i32_load', i32, 0x8483_8281 | 0],
    ['i64_load8_s', i64, -0x7fn],
    ['i64_load8_u', i64, 0x81n],
    ['i64_load16_s', i64, -0x7d7fn],
    ['i64_load16_u', i64, 0x8281n],
    ['i64_load32_s', i64, BigInt(0x8483_8281 | 0)],
    ['i64_load32_u', i64, 0x8483_8281n],
    ['i64_load', i64, BigInt.asIntN(64, 0x8887_8685_8483_8281n)],
  ] as const)('%s, at any alignment', (name, type, value) => {
    for (let index = 0; index < 8; index += 1) view.setUint8(1003 + index, 0x81 + index);
    expect(withMemory([i32], [type], (code) => code.get(code.parameter(0)).memory(memoryOp[name], 1000))(3)).toBe(
      value,
    );
  });

  it.each([
    ['i32_store8', i32, 1],
    ['i32_store16', i32, 2],
    ['i32_store', i32, 4],
    ['i64_store8', i64, 1],
    ['i64_store16', i64, 2],
    ['i64_store32', i64, 4],
    ['i64_store', i64, 8],
  ] as const)('%s', (name, type, size) => {
    new Uint8Array(memory.buffer).fill(0xee, 0, 16);
    const f = withMemory([type], [], (code) => code.i32Const(1).get(code.parameter(0)).memory(memoryOp[name], 2));
    f(type === i32 ? 0x0403_0201 : 0x0807_0605_0403_0201n);
    const expected = Array.from({ length: 13 }, (_, index) => (index < size ? index + 1 : 0xee));
    expect(Array.from(new Uint8Array(memory.buffer, 3, 13))).toEqual(expected);
  });
});
