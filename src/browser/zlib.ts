// RFC 1950 by the streams of the browser, for snapshots.
import type { Bytes } from '../../devices/ports.ts';

export async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Bytes> {
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate'));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

/** At most `length` bytes. Rejects where the data is damaged, or more. */
export async function inflate(bytes: Bytes, length: number): Promise<Bytes> {
  // A stream takes no view of shared memory.
  const packed = new Blob([new Uint8Array(bytes)]).stream();
  const unpacked = new Uint8Array(length);
  let at = 0;
  const reader = packed.pipeThrough(new DecompressionStream('deflate')).getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    if (at + read.value.length > length) {
      await reader.cancel();
      throw new RangeError(`more than ${length} bytes`);
    }
    unpacked.set(read.value, at);
    at += read.value.length;
  }
  return unpacked.subarray(0, at);
}
