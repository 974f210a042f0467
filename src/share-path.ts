// Paths of a share between the texts that programs write and the bytes that they are.
import type { Bytes } from '../devices/ports.ts';

/** A path in a share, absolute. Bytes are for names that are not UTF-8. */
export type SharePath = string | Bytes;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export function bytesOf(text: string | Bytes): Bytes {
  return typeof text === 'string' ? encoder.encode(text) : text;
}

/** What is not UTF-8 becomes U+FFFD. */
export function textOf(bytes: Bytes): string {
  // TextDecoder takes no view of shared memory.
  return decoder.decode(new Uint8Array(bytes));
}
