// The whole machine over PCI: console, entropy and shares are functions of its bus.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runInGuest, temporaryFolder } from './command-line.ts';

test('--transport pci: the shares are mounted, commands run, and every device is behind the bridge', async () => {
  const folder = temporaryFolder();
  for (const name of ['one', 'two']) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'name'), `${name}\n`);
  }
  const command =
    'cat name /mnt/two/name && cat > from-guest && cd /sys/bus/pci/devices && cat */device && ' +
    'head -c 16 /dev/hwrng | wc -c && ls -d */virtio* | wc -l; ls -d /sys/bus/platform/devices/*virtio_mmio/virtio*; exit 7';
  const words = ['--transport', 'pci', '--share', 'one', '--share', 'two'];
  const { status, stdout } = await runInGuest(command, words, { cwd: folder, input: 'from standard input\n' });
  expect({ status, output: stdout.toString().split('\n') }).toEqual({
    status: 7,
    output: ['one', 'two', '0x0008', '0x1043', '0x1044', '0x1049', '0x1049', '16', '4', ''],
  });
  expect(readFileSync(join(folder, 'one/from-guest'), 'utf8')).toBe('from standard input\n');
});
