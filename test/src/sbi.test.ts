// RISC-V SBI Specification 2.0, called the way a kernel does.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Sbi } from '../../src/sbi.ts';
import type { SbiHart, SystemReset } from '../../src/sbi.ts';
import { ram, ramBase } from '../board-parts.ts';

const [BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN] = [
  0x10, 0x5449_4d45, 0x73_5049, 0x5246_4e43, 0x48_534d, 0x5352_5354, 0x4442_434e,
] as const;
const SUCCESS = 0n;
const NOT_SUPPORTED = -2n;
const INVALID_PARAM = -3n;
const INVALID_ADDRESS = -5n;
const ALREADY_AVAILABLE = -6n;
const ramLength = 0x10_0000;

class FakeHart implements SbiHart {
  readonly id: number;
  /** a0 to a7. */
  readonly registers = new BigInt64Array(8);
  readonly calls: string[] = [];
  readonly #halves = new Int32Array(this.registers.buffer);

  constructor(id: number) {
    this.id = id;
  }

  low(argument: number): number {
    return this.#halves[2 * argument]!;
  }

  high(argument: number): number {
    return this.#halves[2 * argument + 1]!;
  }

  set(argument: number, low: number, high: number): void {
    this.#halves[2 * argument] = low;
    this.#halves[2 * argument + 1] = high;
  }

  setTimer(ticks: number): void {
    this.calls.push(`timer ${ticks}`);
  }

  raiseSoftwareInterrupt(): void {
    this.calls.push('software interrupt');
  }

  fenceInstructions(): void {
    this.calls.push('fence.i');
  }

  fenceTranslations(): void {
    this.calls.push('sfence.vma');
  }

  start(pc: number, { low, high }: { low: number; high: number }): void {
    this.calls.push(`start 0x${pc.toString(16)} ${high} ${low}`);
  }

  stop(): void {
    this.calls.push('stop');
  }

  wait(): void {
    this.calls.push('wait');
  }
}

function makeSbi({ count = 1, input = '' } = {}) {
  const harts = Array.from({ length: count }, (_, id) => new FakeHart(id));
  const memory = ram(ramLength);
  const written: number[] = [];
  const waiting = [...new TextEncoder().encode(input)];
  const resets: SystemReset[] = [];
  const sbi = new Sbi({
    harts,
    memory,
    console: {
      transmit: (bytes) => written.push(...bytes),
      take: (target) => {
        const taken = waiting.splice(0, target.length);
        target.set(taken);
        return taken.length;
      },
    },
    onReset: (reset) => resets.push(reset),
  });
  const hart = harts[0]!;
  /** An ecall; registers that no argument names hold a pattern. Returns a0 and a1. */
  const call = (extension: number, functionId: number, ...values: readonly (bigint | number)[]): [bigint, bigint] => {
    hart.registers.fill(0x5a5a_5a5a_5a5a_5a5an);
    for (const [index, value] of values.entries()) hart.registers[index] = BigInt.asIntN(64, BigInt(value));
    hart.registers[6] = BigInt(functionId);
    hart.registers[7] = BigInt(extension);
    sbi.call(hart);
    return [hart.registers[0]!, hart.registers[1]!];
  };
  return { sbi, hart, harts, memory, written, resets, call, text: () => String.fromCharCode(...written) };
}

test('§3: an unknown extension is not supported', () => {
  const { call } = makeSbi();
  for (const id of [0x0900_0000, 0x0a00_0000, 0x504d_55, 5, 0x7fff_ffff]) {
    expect(call(id, 0)[0]).toBe(NOT_SUPPORTED);
  }
});

test.each([
  ['BASE', BASE, 7],
  ['TIME', TIME, 1],
  ['IPI', IPI, 1],
  ['RFENCE', RFENCE, 3],
  ['HSM', HSM, 4],
  ['SRST', SRST, 1],
  ['DBCN', DBCN, 3],
])('§3: an unknown function of %s is not supported and does nothing', (_, id, first) => {
  const { call, harts, resets, written } = makeSbi({ count: 2 });
  for (const functionId of [first, first + 1, 0x7fff_ffff, -1]) {
    expect(call(id, functionId, 1, 0)[0]).toBe(NOT_SUPPORTED);
  }
  expect([harts.flatMap(({ calls }) => calls), resets, written]).toEqual([[], [], []]);
});

test('§3: all registers but a0 and a1 are kept', () => {
  const { call, hart } = makeSbi();
  call(BASE, 0);
  expect(Array.from(hart.registers.subarray(2, 6))).toEqual(Array.from({ length: 4 }, () => 0x5a5a_5a5a_5a5a_5a5an));
  expect(Array.from(hart.registers.subarray(6))).toEqual([0n, BigInt(BASE)]);
});

test('§4.1: the specification version is 2.0', () => {
  expect(makeSbi().call(BASE, 0)).toEqual([SUCCESS, 0x0200_0000n]);
});

test('§4.2 and §4.3: the implementation has an id that nobody else was given, and a version', () => {
  const { call } = makeSbi();
  const [error, id] = call(BASE, 1);
  expect(error).toBe(SUCCESS);
  expect(id).toBeGreaterThan(0xffn);
  expect(call(BASE, 2)).toEqual([SUCCESS, 1n]);
});

test('§4.4: probing finds what is there, and 0 for what is not', () => {
  const { call } = makeSbi();
  const probe = (id: number): bigint => call(BASE, 3, id)[1];
  expect([BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN, 0, 1, 2, 3, 8].map(probe)).toEqual(
    Array.from({ length: 12 }, () => 1n),
  );
  expect([4, 5, 6, 7, 9, 0x504d_55, 0x5355_5350, 0xffff_ffff].map(probe)).toEqual(Array.from({ length: 8 }, () => 0n));
});

test('§4.5 to §4.7: vendor, architecture and implementation ids are 0, as the CSRs are', () => {
  const { call } = makeSbi();
  expect([4, 5, 6].map((functionId) => call(BASE, functionId))).toEqual(Array.from({ length: 3 }, () => [SUCCESS, 0n]));
});

test('§6.1: set_timer takes an absolute time of 64 bits', () => {
  const { call, hart } = makeSbi();
  expect(call(TIME, 0, 0x1_8000_0001n)).toEqual([SUCCESS, 0n]);
  expect(hart.calls).toEqual(['timer 6442450945']);
});

test('§6.1: a time of all ones, or 28 years ahead, is never', () => {
  const { call, hart } = makeSbi();
  call(TIME, 0, -1n);
  call(TIME, 0, 2n ** 53n);
  call(TIME, 0, 2n ** 53n - 1n);
  expect(hart.calls).toEqual(['timer Infinity', 'timer Infinity', `timer ${2 ** 53 - 1}`]);
});

test('§7.1: send_ipi interrupts the harts of the mask, counted from its base', () => {
  const { call, harts } = makeSbi({ count: 4 });
  expect(call(IPI, 0, 0b101, 1)).toEqual([SUCCESS, 0n]);
  expect(harts.map(({ calls }) => calls.length)).toEqual([0, 1, 0, 1]);
});

test('§3.1: a mask base of -1 is every hart, whatever the mask', () => {
  const { call, harts } = makeSbi({ count: 3 });
  expect(call(IPI, 0, 0, -1)[0]).toBe(SUCCESS);
  expect(harts.map(({ calls }) => calls.length)).toEqual([1, 1, 1]);
});

test('§3.1: a mask with a hart that does not exist is refused, and nobody is interrupted', () => {
  const { call, harts } = makeSbi({ count: 2 });
  for (const [mask, base] of [
    [0b111, 0],
    [1, 2],
    [1n << 63n, 0],
    [1, 0xffff_ffffn],
    [1, 2n ** 64n - 2n],
  ] as const) {
    expect(call(IPI, 0, mask, base)[0]).toBe(INVALID_PARAM);
  }
  expect(harts.flatMap(({ calls }) => calls)).toEqual([]);
});

test('§3.1: the upper half of the mask counts, and an empty mask is nobody', () => {
  const { call, harts } = makeSbi({ count: 40 });
  expect(call(IPI, 0, 1n << 39n, 0)[0]).toBe(SUCCESS);
  expect(call(IPI, 0, 0, 0)[0]).toBe(SUCCESS);
  expect(harts.flatMap(({ id, calls }) => (calls.length > 0 ? [id] : []))).toEqual([39]);
});

test('§8: remote fences reach the harts of the mask', () => {
  const { call, harts } = makeSbi({ count: 2 });
  expect(call(RFENCE, 0, 1, 1)[0]).toBe(SUCCESS);
  expect(call(RFENCE, 1, 3, 0, 0x1000, 0x2000)[0]).toBe(SUCCESS);
  expect(call(RFENCE, 2, 0, -1, 0x1000, 0x2000, 5)[0]).toBe(SUCCESS);
  expect(harts.map(({ calls }) => calls)).toEqual([
    ['sfence.vma', 'sfence.vma'],
    ['fence.i', 'sfence.vma', 'sfence.vma'],
  ]);
  expect(call(RFENCE, 0, 4, 0)[0]).toBe(INVALID_PARAM);
});

test('§9: the boot hart is started, the others are stopped, and one that does not exist has no state', () => {
  const { call } = makeSbi({ count: 2 });
  expect(call(HSM, 2, 0)).toEqual([SUCCESS, 0n]);
  expect(call(HSM, 2, 1)).toEqual([SUCCESS, 1n]);
  expect(call(HSM, 2, 2)[0]).toBe(INVALID_PARAM);
  expect(call(HSM, 2, 2n ** 64n - 1n)[0]).toBe(INVALID_PARAM);
});

test('§9.1: hart_start begins at an address with an opaque value', () => {
  const { call, harts } = makeSbi({ count: 2 });
  expect(call(HSM, 0, 1, ramBase + 0x100, 0x7_0000_0009n)).toEqual([SUCCESS, 0n]);
  expect(harts[1]!.calls).toEqual(['start 0x80000100 7 9']);
  expect(call(HSM, 2, 1)).toEqual([SUCCESS, 0n]);
});

test('§9.1: hart_start refuses a running hart, a hart that is not there, an address that can not be executed', () => {
  const { call, harts } = makeSbi({ count: 2 });
  expect(call(HSM, 0, 0, ramBase, 0)[0]).toBe(ALREADY_AVAILABLE);
  expect(call(HSM, 0, 2, ramBase, 0)[0]).toBe(INVALID_PARAM);
  for (const address of [0, ramBase - 2, ramBase + 1, ramBase + ramLength, 2n ** 64n - 2n]) {
    expect(call(HSM, 0, 1, address, 0)[0]).toBe(INVALID_ADDRESS);
  }
  expect(harts.flatMap(({ calls }) => calls)).toEqual([]);
});

test('§9.2: a hart that stops can be started again', () => {
  const { sbi, harts, call } = makeSbi({ count: 2 });
  call(HSM, 0, 1, ramBase, 0);
  const second = harts[1]!;
  second.registers[6] = 1n;
  second.registers[7] = BigInt(HSM);
  sbi.call(second);
  expect(second.calls.at(-1)).toBe('stop');
  expect(call(HSM, 2, 1)).toEqual([SUCCESS, 1n]);
  expect(call(HSM, 0, 1, ramBase, 0)[0]).toBe(SUCCESS);
});

test('§9.4: a retentive suspend waits for an interrupt and answers; others are refused', () => {
  const { call, hart } = makeSbi();
  expect(call(HSM, 3, 0)).toEqual([SUCCESS, 0n]);
  expect(hart.calls).toEqual(['wait']);
  expect(call(HSM, 3, 0x8000_0000)[0]).toBe(NOT_SUPPORTED);
  expect(call(HSM, 3, 1)[0]).toBe(INVALID_PARAM);
  expect(call(HSM, 3, 0xffff_ffff)[0]).toBe(INVALID_PARAM);
  expect(hart.calls).toEqual(['wait']);
});

test('§10.1: system_reset tells shutdown, cold and warm reboot, and whether the guest failed', () => {
  const { call, resets } = makeSbi();
  for (const [type, reason] of [
    [0, 0],
    [1, 0],
    [2, 1],
  ] as const) {
    call(SRST, 0, type, reason);
  }
  expect(resets).toEqual([
    { type: 'shutdown', failure: false },
    { type: 'cold-reboot', failure: false },
    { type: 'warm-reboot', failure: true },
  ]);
});

test('§10.1: reserved types and reasons are refused', () => {
  const { call, resets } = makeSbi();
  for (const [type, reason] of [
    [3, 0],
    [0xf000_0000, 0],
    [0, 2],
    [0, 0xe000_0000],
  ] as const) {
    expect(call(SRST, 0, type, reason)[0]).toBe(INVALID_PARAM);
  }
  expect(resets).toEqual([]);
});

test('§12.1: console_write sends bytes of memory, in pieces that it tells', () => {
  const { call, memory, text, written } = makeSbi();
  memory.write(ramBase + 0x100, new TextEncoder().encode('from the kernel'));
  expect(call(DBCN, 0, 15, ramBase + 0x100, 0)).toEqual([SUCCESS, 15n]);
  expect(text()).toBe('from the kernel');
  expect(call(DBCN, 0, 0, ramBase, 0)).toEqual([SUCCESS, 0n]);
  const [error, count] = call(DBCN, 0, ramLength, ramBase, 0);
  expect(error).toBe(SUCCESS);
  expect(count).toBeGreaterThan(0n);
  expect(written.length).toBe(15 + Number(count));
});

test('§12.2: console_read fills memory with the characters that are there, and does not wait', () => {
  const { call, memory } = makeSbi({ input: 'hello' });
  const reported: [number, number][] = [];
  memory.onWritten((address, length) => reported.push([address, length]));
  expect(call(DBCN, 1, 3, ramBase + 8, 0)).toEqual([SUCCESS, 3n]);
  expect(call(DBCN, 1, 100, ramBase + 11, 0)).toEqual([SUCCESS, 2n]);
  expect(call(DBCN, 1, 100, ramBase + 8, 0)).toEqual([SUCCESS, 0n]);
  expect(new TextDecoder().decode(memory.view(ramBase + 8, 5).slice())).toBe('hello');
  expect(reported).toEqual([
    [ramBase + 8, 3],
    [ramBase + 11, 2],
  ]);
});

test('§12.3: console_write_byte sends the lowest byte', () => {
  const { call, written } = makeSbi();
  expect(call(DBCN, 2, 0x141)).toEqual([SUCCESS, 0n]);
  expect(written).toEqual([0x41]);
});

test('§3.2: memory that is not all RAM is refused, whatever address and length', () => {
  const { call, written } = makeSbi({ input: 'x' });
  for (const [length, low, high] of [
    [1, ramBase - 1, 0],
    [2, ramBase + ramLength - 1, 0],
    [1, 0x1000_0000, 0],
    [2n ** 64n - 1n, ramBase, 0],
    [2n ** 63n, ramBase, 0],
    [1, ramBase, 1],
    [1, 2n ** 64n - 1n, 0],
  ] as const) {
    expect(call(DBCN, 0, length, low, high)[0]).toBe(INVALID_PARAM);
    expect(call(DBCN, 1, length, low, high)[0]).toBe(INVALID_PARAM);
  }
  expect(written).toEqual([]);
});

test('§5.1: the legacy set_timer answers in a0 and keeps a1', () => {
  const { call, hart } = makeSbi();
  expect(call(0, 0, 77, 1234)).toEqual([0n, 1234n]);
  expect(hart.calls).toEqual(['timer 77']);
});

test('§5.2 and §5.3: the legacy console', () => {
  const { call, written } = makeSbi({ input: 'é' });
  expect(call(1, 0, 0x42)[0]).toBe(0n);
  expect(written).toEqual([0x42]);
  expect([call(2, 0)[0], call(2, 0)[0], call(2, 0)[0]]).toEqual([0xc3n, 0xa9n, -1n]);
});

test('§5.9: the legacy shutdown', () => {
  const { call, resets } = makeSbi();
  call(8, 0);
  expect(resets).toEqual([{ type: 'shutdown', failure: false }]);
});

test('no call with any registers throws or touches what it was not given', () => {
  const register = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: 0n, max: 8n }),
    fc.constantFrom(-1n, BigInt(ramBase), BigInt(ramBase + ramLength - 1), 2n ** 53n),
  );
  const id = fc.oneof(fc.constantFrom(BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN), fc.integer({ min: 0, max: 20 }));
  fc.assert(
    fc.property(
      id,
      fc.integer({ min: 0, max: 4 }),
      fc.array(register, { minLength: 6, maxLength: 6 }),
      (eid, fid, args) => {
        const { call, hart } = makeSbi({ count: 2, input: 'input' });
        call(eid, fid, ...args);
        expect(Array.from(hart.registers.subarray(2))).toEqual([...args.slice(2), BigInt(fid), BigInt(eid)]);
      },
    ),
    { numRuns: 500 },
  );
});
