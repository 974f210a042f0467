// A machine that writes to its disks is saved in the middle, and goes on in another process: nothing of them is lost.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createVm, hostFile } from 'vm9';
import { expect, onTestFinished, test } from 'vitest';
import { runInGuest, temporaryFolder } from './command-line.ts';
import { output } from './machine-with-shares.ts';

const block = 65_536;
const mount = 'mkdir -p /disk && mount -t ext4 /dev/vda /disk';
/**
 * Writes files and blocks of random bytes until /tmp/stop is there, and notes their sums in memory. A read of /dev/urandom is
 * short where the program is frozen meanwhile, as if a signal had come: `head` reads on.
 */
const load = `
files() {
  n=0
  while [ ! -e /tmp/stop ]; do
    dd if=/dev/urandom of=/disk/$n bs=24k count=3 2> /dev/null
    sha256sum /disk/$n > /tmp/sums/$n
    n=$(((n + 1) % 50))
  done
}
blocks() {
  n=0
  while [ ! -e /tmp/stop ]; do
    head -c ${block} /dev/urandom > /tmp/block
    dd if=/tmp/block of=/dev/vdb bs=${block} seek=$n conv=notrunc,fsync 2> /dev/null
    sha256sum < /tmp/block | sed "s/-/$n/" >> /tmp/blocks
    n=$((n + 1))
  done
}
${mount} && mkdir /tmp/sums && { files & blocks & wait; touch /tmp/stopped; }`;

/** Waits for two more blocks. */
const written = `
touch /tmp/blocks
n=$(wc -l < /tmp/blocks)
while [ $(wc -l < /tmp/blocks) -lt $((n + 2)) ]; do sleep 0.1; done`;

test.each(['mmio', 'pci'] as const)('over %s, an ext4 behind an overlay and a raw image', async (transport) => {
  const folder = temporaryFolder();
  const [image, overlay, raw] = ['disk.img', 'disk.cow', 'raw.img'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const [file, mebibytes] of [
    [image, 32],
    [raw, 256],
  ] as const) {
    writeFileSync(file, '');
    truncateSync(file, mebibytes * 2 ** 20);
  }
  execFileSync('mke2fs', ['-qt', 'ext4', image]);
  const before = readFileSync(image);
  const vm = createVm({
    memory: 64,
    transport,
    drives: [{ source: hostFile(image), overlay: hostFile(overlay) }, { source: hostFile(raw) }],
  });
  onTestFinished(() => vm.dispose());
  const lines: string[] = [];
  vm.on('log', ({ line }) => void lines.push(line));
  await vm.start();
  const running = vm.exec(load);
  running.exit.catch(() => undefined);
  await running.started;
  await output(vm, written);
  const [early, late] = [join(folder, 'early.vm9'), join(folder, 'late.vm9')] as const;
  writeFileSync(early, await vm.save());
  expect(lines).toEqual([expect.stringMatching(/^drive disk\.img can be written to while the machine runs on: once/)]);
  await output(vm, written);
  writeFileSync(late, await vm.save({ stop: true }));
  expect(lines).toHaveLength(1);

  const drives = ['--drive', `${image},overlay=${overlay}`, '--drive', raw];
  const shared = join(folder, 'shared');
  mkdirSync(shared);
  const refused = await runInGuest('true', ['--resume', early, ...drives]);
  expect(refused).toMatchObject({ status: 2 });
  expect(refused.stderr).toMatch(
    /drive .* is not as it was when the machine was saved \(it .*boot without the snapshot/,
  );

  // A share more lies behind the drives, where the guest looks for neither.
  const count = 'wc -l < /tmp/blocks';
  const end = 'touch /tmp/stop; while [ ! -e /tmp/stopped ]; do sleep 0.1; done; cat /tmp/sums/* > /mnt/host/files';
  const result = 'sha256sum -c /mnt/host/files > /dev/null && cp /tmp/blocks /mnt/host/ && umount /disk';
  const words = ['--resume', late, ...drives, '--share', shared];
  const goOn = await runInGuest(`${count}; sleep 1; ${count}; ${end} && ${result}`, words);
  expect(goOn).toMatchObject({ status: 0, stderr: '' });
  const [first = 0, second = 0] = goOn.stdout.toString().trim().split('\n').map(Number);
  expect(first).toBeGreaterThan(0);
  expect(second).toBeGreaterThan(first);

  const sums = readFileSync(join(shared, 'blocks'), 'utf8').trimEnd().split('\n');
  const content = readFileSync(raw);
  for (const line of sums) {
    const [sum, number] = line.split(/ +/);
    const bytes = content.subarray(Number(number) * block, (Number(number) + 1) * block);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sum);
  }
  expect(readFileSync(image).equals(before)).toBe(true);
  const check = await runInGuest(
    `${mount} && sha256sum -c > /dev/null && dmesg | grep -c 'EXT4.*recovery' || true`,
    drives,
    {
      input: readFileSync(join(shared, 'files')),
    },
  );
  expect({ ...check, stdout: check.stdout.toString() }).toMatchObject({ status: 0, stderr: '', stdout: '0\n' });
});
