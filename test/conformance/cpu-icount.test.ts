// Two boots of the guest image under `--clock icount` are one and the same, to the last bit of RAM and registers, and so
// is a boot whose hot code is translated.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { runCounted } from '../cpu/counted-machine.ts';

const image = (name: string): Uint8Array => readFileSync(new URL(`../../guest-images/images/${name}`, import.meta.url));

it.each(['mmio', 'pci'] as const)(
  'boots to the agent twice, and once translated, over virtio-%s',
  async (transport) => {
    const boot = {
      kernel: image('vmlinux-riscv64.gz'),
      initrd: image('initramfs-riscv64.cpio.gz'),
      memoryBytes: 128 << 20,
      commandLine: 'console=ttyS0',
      untilAgent: true,
      transport,
    };
    const first = await runCounted(boot);
    const second = await runCounted(boot);
    console.log(`${first.instructions} instructions to the agent over ${transport}, memory ${first.memory}`);
    expect(first.reason).toBe('stopped');
    expect(first.instructions).toBeGreaterThan(10_000_000);
    expect(second).toEqual(first);

    // Whatever runs the code: the translator stops where the interpreter does, and leaves what it leaves.
    const translated = await runCounted({ ...boot, cpu: 'translator' });
    expect({ ...translated, memory: first.memory }).toEqual(first);
  },
);
