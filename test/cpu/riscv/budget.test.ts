// How far the hart runs: exactly as far as it is told, wherever that is, and what it counts on the way.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Hart } from '../../../src/cpu/riscv/hart.ts';
import { makeStream } from './stream/image.ts';
import { Choices } from './stream/random.ts';
import { readLog, StreamHart } from './stream/run.ts';
import { deviceBase, ramBase, TestHart } from './test-hart.ts';

const machine = new TestHart({ ramBytes: 0x2_0000 });
beforeEach(() => machine.reset());

/** Loops, calls into another page, an instruction across pages, traps, registers, stores into code. */
const everything = `
  la t0, handler
  csrw mtvec, t0
  li a0, 0
  li a1, 3
loop:
  addi a0, a0, 1
  ecall
  c.addi a0, 2
  jal ra, far
  csrr a2, instret
  .half 0
  la a3, loop
  lw a4, 0(a3)
  sw a4, 0(a3)
  fence.i
  li a5, 0x40000000
  lw a5, 0(a5)
  addi a1, a1, -1
  bnez a1, loop
  stop
.align 4
handler:
  csrr t1, mepc
  csrr t2, mcause
  addi t2, t2, -2
  addi t1, t1, 4
  bnez t2, resume
  addi t1, t1, -2
resume:
  csrw mepc, t1
  li t2, 0x1800
  csrs mstatus, t2
  mret
.org 0xffc
far:
  c.nop2
  addi a0, a0, 4
  ret`.replace('c.nop2', 'c.addi a0, 0');

const state = ({ registers, retired }: { registers: Hart['registers']; retired: number }): unknown => ({
  pc: registers.pc(),
  retired,
  x: Array.from({ length: 32 }, (_, index) => registers.x(index)),
});

describe('run(n)', () => {
  it('retires n instructions, for every n, and leaves what n times run(1) leaves', () => {
    const length = 260;
    const steps: unknown[] = [];
    machine.load(everything);
    const { hart } = machine;
    for (let count = 0; count <= length; count += 1) {
      hart.run(0);
      steps.push(state({ registers: hart.registers, retired: hart.retired() }));
      expect(hart.run(1)).toBe('budget');
    }
    expect(hart.registers.x(11)).toBe(0n);
    for (let count = 1; count <= length; count += 7) {
      machine.reset();
      machine.load(everything);
      expect(hart.run(count)).toBe('budget');
      hart.run(0);
      expect(hart.retired()).toBe(count);
      expect(state({ registers: hart.registers, retired: hart.retired() })).toEqual(steps[count]);
    }
  });

  it('of 0 does nothing', () => {
    machine.load('li a0, 1\nstop');
    expect([machine.run(0), machine.pc, machine.hart.retired()]).toEqual(['budget', BigInt(ramBase), 0]);
  });

  it('takes the largest budget there is', () => {
    machine.device.onStore = () => machine.hart.leave();
    machine.load(`li t0, ${deviceBase}\nsw x0, 0(t0)\nstop`);
    expect([machine.run(2 ** 31 - 1), machine.hart.retired()]).toEqual(['left', 2]);
  });

  it('in slices of any length is the same run', () => {
    const stream = makeStream({ seed: 20, blocks: 12, unitsPerBlock: 48, checksum: true });
    const whole = new StreamHart(stream, true);
    whole.run();
    const sliced = new StreamHart(stream, true);
    const random = new Choices(3);
    while (!sliced.finished) {
      const length = random.pick([1, 1, 2, 3, 5, 17, 100, 1000]);
      const before = sliced.hart.retired();
      if (sliced.hart.run(length) === 'budget') expect(sliced.hart.retired() - before).toBe(length);
    }
    expect(readLog(sliced.ram)).toEqual(readLog(whole.ram));
    expect(Buffer.from(sliced.ram).equals(Buffer.from(whole.ram))).toBe(true);
    expect(sliced.hart.retired()).toBe(whole.hart.retired());
  });
});

describe('leave', () => {
  it('ends the run behind the present instruction', () => {
    machine.device.onStore = () => machine.hart.leave();
    const { symbol } = machine.load(`li t0, ${deviceBase}\nli a0, 1\nsw a0, 0(t0)\nhere:\nli a0, 2\nstop`);
    expect([machine.run(1000), machine.pc, machine.x('a0')]).toEqual(['left', symbol('here'), 1n]);
    expect(machine.hart.retired()).toBe(3);
    machine.runToStop();
    expect(machine.x('a0')).toBe(2n);
  });

  it('is for the present run alone', () => {
    machine.load('li a0, 1\nstop');
    machine.hart.leave();
    machine.runToStop();
    expect(machine.x('a0')).toBe(1n);
  });
});

describe('instret', () => {
  it('is exact at every exit, and where the guest reads it', () => {
    machine.load('csrr a0, instret\ncsrr a1, instret\nnop\nnop\ncsrr a2, instret\nstop');
    machine.run(1);
    machine.run(1);
    machine.run(3);
    expect([machine.hart.retired(), machine.x('a0'), machine.x('a1'), machine.x('a2')]).toEqual([5, 0n, 1n, 4n]);
  });

  it('does not count what traps: not a fault, not a call, not an instruction that is not there', () => {
    machine.put('csrr a0, instret\nstop', ramBase + 0x800);
    const traps = ['ecall', 'ebreak', '.half 0', '.word 0xffffffff', 'lw a1, 0(x0)', 'jr x0', 'csrr a1, 0x7c0'];
    for (const text of traps) {
      machine.execute(`li t0, ${ramBase + 0x800}\ncsrw mtvec, t0\ncsrr a5, instret\n${text}\nstop`);
      // The jump itself is retired; what it finds is not.
      expect([text, machine.x('a0') - machine.x('a5')]).toEqual([text, text === 'jr x0' ? 2n : 1n]);
    }
  });

  it('counts a wait once, and nothing while waiting', () => {
    machine.load('wfi\nstop');
    machine.run(10);
    machine.run(10);
    expect(machine.hart.retired()).toBe(1);
  });
});
