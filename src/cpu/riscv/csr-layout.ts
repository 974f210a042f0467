// Where control and status registers that hold a value of their own lie; mstatus is at `at.mstatus`.
import { at } from './layout.ts';

/** Byte offsets of the registers' values. `mipSoftware` is the part of mip that software sets. */
export const csrAt = {
  mie: at.csr,
  mipSoftware: at.csr + 8,
  medeleg: at.csr + 16,
  mideleg: at.csr + 24,
  mtvec: at.csr + 32,
  mcounteren: at.csr + 40,
  menvcfg: at.csr + 48,
  mscratch: at.csr + 56,
  mepc: at.csr + 64,
  mcause: at.csr + 72,
  mtval: at.csr + 80,
  // In the order of M-mode's.
  stvec: at.csr + 88,
  scounteren: at.csr + 96,
  senvcfg: at.csr + 104,
  sscratch: at.csr + 112,
  sepc: at.csr + 120,
  scause: at.csr + 128,
  stval: at.csr + 136,
  satp: at.csr + 144,
  stimecmp: at.csr + 152,
} as const;

/** From a register of M-mode's traps to that of S-mode's. */
export const toSupervisor = csrAt.stvec - csrAt.mtvec;
