// Debian's own riscv64 kernel of the suite trixie, unmodified: it boots here, and under QEMU with the same files.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Agent } from '../../src/agent.ts';
import { runInGuest } from '../boot/command-line.ts';
import { startQemu } from '../guest-images/qemu.ts';
import { makeDebianSystem, type DebianSystem } from './debian-kernel.ts';

const folder = mkdtempSync(join(tmpdir(), 'vm9-debian-'));
const share = mkdtempSync(join(tmpdir(), 'vm9-share-'));
const content = 'written by the host\n';
/** Reads and writes the share that it starts in, with the modules that were loaded in the order of loading. */
const command =
  'cat from-host && uname -r > from-guest && grep " /mnt/host 9p " /proc/mounts && sed "s/ .*//" /proc/modules';
/** Milliseconds for 110 MB from a mirror, and for unpacking them. */
const downloadTime = 15 * 60_000;
let system: DebianSystem;

beforeAll(() => {
  system = makeDebianSystem(folder);
  writeFileSync(join(share, 'from-host'), content);
}, downloadTime);

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(share, { recursive: true, force: true });
});

function expectOutput(output: string): void {
  const [line, mount, ...modules] = output.trimEnd().split('\n');
  expect(`${line}\n`).toBe(content);
  expect(mount).toMatch(/^host \/mnt\/host 9p /);
  // The kernel lists the last one first.
  expect(modules.reverse()).toEqual(system.modules);
  expect(readFileSync(join(share, 'from-guest'), 'utf8')).toBe(`${system.release}\n`);
  rmSync(join(share, 'from-guest'));
}

test.each(['mmio', 'pci'])('it reaches the mounted share over virtio-%s', async (transport) => {
  const { kernel, initrd, version } = system;
  // Not from the cache: another test may have kept the same system there.
  const words = [
    '--cold',
    '--kernel',
    kernel,
    '--initrd',
    initrd,
    '--share',
    share,
    '--transport',
    transport,
    '--stats',
  ];
  const { status, stdout, stderr } = await runInGuest(command, words);
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: expect.stringMatching(/^boot: .*\nstart: the machine has booted\nguest: .*\ntranslator: .*\n9P: .*\n$/),
  });
  expectOutput(stdout.toString());
  console.log(`Debian's kernel ${version} in vm9 over ${transport}:\n${stderr}`);
});

test('its driver of block devices writes a disk, flushes, and gives room back', async () => {
  const { kernel, initrd } = system;
  const image = join(folder, 'disk.img');
  writeFileSync(image, Buffer.alloc(4 << 20, 'before '));
  const run = (drives: readonly string[], line: string): ReturnType<typeof runInGuest> =>
    runInGuest(line, ['--kernel', kernel, '--initrd', initrd, '--quiet', ...drives]);
  const write = 'seq 100000 | dd of=/dev/vda bs=64k seek=8 conv=notrunc,fsync iflag=fullblock 2>/dev/null';
  const lines = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join('');
  for (const drive of [`${image},overlay=${image}.cow`, image]) {
    expect(await run(['--drive', drive], `${write} && blkdiscard -o 0 -l 65536 /dev/vda && sync`)).toMatchObject({
      status: 0,
    });
    const { stdout } = await run(['--drive', `${drive},ro`], 'dd if=/dev/vda bs=64k skip=8 2>/dev/null');
    expect(stdout.toString('latin1', 0, lines.length)).toBe(lines);
    const isOwn = drive === image;
    expect(readFileSync(image).subarray(0, 7).toString()).toBe(isOwn ? '\0'.repeat(7) : 'before ');
  }
});

test('the same kernel and initial file system reach it under QEMU', async () => {
  const { kernel, initrd } = system;
  const start = performance.now();
  const guest = await startQemu({ kernel, initramfs: initrd, share });
  try {
    const agent = new Agent(guest.agent);
    await agent.ready;
    await agent.mount({ tag: 'host', path: '/mnt/host' });
    const seconds = (performance.now() - start) / 1000;
    let output = '';
    const running = await agent.exec({
      command,
      cwd: '/mnt/host',
      onStdout: (bytes) => {
        output += Buffer.from(bytes).toString();
      },
    });
    running.end();
    expect(await running.exit).toEqual({ code: 0 });
    expectOutput(output);
    console.log(`Debian's kernel under QEMU: ${seconds.toFixed(2)} s to the mounted share`);
  } finally {
    guest.dispose();
  }
});
