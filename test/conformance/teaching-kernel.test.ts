// A kernel as courses on operating systems write it (kernel/), without a firmware: here and under QEMU it says the same.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildKernel, runInQemu, runInVm9, type KernelRun } from './teaching-kernel.ts';

const folder = mkdtempSync(join(tmpdir(), 'vm9-kernel-'));
const answers = ['hello', 'and good-bye'];
const sectors = 64;
let kernel: string;
let qemu: KernelRun;

beforeAll(async () => {
  kernel = buildKernel(folder);
  qemu = await runInQemu(kernel, answers);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Which process comes first is the timer's to say. */
const sorted = ({ lines }: KernelRun): string[] => lines.toSorted();

test('under QEMU it starts in M-mode, is preempted, hears the UART, contains its processes, and ends', () => {
  expect(qemu).toMatchObject({ status: 0, stderr: '' });
  expect(qemu.lines.slice(0, 4)).toEqual([
    'kernel: begins',
    'a1 is a device tree: yes',
    'a2 is what a firmware is told: yes',
    'the hart has interrupted itself: yes',
  ]);
  expect(qemu.lines.slice(-3)).toEqual([
    'the timer has ticked: yes',
    'accessed and dirty bits are set by hardware',
    'kernel: ends',
  ]);
  expect(sorted(qemu).slice()).toEqual(
    [
      ...qemu.lines.slice(0, 4),
      ...qemu.lines.slice(-3),
      'primes: 669 below 5000',
      'collatz: at most 216 steps below 3000',
      'echo: type line 1',
      'echo: hello',
      'echo: type line 2',
      'echo: and good-bye',
      'disk: 0 sectors',
      'process 0: ends with 0',
      'process 1: ends with 0',
      'process 2: ends with 0',
      'process 3: load page fault at 0x80000000',
      'process 4: illegal instruction 0x10002573',
      'process 5: ends with 0',
    ].toSorted(),
  );
});

describe.each([
  ['translator', 'hardware'],
  ['interpreter', 'hardware'],
  ['translator,svadu=off', 'hardware'],
  ['translator,svade', 'page faults'],
  ['interpreter,svade,svadu=off', 'page faults'],
])('in vm9 with --cpu %s', (cpu, bits) => {
  test(`it says what it says under QEMU, with accessed and dirty bits set by ${bits}`, async () => {
    const own = await runInVm9(kernel, answers, ['--cpu', cpu]);
    expect(own).toMatchObject({ status: 0, stderr: '' });
    expect(sorted(own)).toEqual(sorted(qemu).map((line) => line.replace(/set by hardware$/, `set by ${bits}`)));
  });
});

describe('with a disk', () => {
  const content = Buffer.from(Uint8Array.from({ length: sectors * 512 }, (_, index) => (index * 13) % 251));
  const file = join(folder, 'disk');
  const written = Buffer.from(Uint8Array.from({ length: 512 }, (_, index) => index * 7 + 3));

  /** The file afterwards: its last sector alone has changed. */
  function expectWritten(): void {
    expect(readFileSync(file).equals(Buffer.concat([content.subarray(0, -512), written]))).toBe(true);
  }

  test('its driver reads and writes it, as under QEMU', async () => {
    writeFileSync(file, content);
    const drive = ['-drive', `file=${file},format=raw,if=none,id=disk`, '-device', 'virtio-blk-device,drive=disk'];
    const other = await runInQemu(kernel, answers, drive);
    expectWritten();
    writeFileSync(file, content);
    const own = await runInVm9(kernel, answers, ['--drive', file]);
    expectWritten();
    expect(own.lines).toContain(`disk: ${sectors} sectors`);
    expect(own.lines).toContain('disk: the last sector was written and read, and there is none behind it');
    expect(sorted(own)).toEqual(sorted(other));
  });
});
