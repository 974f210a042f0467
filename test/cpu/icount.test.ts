// `--clock icount`: time is counted in instructions, so that a run can be repeated.
import { expect, it } from 'vitest';
import { makeImage } from '../src/kernel-files.ts';
import { runCounted } from './counted-machine.ts';
import { assemble } from './riscv/assembler.ts';

/** Timer interrupts, waits and readings of the time, each noted in memory; then power off. */
const program = `
    la t0, tick
    csrw stvec, t0
    la s0, notes
    li s1, 300
    li t0, 0x20
    csrs sie, t0
  again:
    csrr t0, time
    sd t0, 0(s0)
    addi t0, t0, 77
    csrw stimecmp, t0
    wfi
    csrsi sstatus, 2
    csrci sstatus, 2
    csrr t0, instret
    sd t0, 8(s0)
    addi s0, s0, 16
    addi s1, s1, -1
    bnez s1, again
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
    stop
  tick:
    li t0, -1
    csrw stimecmp, t0
    addi s2, s2, 1
    csrr t0, time
    xor s3, s3, t0
    sret
  .align 8
  notes:`;

it('two runs are the same run: instructions, interrupts, time, memory', async () => {
  const image = makeImage({ length: 0x1000 });
  const { bytes } = assemble(program, 0n);
  // The header's first instruction jumps over the header.
  new DataView(image.buffer).setUint32(0, 0x0400_006f, true);
  image.set(bytes, 64);
  const first = await runCounted({ kernel: image, memoryBytes: 16 << 20 });
  const second = await runCounted({ kernel: image, memoryBytes: 16 << 20 });
  expect(first.reason).toBe('power-off');
  // Ten instructions a turn, and six in each interrupt.
  expect(first.instructions).toBeGreaterThan(300 * 16);
  expect(second).toEqual(first);
});

it.each([
  ['interpreter', false],
  ['translator', false],
  ['interpreter', true],
  ['translator', true],
] as const)(
  'a run that is saved and goes on elsewhere is the same run: %s, with what was decoded: %s',
  async (cpu, warm) => {
    const image = makeImage({ length: 0x1000 });
    image.set(assemble(program, 0n).bytes, 64);
    new DataView(image.buffer).setUint32(0, 0x0400_006f, true);
    const run = { kernel: image, memoryBytes: 16 << 20, cpu, warm };
    const { memory: _, ...whole } = await runCounted(run);
    let snapshot: Uint8Array | undefined;
    for (const saveAt of [1, 500, 2500, 4000, 4001]) {
      const part = await runCounted({ ...run, saveAt, ...(snapshot !== undefined && { resume: snapshot }) });
      expect(part.reason).toBe('stopped');
      ({ snapshot } = part);
      const { memory: __, ...rest } = await runCounted({ ...run, resume: snapshot! });
      expect(rest).toEqual(whole);
    }
  },
);

/** M-mode below S-mode: calls, refusals of the PMP, what the reset ROM says, and the timer of the CLINT. */
const firmware = `
    mv s4, a2
    la t0, machine
    csrw mtvec, t0
    li t0, -1
    srli t0, t0, 10
    csrw pmpaddr1, t0
    la s6, closed
    srli t0, s6, 2
    csrw pmpaddr0, t0
    li t0, 0x1f10
    csrw pmpcfg0, t0
    li t0, 0x80
    csrs mie, t0
    li t0, 0x1800
    csrc mstatus, t0
    li t0, 0x800
    csrs mstatus, t0
    la t0, supervisor
    csrw mepc, t0
    mret
  supervisor:
    li s1, 300
  again:
    ecall
    lw s7, 0(s6)
    wfi
    addi s1, s1, -1
    bnez s1, again
    li t0, 0x100000
    li t1, 0x5555
    bnez s5, over
    li t1, 0x13333
  over:
    sw t1, 0(t0)
    jal x0, 0
  machine:
    csrr t2, mcause
    blt t2, x0, timer
    csrr t0, mepc
    addi t0, t0, 4
    csrw mepc, t0
    ld t3, 0(s4)
    add s2, s2, t3
    add s2, s2, t2
    li t0, 0x200bff8
    lw t1, 0(t0)
    xor s3, s3, t1
    addi t1, t1, 2
    li t0, 0x2004000
    sw x0, 4(t0)
    sw t1, 0(t0)
    mret
  timer:
    li t1, -1
    li t0, 0x2004000
    sw t1, 4(t0)
    addi s5, s5, 1
    mret
  .align 8
  closed:`;

it('so is one whose firmware has M-mode, wherever in it that is', async () => {
  const { bytes } = assemble(firmware, 0x8000_0000n);
  const run = { firmware: bytes, memoryBytes: 16 << 20 };
  const { memory: _, ...whole } = await runCounted(run);
  expect(whole.reason).toBe('power-off');
  let snapshot: Uint8Array | undefined;
  for (const saveAt of [1, 500, 2500, 5000, 5003]) {
    ({ snapshot } = await runCounted({ ...run, saveAt, ...(snapshot !== undefined && { resume: snapshot }) }));
    const { memory: __, ...rest } = await runCounted({ ...run, resume: snapshot! });
    expect(rest).toEqual(whole);
  }
});
