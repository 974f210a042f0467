// What runs in M-mode in place of the machine's own SBI: a firmware such as OpenSBI, or a kernel that needs none. RISC-V's
// OpenSBI, docs/firmware/fw_dynamic.md; QEMU's reset vector is what it expects. A page fetches this module when it has one.
import type { GuestMemory } from '../devices/guest-memory.ts';
import type { Bytes } from '../devices/ports.ts';
import { BootError } from './boot-error.ts';
import { decompress } from './decompress.ts';
import type { Gunzip } from './decompress.ts';
import { isElf, readElf } from './elf.ts';
import { isKernelImage } from './kernel-image.ts';
import { ResetRom } from './reset-rom.ts';
import type { ResetVector } from './reset-rom.ts';

export { ResetRom } from './reset-rom.ts';

/** A firmware that fits the RAM it was read for. */
export class Firmware {
  readonly pieces: readonly FirmwarePiece[];
  /** Where the hart begins. */
  readonly entry: number;
  /** The first address behind it. */
  readonly end: number;

  constructor(pieces: readonly FirmwarePiece[], entry: number) {
    this.pieces = pieces;
    this.entry = entry;
    this.end = Math.max(...pieces.map(({ address, room }) => address + room));
  }

  place(memory: GuestMemory): void {
    for (const { address, bytes, room } of this.pieces) {
      memory.write(address, bytes);
      memory.write(address + bytes.length, new Uint8Array(room - bytes.length));
    }
  }

  /** The ROM by which a hart comes to it. */
  resetRom(places: Omit<ResetVector, 'firmware'>): ResetRom {
    return new ResetRom({ firmware: this.entry, ...places });
  }
}

interface FirmwarePiece {
  readonly address: number;
  readonly bytes: Bytes;
  /** Bytes of RAM; what the file does not have is 0. */
  readonly room: number;
}

/** RAM by guest-physical address. */
type Ram = Pick<GuestMemory, 'base' | 'length'>;

/**
 * The firmware in a file, plain or compressed: ELF, which says itself where it lies, or a binary for the start of RAM.
 * Throws BootError.
 */
export async function readFirmware(file: Bytes, gunzip: Gunzip, ram: Ram): Promise<Firmware> {
  if (file.length === 0) throw new BootError('the firmware is an empty file: give a raw binary or an ELF file');
  const bytes = await decompress(file, gunzip, 'firmware');
  if (isElf(bytes)) return firmwareOfElf(bytes, ram);
  if (isKernelImage(bytes)) {
    throw new BootError('the firmware is a Linux kernel, which runs behind a firmware: give it as the kernel');
  }
  return checked([{ address: ram.base, bytes, room: bytes.length }], ram.base, ram);
}

function firmwareOfElf(bytes: Bytes, ram: Ram): Firmware {
  const { entry, segments } = readElf(bytes, 'firmware');
  const pieces = segments
    .filter(({ room }) => room > 0)
    .map(({ offset, address, length, room }) => {
      if (length > room) {
        throw new BootError('the firmware is a damaged ELF file, a segment has more bytes than room: build it again');
      }
      return { address, bytes: bytes.subarray(offset, offset + length), room };
    });
  if (pieces.length === 0)
    throw new BootError('the firmware is an ELF file with nothing to load: link it as a program');
  return checked(pieces, entry, ram);
}

function checked(pieces: readonly FirmwarePiece[], entry: number, ram: Ram): Firmware {
  const ramEnd = ram.base + ram.length;
  for (const { address, room } of pieces) {
    if (address >= ram.base && address + room <= ramEnd) continue;
    const where = `${hex(address)} to ${hex(address + room)}, and RAM is at ${hex(ram.base)} to ${hex(ramEnd)}`;
    throw new BootError(
      address < ram.base
        ? `the firmware is linked for ${where}: link it for ${hex(ram.base)}, or give the raw binary where it runs anywhere`
        : `the firmware takes ${where}: give the guest more memory`,
    );
  }
  if (!pieces.some(({ address, room }) => entry >= address && entry + 2 <= address + room)) {
    throw new BootError(`the firmware begins at ${hex(entry)}, where it has nothing: link it with an entry of its own`);
  }
  return new Firmware(pieces, entry);
}

function hex(address: number): string {
  return `0x${address.toString(16)}`;
}
