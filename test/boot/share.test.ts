// A folder of the host in the guest, end to end.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostFolder } from 'vm9';
import { expect, test } from 'vitest';
import { runInGuest, temporaryFolder } from './command-line.ts';
import { output, startWith } from './machine-with-shares.ts';

test('an edit on the host, of the same size within the same second, is seen on the next open, and a cut holds up no reader', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'file');
  const vm = await startWith({ source: hostFolder(folder) });
  for (let edit = 0; edit < 20; edit++) {
    writeFileSync(file, `edit ${edit % 10}\n`);
    const time = new Date(1_700_000_000_000 + edit);
    utimesSync(file, time, time);
    expect(await output(vm, 'cat file')).toBe(`edit ${edit % 10}\n`);
  }
  // Nor is what the host writes ever in the guest's future: its clock is the host's, not the whole second that Linux reads.
  for (let look = 0; look < 5; look++) {
    const before = Date.now();
    const [time = ''] = (await output(vm, "touch /tmp/now && stat -c '%y' /tmp/now")).split('+');
    // A busy host sets it late, but not by a half of a second.
    expect(Date.parse(`${time.trim()}Z`)).toBeGreaterThanOrEqual(before - 100);
    expect(Date.parse(`${time.trim()}Z`)).toBeLessThanOrEqual(Date.now());
  }

  // A file that the host cuts off while the guest has it open. Linux asks for ever for what was there; nothing else would run.
  const cut = join(folder, 'cut');
  writeFileSync(cut, 'x'.repeat(100));
  const read = 'dd bs=100 count=1 <&3 2>&1';
  const reader = output(
    vm,
    `exec 3<cut; touch /tmp/opened; while [ -e /tmp/opened ]; do sleep 0.02; done; ${read}; stat -L /proc/self/fd/3 >/dev/null; ${read}`,
  );
  await output(vm, 'while [ ! -e /tmp/opened ]; do sleep 0.02; done');
  truncateSync(cut, 50);
  await output(vm, 'rm /tmp/opened');
  // Once the reader has asked for the size, it reads to the new end.
  expect(await reader).toMatch(/No data available[^]*x{50}[^x]*$/);
});

test('a read-only share can be read and not changed', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), 'content');
  const vm = await startWith({ source: hostFolder(folder), readOnly: true });
  expect(await output(vm, 'cat file')).toBe('content');
  const { stderr, status } = await vm.exec('echo x > file').output();
  expect(status).not.toBe(0);
  expect(Buffer.from(stderr).toString()).toContain('Read-only file system');
  expect(readFileSync(join(folder, 'file'), 'latin1')).toBe('content');
});

test('several shares, with tags and places of their own', async () => {
  const folder = temporaryFolder();
  for (const name of ['one', 'two,three', 'four']) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'name'), `${name}\n`);
  }
  const words = ['--share', 'one', '--share', 'two,,three', '--share', 'four,tag=quatre,mount=/srv/4'];
  const { stdout, stderr } = await runInGuest('cat name /mnt/two,three/name /srv/4/name', words, { cwd: folder });
  expect({ output: stdout.toString(), stderr }).toEqual({ output: 'one\ntwo,three\nfour\n', stderr: '' });
});

test('the mount line of the guides works on a share that is left unmounted', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), 'seen');
  const vm = await startWith({ source: hostFolder(folder), tag: 'shared', mount: 'none' });
  const command =
    'mkdir /mnt/shared && mount -t 9p -o trans=virtio,version=9p2000.L,msize=104857600,cache=loose,access=user ' +
    'shared /mnt/shared && cat /mnt/shared/file';
  expect(await output(vm, command)).toBe('seen');
});

test('--trace 9p writes one line per message, and a large read or write is no more of them than msize makes it', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'needle'), '');
  writeFileSync(join(folder, 'large'), randomBytes(2 ** 20));
  const trace = join(temporaryFolder(), 'trace');
  const command = 'cat needle && dd if=large of=copy bs=1M count=1';
  const { status } = await runInGuest(command, ['--share', folder, '--trace', `9p,${trace}`]);
  expect(status).toBe(0);
  const lines = readFileSync(trace, 'utf8').trimEnd().split('\n');
  expect(lines[0]).toMatch(/^host: Tversion /);
  expect(lines.filter((line) => line.includes('"needle"')).length).toBeGreaterThan(0);
  expect(lines.filter((line) => !/^host: T\w+ tag \d+ .* -> .* \(\d+ us\)$/.test(line))).toEqual([]);
  const countsOf = (type: string): number[] =>
    lines.flatMap((line) => {
      const count = new RegExp(`: ${type} .* count (\\d+) ->`).exec(line)?.[1];
      return count === undefined ? [] : [Number(count)];
    });
  // P9_IOHDRSZ of Linux: 24 bytes of each message that it keeps free of data.
  const most = 512_000 - 24;
  const expected = [most, most, 2 ** 20 - 2 * most];
  const [ofNeedle, ...reads] = countsOf('Tread');
  expect({ ofNeedle, reads, writes: countsOf('Twrite') }).toEqual({
    ofNeedle: expect.any(Number),
    reads: expected,
    writes: expected,
  });
  expect(readFileSync(join(folder, 'copy')).equals(readFileSync(join(folder, 'large')))).toBe(true);
});
