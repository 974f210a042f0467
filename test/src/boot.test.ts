// Linux, Documentation/arch/riscv/boot.rst.
import { describe, expect, test } from 'vitest';
import { loadGuest } from '../../src/boot.ts';
import type { BootOptions, EntryState } from '../../src/boot.ts';
import type { GuestMemory } from '../../devices/guest-memory.ts';
import { readKernel } from '../../src/kernel-image.ts';
import { ram, ramBase } from '../board-parts.ts';
import { cellsOf, nodeAt, parseTree, stringsOf, valueOf } from './flat-tree.ts';
import type { FlatNode } from './flat-tree.ts';
import { readFirmware } from '../../src/firmware.ts';
import type { Firmware } from '../../src/firmware.ts';
import { gunzip, makeElf, makeImage } from './kernel-files.ts';
import type { ImageFields } from './kernel-files.ts';

const mebibyte = 2 ** 20;

async function load(
  options: Partial<BootOptions> & { size?: number; image?: ImageFields } = {},
): Promise<{ entry: EntryState; memory: GuestMemory; tree: FlatNode; treeBytes: Uint8Array<ArrayBufferLike> }> {
  const memory = options.memory ?? ram(options.size ?? 16 * mebibyte);
  const entry = loadGuest({
    memory,
    kernel: await readKernel(makeImage(options.image), gunzip),
    commandLine: 'console=ttyS0',
    machine: { harts: 1 },
    entropy: (length) => new Uint8Array(length).fill(0xe7),
    ...options,
  });
  const header = memory.view(entry.a1, 8);
  const treeBytes = memory.view(entry.a1, new DataView(header.buffer, header.byteOffset).getUint32(4)).slice();
  return { entry, memory, tree: parseTree(treeBytes), treeBytes };
}

/** Physical addresses from a pair of cells. */
function addressOf(node: FlatNode, property: string): number {
  const [high, low] = cellsOf(node, property);
  return high! * 2 ** 32 + low!;
}

test('the kernel lies at its text offset, and the hart begins there in S-mode with a0 its id', async () => {
  const { entry, memory } = await load();
  expect([entry.mode, entry.pc, entry.a0]).toEqual(['supervisor', 0x8020_0000, 0]);
  expect(memory.view(entry.pc, 0x1000)).toEqual(makeImage());
});

test('another text offset is respected', async () => {
  const { entry } = await load({ image: { textOffset: 0x40_0000 } });
  expect(entry.pc).toBe(0x8040_0000);
});

test('a1: the device tree lies on a 2 MiB boundary inside RAM', async () => {
  for (const size of [8, 9, 16, 17].map((count) => count * mebibyte)) {
    const { entry, treeBytes } = await load({ size });
    expect(entry.a1 % (2 * mebibyte)).toBe(0);
    expect(entry.a1 + treeBytes.length).toBeLessThanOrEqual(ramBase + size);
    expect(entry.a1).toBeGreaterThan(ramBase + size - 4 * mebibyte);
  }
});

test('the device tree tells memory, command line, machine and a seed from the host’s entropy', async () => {
  const { tree } = await load({ commandLine: 'quiet ünïcode', machine: { harts: 1, virtioSlots: 2 } });
  const chosen = nodeAt(tree, '/chosen');
  expect(stringsOf(chosen, 'bootargs')).toEqual(['quiet ünïcode']);
  expect(valueOf(chosen, 'rng-seed')).toEqual(new Uint8Array(32).fill(0xe7));
  expect(chosen.properties.has('linux,initrd-start')).toBe(false);
  expect(cellsOf(nodeAt(tree, '/memory@80000000'), 'reg')).toEqual([0, ramBase, 0, 16 * mebibyte]);
  expect(nodeAt(tree, '/soc').children.filter(({ name }) => name.startsWith('virtio')).length).toBe(2);
});

test('the initramfs lies page-aligned right below the device tree, byte for byte, at its exact length', async () => {
  const initrd = Uint8Array.from({ length: 5001 }, (_, index) => index % 253);
  const { entry, memory, tree } = await load({ initrd });
  const chosen = nodeAt(tree, '/chosen');
  const start = addressOf(chosen, 'linux,initrd-start');
  expect(start).toBe(entry.a1 - 8192);
  expect(addressOf(chosen, 'linux,initrd-end')).toBe(start + 5001);
  expect(memory.view(start, 5001)).toEqual(initrd);
});

test('what is loaded is reported as written, so that nobody runs older code', async () => {
  const memory = ram(16 * mebibyte);
  const written: number[] = [];
  memory.onWritten((address) => written.push(address));
  const { entry } = await load({ memory, initrd: new Uint8Array(1) });
  expect(written).toEqual([entry.pc, entry.a1 - 4096, entry.a1]);
});

test('CSRs are what a firmware would leave: delegation, counters, one open PMP entry, Sstc', async () => {
  const { entry } = await load();
  if (entry.mode !== 'supervisor') throw new Error('no firmware was given');
  const { csrs } = entry;
  expect(csrs).toEqual({
    medeleg: 0xb1ffn,
    mideleg: 0x222n,
    mcounteren: 7n,
    scounteren: 7n,
    pmpaddr0: 0x3f_ffff_ffff_ffffn,
    pmpcfg0: 0x1fn,
    menvcfg: 1n << 63n,
  });
  expect(csrs.medeleg & (1n << 9n)).toBe(0n); // ecall from S-mode comes to the SBI
});

test('a command line of 1,023 bytes is the longest', async () => {
  const longest = 'x'.repeat(1021) + 'é';
  expect(stringsOf(nodeAt((await load({ commandLine: longest })).tree, '/chosen'), 'bootargs')).toEqual([longest]);
  await expect(load({ commandLine: `${longest}y` })).rejects.toThrow(
    'the kernel command line has 1024 bytes, and Linux takes 1023: shorten what is appended',
  );
});

test('a zero byte in the command line is refused', async () => {
  await expect(load({ commandLine: 'a\0b' })).rejects.toThrow('zero byte');
});

test('an empty initramfs is refused', async () => {
  await expect(load({ initrd: new Uint8Array(0) })).rejects.toThrow('the initramfs is an empty file');
});

test('memory that is too small is refused with what it takes, and that much is enough to load', async () => {
  const image = { imageSize: 5_000_000 };
  const initrd = new Uint8Array(mebibyte);
  await expect(load({ size: 7 * mebibyte, image, initrd })).rejects.toThrow(
    '7 MiB of memory are too few for kernel 4.8 MiB and initramfs 1 MiB: loading them takes 9 MiB, running more',
  );
  await expect(load({ size: 8 * mebibyte, image, initrd })).rejects.toThrow('loading them takes 9 MiB');
  expect((await load({ size: 9 * mebibyte, image, initrd })).entry.a1).toBe(0x8080_0000);
});

test('memory smaller than the kernel’s offset is refused like any other', async () => {
  await expect(load({ size: mebibyte })).rejects.toThrow(
    '1 MiB of memory are too few for kernel 0.1 MiB: loading them takes 5 MiB',
  );
});

test('nothing is written when something is refused', async () => {
  const memory = ram(8 * mebibyte);
  await expect(load({ memory, initrd: new Uint8Array(7 * mebibyte) })).rejects.toThrow('too few');
  expect(memory.view(ramBase, memory.length).every((byte) => byte === 0)).toBe(true);
});

describe('with a firmware', () => {
  /** A raw binary of so many bytes. */
  const raw = (length: number): Promise<Firmware> => {
    return readFirmware(new Uint8Array(length).fill(0x13), gunzip, { base: ramBase, length: 64 * mebibyte });
  };

  /** What lies in the reset ROM. */
  const told = (entry: EntryState): unknown => {
    if (entry.mode !== 'machine') throw new Error('the firmware was not taken');
    const [firmware, tree, next] = [24, 32, 40 + 16].map((offset) => entry.rom.read(offset, 4));
    return { firmware, tree, next };
  };

  test('the hart begins there, and finds what QEMU’s reset ROM gives', async () => {
    const { entry, memory } = await load({ size: 64 * mebibyte, firmware: await raw(5000) });
    const tree = ramBase + 62 * mebibyte;
    expect(entry).toMatchObject({ mode: 'machine', pc: ramBase, a0: 0, a1: tree, a2: 0x1028 });
    expect(told(entry)).toEqual({ firmware: ramBase, tree, next: 0x8020_0000 });
    expect(memory.view(ramBase, 5001)).toEqual(Uint8Array.from({ length: 5001 }, (_, at) => (at < 5000 ? 0x13 : 0)));
    expect(memory.view(0x8020_0000, 0x1000)).toEqual(makeImage());
  });

  test('the kernel lies behind it at a multiple of 2 MiB', async () => {
    for (const [length, place] of [
      [2 * mebibyte, 0x8020_0000],
      [2 * mebibyte + 1, 0x8040_0000],
    ] as const) {
      const { entry, memory } = await load({ size: 64 * mebibyte, firmware: await raw(length) });
      expect(told(entry)).toMatchObject({ next: place });
      expect(memory.view(place, 0x1000)).toEqual(makeImage());
    }
  });

  test('the initramfs lies 128 MiB or half of the memory behind the kernel, as QEMU has it, or below the device tree', async () => {
    const initrd = new Uint8Array(5000);
    const start = async (size: number, length: number, image: ImageFields = {}): Promise<number> => {
      const options = { size: size * mebibyte, firmware: await raw(4096), initrd: new Uint8Array(length), image };
      return addressOf(nodeAt((await load(options)).tree, '/chosen'), 'linux,initrd-start');
    };
    expect(await start(512, initrd.length)).toBe(0x8820_0000);
    expect(await start(64, initrd.length)).toBe(0x8220_0000);
    expect(await start(64, 40 * mebibyte)).toBe(ramBase + 22 * mebibyte);
    expect(await start(64, initrd.length, { imageSize: 40 * mebibyte })).toBe(ramBase + 62 * mebibyte - 8192);
  });

  test('a kernel is not needed', async () => {
    const { entry } = await load({ firmware: await raw(4096), kernel: undefined });
    expect(told(entry)).toMatchObject({ firmware: ramBase, next: 0 });
  });

  test('what its ELF file wants cleared is cleared', async () => {
    const elf = makeElf([{ address: ramBase, bytes: Uint8Array.of(0x13, 0, 0, 0), room: 8 }], { entry: ramBase });
    const memory = ram(16 * mebibyte);
    memory.write(ramBase, new Uint8Array(16).fill(0xee));
    await load({ memory, firmware: await readFirmware(elf, gunzip, memory) });
    expect([...memory.view(ramBase, 9)]).toEqual([0x13, 0, 0, 0, 0, 0, 0, 0, 0xee]);
  });

  test('too little memory counts it in', async () => {
    await expect(load({ size: 8 * mebibyte, firmware: await raw(7 * mebibyte) })).rejects.toThrow(
      '8 MiB of memory are too few for firmware 7 MiB and kernel 0.1 MiB: loading them takes 11 MiB',
    );
  });
});
