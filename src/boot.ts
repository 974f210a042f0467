// Linux, Documentation/arch/riscv/boot.rst: what a kernel that is started in S-mode expects of registers and memory.
import type { GuestMemory } from '../devices/guest-memory.ts';
import type { Bytes } from '../devices/ports.ts';
import { BootError } from './boot-error.ts';
import type { KernelImage } from './kernel-image.ts';
import { virtDeviceTree } from './virt-tree.ts';
import type { VirtTreeOptions } from './virt-tree.ts';

export interface BootOptions {
  /** RAM, whose earlier contents do not matter. */
  memory: GuestMemory;
  kernel: KernelImage;
  /** The initramfs as it is: the kernel unpacks it. */
  initrd?: Bytes | undefined;
  commandLine: string;
  /** What else the device tree says of the machine. */
  machine: Pick<VirtTreeOptions, 'harts' | 'extensions' | 'virtioSlots' | 'socNodes'>;
  /** Random bytes for the kernel's generator. */
  entropy: (length: number) => Bytes;
}

/** How the boot hart begins. All registers and CSRs that are not named are 0. */
export interface EntryState {
  readonly mode: 'supervisor';
  readonly pc: number;
  /** The hart id. */
  readonly a0: number;
  /** Physical address of the device tree. */
  readonly a1: number;
  readonly csrs: typeof entryCsrs;
}

/** What a firmware would leave behind in M-mode's registers. */
const entryCsrs = {
  /** Exceptions that S-mode handles itself: all but ecalls from S-mode, which are SBI calls. */
  medeleg: 0xb1ffn,
  /** The supervisor's software, timer and external interrupts. */
  mideleg: 0x222n,
  /** cycle, time and instret may be read in S-mode … */
  mcounteren: 7n,
  /** … and in U-mode: the vDSO's clock_gettime reads time there. */
  scounteren: 7n,
  /** One PMP entry that lets S and U at everything; with none that matches they would be denied. */
  pmpaddr0: 2n ** 54n - 1n,
  /** NAPOT, readable, writable, executable. */
  pmpcfg0: 0x1fn,
  /** STCE: S-mode has its own timer compare register. */
  menvcfg: 2n ** 63n,
} as const;

const mebibyte = 2 ** 20;
const page = 4096;
/** COMMAND_LINE_SIZE of RISC-V Linux, with the zero byte at the end. */
const commandLineCapacity = 1024;
/** Room for the device tree. Linux maps 2 MiB from an aligned address to read it. */
const treeRoom = 64 * 1024;
const treeAlignment = 2 * mebibyte;
const rngSeedLength = 32;

/**
 * Puts kernel, initramfs and device tree into RAM: the kernel where its header wants it, the device tree at the last 2 MiB
 * boundary, the initramfs below it. Throws BootError when they do not fit or the command line is too long.
 */
export function loadGuest({ memory, kernel, initrd, commandLine, machine, entropy }: BootOptions): EntryState {
  checkCommandLine(commandLine);
  if (initrd?.length === 0) throw new BootError('the initramfs is an empty file: give another or leave it out');

  const kernelStart = memory.base + kernel.textOffset;
  const kernelEnd = kernelStart + kernel.imageSize;
  const treeStart = alignDown(memory.base + memory.length - treeRoom, treeAlignment);
  const initrdStart = alignDown(treeStart - (initrd?.length ?? 0), page);
  if (initrdStart < kernelEnd) throw tooLittleMemory(memory, kernel, initrd);

  const tree = virtDeviceTree({
    ...machine,
    memorySize: memory.length,
    commandLine,
    initrd: initrd && { start: initrdStart, end: initrdStart + initrd.length },
    rngSeed: entropy(rngSeedLength),
  });
  if (tree.length > treeRoom) throw new Error(`the device tree has ${tree.length} bytes, more than its room`);
  memory.write(kernelStart, kernel.bytes);
  if (initrd !== undefined) memory.write(initrdStart, initrd);
  memory.write(treeStart, tree);
  return { mode: 'supervisor', pc: kernelStart, a0: 0, a1: treeStart, csrs: entryCsrs };
}

function checkCommandLine(commandLine: string): void {
  const length = new TextEncoder().encode(commandLine).length;
  if (length >= commandLineCapacity) {
    throw new BootError(
      `the kernel command line has ${length} bytes, and Linux takes ${commandLineCapacity - 1}: shorten what is appended`,
    );
  }
  if (commandLine.includes('\0')) throw new BootError('the kernel command line has a zero byte in it: take it out');
}

function tooLittleMemory(memory: GuestMemory, kernel: KernelImage, initrd: Bytes | undefined): BootError {
  const initrdLength = initrd?.length ?? 0;
  const occupied = alignUp(kernel.textOffset + kernel.imageSize, page) + alignUp(initrdLength, page);
  const needed = alignUp(alignUp(occupied, treeAlignment) + treeRoom, mebibyte);
  const parts = [`kernel ${inMebibytes(kernel.imageSize)} MiB`];
  if (initrd !== undefined) parts.push(`initramfs ${inMebibytes(initrdLength)} MiB`);
  return new BootError(
    `${inMebibytes(memory.length)} MiB of memory are too few for ${parts.join(' and ')}: ` +
      `loading them takes ${needed / mebibyte} MiB, running more; give the guest more memory`,
  );
}

/** With one digit after the point where there is one. */
function inMebibytes(bytes: number): string {
  return String(Math.ceil((bytes / mebibyte) * 10) / 10);
}

function alignDown(address: number, alignment: number): number {
  return address - (address % alignment);
}

function alignUp(address: number, alignment: number): number {
  return Math.ceil(address / alignment) * alignment;
}
