// Bytes of a share's file in and out in all ways, beside the same moves of a file in the guest's memory; then the host looks.
// VM9_SCALE=full: 20,000 moves in each cache mode. RANDOM_SEED repeats those.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createVm, hostFolder, type CacheMode, type Vm } from 'vm9';
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

/** Instructions of a command in a guest with the folder, by its counted clock: a nanosecond each, in steps of ten million. */
async function instructionsOf(command: string, folder: string, cache: CacheMode): Promise<number> {
  const timed = `cat /proc/uptime; ${command} && cat /proc/uptime`;
  const { stdout } = await runInGuest(timed, ['--clock', 'icount', '--share', `${folder},cache=${cache}`]);
  const [before = NaN, after = NaN] = stdout.toString().split('\n').map(parseFloat);
  return (after - before) * 1e9;
}

test('what is read through the page cache is cached in folios of many pages, by the guest’s instructions', async () => {
  const folder = temporaryFolder();
  const mebibytes = 64;
  writeFileSync(join(folder, 'file'), '');
  truncateSync(join(folder, 'file'), mebibytes * 2 ** 20);
  const count = await instructionsOf('dd if=file of=/dev/null bs=128k 2>/dev/null', folder, 'mmap');
  // 1.0 million for a MiB, and 2.3 where each page has a folio of its own.
  expect(count / mebibytes).toBeLessThan(1.5e6);
});

test.each([
  // 23,200; with the kernel's worker, a question for capabilities and a new node of tags for each it was 46,400.
  { cache: 'none', limit: 33_000 },
  // 19,500, and it was 31,700.
  { cache: 'mmap', limit: 25_000 },
] as const)('a write of 4 KiB in cache=$cache, by the guest’s instructions', async ({ cache, limit }) => {
  const writes = 8192;
  const command = `dd if=/dev/zero of=file bs=4k count=${writes} 2>/dev/null`;
  expect((await instructionsOf(command, temporaryFolder(), cache)) / writes).toBeLessThan(limit);
});

test.each(['none', 'mmap', 'loose'] as const)(
  'writes ask for capabilities of programs with SUID alone, cache=%s',
  async (cache) => {
    const folder = temporaryFolder();
    const trace = join(temporaryFolder(), 'trace');
    // By two names, then as somebody else what has SUID and SGID; each shell opens the file anew.
    const command =
      'echo 1 >file; for i in 2 3 4; do echo $i; done >>file; ln file other; echo 5 >>other; echo 6 >>file; echo >marker; ' +
      'chmod 755 .; chmod 6777 file; su nobody -s /bin/sh -c "echo 7 >>other"; stat -c %a file; cat file';
    const { stdout } = await runInGuest(command, ['--trace', `9p,${trace}`, '--share', `${folder},cache=${cache}`]);
    expect(stdout.toString()).toBe('777\n1\n2\n3\n4\n5\n6\n7\n');
    const told = readFileSync(trace, 'utf8');
    const before = told.slice(0, told.indexOf('"marker"'));
    expect(before.match(/Twrite/g)?.length).toBeGreaterThan(3);
    expect(before).not.toContain('Txattrwalk');
    expect(told.slice(before.length)).toContain('name "security.capability"');
  },
);

test.each(['none', 'mmap'] as const)('nor do they once SUID was taken back, cache=%s', async (cache) => {
  const trace = join(temporaryFolder(), 'trace');
  const command =
    'echo 1 >file; chmod u+s file; chmod u-s file; ln file other; echo 2 >>other; echo 3 >>file; cat file';
  const { stdout } = await runInGuest(command, [
    '--trace',
    `9p,${trace}`,
    '--share',
    `${temporaryFolder()},cache=${cache}`,
  ]);
  expect(stdout.toString()).toBe('1\n2\n3\n');
  const told = readFileSync(trace, 'utf8');
  expect(told.match(/Twrite/g)?.length).toBe(3);
  expect(told).not.toContain('Txattrwalk');
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
