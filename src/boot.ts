// Linux, Documentation/arch/riscv/boot.rst: what a kernel that is started in S-mode expects of registers and memory. What a
// firmware expects that starts it is QEMU's: hw/riscv/boot.c and virt.c say where things lie.
import type { GuestMemory } from '../devices/guest-memory.ts';
import type { Bytes } from '../devices/ports.ts';
import { BootError } from './boot-error.ts';
import type { Firmware } from './firmware.ts';
import type { KernelImage } from './kernel-image.ts';
import type { ResetRom } from './reset-rom.ts';
import { virtDeviceTree } from './virt-tree.ts';
import type { VirtTreeOptions } from './virt-tree.ts';

export interface BootOptions {
  /** RAM, whose earlier contents do not matter. */
  memory: GuestMemory;
  /** What the hart begins with; without it the kernel is started as if a firmware had run. */
  firmware?: Firmware | undefined;
  /** May be missing where there is a firmware. */
  kernel?: KernelImage | undefined;
  /** The initramfs as it is: the kernel unpacks it. */
  initrd?: Bytes | undefined;
  commandLine: string;
  /** What else the device tree says of the machine. */
  machine: Pick<VirtTreeOptions, 'harts' | 'extensions' | 'mmuType' | 'virtioSlots' | 'socNodes'>;
  /** Random bytes for the kernel's generator. */
  entropy: (length: number) => Bytes;
}

/** How the boot hart begins. All registers and CSRs that are not named are 0. */
export type EntryState = SupervisorEntry | MachineEntry;

interface Entry {
  readonly pc: number;
  /** The hart id. */
  readonly a0: number;
  /** Physical address of the device tree. */
  readonly a1: number;
}

/** At the kernel, behind the machine's own firmware. */
export interface SupervisorEntry extends Entry {
  readonly mode: 'supervisor';
  readonly csrs: typeof entryCsrs;
}

/** At a firmware, behind the code of the reset ROM. */
export interface MachineEntry extends Entry {
  readonly mode: 'machine';
  /** Physical address of what the firmware is told of the kernel, in the ROM. */
  readonly a2: number;
  readonly rom: ResetRom;
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
  /** STCE: S-mode has its own timer compare register. What else is set after a reset stays. */
  menvcfg: 2n ** 63n,
} as const;

const mebibyte = 2 ** 20;
const page = 4096;
/** COMMAND_LINE_SIZE of RISC-V Linux, with the zero byte at the end. */
const commandLineCapacity = 1024;
/** Room for the device tree. Linux maps 2 MiB from an aligned address to read it. */
const treeRoom = 64 * 1024;
const treeAlignment = 2 * mebibyte;
const kernelAlignment = 2 * mebibyte;
/** QEMU's, from the kernel's start, or half of the memory. */
const initrdDistance = 128 * mebibyte;
const rngSeedLength = 32;

/**
 * Puts firmware, kernel, initramfs and device tree into RAM: the kernel where its header wants it, or at the next 2 MiB
 * behind the firmware, the device tree at the last 2 MiB boundary. The initramfs is below it, with a firmware where QEMU
 * has it, if there is room. Throws BootError when they do not fit or the command line is too long.
 */
export function loadGuest(options: BootOptions): EntryState {
  const { memory, firmware, kernel, initrd, commandLine, machine, entropy } = options;
  checkCommandLine(commandLine);
  if (initrd?.length === 0) throw new BootError('the initramfs is an empty file: give another or leave it out');

  const firmwareEnd = firmware?.end ?? memory.base;
  const kernelStart = Math.max(memory.base + (kernel?.textOffset ?? 0), alignUp(firmwareEnd, kernelAlignment));
  const kernelEnd = kernel === undefined ? firmwareEnd : kernelStart + kernel.imageSize;
  const treeStart = alignDown(memory.base + memory.length - treeRoom, treeAlignment);
  const highest = alignDown(treeStart - (initrd?.length ?? 0), page);
  if (highest < kernelEnd) throw tooLittleMemory(options, kernelEnd);
  const usual = kernelStart + Math.min(memory.length / 2, initrdDistance);
  const initrdStart = firmware !== undefined && usual >= kernelEnd ? Math.min(usual, highest) : highest;

  const tree = virtDeviceTree({
    ...machine,
    memorySize: memory.length,
    commandLine,
    initrd: initrd && { start: initrdStart, end: initrdStart + initrd.length },
    rngSeed: entropy(rngSeedLength),
  });
  if (tree.length > treeRoom) throw new Error(`the device tree has ${tree.length} bytes, more than its room`);
  firmware?.place(memory);
  if (kernel !== undefined) memory.write(kernelStart, kernel.bytes);
  if (initrd !== undefined) memory.write(initrdStart, initrd);
  memory.write(treeStart, tree);
  const known = { a0: 0, a1: treeStart };
  if (firmware === undefined) return { ...known, mode: 'supervisor', pc: kernelStart, csrs: entryCsrs };
  const rom = firmware.resetRom({ deviceTree: treeStart, next: kernel === undefined ? 0 : kernelStart });
  return { ...known, mode: 'machine', pc: firmware.entry, a2: rom.dynamicInfoAddress, rom };
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

function tooLittleMemory({ memory, firmware, kernel, initrd }: BootOptions, kernelEnd: number): BootError {
  const initrdLength = initrd?.length ?? 0;
  const occupied = alignUp(kernelEnd - memory.base, page) + alignUp(initrdLength, page);
  const needed = alignUp(alignUp(occupied, treeAlignment) + treeRoom, mebibyte);
  const parts = [
    ...(firmware === undefined ? [] : [`firmware ${inMebibytes(firmware.end - memory.base)} MiB`]),
    ...(kernel === undefined ? [] : [`kernel ${inMebibytes(kernel.imageSize)} MiB`]),
    ...(initrd === undefined ? [] : [`initramfs ${inMebibytes(initrdLength)} MiB`]),
  ];
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
