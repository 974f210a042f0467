// Drives in the guest, end to end: a disk that is written, one that is not, and one whose writes go elsewhere.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runInGuest, temporaryFolder } from './command-line.ts';

test('--drive FILE, with ro and with overlay=FILE', async () => {
  const folder = temporaryFolder();
  const read = (name: string): Buffer => readFileSync(join(folder, name));
  const image = Buffer.alloc(2 ** 18, 'vm9 disk ');
  for (const name of ['own.img', 'read,only', 'base.img']) writeFileSync(join(folder, name), image);
  const words = ['--drive', 'own.img', '--drive', 'read,,only,ro', '--drive', 'base.img,overlay=guest.cow'];
  const commands = [
    'cat /sys/block/vd?/size /sys/block/vd?/ro /sys/block/vda/serial && echo',
    'exec 2>/dev/null && head -c 32768 /dev/urandom > /tmp/data',
    'dd if=/tmp/data of=/dev/vda bs=4k seek=16 conv=fsync',
    'dd if=/tmp/data of=/dev/vdc bs=4k seek=30 conv=fsync',
    '! dd if=/tmp/data of=/dev/vdb bs=4k conv=fsync',
    // Past the page cache.
    'for drive in a b c; do dd if=/dev/vd$drive bs=64k iflag=direct | sha256sum; done | cut -c1-64',
  ];
  const { stdout, stderr } = await runInGuest(commands.join(' && '), words, { cwd: folder });
  expect(stderr).toBe('');
  const lines = stdout.toString().split('\n');
  expect(lines.slice(0, 7)).toEqual(['512', '512', '512', '0', '1', '0', 'own.img']);

  const sha256 = async (bytes: Buffer): Promise<string> =>
    Buffer.from(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes))).toString('hex');
  const own = read('own.img');
  const data = own.subarray(16 * 4096, 24 * 4096);
  const inOverlay = Buffer.from(image);
  data.copy(inOverlay, 30 * 4096);
  expect(lines.slice(7)).toEqual([...(await Promise.all([own, image, inOverlay].map(sha256))), '']);
  expect(own.equals(Buffer.concat([image.subarray(0, 16 * 4096), data, image.subarray(24 * 4096)]))).toBe(true);
  expect(data.equals(image.subarray(16 * 4096, 24 * 4096))).toBe(false);
  for (const name of ['read,only', 'base.img']) expect(read(name).equals(image)).toBe(true);
  // A table's worth, and the two clusters that the guest has written to.
  expect(read('guest.cow').length).toBeLessThanOrEqual(3 * 65_536);
});
