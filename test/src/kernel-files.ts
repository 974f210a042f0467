// Kernels made by hand for tests: an Image is a header of 64 bytes and whatever follows it.
import { gunzipSync } from 'node:zlib';
import type { Gunzip } from '../../src/decompress.ts';

export const gunzip: Gunzip = (bytes) => gunzipSync(bytes);

export interface ImageFields {
  textOffset?: number;
  imageSize?: number;
  flags?: number;
  /** Length of the file. */
  length?: number;
}

/** An Image whose bytes behind the header count up. */
export function makeImage({
  textOffset = 0x20_0000,
  imageSize = 0x2000,
  flags = 0,
  length = 0x1000,
}: ImageFields = {}): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from({ length }, (_, index) => index & 0xff);
  const view = new DataView(bytes.buffer);
  bytes.fill(0, 0, 64);
  view.setBigUint64(8, BigInt(textOffset), true);
  view.setBigUint64(16, BigInt(imageSize), true);
  view.setBigUint64(24, BigInt(flags), true);
  bytes.set(new TextEncoder().encode('RISCV\0\0\0RSC\x05'), 48);
  return bytes;
}

/** The same as an EFI application: one section that ends at `end` in the file. */
export function makeEfiImage(end: number): Uint8Array<ArrayBuffer> {
  const bytes = makeImage();
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode('MZ'), 0);
  view.setUint32(60, 64, true);
  bytes.set(new TextEncoder().encode('PE\0\0'), 64);
  view.setUint16(64 + 6, 1, true); // sections
  view.setUint16(64 + 20, 0, true); // length of the optional header
  view.setUint32(64 + 24 + 16, end - 0x400, true); // SizeOfRawData
  view.setUint32(64 + 24 + 20, 0x400, true); // PointerToRawData
  return bytes;
}

export interface ElfSegment {
  type?: number;
  address: number;
  bytes: Uint8Array<ArrayBuffer>;
  /** Length that the header claims, when it is not the bytes'. */
  length?: number;
  /** Bytes in memory, when they are not as many as in the file. */
  room?: number;
}

export function makeElf(
  segments: readonly ElfSegment[],
  { machine = 243, entry = 0 }: { machine?: number; entry?: number } = {},
): Uint8Array<ArrayBuffer> {
  const tableEnd = 64 + 56 * segments.length;
  const bytes = new Uint8Array(segments.reduce((end, segment) => end + segment.bytes.length, tableEnd));
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(18, machine, true);
  view.setBigUint64(24, BigInt(entry), true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(56, segments.length, true);
  let at = tableEnd;
  for (const [
    index,
    { type = 1, address, bytes: content, length = content.length, room = length },
  ] of segments.entries()) {
    const header = 64 + 56 * index;
    view.setUint32(header, type, true);
    view.setBigUint64(header + 8, BigInt(at), true);
    view.setBigUint64(header + 24, BigInt(address), true);
    view.setBigUint64(header + 32, BigInt(length), true);
    view.setBigUint64(header + 40, BigInt(room), true);
    bytes.set(content, at);
    at += content.length;
  }
  return bytes;
}
