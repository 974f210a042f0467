// Where control and status registers that hold a value of their own lie; mstatus is at `at.mstatus`.
import { at } from './layout.ts';

/** Byte offsets of the registers' values. `mipSoftware` is the part of mip that software sets. */
export const csrAt = {
  mie: at.csr + 0,
  mipSoftware: at.csr + 8,
  medeleg: at.csr + 16,
  mideleg: at.csr + 24,
  mtvec: at.csr + 32,
  mcounteren: at.csr + 40,
  menvcfg: at.csr + 48,
  mcountinhibit: at.csr + 56,
  mscratch: at.csr + 64,
  mepc: at.csr + 72,
  mcause: at.csr + 80,
  mtval: at.csr + 88,
  stvec: at.csr + 96,
  scounteren: at.csr + 104,
  senvcfg: at.csr + 112,
  sscratch: at.csr + 120,
  sepc: at.csr + 128,
  scause: at.csr + 136,
  stval: at.csr + 144,
  satp: at.csr + 152,
  stimecmp: at.csr + 160,
} as const;
