// A folder as the guest's root, as small as one can be: the busybox of the guest's image, and a table of users.
import { chmodSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readCpio } from '../guest-images/cpio.ts';
import { runVm, temporaryFolder } from './command-line.ts';

const image = new URL('../../guest-images/images/initramfs-riscv64.cpio.gz', import.meta.url);

function makeRoot(): string {
  const folder = temporaryFolder();
  for (const name of ['bin', 'etc', 'root', 'srv']) mkdirSync(join(folder, name));
  const busybox = readCpio(gunzipSync(readFileSync(image))).find(({ path }) => path === 'bin/busybox');
  writeFileSync(join(folder, 'bin/busybox'), busybox!.data);
  chmodSync(join(folder, 'bin/busybox'), 0o755);
  for (const name of ['sh', 'ash']) symlinkSync('busybox', join(folder, 'bin', name));
  writeFileSync(join(folder, 'etc/passwd'), 'other:x:1:1::/:/bin/other\nroot:x:0:0:root:/root:/bin/ash\n');
  writeFileSync(join(folder, 'etc/hostname'), 'small\n');
  return folder;
}

test(
  'commands and shares are in it, what it lacks is made, and its own files are the host’s',
  { timeout: 60_000 },
  async () => {
    const [root, share] = [makeRoot(), temporaryFolder()];
    writeFileSync(join(share, 'here'), 'shared\n');
    // Names and programs of busybox would be there without a word if this were the initramfs.
    const command = `
    busybox hostname; echo $SHELL; pwd; busybox cat here; echo /*; test ! -e /bin/ls && test -c /dev/null && test -d /proc/1
    echo kept >/srv/file; echo forgotten >/tmp/file; echo forgotten >/run/file; kill -USR2 $$`;
    const { status, stdout, stderr } = await runVm([
      '--root',
      `${root},security=default`,
      '--share',
      share,
      '--exec',
      command,
    ]);
    expect({ status, stdout: stdout.toString(), stderr }).toEqual({
      status: 128 + 12,
      stdout: 'small\n/bin/ash\n/mnt/host\nshared\n/bin /dev /etc /mnt /proc /root /run /srv /sys /tmp\n',
      stderr: '',
    });
    expect(readFileSync(join(root, 'srv/file'), 'utf8')).toBe('kept\n');
    for (const name of ['dev', 'proc', 'run', 'sys', 'tmp']) expect(readdirSync(join(root, name))).toEqual([]);
  },
);
