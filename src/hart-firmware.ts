// A hart as the SBI sees it: its argument registers, its timer, its state.
import { csrAt } from './cpu/riscv/csr-layout.ts';
import { interrupt } from './cpu/riscv/csr.ts';
import type { Hart } from './cpu/riscv/hart.ts';
import { at } from './cpu/riscv/layout.ts';
import { mstatus, privilege } from './cpu/riscv/registers.ts';
import type { SbiHart } from './sbi.ts';

const a0 = 10;

export function firmwareHart(hart: Hart): SbiHart {
  const { registers } = hart;
  const argument = (index: number): number => at.x + (a0 + index) * 8;
  return {
    id: 0,
    low: (index) => registers.low(argument(index)),
    high: (index) => registers.high(argument(index)),
    set: (index, low, high) => registers.set(argument(index), low, high),
    setTimer: (ticks) => {
      // 2^53 ticks are 28 years: beyond them is never.
      if (ticks > Number.MAX_SAFE_INTEGER) registers.set(csrAt.stimecmp, -1, -1);
      else registers.setNumber(csrAt.stimecmp, ticks);
      hart.checkTimer();
    },
    raiseSoftwareInterrupt: () => hart.setSoftwarePending(interrupt.supervisorSoftware, true),
    // Decoded code follows every store by itself.
    fenceInstructions: () => undefined,
    fenceTranslations: () => hart.flushTranslations(),
    start: (pc, a1) => {
      registers.setWord(at.mstatus, registers.word(at.mstatus) & ~(mstatus.sie | mstatus.spie));
      registers.set(csrAt.satp, 0, 0);
      registers.setNumber(at.pc, pc);
      registers.set(argument(0), 0, 0);
      registers.set(argument(1), a1.low, a1.high);
      registers.record.privilege = privilege.supervisor;
      hart.stopped = false;
      hart.stateChanged();
    },
    stop: () => {
      hart.stopped = true;
      hart.leave();
    },
    wait: () => hart.wait(),
  };
}
