// Debian's OpenSBI of the suite trixie, unmodified, in M-mode: it starts the built-in kernel and Debian's own, here and under
// QEMU with the same files. What it says of the machine is the same on both, but for what QEMU's has more.
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Agent } from '../../src/agent.ts';
import { runByAgent } from '../bench/guests.ts';
import { runInGuest, runVm } from '../boot/command-line.ts';
import { isForFirmware, readmeCommands } from '../boot/readme-commands.ts';
import { initialFilesWithInit } from '../boot/initial-files.ts';
import { startQemu } from '../guest-images/qemu.ts';
import { makeDebianSystem, type DebianSystem } from './debian-kernel.ts';
import { unpackDebian } from './debian-package.ts';
import { buildKernel, converse } from './teaching-kernel.ts';

const folder = mkdtempSync(join(tmpdir(), 'vm9-firmware-'));
const share = mkdtempSync(join(tmpdir(), 'vm9-share-'));
const repository = fileURLToPath(new URL('../../', import.meta.url));
const images = new URL('../../guest-images/images/', import.meta.url);
const content = 'written by the host\n';
/** Reads and writes the share that it starts in; the firmware behind the SBI has a number (OpenSBI's is 1). */
const command = 'cat from-host && uname -r | tee from-guest && dmesg | grep -o "SBI implementation ID.*"';
const downloadTime = 15 * 60_000;
let opensbi: string;
let debian: DebianSystem;

/** The firmware as it may be given: the raw binary and the ELF file. */
const firmware = (ending: 'bin' | 'elf'): string => `${opensbi}/fw_dynamic.${ending}`;

beforeAll(() => {
  const { root, version } = unpackDebian('opensbi', 'all', join(folder, 'opensbi'));
  opensbi = join(root, 'usr/lib/riscv64-linux-gnu/opensbi/generic');
  debian = makeDebianSystem(folder);
  console.log(`opensbi ${version}, linux-image ${debian.version}`);
  writeFileSync(join(share, 'from-host'), content);
}, downloadTime);

// Some hundred megabytes of modules.
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(share, { recursive: true, force: true });
}, 120_000);

function expectOutput(output: string): void {
  const [line, release, implementation] = output.trimEnd().split('\n');
  expect([`${line}\n`, implementation]).toEqual([
    content,
    expect.stringMatching(/^SBI implementation ID=0x1 Version=/),
  ]);
  expect(readFileSync(join(share, 'from-guest'), 'utf8')).toBe(`${release}\n`);
  rmSync(join(share, 'from-guest'));
}

test('it starts the built-in kernel, which runs a command in a share', async () => {
  const { status, stdout, stderr } = await runInGuest(command, ['--firmware', firmware('bin'), '--share', share]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expectOutput(stdout.toString());
});

test('it starts Debian’s kernel, which runs the same', async () => {
  const words = ['--kernel', debian.kernel, '--initrd', debian.initrd, '--share', share];
  const { status, stdout, stderr } = await runInGuest(command, ['--firmware', firmware('bin'), ...words]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expectOutput(stdout.toString());
});

test('the ELF file is told apart: either it runs, or it says where it would have to lie', async () => {
  const { status, stdout, stderr } = await runInGuest(command, ['--firmware', firmware('elf'), '--share', share]);
  if (status === 0) {
    expectOutput(stdout.toString());
    return;
  }
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: expect.stringMatching(/^vm9: the firmware is linked for 0x0 to .*, or give the raw binary/),
  });
});

test.each([
  ['sv48=off', 'sv39', false],
  ['sv48', 'sv48', false],
  ['svade,svadu=off', 'sv39', false],
  ['sv48,svade,interpreter', 'sv48', true],
])(
  'with --cpu %s Debian’s kernel takes %s by itself, and works (behind OpenSBI: %s)',
  async (cpu, mmu, behindOpensbi) => {
    const words = ['--cpu', cpu, '--kernel', debian.kernel, '--initrd', debian.initrd, '--share', share];
    if (behindOpensbi) words.push('--firmware', firmware('bin'));
    // Programs that are forked, and memory that they write.
    const work =
      'grep mmu /proc/cpuinfo | sed "s/.*: //"; tr "\\0" "\\n" < /proc/device-tree/cpus/cpu@0/mmu-type; ' +
      'seq 1 20000 | sort -rn | sort -n | tail -n 1; dd if=/dev/zero bs=1M count=8 2> /dev/null | sha256sum';
    const { status, stdout, stderr } = await runInGuest(work, words);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const digest = createHash('sha256')
      .update(new Uint8Array(2 ** 23))
      .digest('hex');
    expect(stdout.toString().split('\n')).toEqual([mmu, `riscv,${mmu}`, '20000', `${digest}  -`, '']);
  },
);

test('the README’s commands start it, and a kernel without a firmware', async () => {
  cpSync(firmware('bin'), join(folder, 'fw_dynamic.bin'));
  buildKernel(folder);
  const [first, second, ...others] = readmeCommands().filter((command) => isForFirmware.test(command));
  expect(others).toEqual([]);
  const start = (command: string | undefined): ChildProcess => {
    return spawn('sh', ['-c', command!.replace(/(?<= )dist(?=\/)/, folder)], { cwd: repository });
  };
  const linux = await converse(start(first), []);
  expect(linux).toMatchObject({ status: 0, stderr: '' });
  expect(linux.lines.join('\n')).toMatch(/SBI implementation ID=0x1 /);
  const alone = await converse(start(second), ['a line', 'another']);
  expect(alone).toMatchObject({ status: 0, stderr: '' });
  expect(alone.lines.at(-1)).toBe('kernel: ends');
});

test('a machine with it is saved, and goes on in another process, and from that in a third', async () => {
  const [first, second] = [join(folder, 'first.vm9'), join(folder, 'second.vm9')] as const;
  const shared = ['--share', share];
  const begun = 'sleep 1000 & dmesg | grep -c "SBI implementation ID=0x1 "';
  const steps = [
    await runInGuest(begun, [...shared, '--firmware', firmware('bin'), '--save', first]),
    // Timers and the end come through M-mode: the kernel knows no other way to either.
    await runInGuest('sleep 0.2 && cat from-host', [...shared, '--resume', first, '--save', second]),
    await runInGuest('sleep 0.2 && pidof sleep | wc -w', [...shared, '--resume', second]),
  ];
  expect(steps.map(({ status, stdout, stderr }) => ({ status, stderr, stdout: stdout.toString() }))).toEqual(
    ['1\n', content, '1\n'].map((stdout) => ({ status: 0, stderr: '', stdout })),
  );
});

test('a guest that restarts goes through it again', async () => {
  const initrd = join(folder, 'restarts');
  writeFileSync(initrd, initialFilesWithInit('echo life; reboot -f'));
  let seen = '';
  const { status } = await runVm(['--firmware', firmware('bin'), '--initrd', initrd], {
    during: (child) =>
      child.stdout?.on('data', (bytes: Buffer) => {
        seen += bytes.toString();
        if (seen.split('life').length > 3) child.kill('SIGTERM');
      }),
  });
  expect(seen.split('OpenSBI v').length).toBeGreaterThanOrEqual(4);
  expect(status).toBe(143);
});

/** What OpenSBI finds that must be as on QEMU's board. */
const compared = [
  'Platform HART Count',
  'Platform IPI Device',
  'Platform Timer Device',
  'Platform Reboot Device',
  'Platform Shutdown Device',
  'Firmware Base',
  'Domain0 Next Address',
  'Domain0 Next Mode',
  'Domain0 Next Arg1',
  'Boot HART Priv Version',
  'Boot HART PMP Count',
  'Boot HART PMP Address Bits',
];
/** Interrupts and exceptions of the hypervisor's guests, which QEMU 7.2 delegates though it is told to have none. */
const ofHypervisor = { interrupts: 0x1444n, exceptions: 0xf0_0400n };

test('under QEMU it does the same, and finds the same machine', async () => {
  /** What it says before it starts the kernel, by name. */
  const banner = (serial: string): Map<string, string> => {
    return new Map([...serial.matchAll(/^(\w[^:\n]*?) +: (.*?)\r?$/gm)].map(([, name, value]) => [name!, value!]));
  };
  const initrd = join(folder, 'ends');
  writeFileSync(initrd, initialFilesWithInit('poweroff -f'));
  const { stdout } = await runVm(['--firmware', firmware('bin'), '--initrd', initrd]);
  const ours = banner(stdout.toString());
  const guest = await startQemu({
    kernel: new URL('vmlinux-riscv64.gz', images).pathname,
    initramfs: new URL('initramfs-riscv64.cpio.gz', images).pathname,
    share,
    extra: ['-bios', firmware('bin')],
  });
  let theirs: Map<string, string>;
  try {
    const agent = new Agent(guest.agent);
    await agent.ready;
    await agent.mount({ tag: 'host', path: '/mnt/host' });
    const outcome = await runByAgent(agent, command, '/mnt/host');
    expect(outcome.code).toBe(0);
    expectOutput(outcome.stdout);
    theirs = banner(guest.serial());
  } finally {
    guest.dispose();
  }
  const facts = (of: Map<string, string>): unknown => ({
    ...Object.fromEntries(compared.map((name) => [name, of.get(name) ?? `not told: ${name}`])),
    interrupts: BigInt(of.get('Boot HART MIDELEG') ?? 0) & ~ofHypervisor.interrupts,
    exceptions: BigInt(of.get('Boot HART MEDELEG') ?? 0) & ~ofHypervisor.exceptions,
  });
  expect(facts(ours)).toEqual(facts(theirs));
});
