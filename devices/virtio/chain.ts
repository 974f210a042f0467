// VIRTIO 1.3. The door through which everything that a driver says about buffers comes in: a descriptor chain is read
// once, checked once and then trusted. What the buffers hold stays guest RAM that changes under a running guest.
import { GuestFault } from '../guest-fault.ts';
import type { GuestMemory } from '../guest-memory.ts';
import type { Bytes } from '../ports.ts';
import type { DescriptorRecord } from './events.ts';

// §2.7.5: 16 bytes each: le64 addr, le32 len, le16 flags, le16 next.
const descriptorSize = 16;
const flagNext = 1;
const flagWrite = 2;
const flagIndirect = 4;

// §2.7.5.2: a driver must not add a chain longer than 2^32 bytes.
const maximumBytes = 2 ** 32;

/** Where the chains of a queue are, and what its driver may use. */
export interface DescriptorArea {
  /** Guest-physical address of the descriptor table. */
  table: number;
  /** Queue size: entries in the table, and the most buffers that a chain may have. */
  size: number;
  /** Whether VIRTIO_F_INDIRECT_DESC was negotiated. */
  indirect: boolean;
}

/**
 * A checked chain: views of guest RAM, all of it RAM, readable buffers before writable ones. Buffers that touch in guest
 * RAM are one view, so that a page-wise driver costs a backend fewer transfers.
 */
export class Chain {
  /** Index of the first descriptor: how the used ring names the chain. */
  readonly head: number;
  readonly readable: Bytes[] = [];
  readonly writable: Bytes[] = [];
  /** Guest-physical address of each view in `writable`. */
  readonly writableAddresses: number[] = [];
  /** Bytes in `readable`. */
  readableLength = 0;
  /** Bytes in `writable`. */
  writableLength = 0;

  constructor(head: number) {
    this.head = head;
  }

  /** Copies the first `limit` readable bytes, fewer if there are fewer: what is looked at more than once must be a copy. */
  read(limit: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(Math.min(limit, this.readableLength));
    let at = 0;
    for (const view of this.readable) {
      if (at === copy.length) break;
      const part = view.subarray(0, copy.length - at);
      copy.set(part, at);
      at += part.length;
    }
    return copy;
  }

  /** Copies `source` to the start of the writable part, as much of it as fits, and returns how many bytes that was. */
  write(source: Bytes): number {
    let at = 0;
    for (const view of this.writable) {
      if (at === source.length) break;
      const part = source.subarray(at, at + view.length);
      view.set(part);
      at += part.length;
    }
    return at;
  }

  /** Tells `memory` that the first `length` writable bytes were written. */
  reportWritten(memory: GuestMemory, length: number): void {
    let left = length;
    for (let index = 0; left > 0; index += 1) {
      const address = this.writableAddresses[index];
      const view = this.writable[index];
      if (address === undefined || view === undefined) return;
      memory.written(address, Math.min(left, view.length));
      left -= view.length;
    }
  }

  /** Adds checked, touching buffers as one view. */
  append(memory: GuestMemory, address: number, length: number, writable: boolean): void {
    const view = memory.view(address, length);
    if (writable) {
      this.writable.push(view);
      this.writableAddresses.push(address);
      this.writableLength += length;
    } else {
      this.readable.push(view);
      this.readableLength += length;
    }
  }
}

/**
 * Reads the chain that starts at descriptor `head`, which the caller has checked to be below the queue size. Every field
 * is read once. Throws GuestFault for a chain that breaks a rule of §2.7.4 or §2.7.5. `trace` receives the descriptors.
 */
export function readChain(memory: GuestMemory, area: DescriptorArea, head: number, trace?: DescriptorRecord[]): Chain {
  const { size, indirect } = area;
  const chain = new Chain(head);
  let { table } = area;
  let entries = size;
  let index = head;
  let visited = 0;
  let nested = false;
  let buffers = 0;
  let bytes = 0;
  // The run of touching buffers of one kind that is not yet a view.
  let runAddress = 0;
  let runLength = 0;
  let runWritable = false;

  for (;;) {
    if (index >= entries) throw new GuestFault('next descriptor outside the table', { head, next: index, entries });
    // A chain that visits more descriptors than its table has visits one of them twice.
    if (visited === entries) throw new GuestFault('descriptor chain loops', { head });
    visited += 1;

    const at = table + index * descriptorSize;
    const address = memory.readU64(at);
    const length = memory.readU32(at + 8);
    const flagsAndNext = memory.readU32(at + 12);
    const flags = flagsAndNext & 0xffff;

    if ((flags & flagIndirect) !== 0) {
      // §2.7.5.3.2: the write flag of a descriptor that refers to an indirect table is ignored; direct ones may precede it.
      checkIndirect(memory, { head, address, length, flags, nested, indirect });
      trace?.push({ index, address, length, kind: 'indirect' });
      nested = true;
      table = address;
      entries = length / descriptorSize;
      index = 0;
      visited = 0;
      continue;
    }

    const writable = (flags & flagWrite) !== 0;
    trace?.push({ index, address, length, kind: writable ? 'writable' : 'readable' });
    if (length === 0) throw new GuestFault('descriptor of length zero', { head });
    // §2.7.5.3.1: indirect or not, a chain has at most as many buffers as the queue has entries.
    if (buffers === size) throw new GuestFault('descriptor chain longer than the queue', { head, size });
    buffers += 1;
    bytes += length;
    if (bytes > maximumBytes) throw new GuestFault('descriptor chain of more than 2^32 bytes', { head });
    if (!memory.contains(address, length)) {
      throw new GuestFault('buffer outside guest RAM', { head, address: `0x${address.toString(16)}`, length });
    }

    if (runLength > 0 && writable === runWritable && address === runAddress + runLength) {
      runLength += length;
    } else {
      // §2.7.4.2: device-writable elements come after the device-readable ones.
      if (runWritable && !writable) throw new GuestFault('readable buffer after a writable one', { head });
      if (runLength > 0) chain.append(memory, runAddress, runLength, runWritable);
      runAddress = address;
      runLength = length;
      runWritable = writable;
    }

    if ((flags & flagNext) === 0) break;
    index = flagsAndNext >>> 16;
  }
  chain.append(memory, runAddress, runLength, runWritable);
  return chain;
}

// §2.7.5.3.1, the driver's rules for indirect tables.
function checkIndirect(
  memory: GuestMemory,
  found: {
    readonly head: number;
    readonly address: number;
    readonly length: number;
    readonly flags: number;
    readonly nested: boolean;
    readonly indirect: boolean;
  },
): void {
  const { head, address, length } = found;
  if (!found.indirect) throw new GuestFault('indirect descriptor, but the feature was not negotiated', { head });
  if (found.nested) throw new GuestFault('indirect descriptor inside an indirect table', { head });
  if ((found.flags & flagNext) !== 0) throw new GuestFault('indirect descriptor with a next one', { head });
  if (length === 0 || length % descriptorSize !== 0) {
    throw new GuestFault('indirect table whose length is not a multiple of 16', { head, length });
  }
  if (!memory.contains(address, length)) {
    throw new GuestFault('indirect table outside guest RAM', { head, address: `0x${address.toString(16)}`, length });
  }
}
