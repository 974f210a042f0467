// Finds the guest image: the package vm9-guest-images, which in a clone is the workspace guest-images.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { VmError } from '../errors.ts';
import type { GuestImage } from '../platform.ts';

const packageName = 'vm9-guest-images';

/** The kernel and the initial file system that are booted unless others are named. Throws VmError 'bad-file'. */
export async function loadGuestImage(): Promise<GuestImage> {
  const [kernel, initrd] = await Promise.all([readImage('vmlinux-riscv64.gz'), readImage('initramfs-riscv64.cpio.gz')]);
  return { kernel, initrd };
}

async function readImage(name: string): Promise<Uint8Array> {
  try {
    return await readFile(createRequire(import.meta.url).resolve(`${packageName}/${name}`));
  } catch (cause) {
    throw new VmError(
      'bad-file',
      `the guest image ${name} cannot be read: npm install ${packageName}, in a clone npm ci; or name a kernel and an initrd`,
      { cause },
    );
  }
}
