import type { Bytes } from '../../devices/ports.ts';
import type { DiskFile } from './disk-file.ts';

const zeros = new Uint8Array(64 * 1024);

/** Zeros of that length, in pieces that are one. */
export function zeroPieces(length: number): Bytes[] {
  const pieces: Bytes[] = Array.from({ length: Math.floor(length / zeros.length) }, () => zeros);
  const rest = length % zeros.length;
  return rest === 0 ? pieces : [...pieces, zeros.subarray(0, rest)];
}

export function writeZeros(file: DiskFile, offset: number, length: number): void {
  file.write(offset, zeroPieces(length));
}
