// Guest RAM of the reference hart: bytes, and a note of what was written.

export interface WrittenRange {
  readonly address: bigint;
  readonly length: number;
}

export class ReferenceMemory {
  readonly base: bigint;
  readonly bytes: Uint8Array<ArrayBufferLike>;
  /** What has been written since a reader last emptied it. */
  readonly written: WrittenRange[] = [];

  constructor(base: bigint, bytes: Uint8Array<ArrayBufferLike>) {
    this.base = base;
    this.bytes = bytes;
  }

  contains(address: bigint, length: number): boolean {
    return address >= this.base && address + BigInt(length) <= this.base + BigInt(this.bytes.length);
  }

  /** Little-endian, zero-extended. */
  read(address: bigint, length: number): bigint {
    const start = Number(address - this.base);
    let value = 0n;
    for (let index = length - 1; index >= 0; index -= 1) value = (value << 8n) | BigInt(this.bytes[start + index]!);
    return value;
  }

  write(address: bigint, length: number, value: bigint): void {
    const start = Number(address - this.base);
    for (let index = 0; index < length; index += 1) {
      this.bytes[start + index] = Number((value >> BigInt(8 * index)) & 0xffn);
    }
    this.written.push({ address, length });
  }
}
