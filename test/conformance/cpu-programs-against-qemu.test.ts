// Short programs about interrupts, Sstc and translation, the same on the hart and on QEMU's virt board. Each writes what
// it sees to memory, doubleword by doubleword, and ends at the test finisher.
import { beforeAll, describe, expect, it } from 'vitest';
import { assemble } from '../cpu/riscv/assembler.ts';
import { StreamHart } from '../cpu/riscv/stream/run.ts';
import { finisherPass, ramBase, testFinisher } from '../cpu/riscv/stream/layout.ts';
import { qemuVersion, runOnQemu } from './cpu-qemu.ts';

/** Where s0 points: what a program has seen. */
const seenAt = ramBase + 0x10_0000;
const see = (register: string): string => `sd ${register}, 0(s0)\naddi s0, s0, 8`;
const seeCsr = (...names: string[]): string => names.map((name) => `csrr t6, ${name}\n${see('t6')}`).join('\n');

/** Takes back what interrupts S-mode, else it would do so again. */
const disarm = `
  csrwi sip, 0
  li t5, -1
  csrw stimecmp, t5`;

/** Notes the trap and goes on where s1 says: M-mode in itself, S-mode in the mode that trapped. */
const handler = (letter: 'm' | 's'): string => `
  .align 256
${letter}trap:
  ${seeCsr(`${letter}cause`, `${letter}epc`, `${letter}tval`)}
  csrr t6, ${letter}status
  # Neither SD, FS nor what one of the two machines does not have.
  li t5, 0x19aa
  and t6, t6, t5
  ${see('t6')}
  ${letter === 's' ? disarm : 'li t5, 0x1800\n  csrs mstatus, t5'}
  csrw ${letter}epc, s1
  ${letter}ret`;

/** The vectored form: 12 places of four bytes, then the handler. */
const vectors = (letter: 'm' | 's'): string => `
  .align 256
${letter}vector:
${Array.from({ length: 12 }, (_, index) => `  jal t4, ${letter}${index === 0 ? 'trap' : 'interrupt'}`).join('\n')}
${letter}interrupt:
  ${see('t4')}
  j ${letter}trap`;

const start = `
  li s0, ${seenAt}
  la t0, mtrap
  csrw mtvec, t0
  la t0, strap
  csrw stvec, t0
  li t0, -1
  csrw pmpaddr0, t0
  li t0, 0x1f
  csrw pmpcfg0, t0
  # STCE, and the time for S-mode.
  li t0, 1
  slli t0, t0, 63
  csrw menvcfg, t0
  csrwi mcounteren, 2
  li t0, 0x222
  csrw mideleg, t0`;
const finish = `
  li t0, ${testFinisher}
  li t1, ${finisherPass}
  sw t1, 0(t0)
  stop
  ${handler('m')}
  ${handler('s')}
  ${vectors('m')}
  ${vectors('s')}`;

/** Goes to S or U, at the label; s1 is where a trap goes on. */
const enter = (mode: 0 | 1, label: string): string => `
  la t0, ${label}
  csrw mepc, t0
  li t0, 0x1800
  csrc mstatus, t0
  li t0, ${mode << 11}
  csrs mstatus, t0
  mret`;

const programs: Readonly<Record<string, string>> = {
  'a timer that is due is taken right behind the write of stimecmp': `
    csrwi sie, 0
    li t0, 0x20
    csrw sie, t0
    ${enter(1, 'supervisor')}
  supervisor:
    li s3, -1
    csrw stimecmp, s3
    ${seeCsr('sip')}
    csrsi sstatus, 2
    la s1, taken
    csrw stimecmp, x0
    li s2, 1
    ${see('s2')}
  taken:
    ${seeCsr('sip', 'stimecmp')}
    csrw stimecmp, s3
    ${seeCsr('sip')}
    la s1, over
    ecall
  over:`,
  'software can not write STIP under Sstc, and SSIP it can': `
    li t0, -1
    csrw stimecmp, t0
    li t0, 0x22
    csrs mip, t0
    ${seeCsr('sip')}
    csrc mip, t0
    ${seeCsr('sip')}
    csrw stimecmp, x0
    csrc mip, t0
    ${seeCsr('sip')}`,
  'without STCE stimecmp is not there for S-mode': `
    csrw menvcfg, x0
    ${enter(1, 'supervisor')}
  supervisor:
    la s1, here
    csrr t0, stimecmp
  here:
    la s1, over
    ecall
  over:`,
  'interrupts that wait for S-mode are taken by their order, vectored': `
    la t0, svector
    addi t0, t0, 1
    csrw stvec, t0
    li t0, 0x22
    csrw sie, t0
    csrw stimecmp, x0
    csrsi mip, 2
    la s1, supervisor
    ${enter(1, 'supervisor')}
  supervisor:
    csrsi sstatus, 2
    csrci sstatus, 2
    la s1, over
    ecall
  over:`,
  'what is not delegated goes to M from S, whatever SIE says': `
    csrw mideleg, x0
    li t0, 0x2
    csrw mie, t0
    csrsi mip, 2
    la s1, over
    ${enter(1, 'supervisor')}
  supervisor:
    li s2, 1
    ${see('s2')}
  over:
    csrw mie, x0`,
  'sret to U-mode takes what is delegated at once': `
    li t0, 0x2
    csrw sie, t0
    csrsi mip, 2
    ${enter(1, 'supervisor')}
  supervisor:
    la t0, user
    csrw sepc, t0
    li t0, 0x100
    csrc sstatus, t0
    la s1, behind
    sret
  user:
    li s2, 1
    ${see('s2')}
  behind:
    la s1, over
    ecall
  over:`,
  'TVM, TW and TSR make their instructions illegal in S-mode': `
    li t0, 0x700000
    csrs mstatus, t0
    ${enter(1, 'supervisor')}
  supervisor:
    la s1, first
    sfence.vma x0, x0
  first:
    ${enter(1, 'second')}
  second:
    la s1, third
    csrr t0, satp
  third:
    ${enter(1, 'fourth')}
  fourth:
    la s1, fifth
    sret
  fifth:
    ${enter(1, 'sixth')}
  sixth:
    la s1, over
    wfi
  over:`,
  'exceptions are delegated by cause and by mode': `
    li t0, 0x104
    csrw medeleg, t0
    ${enter(0, 'user')}
  user:
    la s1, behind
    .word 0xffffffff
  behind:
    la s1, next
    ecall
  next:
    la s1, behindThat
    ${enter(0, 'again')}
  again:
    li t0, 0x1000000000000
    lw t0, 0(t0)
  behindThat:`,
};

/** What the program has seen, up to the first 0 behind the last. */
function seen(ram: Uint8Array<ArrayBufferLike>): string[] {
  const view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
  const values = Array.from({ length: 64 }, (_, index) => view.getBigUint64(seenAt - ramBase + index * 8, true));
  return values.slice(0, values.findLastIndex((value) => value !== 0n) + 1).map((value) => `0x${value.toString(16)}`);
}

describe('programs against QEMU', () => {
  beforeAll(() => console.log(qemuVersion()));

  it.each(Object.entries(programs))('%s', async (_, text) => {
    const { bytes } = assemble(`${start}\n${text}\n${finish}`, BigInt(ramBase));
    const hart = new StreamHart({ image: bytes }, true);
    expect(hart.run()).toBe(true);
    const ours = seen(hart.ram);
    expect(ours.length).toBeGreaterThan(2);
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), 20_000);
    const theirs = await runOnQemu(bytes, timeout.signal);
    clearTimeout(timer);
    if (theirs === undefined) throw new Error('the program does not end under QEMU');
    expect(ours).toEqual(seen(theirs));
  });
});
