// System V ABI, ELF-64: just enough to find what a file wants in memory, and to turn a vmlinux into the flat Image that is
// made from it.
import type { Bytes } from '../devices/ports.ts';
import { BootError } from './boot-error.ts';

const elfMagic = 0x7f45_4c46;
const class64 = 2;
const littleEndian = 1;
const machineRiscv = 243;
const headerLength = 64;
const programHeaderLength = 56;
const loadable = 1;
/** No kernel is larger; a damaged header must not claim all of the host's memory. */
const largestImage = 2 ** 29;

export function isElf(bytes: Bytes): boolean {
  return bytes.length >= 4 && viewOf(bytes).getUint32(0) === elfMagic;
}

export interface ElfSegment {
  /** Where its bytes lie in the file. */
  readonly offset: number;
  /** Physical. */
  readonly address: number;
  /** Bytes that are in the file. */
  readonly length: number;
  /** Bytes in memory, zeros behind those of the file. */
  readonly room: number;
}

export interface ElfFile {
  readonly entry: number;
  /** What is to be loaded, in the order of the file. */
  readonly segments: readonly ElfSegment[];
}

/** The loadable segments at their physical addresses, the lowest of them first: what `objcopy -O binary` gives. */
export function flattenElf(bytes: Bytes): Uint8Array<ArrayBuffer> {
  const segments = readElf(bytes, 'kernel').segments.filter(({ length }) => length > 0);
  const start = Math.min(...segments.map(({ address }) => address));
  const end = Math.max(...segments.map(({ address, length }) => address + length));
  if (segments.length === 0 || end - start > largestImage) {
    throw new BootError('the kernel is an ELF file without a loadable kernel inside: give a vmlinux or an Image');
  }
  const flat = new Uint8Array(end - start);
  for (const { offset, address, length } of segments)
    flat.set(bytes.subarray(offset, offset + length), address - start);
  return flat;
}

/** Reads the headers of a file that `isElf`. `what` names it in errors: `kernel`. */
export function readElf(bytes: Bytes, what: string): ElfFile {
  const view = viewOf(bytes);
  if (bytes.length < headerLength) throw truncated(bytes, what);
  if (view.getUint8(4) !== class64 || view.getUint8(5) !== littleEndian || view.getUint16(18, true) !== machineRiscv) {
    throw new BootError(
      `the ${what} is an ELF file for another machine (e_machine ${view.getUint16(18, true)}): give one for 64-bit RISC-V`,
    );
  }
  const table = Number(view.getBigUint64(32, true));
  const count = view.getUint16(56, true);
  if (table + count * programHeaderLength > bytes.length) throw truncated(bytes, what);
  const segments: ElfSegment[] = [];
  for (let index = 0; index < count; index++) {
    const at = table + index * programHeaderLength;
    const segment = {
      offset: Number(view.getBigUint64(at + 8, true)),
      address: Number(view.getBigUint64(at + 24, true)),
      length: Number(view.getBigUint64(at + 32, true)),
      room: Number(view.getBigUint64(at + 40, true)),
    };
    if (view.getUint32(at, true) !== loadable) continue;
    if (segment.offset + segment.length > bytes.length) throw truncated(bytes, what);
    segments.push(segment);
  }
  return { entry: Number(view.getBigUint64(24, true)), segments };
}

function truncated(bytes: Bytes, what: string): BootError {
  return new BootError(`the ${what} is a truncated ELF file of ${bytes.length} bytes: fetch or build it again`);
}

function viewOf(bytes: Bytes): DataView<ArrayBufferLike> {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
