// Bytes of a share's file in and out in all ways, beside the same moves of a file in the guest's memory; then the host looks.
// VM9_SCALE=full: 20,000 moves in each cache mode. RANDOM_SEED repeats those.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createVm, hostFolder, type Vm } from 'vm9';
import { describe, expect, onTestFinished, test } from 'vitest';
import { compiler, isInstalled } from '../bench/tools.ts';
import { runInGuest, temporaryFolder } from '../boot/command-line.ts';
import { guestProgram } from '../boot/guest-program.ts';
import { output, startWith } from '../boot/machine-with-shares.ts';
import { compile } from '../posix/guest.ts';

const isFull = process.env['VM9_SCALE'] === 'full';
const seed = Number(process.env['RANDOM_SEED'] ?? Date.now() % 2 ** 31);
const count = isFull ? 20_000 : 300;
const patience = isFull ? 40 * 60_000 : 120_000;
/** 1.7 MiB, and an end within a page. */
const length = 1_800_123;

/** Programs of this test in /tmp. */
async function install(vm: Vm, name: string, file: Uint8Array): Promise<void> {
  const { status } = await vm.exec(`cat > /tmp/${name} && chmod +x /tmp/${name}`, { stdin: file }).output();
  expect(status).toBe(0);
}

/** What the kernel says of pages that are given back too often or not at all, and of whatever else is wrong with it. */
const troubles = async (vm: Vm): Promise<string> => output(vm, "dmesg | grep -E 'BUG|WARNING|Bad page|Oops' || true");

const mounts = [
  ['none', 512_000],
  ['none', 65_536],
  // Two pages, and what a message has beside them.
  ['none', 8216],
  ['readahead', 512_000],
  ['mmap', 512_000],
  ['loose', 512_000],
] as const;

describe.runIf(isInstalled(compiler))('moves', () => {
  const program = isInstalled(compiler) ? new Uint8Array(compile(['moves.c'])) : new Uint8Array();

  // The seed is in the name, so that a failure of any kind tells it.
  test.each(mounts)(
    `${count} in cache=%s, msize=%d, RANDOM_SEED=${seed}`,
    { timeout: patience },
    async (cache, messageSize) => {
      const folder = temporaryFolder();
      const file = join(folder, 'file');
      writeFileSync(file, randomBytes(length));
      const vm = await startWith({ source: hostFolder(folder), cache, maximumMessageSize: messageSize });
      await install(vm, 'moves', program);
      const said = await output(
        vm,
        `cp file /tmp/model && /tmp/moves file /tmp/model /tmp/scratch ${seed} ${count} || true`,
      );
      expect(said, said).toMatch(new RegExp(`^${count} done, \\d+ bytes moved\n$`));
      const model = Buffer.from((await vm.exec('sync && cat /tmp/model').output()).stdout);
      expect(model.equals(readFileSync(file))).toBe(true);
      expect(await troubles(vm)).toBe('');
    },
  );
});

test('the memory that was read into and written from is given back', { timeout: 60_000 }, async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), randomBytes(1_050_001));
  const vm = createVm({ memory: 64, shares: [{ source: hostFolder(folder) }] });
  onTestFinished(() => vm.dispose());
  await vm.start();
  // Each in a process of its own, whose memory is free afterwards: three times as much as there is, read and written.
  await output(vm, 'for i in $(seq 100); do dd if=file of=copy bs=2M 2>/dev/null || exit 1; done; cmp file copy');
  expect(await troubles(vm)).toBe('');
});

test('what is read through the page cache is cached in folios of many pages, by the guest’s instructions', async () => {
  const folder = temporaryFolder();
  const mebibytes = 64;
  writeFileSync(join(folder, 'file'), '');
  truncateSync(join(folder, 'file'), mebibytes * 2 ** 20);
  const command = 'cat /proc/uptime; dd if=file of=/dev/null bs=128k 2>/dev/null && cat /proc/uptime';
  const { stdout } = await runInGuest(command, ['--clock', 'icount', '--share', `${folder},cache=mmap`]);
  const [before = NaN, after = NaN] = stdout.toString().split('\n').map(parseFloat);
  // A nanosecond of the counted clock is an instruction: 1.0 million for a MiB, and 2.3 where each page has a folio of its own.
  expect(((after - before) * 1e9) / mebibytes).toBeLessThan(1.5e6);
});

/** Linux, asm-generic/unistd.h and uapi/linux/loop.h. */
const [ioctl, openat] = [29, 56];
const [currentFolder, readWrite, setDirectIo] = [-100, 2, 0x4c08];

test(
  'a disk in a file of the share, past the page cache: segments of many pages',
  { timeout: 120_000 },
  async ({ skip }) => {
    skip(!isInstalled('mke2fs'), 'for want of mke2fs');
    const folder = temporaryFolder();
    const image = join(folder, 'image');
    const content = randomBytes(5_000_001);
    writeFileSync(join(folder, 'content'), content);
    writeFileSync(image, '');
    truncateSync(image, 24 * 1024 * 1024);
    execFileSync('mke2fs', ['-qt', 'ext4', image]);
    const vm = await startWith({ source: hostFolder(folder) });
    const direct = guestProgram([
      { number: openat, arguments: [currentFolder, new TextEncoder().encode('/dev/loop0'), readWrite, 0] },
      { number: ioctl, arguments: [3, setDirectIo, 1] },
    ]);
    await install(vm, 'direct', direct.file);
    await output(vm, 'losetup -f image');
    const { stdout } = await vm.exec('/tmp/direct').output();
    expect(direct.read(stdout).map(({ result }) => result)).toEqual([3, 0]);
    await output(
      vm,
      'mkdir -p /mnt/disk && mount -t ext4 /dev/loop0 /mnt/disk && cp content /mnt/disk/ && umount /mnt/disk && ' +
        'echo 3 > /proc/sys/vm/drop_caches && mount -t ext4 /dev/loop0 /mnt/disk && cp /mnt/disk/content back && ' +
        'umount /mnt/disk && losetup -d /dev/loop0',
    );
    expect(content.equals(readFileSync(join(folder, 'back')))).toBe(true);
    execFileSync('e2fsck', ['-fn', image], { stdio: 'ignore' });
    expect(await troubles(vm)).toBe('');
  },
);
