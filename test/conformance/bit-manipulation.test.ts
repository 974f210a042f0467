// One C program compiled without Zba, Zbb and Zbs and with them: in the guest both print the same, on both engines, and what
// they print under QEMU. guest/bits.c says what it does.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { zba } from '../../src/cpu/riscv/zba.ts';
import { zbb } from '../../src/cpu/riscv/zbb.ts';
import { zbs } from '../../src/cpu/riscv/zbs.ts';
import { runInGuest } from '../boot/command-line.ts';
import { qemuProcessor } from '../qemu-processor.ts';

const source = fileURLToPath(new URL('guest/bits.c', import.meta.url));
const rounds = '1000';
const names = new Set([...zba, ...zbb, ...zbs].map(({ name }) => name));

const folder = mkdtempSync(join(tmpdir(), 'vm9-bits-'));
const run = (command: string, words: readonly string[]): string => execFileSync(command, words, { encoding: 'utf8' });

/** Compiles the program to `folder`/NAME; gives the instructions of the three extensions that are in its own code. */
function compile(name: string, march: string): string[] {
  const program = join(folder, name);
  const flags = ['-O2', '-Wall', '-Wextra', `-march=${march}`];
  run('riscv64-linux-gnu-gcc', [...flags, '-c', '-o', `${program}.o`, source]);
  run('riscv64-linux-gnu-gcc', ['-static', '-o', program, `${program}.o`]);
  const listing = run('riscv64-linux-gnu-objdump', ['-d', '-M', 'no-aliases', `${program}.o`]);
  const found = [...listing.matchAll(/^ +[0-9a-f]+:\t[0-9a-f]+ +\t(\S+)/gmu)].map(([, mnemonic]) => mnemonic!);
  return [...new Set(found)].filter((mnemonic) => names.has(mnemonic));
}

beforeAll(() => {
  expect(compile('without', 'rv64gc')).toEqual([]);
  const used = compile('with', 'rv64gc_zba_zbb_zbs');
  console.log(`${used.length} of ${names.size} instructions are in the program: ${used.sort().join(' ')}`);
  expect(used.length).toBeGreaterThan(25);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each(['translator', 'interpreter'])('under the %s both print what they print under QEMU', async (cpu) => {
  const command = `time -p ./without ${rounds} > out && time -p ./with ${rounds} > out-with && cmp out out-with && cat out`;
  const { status, stdout, stderr } = await runInGuest(command, ['--share', folder, '--cpu', cpu]);
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: expect.stringMatching(/^(?:real .*\nuser .*\nsys .*\n){2}$/),
  });
  console.log(`${cpu}, without and with them:\n${stderr}`);
  expect(stdout.toString()).toBe(run('qemu-riscv64', ['-cpu', qemuProcessor, join(folder, 'without'), rounds]));
  expect(stdout.toString()).toBe(run('qemu-riscv64', ['-cpu', qemuProcessor, join(folder, 'with'), rounds]));
});

it('Linux tells programs that they may use them', async () => {
  const { stdout } = await runInGuest('cat /proc/cpuinfo');
  expect(stdout.toString()).toMatch(/^isa\s*: rv64imafdc_.*zba_zbb_zbs/mu);
});
