// A hart's state goes into another hart over the same RAM, which does what the first does.
import { expect, test } from 'vitest';
import { csrAt } from '../../../src/cpu/riscv/csr-layout.ts';
import { restoreHart, saveHart } from '../../../src/cpu/riscv/hart-state.ts';
import { TestHart } from './test-hart.ts';

const program = `
  li t0, 7
  csrw mscratch, t0
  li t1, 0x6000
  csrs mstatus, t1
  fcvt.d.w f1, t0
  csrwi frm, 2
  la a0, data
  lr.w a1, (a0)
loop:
  addi t2, t2, 3
  xor t3, t3, t2
  fcvt.d.w f2, t3
  fadd.d f1, f1, f2
  addi t0, t0, -1
  bnez t0, loop
  sc.w a2, t0, (a0)
  csrr a3, minstret
  csrr a4, mscratch
  csrr a5, fflags
  stop
data:
  .word 5
`;

/** Registers as a guest could see them. */
function visible({ hart }: TestHart): unknown {
  const { translations: _, ...state } = saveHart(hart);
  return state;
}

test.each([8, 11, 20, 33, 50])('after %i instructions', (count) => {
  const first = new TestHart();
  first.load(program);
  first.hart.mmu.pmp.setAddress(0, 0x1234n << 10n);
  first.hart.mmu.pmp.setConfiguration(0, 0x1f);
  first.hart.registers.set(csrAt.stimecmp, 99, 0);
  first.hart.setLine(9, true);
  first.hart.run(count);
  const saved = structuredClone(saveHart(first.hart));

  const second = new TestHart();
  second.ram.set(first.ram);
  restoreHart(second.hart, saved);
  expect(saveHart(second.hart)).toEqual(saved);
  expect(second.hart.mmu.pmp.address(0)).toBe(first.hart.mmu.pmp.address(0));
  first.runToStop();
  second.runToStop();
  expect(visible(second)).toEqual(visible(first));
  expect(Buffer.compare(second.ram, first.ram)).toBe(0);
  expect(second.hart.retired()).toBeGreaterThan(count);
});
