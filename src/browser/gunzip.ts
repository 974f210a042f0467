import type { Bytes } from '../../devices/ports.ts';

/** Unpacks gzip. Rejects where the data is damaged. */
export async function gunzip(bytes: Bytes): Promise<Bytes> {
  // A stream takes no view of shared memory.
  const packed = new Blob([new Uint8Array(bytes)]).stream();
  return new Uint8Array(await new Response(packed.pipeThrough(new DecompressionStream('gzip'))).arrayBuffer());
}
