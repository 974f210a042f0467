// RISC-V Platform-Level Interrupt Controller Specification 1.0.0.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Plic } from '../../devices/plic.ts';
import { Wire } from '../board-parts.ts';

const priority = (source: number): number => 4 * source;
const pending = (source: number): number => 0x1000 + 4 * (source >> 5);
const enable = (context: number, source: number): number => 0x2000 + 0x80 * context + 4 * (source >> 5);
const threshold = (context: number): number => 0x20_0000 + 0x1000 * context;
const claim = (context: number): number => threshold(context) + 4;
const machine = 0;
const supervisor = 1;

function makePlic(count = 1) {
  const harts = Array.from({ length: count }, () => ({ machine: new Wire(), supervisor: new Wire() }));
  const plic = new Plic(harts);
  const get = (offset: number): number => plic.read(offset, 4);
  const put = (offset: number, value: number): void => plic.write(offset, 4, value);
  const enableSource = (context: number, source: number, level = 1): void => {
    put(priority(source), level);
    put(enable(context, source), get(enable(context, source)) | (1 << (source & 31)));
  };
  return { plic, harts, meip: harts[0]!.machine, seip: harts[0]!.supervisor, get, put, enableSource };
}

test('§4: a priority holds 0 to 7, and source 0 has none', () => {
  const { get, put } = makePlic();
  put(priority(10), 0xff);
  put(priority(0), 7);
  put(priority(96), 7);
  expect([get(priority(10)), get(priority(0)), get(priority(96))]).toEqual([7, 0, 0]);
});

test('§5: pending bits follow the sources and can not be written', () => {
  const { plic, get, put } = makePlic();
  plic.source(1).set(true);
  plic.source(33).set(true);
  plic.source(95).set(true);
  expect([get(pending(1)), get(pending(33)), get(pending(95))]).toEqual([2, 2, 0x8000_0000]);
  put(pending(1), 0);
  expect(get(pending(1))).toBe(2);
});

test('§6: enable bits are per context, and bit 0 is hardwired to 0', () => {
  const { get, put } = makePlic(2);
  put(enable(3, 1), 0xffff_ffff);
  expect([0, 1, 2, 3].map((context) => get(enable(context, 1)))).toEqual([0, 0, 0, 0xffff_fffe]);
});

test('§6: contexts are M and S of hart 0, then of hart 1', () => {
  const { plic, harts, enableSource } = makePlic(2);
  enableSource(3, 5);
  plic.source(5).set(true);
  expect(harts.map(({ machine: m, supervisor: s }) => [m.level, s.level])).toEqual([
    [false, false],
    [false, true],
  ]);
});

test('§4: priority 0 never interrupts', () => {
  const { plic, seip, get, enableSource } = makePlic();
  enableSource(supervisor, 10, 0);
  plic.source(10).set(true);
  expect(seip.level).toBe(false);
  expect(get(claim(supervisor))).toBe(0);
});

test('§6: a source that is not enabled does not interrupt, and does once it is', () => {
  const { plic, seip, meip, enableSource } = makePlic();
  plic.source(10).set(true);
  expect(seip.level).toBe(false);
  enableSource(supervisor, 10);
  expect([seip.level, meip.level]).toEqual([true, false]);
});

test('§8: only priorities above the threshold interrupt', () => {
  const { plic, seip, put, get, enableSource } = makePlic();
  enableSource(supervisor, 10, 3);
  plic.source(10).set(true);
  const levels = [2, 3, 7, 0].map((value) => {
    put(threshold(supervisor), value);
    return [get(threshold(supervisor)), seip.level];
  });
  expect(levels).toEqual([
    [2, true],
    [3, false],
    [7, false],
    [0, true],
  ]);
});

test('§9: a claim gives the highest priority first, of equal ones the lowest id', () => {
  const { plic, get, enableSource } = makePlic();
  const priorities = new Map([
    [40, 2],
    [3, 2],
    [95, 7],
    [7, 1],
  ]);
  for (const [source, level] of priorities) {
    enableSource(supervisor, source, level);
    plic.source(source).set(true);
  }
  expect([1, 2, 3, 4, 5].map(() => get(claim(supervisor)))).toEqual([95, 3, 40, 7, 0]);
});

test('§9: a claim is not affected by the threshold', () => {
  const { plic, get, put, enableSource } = makePlic();
  enableSource(supervisor, 10);
  put(threshold(supervisor), 7);
  plic.source(10).set(true);
  expect(get(claim(supervisor))).toBe(10);
});

test('§9: a claim clears the pending bit and the interrupt of every context', () => {
  const { plic, meip, seip, get, enableSource } = makePlic();
  enableSource(supervisor, 10);
  enableSource(machine, 10);
  plic.source(10).set(true);
  expect([meip.level, seip.level]).toEqual([true, true]);
  expect(get(claim(supervisor))).toBe(10);
  expect([meip.level, seip.level]).toEqual([false, false]);
  expect(get(pending(10))).toBe(0);
  expect(get(claim(machine))).toBe(0);
});

test('§2.1: after the claim the gateway forwards nothing until completion', () => {
  const { plic, seip, get, put, enableSource } = makePlic();
  enableSource(supervisor, 10);
  const wire = plic.source(10);
  wire.set(true);
  get(claim(supervisor));
  wire.set(false);
  wire.set(true);
  expect(seip.level).toBe(false);
  put(claim(supervisor), 10);
  expect(seip.level).toBe(true);
});

test('§2.1: completion of a source whose wire has fallen leaves it idle', () => {
  const { plic, seip, get, put, enableSource } = makePlic();
  enableSource(supervisor, 10);
  plic.source(10).set(true);
  get(claim(supervisor));
  plic.source(10).set(false);
  put(claim(supervisor), 10);
  expect(seip.level).toBe(false);
  plic.source(10).set(true);
  expect(seip.level).toBe(true);
});

test('§5: a request stays pending when its wire falls before the claim', () => {
  const { plic, get, enableSource } = makePlic();
  enableSource(supervisor, 10);
  plic.source(10).set(true);
  plic.source(10).set(false);
  expect(get(claim(supervisor))).toBe(10);
  expect(get(claim(supervisor))).toBe(0);
});

test('§10: completion of a source that is not enabled for the context is ignored', () => {
  const { plic, seip, get, put, enableSource } = makePlic();
  enableSource(supervisor, 10);
  plic.source(10).set(true);
  get(claim(supervisor));
  put(claim(machine), 10);
  expect(seip.level).toBe(false);
  for (const other of [0, 11, 96, 0xffff_ffff]) put(claim(supervisor), other);
  expect(seip.level).toBe(false);
  put(claim(supervisor), 10);
  expect(seip.level).toBe(true);
});

test('§3: registers are 32 bits wide: narrower accesses read 0, claim nothing and write nothing', () => {
  const { plic, get, enableSource } = makePlic();
  enableSource(supervisor, 10);
  plic.source(10).set(true);
  expect([plic.read(claim(supervisor), 1), plic.read(claim(supervisor), 2)]).toEqual([0, 0]);
  plic.write(priority(10), 1, 0);
  expect(get(claim(supervisor))).toBe(10);
});

test('addresses between and behind the registers read 0', () => {
  const { get, put } = makePlic();
  for (const offset of [0x100c, 0x200c, 0x2100, 0x1f_fffc, 0x20_1008, 0x20_2000, 0x5f_fffc]) {
    put(offset, 0xffff_ffff);
    expect(get(offset)).toBe(0);
  }
});

test('a wire to a source that does not exist is refused', () => {
  const { plic } = makePlic();
  expect(() => plic.source(0)).toThrow('no source 0');
  expect(() => plic.source(96)).toThrow('1 to 95');
});

test('any order of wires, claims and completions does what a plain model of the specification does', () => {
  const source = fc.constantFrom(1, 2, 10, 31, 32, 33, 64, 95);
  const context = fc.integer({ min: 0, max: 3 });
  const level = fc.integer({ min: 0, max: 7 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant('wire' as const), source, on: fc.boolean() }),
    fc.record({ kind: fc.constant('priority' as const), source, level }),
    fc.record({ kind: fc.constant('enable' as const), context, source, on: fc.boolean() }),
    fc.record({ kind: fc.constant('threshold' as const), context, level }),
    fc.record({ kind: fc.constant('claim' as const), context }),
    fc.record({ kind: fc.constant('complete' as const), context, source }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const { plic, harts, get, put } = makePlic(2);
      const model = new Model();
      for (const action of steps) {
        switch (action.kind) {
          case 'wire':
            plic.source(action.source).set(action.on);
            model.wire(action.source, action.on);
            break;
          case 'priority':
            put(priority(action.source), action.level);
            model.priority.set(action.source, action.level);
            break;
          case 'enable': {
            const bit = 1 << (action.source & 31);
            const before = get(enable(action.context, action.source));
            put(enable(action.context, action.source), (action.on ? before | bit : before & ~bit) >>> 0);
            if (action.on) model.enabled[action.context]!.add(action.source);
            else model.enabled[action.context]!.delete(action.source);
            break;
          }
          case 'threshold':
            put(threshold(action.context), action.level);
            model.threshold[action.context] = action.level;
            break;
          case 'claim':
            expect(get(claim(action.context))).toBe(model.claim(action.context));
            break;
          case 'complete':
            put(claim(action.context), action.source);
            model.complete(action.context, action.source);
            break;
        }
        const levels = harts.flatMap(({ machine: m, supervisor: s }) => [m.level, s.level]);
        expect(levels).toEqual([0, 1, 2, 3].map((id) => model.interrupts(id)));
      }
    }),
  );
});

/** The specification with sets instead of bits. */
class Model {
  readonly priority = new Map<number, number>();
  readonly enabled = [new Set<number>(), new Set<number>(), new Set<number>(), new Set<number>()];
  readonly threshold = [0, 0, 0, 0];
  readonly #asserted = new Set<number>();
  readonly #pending = new Set<number>();
  readonly #claimed = new Set<number>();

  wire(source: number, on: boolean): void {
    if (on && !this.#asserted.has(source) && !this.#claimed.has(source)) this.#pending.add(source);
    if (on) this.#asserted.add(source);
    else this.#asserted.delete(source);
  }

  claim(context: number): number {
    const [source = 0] = this.#candidates(context);
    if (this.#pending.delete(source)) this.#claimed.add(source);
    return source;
  }

  complete(context: number, source: number): void {
    if (!this.enabled[context]!.has(source)) return;
    this.#claimed.delete(source);
    if (this.#asserted.has(source)) this.#pending.add(source);
  }

  interrupts(context: number): boolean {
    return this.#candidates(context).some((source) => this.#level(source) > this.threshold[context]!);
  }

  #candidates(context: number): number[] {
    return [...this.#pending]
      .filter((source) => this.enabled[context]!.has(source) && this.#level(source) > 0)
      .sort((a, b) => this.#level(b) - this.#level(a) || a - b);
  }

  #level(source: number): number {
    return this.priority.get(source) ?? 0;
  }
}
