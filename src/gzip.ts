import type { Bytes } from '../devices/ports.ts';

/** RFC 1952 §2.3.1: ID1 and ID2. */
export function isGzip(bytes: Bytes): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}
