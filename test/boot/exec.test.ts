// `--exec`: streams, statuses and signals of a command in the guest, at the command line.
import type { ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runInGuest, runVm, temporaryFolder } from './command-line.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('stdout and stderr stay apart, byte for byte, and the status is the command’s', async () => {
  const { status, stdout, stderr } = await runInGuest("printf 'a\\000\\377\\n\\r'; printf 'e\\000' >&2; exit 7");
  expect({ status, stdout, stderr }).toEqual({
    status: 7,
    stdout: Buffer.from('a\0\xff\n\r', 'latin1'),
    stderr: 'e\0',
  });
});

test('the first share is the working directory', async () => {
  const folder = temporaryFolder();
  const { stdout } = await runInGuest('pwd; ls', ['--share', folder]);
  expect(stdout.toString()).toBe('/mnt/host\n');
});

test('without a share it is HOME', async () => {
  const { stdout } = await runInGuest('test "$PWD" = "$HOME" && echo at home');
  expect(stdout.toString()).toBe('at home\n');
});

test('the number of files in a share', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'a/b/c'), { recursive: true });
  for (let index = 0; index < 57; index++)
    writeFileSync(join(folder, index % 2 === 0 ? 'a/b/c' : 'a', `file ${index}`), '');
  const { stdout, status } = await runInGuest('find /mnt/host -type f | wc -l', ['--share', folder]);
  expect({ output: stdout.toString().trim(), status }).toEqual({ output: '57', status: 0 });
});

test('a MiB through standard input, and back', async () => {
  const input = randomBytes(2 ** 20);
  const { stdout, status } = await runInGuest('cat', [], { input });
  expect({ output: sha256(stdout), status }).toEqual({ output: sha256(input), status: 0 });
});

test('a command that reads no input is not held up by it', async () => {
  const { stdout, status } = await runInGuest('echo done', [], { input: Buffer.alloc(8 * 1024 * 1024) });
  expect({ output: stdout.toString(), status }).toEqual({ output: 'done\n', status: 0 });
});

test('without a command it is the shell’s input, to its end', async () => {
  const input = 'pwd; cat missing\nfor word in a b; do\necho "<$word>"\ndone; (exit 3)';
  const { status, stdout, stderr } = await runVm(['--share', temporaryFolder()], { input });
  expect(stdout.toString()).toBe('/mnt/host\n<a>\n<b>\n');
  expect({ status, isTold: stderr.includes("can't open 'missing'") }).toEqual({ status: 3, isTold: true });
});

test('output into a slow pipe is complete', async () => {
  const { stdout, status } = await runInGuest('head -c 3000000 /dev/zero; echo end', [], {
    during: (child) => {
      child.stdout?.pause();
      setTimeout(() => child.stdout?.resume(), 4000);
    },
  });
  expect(status).toBe(0);
  expect(stdout.length).toBe(3_000_004);
  expect(stdout.subarray(-4).toString()).toBe('end\n');
});

test('a reader that goes away ends the command as SIGPIPE does', async () => {
  const { status, stderr } = await runInGuest('yes', [], {
    during: (child) => child.stdout?.once('data', () => child.stdout?.destroy()),
  });
  expect({ status, stderr }).toEqual({ status: 141, stderr: '' });
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s is forwarded, and a command that it kills has status %d', async (signal, expected) => {
  const { status } = await runInGuest('echo ready; exec sleep 60', [], {
    during: (child) => child.stdout?.once('data', () => child.kill(signal)),
  });
  expect(status).toBe(expected);
});

test('a command can catch the signal', async () => {
  const { status, stdout } = await runInGuest(
    'trap "echo caught; exit 3" TERM; echo ready; while :; do sleep 0.1; done',
    [],
    {
      during: (child) => child.stdout?.once('data', () => child.kill('SIGTERM')),
    },
  );
  expect({ status, output: stdout.toString() }).toEqual({ status: 3, output: 'ready\ncaught\n' });
});

test('a signal while the guest boots ends the program', async () => {
  const { status, signal } = await runInGuest('sleep 60', [], {
    // Of the ending signals, Node.js itself catches all others.
    during: (child) => void whenCatching(child, 1).then(() => child.kill('SIGHUP')),
  });
  expect({ status, signal }).toEqual({ status: 129, signal: null });
});

/** Resolves when the process has a handler for signal `number`. */
async function whenCatching({ pid }: ChildProcess, number: number): Promise<void> {
  for (;;) {
    const [, caught = '0'] = /^SigCgt:\s*(\w+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    if ((BigInt(`0x${caught}`) & (1n << BigInt(number - 1))) !== 0n) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('-t gives the command a terminal', async () => {
  const { stdout, status } = await runInGuest('test -t 0 && test -t 1 && tty', ['-t']);
  expect(status).toBe(0);
  expect(stdout.toString()).toMatch(/^\/dev\/pts\/\d+\r\n$/);
});

test('a guest that switches itself off ends the program with 0', async () => {
  expect(await runInGuest('poweroff; sleep 60')).toMatchObject({ status: 0, stderr: '' });
});

test('--stats tells boot time, MIPS and 9P traffic', async () => {
  const { stderr } = await runInGuest('ls', ['--share', temporaryFolder(), '--stats']);
  expect(stderr).toMatch(
    /^boot: \d+ ms from the start of the machine to the mounted shares, \d+ ms from the start of the program/,
  );
  expect(stderr).toMatch(/^guest: [\d.]+ million instructions, [1-9]\d* MIPS/m);
  expect(stderr).toMatch(/^9P: [1-9]\d* requests, [1-9]\d* bytes in, [1-9]\d* bytes out$/m);
});
