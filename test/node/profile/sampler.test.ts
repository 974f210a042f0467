import { describe, expect, test } from 'vitest';
import { HartSampler } from '../../../src/node/profile/sampler.ts';
import { knownTask } from '../../../src/node/profile/task-name.ts';
import type { ProfileSample } from '../../../src/profile-samples.ts';
import { csrAt } from '../../../src/cpu/riscv/csr-layout.ts';
import { privilege } from '../../../src/cpu/riscv/registers.ts';
import { ramBase, TestHart } from '../../cpu/riscv/test-hart.ts';

function sampled(
  source: string,
  instructions: number,
  before?: (machine: TestHart) => void,
): {
  readonly samples: readonly ProfileSample[];
  readonly at: (label: string) => number;
  readonly machine: TestHart;
} {
  const machine = new TestHart();
  const program = machine.load(source);
  before?.(machine);
  const samples: ProfileSample[] = [];
  const ram = { base: ramBase, bytes: machine.ram.length };
  const sampler = new HartSampler(machine.hart, ram, (told) => samples.push(...told));
  // Slices as the run loop's, which samples do not divide.
  for (let left = instructions; left > 0; left -= 7000) expect(sampler.run(Math.min(left, 7000))).toBe('budget');
  expect(machine.hart.retired()).toBe(instructions);
  sampler.flush();
  return { samples, at: (label) => Number(program.symbol(label)), machine };
}

const counted = (samples: readonly ProfileSample[]): number => samples.reduce((sum, { count }) => sum + count, 0);

describe('samples', () => {
  test('come about every 36,000 instructions, at all places of a loop alike', () => {
    const { samples, at } = sampled('again: addi a0, a0, 1\naddi a0, a0, 1\naddi a0, a0, 1\nj again', 36_000_000);
    expect(counted(samples)).toBeGreaterThan(900);
    expect(counted(samples)).toBeLessThan(1100);
    const places = new Map(samples.map(({ stack, count }) => [stack[0]?.address, count]));
    expect(new Set(places.keys())).toEqual(new Set([0, 4, 8, 12].map((offset) => at('again') + offset)));
    // A quarter each, give or take four standard deviations.
    for (const count of places.values()) expect(Math.abs(count - counted(samples) / 4)).toBeLessThan(60);
  });

  test('know the callers of a function, by the code of their beginnings', () => {
    const { samples, at } = sampled(
      `li sp, ${ramBase + 0x10_0000}
       start: jal ra, outer
       j start
       outer: addi sp, sp, -32
       sd ra, 24(sp)
       beqz x0, on
       ld ra, 24(sp)
       addi sp, sp, 32
       ret
       on: jal ra, middle
       behind: ld ra, 24(sp)
       addi sp, sp, 32
       ret
       middle: addi sp, sp, -2000
       sd s0, 1984(sp)
       sd ra, 1992(sp)
       la t0, leaf
       jalr ra, 0(t0)
       back: ld ra, 1992(sp)
       addi sp, sp, 2000
       ret
       leaf: li t1, 5000
       turn: addi t1, t1, -1
       bnez t1, turn
       ret`,
      4_000_000,
    );
    const expected = ['back', 'behind', 'start'].map((label) => at(label) + (label === 'start' ? 4 : 0));
    const [most] = samples.toSorted((one, other) => other.count - one.count);
    expect([at('turn'), at('turn') + 4]).toContain(most?.stack[0]?.address);
    for (const { stack } of samples.filter(({ stack: [here] }) => here !== undefined && here.address >= at('turn'))) {
      expect(stack.slice(1).map(({ address }) => address)).toEqual(expected);
    }
    expect(counted(samples)).toBeGreaterThan(80);
  });

  test('know the task by its name, once the one that is looked for has shown where names are', () => {
    const task = ramBase + 0x20_0000;
    const machine = new TestHart();
    machine.load(`li tp, ${task}\nagain: j again`);
    const samples: ProfileSample[] = [];
    const ram = { base: ramBase, bytes: machine.ram.length };
    const sampler = new HartSampler(machine.hart, ram, (told) => samples.push(...told));
    /** The names in samples of a task with this name. */
    const run = (name: string): (string | undefined)[] => {
      machine.ram.set(Buffer.from(`${name}\0`), task - ramBase + 1100);
      sampler.run(100_000);
      sampler.flush();
      return [...new Set(samples.splice(0).map((sample) => sample.task))];
    };
    expect(run('swapper')).toEqual([undefined]);
    expect(run(knownTask)).toEqual([knownTask]);
    expect(run('cc1')).toEqual(['cc1']);
    // A program runs: the kernel keeps the task in sscratch.
    machine.hart.registers.setNumber(csrAt.sscratch, task);
    machine.hart.registers.record.privilege = privilege.user;
    machine.hart.registers.setX(4, 0n);
    machine.hart.mmu.pmp.setAddress(0, 2n ** 54n - 1n);
    machine.hart.mmu.pmp.setConfiguration(0, 0x1f);
    machine.hart.stateChanged();
    expect(run('awk')).toEqual(['awk']);
  });
});
