// Linux over PCI for longer than a boot: much data both ways, several requests at once, and a restart of the guest.
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVm, hostFolder } from 'vm9';
import { expect, onTestFinished, test } from 'vitest';
import { output } from './machine-with-shares.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test.each(['none', 'loose'] as const)(
  'with cache=%s: 8 MiB there and back, by four programs at once, and again after a reset',
  async (cache) => {
    const folder = mkdtempSync(join(tmpdir(), 'vm9-pci-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const content = randomBytes(2 << 20);
    writeFileSync(join(folder, 'from-host'), content);
    const vm = createVm({ transport: 'pci', shares: [{ source: hostFolder(folder), cache }] });
    onTestFinished(() => vm.dispose());
    await vm.start();
    for (let life = 1; life <= 3; life += 1) {
      await vm.ready;
      // The console's port of the agent carries as much beside it.
      const copies = [1, 2, 3, 4].map((copy) => `cp from-host copy-${copy} & `).join('');
      expect(await output(vm, `${copies} wait; sha256sum copy-* | cut -c1-64 | sort -u`)).toBe(`${sha256(content)}\n`);
      for (const copy of [1, 2, 3, 4]) {
        expect(sha256(readFileSync(join(folder, `copy-${copy}`)))).toBe(sha256(content));
        rmSync(join(folder, `copy-${copy}`));
      }
      const piped = await vm.exec('cat', { stdin: content }).output();
      expect(sha256(piped.stdout)).toBe(sha256(content));
      expect(await output(vm, 'ls -d /sys/bus/pci/devices/*/virtio* | wc -l')).toBe('3\n');
      if (life < 3) await vm.reset();
    }
  },
  120_000,
);
