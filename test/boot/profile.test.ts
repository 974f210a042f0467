// `--profile` of the boot and of a program of ours: functions of both are there, with what called them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { elfFile } from '../node/profile/elf-file.ts';
import { runInGuest, temporaryFolder } from './command-line.ts';

/** Twelve million instructions in `spin`, and 38 MiB read by `load`. */
const reader = elfFile(
  `start: li s1, 60
   again: jal ra, work
   addi s1, s1, -1
   bnez s1, again
   li a0, 0
   li a7, 93
   ecall
   work: addi sp, sp, -16
   sd ra, 8(sp)
   jal ra, spin
   li s2, 20
   more: jal ra, load
   addi s2, s2, -1
   bnez s2, more
   ld ra, 8(sp)
   addi sp, sp, 16
   ret
   spin: li t0, 100000
   turn: addi t0, t0, -1
   bnez t0, turn
   ret
   load: li a0, 0
   li a2, 32768
   sub a1, sp, a2
   li a7, 63
   ecall
   ret`,
  ['start', 'work', 'spin', 'load'],
);

test('samples have the names of the kernel’s table and of the program’s file, and their callers’', async () => {
  const folder = temporaryFolder();
  const profile = join(folder, 'profile.folded');
  writeFileSync(join(folder, 'reader'), reader.file, { mode: 0o755 });
  const words = ['--share', folder, '--profile', profile];
  const { status, stderr } = await runInGuest('./reader < /dev/zero', words);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const lines = readFileSync(profile, 'utf8').trimEnd().split('\n');
  /** Samples of the stacks that match. */
  const count = (pattern: RegExp): number =>
    lines.filter((line) => pattern.test(line)).reduce((sum, line) => sum + Number(/\d+$/.exec(line)?.[0]), 0);

  // One in about 36,384 of twelve million.
  expect(count(/^reader;start \(reader\);work \(reader\);spin \(reader\) /)).toBeGreaterThan(280);
  expect(count(/^reader;start \(reader\);work \(reader\);spin \(reader\) /)).toBeLessThan(420);
  expect(
    count(/^reader;handle_exception_\[k\];do_trap_ecall_u_\[k\];.*ksys_read_\[k\];.*__clear_user_\[k\] /),
  ).toBeGreaterThan(50);
  expect(count(/^boot;start_kernel_\[k\];/)).toBeGreaterThan(50);
  // The names of tasks are known before the first command.
  expect(count(/^boot;start \(reader\)/)).toBe(0);
  // What asks for the names is no part of it.
  expect(count(/^vm9-profile/)).toBe(0);
  const named = count(/./) - count(/unknown|;0x[0-9a-f]+_\[k\]/);
  expect(named / count(/./)).toBeGreaterThan(0.95);
});
