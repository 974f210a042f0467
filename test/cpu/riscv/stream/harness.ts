// The program around a stream: it sets the machine up, puts each block into the state that it starts from, notes every
// trap and goes on behind it, and at a block's end writes all registers and a checksum of the memory into the log. The
// same bytes run on QEMU and on the hart.
import { assemble } from '../assembler.ts';
import type { Program } from '../assembler.ts';
import { changingEntries, finisherPass, physical, scratchBytes, tableAddress, testFinisher } from './layout.ts';

/** Where `variables` keeps what. Offsets 0 to 23 are for the trap handler's registers. */
export const variable = { exit: 24, supervisorExit: 32, log: 40, block: 48, endOfBlocks: 56, counted: 64 } as const;
/** The same in the supervisor's data, whose log begins at `records`. */
const supervisor = { exit: 24, used: 32, records: 64 } as const;

/** A block's descriptor: fields of 8 bytes, then f0 to f31, then x0 to x31. */
export const descriptor = {
  entry: 0,
  exit: 8,
  satp: 16,
  mstatus: 24,
  medeleg: 32,
  sscratch: 40,
  stvec: 48,
  supervisorExit: 56,
  fcsr: 64,
  f: 72,
  x: 328,
  size: 584,
} as const;

/** A dump in the log: its mark, x1 to x31, f0 to f31, fcsr, checksum, bytes of the supervisor's log, and that log. */
export const dumpMark = 0x6475_6d70_6475_6d70n;
export const dump = { x: 0, f: 256, fcsr: 512, checksum: 520, used: 528, records: 536 } as const;
/** A trap in the log: cause, epc, tval. */
export const trapBytes = 24;
/** Instructions that the counter sees of each entry into the machine's trap handler. */
export const countedOverhead = 6;

const fs = 3 << 13;
const sum = 1 << 18;
const mxr = 1 << 19;
const mprv = 1 << 17;

const each = (from: number, line: (index: number) => string): string =>
  Array.from({ length: 32 - from }, (_, index) => line(index + from)).join('\n');

/** Naturally aligned range [base, base + size) as pmpaddr. */
const napot = (base: number, size: number): bigint => (BigInt(base) >> 2n) | (BigInt(size / 8) - 1n);
const [R, W, X, NAPOT] = [1, 2, 4, 3 << 3];

/** What S and U may reach; M-mode may reach all. */
const protection = [
  [napot(physical.scratch, 0x20_0000), R | W],
  [napot(physical.bareCode, 0x20_0000), R | X],
  [napot(physical.pagedCode, 0x20_0000), R | W | X],
  [napot(tableAddress('root'), 0x1_0000), R | W],
  [napot(physical.supervisorCode, 0x1000), R | X],
  [napot(physical.supervisorData, 0x2000), R | W],
] as const;

const protect = protection.map(([address], entry) => `li t0, ${address}\ncsrw pmpaddr${entry}, t0`).join('\n');
const configuration = protection.reduce(
  (sum64, [, permissions], entry) => sum64 | (BigInt(permissions | NAPOT) << BigInt(entry * 8)),
  0n,
);

const copy = (name: string, from: number, to: number, entries: number): string => `
  li t0, ${from}
  li t1, ${to}
  li t2, ${entries}
${name}:
  ld t3, 0(t0)
  sd t3, 0(t1)
  addi t0, t0, 8
  addi t1, t1, 8
  addi t2, t2, -1
  bnez t2, ${name}`;

const hash = (name: string, from: number, bytes: number): string => `
  li t0, ${from}
  li t3, ${bytes}
  add t3, t3, t0
${name}:
  ld t4, 0(t0)
  xor t2, t2, t4
  mul t2, t2, t5
  addi t0, t0, 8
  bne t0, t3, ${name}`;

/** t0 := the address behind the instruction at t0, which the mode that trapped can fetch. Uses t1 and t2. */
const skipInstruction = (status: string, bits: number): string => `
  csrr t2, ${status}
  li t1, ${bits}
  csrs ${status}, t1
  lhu t1, 0(t0)
  csrw ${status}, t2
  andi t1, t1, 3
  addi t1, t1, -3
  sltu t1, x0, t1
  slli t1, t1, 1
  addi t0, t0, 4
  sub t0, t0, t1`;

/** After a fault of the fetch itself there is no next instruction: on behind the call that led there. */
const skipOrReturn = (name: string, cause: string, epc: string, status: string, bits: number): string => `
  csrr t2, ${cause}
  addi t1, t2, -1
  beqz t1, ${name}Return
  addi t1, t2, -12
  beqz t1, ${name}Return
  ${skipInstruction(status, bits)}
  csrw ${epc}, t0
  j ${name}Resume
${name}Return:
  csrw ${epc}, ra
${name}Resume:`;

const machineText = (checksum: boolean): string => `
  la t0, trap
  csrw mtvec, t0
  csrwi mcounteren, 0
  csrwi scounteren, 0
  csrwi mie, 0
  csrwi mideleg, 0
  ${protect}
  li t0, ${configuration}
  csrw pmpcfg0, t0
  li sp, ${physical.variables}
nextBlock:
  ld s1, ${variable.block}(sp)
  ld t0, ${variable.endOfBlocks}(sp)
  beq s1, t0, finish
  ${copy('copyData', tableAddress('pristineData'), tableAddress('data'), changingEntries.data)}
  ${copy('copyMiddle', tableAddress('pristineMiddle'), tableAddress('middle'), changingEntries.middle)}
  ld t0, ${descriptor.satp}(s1)
  csrw satp, t0
  sfence.vma x0, x0
  ld t0, ${descriptor.medeleg}(s1)
  csrw medeleg, t0
  ld t0, ${descriptor.sscratch}(s1)
  csrw sscratch, t0
  ld t0, ${descriptor.stvec}(s1)
  csrw stvec, t0
  ld t0, ${descriptor.entry}(s1)
  csrw mepc, t0
  csrwi sepc, 0
  csrwi scause, 0
  csrwi stval, 0
  ld t0, ${descriptor.supervisorExit}(s1)
  sd t0, ${variable.supervisorExit}(sp)
  ld t0, ${descriptor.exit}(s1)
  sd t0, ${variable.exit}(sp)
  li t1, ${physical.supervisorData}
  sd t0, ${supervisor.exit}(t1)
  sd x0, ${supervisor.used}(t1)
  li t0, ${fs}
  csrw mstatus, t0
  ld t0, ${descriptor.fcsr}(s1)
  csrw fcsr, t0
  ${each(0, (index) => `fld f${index}, ${descriptor.f + index * 8}(s1)`)}
  ld t0, ${descriptor.mstatus}(s1)
  csrw mstatus, t0
  csrw mscratch, sp
  mv x31, s1
  ${each(1, (index) => (index === 31 ? '' : `ld x${index}, ${descriptor.x + index * 8}(x31)`))}
  csrwi minstret, 0
  ld x31, ${descriptor.x + 31 * 8}(x31)
  mret

trap:
  csrrw sp, mscratch, sp
  sd t0, 0(sp)
  sd t1, 8(sp)
  sd t2, 16(sp)
  csrr t0, minstret
  ld t1, ${variable.counted}(sp)
  add t0, t0, t1
  sd t0, ${variable.counted}(sp)
  csrr t0, mepc
  ld t1, ${variable.exit}(sp)
  beq t0, t1, dump
  ld t1, ${variable.supervisorExit}(sp)
  beq t0, t1, dump
  ld t1, ${variable.log}(sp)
  csrr t2, mcause
  sd t2, 0(t1)
  sd t0, 8(t1)
  csrr t2, mtval
  sd t2, 16(t1)
  addi t1, t1, ${trapBytes}
  sd t1, ${variable.log}(sp)
  ${skipOrReturn('machine', 'mcause', 'mepc', 'mstatus', mprv | sum | mxr)}
  ld t0, 0(sp)
  ld t1, 8(sp)
  ld t2, 16(sp)
  csrwi minstret, 0
  csrrw sp, mscratch, sp
  mret

dump:
  li t0, ${fs}
  csrs mstatus, t0
  ld t1, ${variable.log}(sp)
  li t0, ${dumpMark}
  sd t0, 0(t1)
  ${each(1, (index) => `sd x${index}, ${dump.x + index * 8}(t1)`)}
  csrr t0, mscratch
  sd t0, ${dump.x + 2 * 8}(t1)
  ld t0, 0(sp)
  sd t0, ${dump.x + 5 * 8}(t1)
  ld t0, 8(sp)
  sd t0, ${dump.x + 6 * 8}(t1)
  ld t0, 16(sp)
  sd t0, ${dump.x + 7 * 8}(t1)
  ${each(0, (index) => `fsd f${index}, ${dump.f + index * 8}(t1)`)}
  csrr t0, fcsr
  sd t0, ${dump.fcsr}(t1)
  mv t2, x0
  ${
    checksum
      ? `li t5, 0x9e3779b97f4a7c15
  ${hash('hashScratch', physical.scratch, scratchBytes)}
  ${hash('hashData', tableAddress('data'), changingEntries.data * 8)}
  ${hash('hashMiddle', tableAddress('middle'), changingEntries.middle * 8)}`
      : ''
  }
  sd t2, ${dump.checksum}(t1)
  li t2, ${physical.supervisorData}
  ld t0, ${supervisor.used}(t2)
  sd t0, ${dump.used}(t1)
  add t0, t0, t2
copyLog:
  beq t0, t2, copied
  ld t3, ${supervisor.records}(t2)
  sd t3, ${dump.records}(t1)
  addi t1, t1, 8
  addi t2, t2, 8
  j copyLog
copied:
  addi t1, t1, ${dump.records}
  sd t1, ${variable.log}(sp)
  ld s1, ${variable.block}(sp)
  addi s1, s1, ${descriptor.size}
  sd s1, ${variable.block}(sp)
  j nextBlock

finish:
  li t0, ${testFinisher}
  li t1, ${finisherPass}
  sw t1, 0(t0)
  stop`;

/** The supervisor's trap handler: the same in its own log. At the block's end it hands over to the machine's. */
const supervisorText = `
trap:
  csrrw sp, sscratch, sp
  sd t0, 0(sp)
  sd t1, 8(sp)
  sd t2, 16(sp)
  csrr t0, sepc
  ld t1, ${supervisor.exit}(sp)
  beq t0, t1, done
  ld t1, ${supervisor.used}(sp)
  add t1, t1, sp
  csrr t2, scause
  sd t2, ${supervisor.records}(t1)
  sd t0, ${supervisor.records + 8}(t1)
  csrr t2, stval
  sd t2, ${supervisor.records + 16}(t1)
  sub t1, t1, sp
  addi t1, t1, ${trapBytes}
  sd t1, ${supervisor.used}(sp)
  ${skipOrReturn('supervisor', 'scause', 'sepc', 'sstatus', sum | mxr)}
  ld t0, 0(sp)
  ld t1, 8(sp)
  ld t2, 16(sp)
  csrrw sp, sscratch, sp
  sret
done:
  ld t0, 0(sp)
  ld t1, 8(sp)
  ld t2, 16(sp)
  csrrw sp, sscratch, sp
exit:
  ecall`;

export interface Harness {
  readonly machine: Program;
  readonly supervisor: Program;
}

/** `checksum`: whether a dump sums up the memory that streams write to. */
export function makeHarness(checksum: boolean): Harness {
  const machine = assemble(machineText(checksum), BigInt(physical.machineCode));
  const supervisorProgram = assemble(supervisorText, BigInt(physical.supervisorCode));
  if (machine.bytes.length > physical.variables - physical.machineCode) throw new Error('the harness is too long');
  return { machine, supervisor: supervisorProgram };
}
