// CRC-32 as in IEEE 802.3 and zip, eight bytes a step: 8 MB take about 10 ms.
import type { Bytes } from '../../devices/ports.ts';

const polynomial = 0xedb8_8320;
const rows = 8;

/** At 256 * n + byte: what the byte contributes with n more bytes behind it. */
const table = new Int32Array(256 * rows);
for (let byte = 0; byte < 256; byte++) {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ polynomial;
  table[byte] = value;
}
for (let i = 256; i < table.length; i++) {
  const before = table[i - 256] as number;
  table[i] = (table[before & 0xff] as number) ^ (before >>> 8);
}

/** The checksum of the bytes, unsigned; with that of others, of those and these behind them. */
export function crc32(bytes: Bytes, before = 0): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const inSteps = bytes.length - (bytes.length % rows);
  let crc = ~before;
  let i = 0;
  for (; i < inSteps; i += rows) {
    const low = crc ^ view.getInt32(i, true);
    const high = view.getInt32(i + 4, true);
    crc =
      (table[0x700 | (low & 0xff)] as number) ^
      (table[0x600 | ((low >>> 8) & 0xff)] as number) ^
      (table[0x500 | ((low >>> 16) & 0xff)] as number) ^
      (table[0x400 | (low >>> 24)] as number) ^
      (table[0x300 | (high & 0xff)] as number) ^
      (table[0x200 | ((high >>> 8) & 0xff)] as number) ^
      (table[0x100 | ((high >>> 16) & 0xff)] as number) ^
      (table[high >>> 24] as number);
  }
  for (; i < bytes.length; i++) crc = (table[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}
