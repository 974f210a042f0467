// `--exec` with more input than any buffer on the way holds, and under a clock that counts instructions.
import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { runInGuest, runVm } from './command-line.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('8 MiB through standard input, and back', async () => {
  const input = randomBytes(8 * 1024 * 1024);
  const { stdout, stderr, status } = await runInGuest('tee /dev/stderr | sha256sum', [], { input });
  expect(status).toBe(0);
  expect(stdout.toString()).toBe(`${sha256(input)}  -\n`);
  expect(stderr.length).toBeGreaterThan(0);
  const echoed = await runInGuest('cat', [], { input });
  expect(sha256(echoed.stdout)).toBe(sha256(input));
});

test('two --clock icount runs are identical', async () => {
  const command =
    'cat /proc/uptime /proc/sys/kernel/random/uuid; dd if=/dev/urandom bs=1k count=1 2> /dev/null | sha256sum';
  const first = await runVm(['--clock', 'icount', '--exec', command]);
  const second = await runVm(['--clock', 'icount', '--exec', command]);
  expect(first.stdout.toString()).toContain('\n');
  expect(second.stdout.toString()).toBe(first.stdout.toString());
});
