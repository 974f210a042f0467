// RFC 1950 by Node.js, in its pool of threads, for snapshots.
import { deflate as pack, inflate as unpack } from 'node:zlib';
import type { Bytes } from '../../devices/ports.ts';

/** Of level 1 a fifth of the time, for 128 KiB more. */
const quick = { level: 1, memLevel: 9 };

export function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Bytes> {
  // Pieces of that size: 16 KiB, as by default, are a way to another thread and back for each.
  const options = { ...quick, chunkSize: Math.max(64, bytes.length >>> 1) };
  return new Promise((resolve, reject) => {
    pack(bytes, options, (error, packed) => (error === null ? resolve(packed) : reject(error)));
  });
}

/** At most `length` bytes. Rejects where the data is damaged, or more. */
export function inflate(bytes: Bytes, length: number): Promise<Bytes> {
  // One piece of the whole length: zlib's many small ones would be put together again.
  const options = { maxOutputLength: length, chunkSize: Math.max(64, length) };
  return new Promise((resolve, reject) => {
    unpack(bytes, options, (error, unpacked) => (error === null ? resolve(unpacked) : reject(error)));
  });
}
