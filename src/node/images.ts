// Finds the guest image: the package vm9-guest-images, which in a clone is the workspace guest-images.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { VmError } from '../errors.ts';
import type { GuestImage } from '../platform.ts';

const packageName = 'vm9-guest-images';

const unpack = promisify(gunzip);

/**
 * The kernel and the initial file system that are booted unless others are named. Throws VmError 'bad-file'. Both are
 * unpacked here: the guest would take 32 million instructions, half of its boot, for what costs the host 10 ms. A user's
 * own initial file system goes to the guest as it is, because it may be several archives one behind another.
 */
export async function loadGuestImage(): Promise<GuestImage> {
  const [kernel, initrd] = await Promise.all([unpacked(names.kernel), unpacked(names.initrd)]);
  return { kernel, initrd };
}

const names = { kernel: 'vmlinux-riscv64.gz', initrd: 'initramfs-riscv64.cpio.gz' } as const;

/** The packed file of one of them. Throws VmError 'bad-file' where the package is not there. */
export function guestImagePath(which: keyof typeof names): string {
  return pathOf(names[which]);
}

async function unpacked(name: string): Promise<Uint8Array> {
  const packed = await readImage(name);
  try {
    return await unpack(packed);
  } catch (cause) {
    throw new VmError('bad-file', `the guest image ${name} is damaged: install ${packageName} again`, { cause });
  }
}

async function readImage(name: string): Promise<Uint8Array> {
  const path = pathOf(name);
  try {
    return await readFile(path);
  } catch (cause) {
    throw notThere(name, cause);
  }
}

function pathOf(name: string): string {
  try {
    return createRequire(import.meta.url).resolve(`${packageName}/${name}`);
  } catch (cause) {
    throw notThere(name, cause);
  }
}

function notThere(name: string, cause: unknown): VmError {
  return new VmError(
    'bad-file',
    `the guest image ${name} cannot be read: npm install ${packageName}, in a clone npm ci; or name a kernel and an initrd`,
    { cause },
  );
}
