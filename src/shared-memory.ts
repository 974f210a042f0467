/** Whether other threads see the buffer too. Pages without cross-origin isolation lack even the name SharedArrayBuffer. */
export function isShared(buffer: ArrayBufferLike): buffer is SharedArrayBuffer {
  return typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer;
}
