// Linux, Documentation/arch/riscv/boot-image-header.rst.
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { BootError } from '../../src/boot-error.ts';
import { readKernel } from '../../src/kernel-image.ts';
import { gunzip, makeEfiImage, makeElf, makeImage } from './kernel-files.ts';

const latin1 = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, 'latin1'));

/** A file of 4 KiB with the given text at an offset. */
function fileWith(text: string, offset = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4096);
  bytes.set(latin1(text), offset);
  return bytes;
}

async function refusal(file: Uint8Array<ArrayBufferLike>): Promise<string> {
  const error: unknown = await readKernel(file, gunzip).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof BootError) return error.message;
  throw new Error('was not refused', { cause: error });
}

test('a plain Image tells where it wants to lie and how much it uses', async () => {
  const image = makeImage({ textOffset: 0x20_0000, imageSize: 0x1_2345_6000 });
  expect(await readKernel(image, gunzip)).toEqual({ bytes: image, textOffset: 0x20_0000, imageSize: 0x1_2345_6000 });
});

test('an Image that is longer than it says uses what it has', async () => {
  expect((await readKernel(makeImage({ imageSize: 0x100 }), gunzip)).imageSize).toBe(0x1000);
});

test('a compressed Image is unpacked', async () => {
  const image = makeImage();
  expect(Buffer.compare((await readKernel(gzipSync(image), gunzip)).bytes, image)).toBe(0);
});

test('a vmlinux becomes the Image that it was linked for', async () => {
  const image = makeImage();
  const elf = makeElf([
    { address: 0x800, bytes: image.slice(0x800) },
    { address: 0, bytes: image.slice(0, 0x800) },
    { type: 4, address: 0x90_0000, bytes: latin1('a note') },
  ]);
  expect(Buffer.compare((await readKernel(elf, gunzip)).bytes, image)).toBe(0);
});

test('a gap between the segments of a vmlinux is zero', async () => {
  const elf = makeElf([
    { address: 0x1000, bytes: makeImage().slice(0, 64) },
    { address: 0x1080, bytes: latin1('end') },
  ]);
  const { bytes } = await readKernel(elf, gunzip);
  expect([...bytes.subarray(64)]).toEqual([...new Uint8Array(64), ...latin1('end')]);
});

test.each([
  [243, 0, 'without a loadable kernel'],
  [62, 1, 'for another machine (e_machine 62)'],
])('an ELF file for machine %i with %i segments is refused', async (machine, count, reason) => {
  const segments = Array.from({ length: count }, () => ({ address: 0, bytes: makeImage() }));
  expect(await refusal(makeElf(segments, { machine }))).toContain(reason);
});

test('an ELF file whose segments claim more than the file has, or than any kernel has, is refused', async () => {
  expect(await refusal(makeElf([{ address: 0, bytes: makeImage(), length: 0x1_0000 }]))).toContain('truncated ELF');
  expect(await refusal(makeElf([{ address: 0, bytes: makeImage() }]).subarray(0, 100))).toContain('truncated ELF');
  expect(await refusal(makeElf([]).subarray(0, 40))).toContain('truncated ELF');
  const apart = makeElf([
    { address: 0, bytes: makeImage() },
    { address: 2 ** 40, bytes: makeImage() },
  ]);
  expect(await refusal(apart)).toContain('without a loadable kernel');
});

test('an ELF program that is no kernel is refused', async () => {
  expect(await refusal(makeElf([{ address: 0x1_0000, bytes: latin1('x'.repeat(100)) }]))).toContain(
    'no RISC-V Linux Image',
  );
});

test('an Image that is an EFI application must be as long as its sections', async () => {
  expect((await readKernel(makeEfiImage(0x1000), gunzip)).bytes.length).toBe(0x1000);
  expect(await refusal(makeEfiImage(0x1001))).toBe(
    'the kernel is truncated: 4096 of 4097 bytes are there; fetch or build it again',
  );
});

test('a PE header that points nowhere is no reason to fail', async () => {
  const image = makeEfiImage(0x1000);
  new DataView(image.buffer).setUint32(60, 0xffff_fff0, true);
  expect((await readKernel(image, gunzip)).bytes).toBe(image);
});

test('a truncated header, and an empty file', async () => {
  expect(await refusal(makeImage().subarray(0, 63))).toBe(
    'the kernel is truncated to 63 bytes: fetch or build it again',
  );
  expect(await refusal(new Uint8Array(0))).toContain('an empty file');
});

test.each([
  ['flags bit 0: big-endian', { flags: 1 }, 'big-endian'],
  ['text_offset 0: M-mode', { textOffset: 0 }, 'RISCV_M_MODE'],
  ['text_offset off the 2 MiB grid', { textOffset: 0x1000 }, 'damaged'],
  ['an absurd image_size', { imageSize: 2 ** 50 }, 'damaged'],
])('%s is refused', async (_, fields, reason) => {
  expect(await refusal(makeImage(fields))).toContain(reason);
});

test.each([
  ['an x86 kernel', fileWith('HdrS', 0x202)],
  ['an arm64 kernel', fileWith('ARM\x64', 56)],
  ['an EFI zboot file', fileWith('MZ\0\0zimg')],
  ['an EFI program', fileWith('MZ')],
  ['xz-compressed', fileWith('\xfd7zXZ\0')],
  ['bzip2-compressed', fileWith('BZh91AY')],
  ['lz4-compressed', fileWith('\x02\x21\x4c\x18')],
  ['lz4-compressed', fileWith('\x04\x22\x4d\x18')],
  ['lzo-compressed', fileWith('\x89LZO\0')],
  ['lzma-compressed', fileWith('\x5d\0\0\x80')],
  ['a U-Boot uImage', fileWith('\x27\x05\x19\x56')],
  ['a device tree or FIT image', fileWith('\xd0\x0d\xfe\xed')],
  ['an initramfs (cpio)', fileWith('070701')],
  ['a package or library', fileWith('!<arch>\ndebian-binary')],
  ['a tar archive', fileWith('ustar', 257)],
  ['a Git LFS pointer', latin1('version https://git-lfs.github.com/spec/v1')],
  ['a web page or XML file', latin1('<!DOCTYPE html><title>404</title>')],
  ['no RISC-V Linux Image', fileWith('')],
])('%s is named, with what to do about it', async (name, file) => {
  expect(await refusal(file)).toContain(name);
  expect(await refusal(gzipSync(file))).toContain(name);
});
