// Linux, Documentation/arch/riscv/boot-image-header.rst, header version 0.2.
import type { Bytes } from '../devices/ports.ts';
import { BootError } from './boot-error.ts';
import { decompress } from './decompress.ts';
import type { Gunzip } from './decompress.ts';
import { flattenElf, isElf } from './elf.ts';

export interface KernelImage {
  readonly bytes: Bytes;
  /** Where it wants to lie, in bytes from the start of RAM. */
  readonly textOffset: number;
  /** Bytes of RAM that it uses from there on before it has read the device tree; more than the file has. */
  readonly imageSize: number;
}

const headerLength = 64;
const magic2 = 0x0543_5352; // "RSC\x05"
const bigEndianFlag = 1;
const textAlignment = 2 ** 21;

/**
 * The kernel in a file: an Image, plain or compressed with gzip or Zstandard, or a vmlinux. Throws BootError, which names
 * what else the file is.
 */
export async function readKernel(file: Bytes, gunzip: Gunzip): Promise<KernelImage> {
  if (file.length === 0) throw new BootError('the kernel is an empty file: give a RISC-V Linux Image');
  const unpacked = await decompress(file, gunzip, 'kernel');
  return parseImage(isElf(unpacked) ? flattenElf(unpacked) : unpacked);
}

/** Whether the bytes have the mark of an Image. */
export function isKernelImage(bytes: Bytes): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return bytes.length >= headerLength && view.getUint32(56, true) === magic2;
}

function parseImage(bytes: Bytes): KernelImage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!isKernelImage(bytes)) throw notAnImage(bytes);
  if ((view.getUint32(24, true) & bigEndianFlag) !== 0) {
    throw new BootError('the kernel is built for a big-endian machine: give a little-endian one');
  }
  const textOffset = Number(view.getBigUint64(8, true));
  if (textOffset === 0) {
    throw new BootError('the kernel is built to run without an SBI (RISCV_M_MODE): give one built for S-mode');
  }
  const imageSize = Math.max(Number(view.getBigUint64(16, true)), bytes.length);
  if (textOffset % textAlignment !== 0 || imageSize >= 2 ** 40) {
    throw new BootError('the kernel has a damaged Image header: fetch or build it again');
  }
  const complete = lengthByPeHeader(view);
  if (complete > bytes.length) {
    throw new BootError(
      `the kernel is truncated: ${bytes.length} of ${complete} bytes are there; fetch or build it again`,
    );
  }
  return { bytes, textOffset, imageSize };
}

/**
 * How long the file must be. An Image that is an EFI application too (PE/COFF, §3 and §4) says where its sections end; a
 * plain one does not tell, 0.
 */
function lengthByPeHeader(view: DataView): number {
  const header = view.getUint32(60, true);
  if (view.getUint16(0) !== 0x4d5a || header + 24 > view.byteLength) return 0; // "MZ"
  if (view.getUint32(header) !== 0x5045_0000) return 0; // "PE\0\0"
  const sections = header + 24 + view.getUint16(header + 20, true);
  let end = 0;
  for (let index = 0; index < view.getUint16(header + 6, true); index++) {
    const section = sections + 40 * index;
    if (section + 40 > view.byteLength) return section + 40;
    end = Math.max(end, view.getUint32(section + 16, true) + view.getUint32(section + 20, true));
  }
  return end;
}

/** What people give instead of a RISC-V Image, by the bytes at an offset, and what to do about it. */
const strangers: readonly { offset: number; bytes: string; name: string; advice: string }[] = [
  { offset: 0x202, bytes: 'HdrS', name: 'an x86 kernel (bzImage)', advice: 'give one for 64-bit RISC-V' },
  { offset: 56, bytes: 'ARM\x64', name: 'an arm64 kernel', advice: 'give one for 64-bit RISC-V' },
  { offset: 4, bytes: 'zimg', name: 'an EFI zboot file', advice: 'give the Image that is packed inside it' },
  { offset: 0, bytes: '\xfd7zXZ\0', name: 'xz-compressed', advice: 'unpack it with xz -d' },
  { offset: 0, bytes: 'BZh', name: 'bzip2-compressed', advice: 'unpack it with bunzip2' },
  { offset: 0, bytes: '\x02\x21\x4c\x18', name: 'lz4-compressed', advice: 'unpack it with lz4 -d' },
  { offset: 0, bytes: '\x04\x22\x4d\x18', name: 'lz4-compressed', advice: 'unpack it with lz4 -d' },
  { offset: 0, bytes: '\x89LZO', name: 'lzo-compressed', advice: 'unpack it with lzop -d' },
  { offset: 0, bytes: '\x5d\0\0', name: 'lzma-compressed', advice: 'unpack it with unlzma' },
  { offset: 0, bytes: '\x27\x05\x19\x56', name: 'a U-Boot uImage', advice: 'give the Image that is packed inside it' },
  { offset: 0, bytes: '\xd0\x0d\xfe\xed', name: 'a device tree or FIT image', advice: 'give the kernel inside it' },
  { offset: 0, bytes: '07070', name: 'an initramfs (cpio)', advice: 'give it as the initramfs, and a kernel here' },
  { offset: 0, bytes: '!<arch>', name: 'a package or library', advice: 'unpack it and give the kernel from its boot/' },
  { offset: 257, bytes: 'ustar', name: 'a tar archive', advice: 'unpack it and give the kernel from it' },
  {
    offset: 0,
    bytes: 'version https://git-lfs',
    name: 'a Git LFS pointer',
    advice: 'fetch the file with git lfs pull',
  },
  { offset: 0, bytes: '<', name: 'a web page or XML file', advice: 'download the file itself' },
  { offset: 0, bytes: 'MZ', name: 'an EFI program', advice: 'give a RISC-V Linux Image' },
];

function notAnImage(bytes: Bytes): BootError {
  const known = strangers.find(
    ({ offset, bytes: mark }) => String.fromCharCode(...bytes.subarray(offset, offset + mark.length)) === mark,
  );
  if (known !== undefined) return new BootError(`the kernel is ${known.name}: ${known.advice}`);
  if (bytes.length < headerLength) {
    return new BootError(`the kernel is truncated to ${bytes.length} bytes: fetch or build it again`);
  }
  return new BootError(
    'the kernel is no RISC-V Linux Image (plain, gzip or Zstandard) and no vmlinux: its header lacks the mark "RSC\\x05"',
  );
}
