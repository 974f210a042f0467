// The ways a machine comes to its end, and systems that are not ours.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { echoesALine, echoesOnUart, failsWithFive, trapsForEver } from './bare-programs.ts';
import { runInGuest, runVm, temporaryFolder } from './command-line.ts';
import { initialFilesWithInit } from './initial-files.ts';
import { TerminalSession } from './terminal-session.ts';

/** A file with `content`, in a folder of its own. */
function fileWith(content: Uint8Array): string {
  const path = join(temporaryFolder(), 'file');
  writeFileSync(path, content);
  return path;
}

describe('an initial file system without the agent', () => {
  test('its console is the terminal, and its power-off ends the program with 0', async () => {
    const initrd = fileWith(
      initialFilesWithInit('echo "hello from $(uname -m)"; read line; echo "got $line"; poweroff -f'),
    );
    const { status, stdout } = await runVm(['--initrd', initrd], { input: 'some input\n' });
    expect(stdout.toString()).toContain('hello from riscv64');
    expect(stdout.toString()).toContain('got some input');
    expect(status).toBe(0);
  });

  test('it can mount the share itself', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), 'in the share\n');
    const script = 'mkdir -p /s; mount -t 9p -o trans=virtio,version=9p2000.L host /s && cat /s/file; poweroff -f';
    const { stdout } = await runVm(['--initrd', fileWith(initialFilesWithInit(script)), '--share', folder]);
    expect(stdout.toString()).toContain('in the share');
  });

  test('--exec says in one line that there is no agent, and exits with 2', async () => {
    const initrd = fileWith(initialFilesWithInit('while :; do sleep 10; done'));
    const { status, stderr } = await runInGuest('true', ['--initrd', initrd]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^vm9: the guest does not run vm9's agent \(.*\)\n$/);
  });
});

describe('a reboot', () => {
  const initrd = (): string => fileWith(initialFilesWithInit('echo life; reboot -f'));

  test('with --no-reboot ends the program with 0', async () => {
    const { status, stdout } = await runVm(['--initrd', initrd(), '--no-reboot']);
    expect({ status, lives: stdout.toString().split('life').length - 1 }).toEqual({ status: 0, lives: 1 });
  });

  test('restarts the machine', async () => {
    let seen = '';
    const { status, stdout } = await runVm(['--initrd', initrd()], {
      during: (child) =>
        child.stdout?.on('data', (bytes: Buffer) => {
          seen += bytes.toString();
          if (seen.split('life').length > 3) child.kill('SIGTERM');
        }),
    });
    expect(stdout.toString().split('life').length - 1).toBeGreaterThanOrEqual(3);
    expect(status).toBe(143);
  });

  test('under --exec loses the command, and says so', async () => {
    const { status, stderr } = await runInGuest('reboot; sleep 60');
    expect({ status, stderr }).toEqual({ status: 125, stderr: 'vm9: the guest restarted while the command ran\n' });
  });
});

test('a kernel panic is told with its lines', async () => {
  const { status, stderr } = await runVm(['--initrd', fileWith(initialFilesWithInit('exit 3'))]);
  expect(status).toBe(125);
  expect(stderr).toMatch(/^vm9: the guest's kernel panicked:\n.*Kernel panic - not syncing: Attempted to kill init!/);
});

test('a panic under --exec', async () => {
  const { status, stderr } = await runInGuest('echo c > /proc/sysrq-trigger || kill -SEGV 1; sleep 60', [
    '--initrd',
    fileWith(initialFilesWithInit('exit 3')),
  ]);
  expect(status).toBe(125);
  expect(stderr).toContain('Kernel panic - not syncing');
});

test('a processor in a loop of traps stops, with its registers', async () => {
  const { status, stderr } = await runVm(['--kernel', fileWith(trapsForEver), '--initrd', 'none']);
  expect(status).toBe(125);
  expect(stderr).toMatch(/^vm9: the guest's processor is caught in a loop of traps:\n/);
  expect(stderr).toMatch(/\bsepc\b.*\bscause\b|\bscause\b.*\bsepc\b/s);
});

test('a failure code of the test finisher is the exit status', async () => {
  const { status, stderr } = await runVm(['--kernel', fileWith(failsWithFive), '--initrd', 'none']);
  expect({ status, stderr }).toEqual({ status: 5, stderr: 'vm9: the guest ended the machine with failure code 5\n' });
});

test('what is typed reaches a program that knows only the UART', async () => {
  const session = new TerminalSession(['--quiet', '--kernel', fileWith(echoesOnUart), '--initrd', 'none']);
  session.type('hello\x01\x01there');
  await session.until(/hello\x01there/);
  session.type('\x01x');
  expect(await session.ended).toBe(0);
});

test('what is piped in reaches a firmware that has no kernel, and its power-off ends the program with 0', async () => {
  const words = ['--firmware', fileWith(echoesALine), '--kernel', 'none'];
  const { status, stdout, stderr } = await runVm(words, { input: 'typed\n' });
  expect({ status, stdout: stdout.toString(), stderr }).toEqual({ status: 0, stdout: 'typed\n', stderr: '' });
});
