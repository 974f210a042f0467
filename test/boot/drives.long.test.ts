// Drives under file systems: written in the guest, checked by the host's tools, killed and reset in the middle.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createVm, hostFile, type DriveOptions, type Vm } from 'vm9';
import { expect, onTestFinished, test } from 'vitest';
import { runInGuest, runVmPath, temporaryFolder } from './command-line.ts';
import { output } from './machine-with-shares.ts';

const mount = 'mkdir -p /disk && mount -t ext4 /dev/vda /disk';

function emptyImage(folder: string, mebibytes = 32): string {
  const file = join(folder, 'disk.img');
  writeFileSync(file, '');
  truncateSync(file, mebibytes * 2 ** 20);
  return file;
}

async function start(...drives: readonly DriveOptions[]): Promise<Vm> {
  const vm = createVm({ drives });
  onTestFinished(() => vm.dispose());
  await vm.start();
  return vm;
}

/** Whether the host's tool finds nothing wrong; of a journal that was not finished it says so before. */
function checkOnHost(image: string): void {
  execFileSync('e2fsck', ['-fy', image]);
  execFileSync('e2fsck', ['-fn', image]);
}

test('an ext4 of the host: the guest reads and writes it, and the host finds it whole', async () => {
  const folder = temporaryFolder();
  const image = emptyImage(folder);
  execFileSync('mke2fs', ['-qt', 'ext4', image]);
  const content = randomBytes(6_000_000);
  writeFileSync(join(folder, 'content'), content);
  const share = ['--share', folder, '--drive', image];
  const write = `${mount} && cp content /disk/ && mkdir /disk/many && cd /disk/many && seq 500 | while read n; do echo $n > $n; done`;
  expect(await runInGuest(`${write} && cd / && umount /disk`, share)).toMatchObject({ status: 0, stderr: '' });
  execFileSync('e2fsck', ['-fn', image]);
  const read = `${mount} && cmp content /disk/content && ls /disk/many | wc -l && cat /disk/many/321`;
  const { stdout } = await runInGuest(read, ['--share', folder, '--drive', `${image},ro`]);
  expect(stdout.toString()).toBe('500\n321\n');
});

test.each(['image', 'overlay'])('what fsync returned for is there after the machine was killed: %s', async (kind) => {
  const folder = temporaryFolder();
  const image = emptyImage(folder);
  execFileSync('mke2fs', ['-qt', 'ext4', image]);
  const before = readFileSync(image);
  const drive = kind === 'image' ? image : `${image},overlay=${join(folder, 'cow')}`;
  const loop =
    'i=0; while :; do dd if=/dev/urandom of=/disk/$i bs=8k count=4 conv=fsync 2>/dev/null && sha256sum /disk/$i; i=$((i + 1)); done';
  for (let round = 0; round < 3; round++) {
    const child = spawn(process.execPath, [
      runVmPath,
      '--drive',
      drive,
      '--exec',
      `${mount} && rm -f /disk/[0-9]* && ${loop}`,
    ]);
    onTestFinished(() => void child.kill('SIGKILL'));
    let told = '';
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.stdout.on('data', (bytes: Buffer) => {
      told += String(bytes);
      if (told.split('\n').length > 12 + 17 * round) child.kill('SIGKILL');
    });
    await gone;
    // The last line may be cut.
    const sums = told.split('\n').slice(0, -1);
    expect(sums.length).toBeGreaterThan(10);
    const check = await runInGuest(`${mount} && sha256sum -c && umount /disk`, ['--drive', drive], {
      input: `${sums.join('\n')}\n`,
    });
    expect(check).toMatchObject({ status: 0 });
  }
  if (kind === 'image') checkOnHost(image);
  else expect(readFileSync(image).equals(before)).toBe(true);
});

test('a guest that is reset while it writes has its disk again', async () => {
  const folder = temporaryFolder();
  const vm = await start({ source: hostFile(emptyImage(folder)) });
  for (let life = 0; life < 3; life++) {
    await vm.ready;
    expect(
      await output(vm, `printf life${life} | dd of=/dev/vda bs=512 seek=${life} conv=fsync 2>/dev/null; echo ok`),
    ).toBe('ok\n');
    const writing = vm.exec(
      'while :; do dd if=/dev/zero of=/dev/vda bs=64k seek=1 count=200 conv=fsync 2>/dev/null; done',
    );
    writing.exit.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 150));
    await vm.reset();
  }
  await vm.ready;
  expect(await output(vm, 'dd if=/dev/vda bs=512 count=3 2>/dev/null | tr -d "\\0"')).toBe('life0life1life2');
});

test('fstrim and blkdiscard give the room of an image and of an overlay back', async () => {
  const folder = temporaryFolder();
  const image = emptyImage(folder);
  const other = emptyImage(temporaryFolder());
  const overlay = join(folder, 'cow');
  const vm = await start({ source: hostFile(image) }, { source: hostFile(other), overlay: hostFile(overlay) });
  const room = (file: string): number => statSync(file).blocks * 512;
  const fill = (device: string): string => `dd if=/dev/urandom of=${device} bs=64k conv=fsync 2>/dev/null; echo filled`;
  expect(await output(vm, `${fill('/dev/vda')}; ${fill('/dev/vdb')}`)).toBe('filled\nfilled\n');
  expect(room(image)).toBeGreaterThan(31 * 2 ** 20);
  const grown = statSync(overlay).size;
  await output(
    vm,
    'for d in a b; do blkdiscard /dev/vd$d && dd if=/dev/null of=/dev/vd$d conv=fsync 2>/dev/null; done',
  );
  expect(room(image)).toBeLessThan(2 ** 20);
  // What is written now takes the places of what was discarded.
  await output(vm, fill('/dev/vdb'));
  expect(statSync(overlay).size).toBe(grown);
  expect(await output(vm, 'head -c 1000000 /dev/vda | tr -d "\\0" | wc -c')).toBe('0\n');
});

test('bytes stay with their VM from one start to the next, and shared ones are its user’s too', async () => {
  const own = new Uint8Array(2 ** 20);
  const shared = new Uint8Array(new SharedArrayBuffer(2 ** 20));
  const vm = await start({ source: own }, { source: shared });
  await output(vm, 'for d in a b; do printf kept | dd of=/dev/vd$d bs=512 seek=3 conv=fsync 2>/dev/null; done');
  expect(Buffer.from(shared.slice(1536, 1540)).toString()).toBe('kept');
  expect(own.every((byte) => byte === 0)).toBe(true);
  await vm.stop();
  await vm.start();
  expect(await output(vm, 'dd if=/dev/vda bs=512 skip=3 count=1 2>/dev/null | tr -d "\\0"')).toBe('kept');
});

test('a host without room is an I/O error in the guest, and a word beside it', async () => {
  const folder = temporaryFolder();
  const image = emptyImage(folder, 16);
  const overlay = join(folder, 'cow');
  // A limit for files of 4 MiB: what a full host would do, without one.
  const program = `ulimit -f 4096 && trap "" XFSZ && exec "$0" "$@"`;
  const words = [runVmPath, '--drive', `${image},overlay=${overlay}`, '--exec'];
  const command = 'dd if=/dev/urandom of=/dev/vda bs=64k conv=fsync 2>/dev/null; echo status $?';
  const child = spawn('bash', ['-c', program, process.execPath, ...words, command]);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (bytes: Buffer) => (stdout += String(bytes)));
  child.stderr.on('data', (bytes: Buffer) => (stderr += String(bytes)));
  await new Promise((resolve) => child.once('close', resolve));
  expect(stdout).toBe('status 1\n');
  expect(stderr).toMatch(/vm9: virtio-blk disk\.img: \/.*\/cow: the host fails \(EFBIG\)/);
  rmSync(overlay);
});
