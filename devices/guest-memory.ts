import { GuestFault } from './guest-fault.ts';
import type { Bytes } from './ports.ts';

/** Told of every range of guest RAM that a device has written, so that translated code and snapshots can follow. */
export type WrittenListener = (address: number, length: number) => void;

/** Where guest RAM lies: `length` bytes of `buffer` from `byteOffset` on are the guest's addresses from `base` on. */
export interface GuestMemoryLayout {
  buffer: ArrayBufferLike;
  /** A multiple of 4. */
  byteOffset: number;
  length: number;
  /** Guest-physical address of the first byte, a multiple of 4,096. */
  base: number;
}

/**
 * Guest RAM as a device sees it: every address is the guest's, and is checked. Addresses are guest-physical byte
 * addresses as numbers; a 64-bit address that does not fit one is outside RAM anyway.
 */
export class GuestMemory {
  readonly base: number;
  readonly length: number;
  readonly #bytes: Bytes;
  readonly #view: DataView<ArrayBufferLike>;
  readonly #halves: Uint16Array<ArrayBufferLike>;
  readonly #words: Uint32Array<ArrayBufferLike>;
  readonly #listeners: WrittenListener[] = [];

  constructor({ buffer, byteOffset, length, base }: GuestMemoryLayout) {
    this.base = base;
    this.length = length;
    this.#bytes = new Uint8Array(buffer, byteOffset, length);
    this.#view = new DataView(buffer, byteOffset, length);
    this.#halves = new Uint16Array(buffer, byteOffset, Math.floor(length / 2));
    this.#words = new Uint32Array(buffer, byteOffset, Math.floor(length / 4));
  }

  /** Whether all of `length` bytes from `address` on are RAM. Wrapping past 2^64 counts as outside. */
  contains(address: number, length: number): boolean {
    // Written so that nothing can overflow: both sides stay below 2^53.
    return length >= 0 && address >= this.base && address - this.base <= this.length - length;
  }

  /** The bytes themselves, not a copy: they change under a running guest. Throws GuestFault outside RAM. */
  view(address: number, length: number): Bytes {
    const start = this.#offset(address, length);
    return this.#bytes.subarray(start, start + length);
  }

  readU16(address: number): number {
    return this.#view.getUint16(this.#offset(address, 2), true);
  }

  readU32(address: number): number {
    return this.#view.getUint32(this.#offset(address, 4), true);
  }

  /** A 64-bit value as a number; above 2^53 it is rounded, and is no valid address in any case. */
  readU64(address: number): number {
    const at = this.#offset(address, 8);
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * 2 ** 32;
  }

  /** Reads 16 bits at an even address; what is read after it is at least as new, whichever hart writes meanwhile. */
  acquireU16(address: number): number {
    return Atomics.load(this.#halves, this.#offset(address, 2) / 2);
  }

  /** Writes 16 bits at an even address; whoever sees them sees all that was written before. */
  releaseU16(address: number, value: number): void {
    Atomics.store(this.#halves, this.#offset(address, 2) / 2, value);
    this.written(address, 2);
  }

  /** Writes 32 bits at a multiple of 4; whoever sees them sees all that was written before. */
  releaseU32(address: number, value: number): void {
    Atomics.store(this.#words, this.#offset(address, 4) / 4, value);
    this.written(address, 4);
  }

  writeU16(address: number, value: number): void {
    this.#view.setUint16(this.#offset(address, 2), value, true);
    this.written(address, 2);
  }

  writeU32(address: number, value: number): void {
    this.#view.setUint32(this.#offset(address, 4), value, true);
    this.written(address, 4);
  }

  /** Copies `source` to `address` and reports it. */
  write(address: number, source: Bytes): void {
    this.#bytes.set(source, this.#offset(address, source.length));
    this.written(address, source.length);
  }

  /** Reports that a device has written this range through a view. Required after every such write. */
  written(address: number, length: number): void {
    for (const listener of this.#listeners) listener(address, length);
  }

  onWritten(listener: WrittenListener): void {
    this.#listeners.push(listener);
  }

  #offset(address: number, length: number): number {
    if (!this.contains(address, length)) {
      throw new GuestFault('address outside guest RAM', { address: `0x${address.toString(16)}`, length });
    }
    return address - this.base;
  }
}
