// A machine whose hart begins in M-mode: what a program finds there, and that calls from S-mode come to it.
import { expect, test } from 'vitest';
import { Machine } from '../../src/machine.ts';
import { NodeHost } from '../../src/node/host.ts';
import { MmioSlots } from '../../src/virtio-slots.ts';
import { defaultCpuFeatures } from '../../src/vm-options.ts';
import type { BootImage, VmExit } from '../../src/worker-protocol.ts';
import { assemble } from '../cpu/riscv/assembler.ts';
import { makeImage } from './kernel-files.ts';

/** Ends with the code in t1 where two registers differ. */
const expectEqual = (code: number, a: string, b: string): string => `li t1, ${code}\nbne ${a}, ${b}, fail`;

/** Code that passes or fails by the test finisher. */
function program(text: string): Uint8Array<ArrayBuffer> {
  const end = `
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
    jal x0, 0
  fail:
    slli t1, t1, 16
    li t0, 0x3333
    or t1, t1, t0
    li t0, 0x100000
    sw t1, 0(t0)
    jal x0, 0`;
  return assemble(`${text}\n${end}`, 0x8000_0000n).bytes;
}

function run(image: BootImage): Promise<VmExit> {
  const machine = new Machine({
    host: new NodeHost(new Int32Array(new SharedArrayBuffer(4))),
    memoryBytes: 16 * 2 ** 20,
    sharedMemory: true,
    clock: 'icount',
    cpu: 'interpreter',
    features: defaultCpuFeatures,
    bootImage: () => Promise.resolve(image),
    commandLine: '',
    shares: [],
    makeSlots: (source) => new MmioSlots(source),
    noReboot: true,
    onUartOutput: () => undefined,
    onUartInputRoom: () => undefined,
    log: () => undefined,
  });
  return machine.run();
}

const kernel = makeImage();

test('a0 is the hart id, a1 the device tree, a2 what fw_dynamic is told; the kernel lies where that says', async () => {
  const firmware = program(`
    csrr t2, mhartid
    ${expectEqual(1, 'a0', 't2')}
    li t2, 0x80000000
    ${expectEqual(2, 't0', 't2')}
    lwu t2, 0(a1)
    li t3, 0xedfe0dd0
    ${expectEqual(3, 't2', 't3')}
    ld t2, 0(a2)
    li t3, 0x4942534f
    ${expectEqual(4, 't2', 't3')}
    ld t2, 16(a2)
    li t3, 0x80200000
    ${expectEqual(5, 't2', 't3')}
    lwu t2, 56(t2)
    li t3, 0x05435352
    ${expectEqual(6, 't2', 't3')}
    csrr t2, medeleg
    ${expectEqual(7, 't2', 'x0')}
    csrr t2, pmpcfg0
    ${expectEqual(8, 't2', 'x0')}`);
  expect(await run({ firmware, kernel })).toEqual({ reason: 'power-off' });
});

test('a call from S-mode comes to its handler, or to S-mode’s where it is delegated', async () => {
  const enter = (where: string): string => `
    li t0, 0x1800
    csrc mstatus, t0
    li t0, 0x800
    csrs mstatus, t0
    la t0, ${where}
    csrw mepc, t0
    mret`;
  const firmware = program(`
    li t0, -1
    srli t0, t0, 10
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    la t0, machine
    csrw mtvec, t0
    la t0, supervisor
    csrw stvec, t0
    ${enter('first')}
  first:
    li a7, 0x10
    ecall
  back:
    jal x0, unexpected
  machine:
    csrr t2, mcause
    li t3, 9
    ${expectEqual(1, 't2', 't3')}
    csrr t2, mepc
    la t3, back
    addi t3, t3, -4
    ${expectEqual(2, 't2', 't3')}
    la t0, unexpected
    csrw mtvec, t0
    li t0, 0x200
    csrw medeleg, t0
    ${enter('second')}
  second:
    ecall
  unexpected:
    li t1, 3
    jal x0, fail
  supervisor:
    csrr t2, scause
    li t3, 9
    ${expectEqual(4, 't2', 't3')}`);
  expect(await run({ firmware })).toEqual({ reason: 'power-off' });
});

test('without a firmware the same call switches the machine off', async () => {
  const text = 'jal x0, 64\n.org 64\nli a7, 8\necall\njal x0, 0';
  const image = makeImage();
  const header = image.slice(4, 64);
  image.set(assemble(text, 0x8020_0000n).bytes);
  image.set(header, 4);
  expect(await run({ kernel: image })).toEqual({ reason: 'power-off' });
});
