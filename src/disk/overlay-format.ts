// An overlay's file: a header, a table with an entry for each cluster of the disk, and the clusters that were written, in the
// order in which they came.
//
//     0       magic[8] version[4] clusterLength[4] size[8] digest[4] zero[4] time[8] checksum[4], little endian
//     4096    entries of 32 bytes: cluster[4] index[4] sectors[16] zero[4] checksum[4]; all zero for one that has nothing
//     …       from the next multiple of the cluster's length on, clusters, which are counted from 1
//
// `sectors` has a bit for each sector that is here and not in the base; with `cluster` 0 they are zeros and take no room. An
// entry lies within a sector of the file, which a loss of power leaves as it was or as it was to be. What it tells of was
// flushed before it was written, so each state that can be found is one that the disk was in, sector by sector.
import { sectorSize } from '../../devices/disk/disk.ts';
import { DiskError } from '../../devices/disk/disk.ts';
import type { Bytes } from '../../devices/ports.ts';
import { crc32 } from '../store/crc32.ts';
import type { Identity } from './identity.ts';

/** "vm9 cow", and a NUL. */
const magic = new TextEncoder().encode('vm9 cow\0');
/** Counts up with each change that older programs would misread. */
const formatVersion = 1;

export const headerLength = 4096;
const checkedHeader = 40;
export const clusterLength = 64 * 1024;
export const sectorsOfCluster = clusterLength / sectorSize;
/** 32-bit words of sectors in an entry. */
export const wordsOfEntry = sectorsOfCluster / 32;
export const entryLength = 32;
const checkedEntry = 28;
/** Bytes of a disk: its table has half a thousandth of that. */
const largestDisk = 2 ** 40;

export function clustersOf(size: number): number {
  return Math.ceil(size / clusterLength);
}

/** Where the clusters begin, in a file for a disk of `size` bytes. */
export function dataStart(size: number): number {
  return Math.ceil((headerLength + clustersOf(size) * entryLength) / clusterLength) * clusterLength;
}

/** Throws DiskError for a disk that is too large. */
export function encodeHeader({ size, digest, time }: Identity): Uint8Array<ArrayBuffer> {
  if (size > largestDisk) throw new DiskError(`an overlay is for disks of up to 1 TiB, and this one has ${size} bytes`);
  const bytes = new Uint8Array(headerLength);
  const view = new DataView(bytes.buffer);
  bytes.set(magic);
  view.setUint32(8, formatVersion, true);
  view.setUint32(12, clusterLength, true);
  view.setBigUint64(16, BigInt(size), true);
  view.setUint32(24, digest, true);
  view.setBigUint64(32, time, true);
  view.setUint32(checkedHeader, crc32(bytes.subarray(0, checkedHeader)), true);
  return bytes;
}

/** The identity of the base, from the first bytes of a file. Throws DiskError where that is no overlay of this format. */
export function decodeHeader(bytes: Bytes): Identity {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isOverlay = bytes.length >= headerLength && magic.every((byte, at) => bytes[at] === byte);
  if (!isOverlay) throw new DiskError('it is not an overlay: name another file, which will be made');
  const version = view.getUint32(8, true);
  if (version > formatVersion) {
    throw new DiskError(
      `it is an overlay of format ${version}, and this program knows ${formatVersion}: use a newer one`,
    );
  }
  const isWhole = view.getUint32(checkedHeader, true) === crc32(bytes.subarray(0, checkedHeader));
  if (!isWhole || version === 0 || view.getUint32(12, true) !== clusterLength)
    throw damaged('its header is not as it was written');
  return {
    size: Number(view.getBigUint64(16, true)),
    digest: view.getUint32(24, true),
    time: view.getBigUint64(32, true),
  };
}

export function damaged(how: string): DiskError {
  return new DiskError(`the overlay is damaged: ${how}. Use a copy of it that is whole, or begin a new one`);
}

/** `sectors` are the entry's words. */
export function encodeEntry(into: Bytes, index: number, cluster: number, sectors: Uint32Array): void {
  const view = new DataView(into.buffer, into.byteOffset, into.length);
  view.setUint32(0, cluster, true);
  view.setUint32(4, index, true);
  for (const [word, bits] of sectors.entries()) view.setUint32(8 + 4 * word, bits, true);
  view.setUint32(24, 0, true);
  view.setUint32(checkedEntry, crc32(into.subarray(0, checkedEntry)), true);
}

/** Fills `sectors` and returns the cluster; undefined for an entry that has nothing. Throws DiskError. */
export function decodeEntry(bytes: Bytes, index: number, sectors: Uint32Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const checksum = view.getUint32(checkedEntry, true);
  if (checksum === 0 && bytes.every((byte) => byte === 0)) return undefined;
  const isWhole = checksum === crc32(bytes.subarray(0, checkedEntry)) && view.getUint32(4, true) === index;
  if (!isWhole) throw damaged(`entry ${index} of its table is not as it was written`);
  for (let word = 0; word < wordsOfEntry; word++) sectors[word] = view.getUint32(8 + 4 * word, true);
  return view.getUint32(0, true);
}
