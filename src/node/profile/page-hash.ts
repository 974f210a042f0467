/** Bytes of a page. */
export const pageBytes = 4096;

/** A number for the 1,024 words of a page, from 1 to 2^53 - 1: equal for equal pages, and hardly ever for others. */
export function hashPage(words: Int32Array<ArrayBufferLike>, at: number): number {
  let low = 0x811c_9dc5;
  let high = 0x2545_f491;
  for (let index = at; index < at + pageBytes / 4; index += 1) {
    const word = words[index] ?? 0;
    low = Math.imul(low ^ word, 0x0100_0193);
    low ^= low >>> 15;
    high = Math.imul(high + word, 0x85eb_ca6b);
    high ^= high >>> 13;
  }
  return (low >>> 0) + (high & 0x1f_ffff) * 2 ** 32 || 1;
}
