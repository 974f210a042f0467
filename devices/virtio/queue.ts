// VIRTIO 1.3, §2.7: a split virtqueue, seen from the device.
import { GuestFault } from '../guest-fault.ts';
import type { GuestMemory } from '../guest-memory.ts';
import { readChain } from './chain.ts';
import type { Chain, DescriptorArea } from './chain.ts';
import type { DescriptorRecord, VirtioListener } from './events.ts';

/** The parts of a queue by their names in §2.6: descriptor table, available ring, used ring. */
export type QueuePart = 'descriptorArea' | 'driverArea' | 'deviceArea';

/** A 64-bit guest-physical address as transports write it, in two halves. */
interface SplitAddress {
  low: number;
  high: number;
}

/** Everything a queue must remember between two requests: plain data, part of the device's record. */
export interface QueueState {
  /** Entries, as the driver set them. */
  size: number;
  ready: boolean;
  descriptorArea: SplitAddress;
  driverArea: SplitAddress;
  deviceArea: SplitAddress;
  /** Index of the next available ring entry to take, modulo 2^16. */
  nextAvailable: number;
  /** Index of the next used ring entry to write, modulo 2^16. */
  nextUsed: number;
  /** `nextUsed` when the driver was last considered for a notification. */
  signalledUsed: number;
}

/** The record of a queue in a snapshot. */
export interface SavedQueue extends QueueState {
  /** Heads of chains that were taken and not answered: they are taken again, before what is in the available ring. */
  again: number[];
}

/** What a driver negotiated that changes how its queues work. */
export interface QueueFeatures {
  readonly indirectDescriptors: boolean;
  readonly eventIndex: boolean;
}

const availFlagNoInterrupt = 1;
const ringHeader = 4;
const usedElementSize = 8;

function initialState(size: number): QueueState {
  return {
    size,
    ready: false,
    descriptorArea: { low: 0, high: 0 },
    driverArea: { low: 0, high: 0 },
    deviceArea: { low: 0, high: 0 },
    nextAvailable: 0,
    nextUsed: 0,
    signalledUsed: 0,
  };
}

function join({ low, high }: SplitAddress): number {
  return high * 2 ** 32 + low;
}

/**
 * One virtqueue. The device takes chains with `pop`, gives each back with `push`, and asks `wantsInterrupt` once after a
 * batch of pushes. A chain that is still outstanding when its queue stops may be pushed later all the same: it then
 * touches no ring. Methods throw GuestFault where the driver broke a rule.
 */
export class Queue {
  readonly index: number;
  /** The most entries that a driver may choose. */
  readonly maximumSize: number;
  readonly #memory: GuestMemory;
  readonly #device: string;
  onEvent: VirtioListener | undefined;

  #state: QueueState;
  #eventIndex = false;
  // The enabled queue's parts.
  readonly #descriptors: DescriptorArea = { table: 0, size: 0, indirect: false };
  #available = 0;
  #used = 0;
  /** avail.idx as last read: everything before it may be taken without reading it again. */
  #seenAvailable = 0;
  /** Heads of chains that are to be taken again, the first one last. */
  #again: number[] = [];
  /** What avail_event in guest RAM holds, or -1 while that is unknown. */
  #availEvent = -1;
  /** Chains that were popped and not yet pushed, by head. */
  #outstanding: (Chain | undefined)[] = [];
  #outstandingCount = 0;
  /** Chains of the time before the queue was stopped, whose buffers the device may still be writing. */
  readonly #draining = new Set<Chain>();
  #resetRequested = false;

  constructor(options: {
    readonly index: number;
    readonly maximumSize: number;
    readonly memory: GuestMemory;
    readonly device: string;
    readonly onEvent?: VirtioListener | undefined;
  }) {
    this.index = options.index;
    this.maximumSize = options.maximumSize;
    this.#memory = options.memory;
    this.#device = options.device;
    this.onEvent = options.onEvent;
    this.#state = initialState(options.maximumSize);
  }

  /** Whether the driver lets the device use the queue. */
  get ready(): boolean {
    return this.#state.ready;
  }

  /** Entries, as the driver set them; the most there may be until it does. */
  get size(): number {
    return this.#state.size;
  }

  /** Half of the address that the driver gave to a part. */
  address(part: QueuePart, half: 'low' | 'high'): number {
    return this.#state[part][half];
  }

  /** Chains that were popped and not pushed, those of a stopped queue included. */
  get outstanding(): number {
    return this.#outstandingCount + this.#draining.size;
  }

  /** Whether a queue reset waits for the device to let go of the buffers. */
  get resetting(): boolean {
    return this.#resetRequested && this.#draining.size > 0;
  }

  /** A copy of the record. Of chains that the device works on it has the heads: their requests begin anew. */
  get state(): SavedQueue {
    const taken = this.#outstanding.flatMap((chain) => (chain === undefined ? [] : [chain.head]));
    return { ...structuredCopy(this.#state), again: [...taken, ...this.#again.toReversed()] };
  }

  /** Replaces the record, forgetting outstanding chains. Throws GuestFault for one that no driver could have made. */
  set state({ again, ...state }: SavedQueue) {
    this.abandon();
    this.#state = structuredCopy(state);
    if (!state.ready) return;
    this.#checkLayout();
    this.#adopt();
    if (again.some((head) => head >= state.size))
      throw new GuestFault('a chain to be taken again is outside the table');
    this.#again = again.toReversed();
  }

  setSize(size: number): void {
    if (!this.#state.ready) this.#state.size = size;
  }

  setAddress(part: QueuePart, half: 'low' | 'high', value: number): void {
    if (!this.#state.ready) this.#state[part][half] = value;
  }

  negotiate({ indirectDescriptors, eventIndex }: QueueFeatures): void {
    this.#descriptors.indirect = indirectDescriptors;
    this.#eventIndex = eventIndex;
  }

  /** Starts the queue with zeroed indexes, as its driver has zeroed the rings. Throws GuestFault for an impossible layout. */
  enable(): void {
    if (this.#state.ready) return;
    this.#checkLayout();
    Object.assign(this.#state, { ready: true, nextAvailable: 0, nextUsed: 0, signalledUsed: 0 });
    this.#adopt();
  }

  /** Stops the queue: from now on neither ring is read or written. */
  disable(): void {
    this.#state.ready = false;
    for (const chain of this.#outstanding) if (chain !== undefined) this.#draining.add(chain);
    this.#outstanding = [];
    this.#outstandingCount = 0;
    this.#again = [];
  }

  /** §2.6.1: a reset of this queue alone. Complete when `resetting` is false. */
  reset(): void {
    this.disable();
    this.#state = initialState(this.maximumSize);
    this.#resetRequested = true;
  }

  /**
   * Stops the queue and forgets its chains at once, as a device reset does. The caller has made sure that nobody writes
   * their buffers any more; what was written into them until now is reported.
   */
  abandon(): void {
    this.disable();
    for (const chain of this.#draining) chain.reportWritten(this.#memory, chain.writableLength);
    this.#draining.clear();
    this.#resetRequested = false;
  }

  /** Everything as it was before any driver came. */
  clear(): void {
    this.abandon();
    this.#state = initialState(this.maximumSize);
    this.negotiate({ indirectDescriptors: false, eventIndex: false });
  }

  /** Takes the next available chain, or undefined when there is none; the driver is then asked to notify of the next. */
  pop(): Chain | undefined {
    const state = this.#state;
    if (!state.ready) return undefined;
    const next = state.nextAvailable;
    if (next === this.#seenAvailable) {
      const again = this.#again.pop();
      if (again !== undefined) return this.#take(again, next & (state.size - 1));
      if (!this.#seeMore()) return undefined;
    }
    const { size } = state;
    const slot = next & (size - 1);
    const head = this.#memory.readU16(this.#available + ringHeader + 2 * slot);
    if (head >= size) throw new GuestFault('available ring names a descriptor outside the table', { head, size });
    const chain = this.#take(head, slot);
    state.nextAvailable = (next + 1) & 0xffff;
    return chain;
  }

  /** Whether `chain` was popped from this queue as it now runs and not pushed yet. */
  holds(chain: Chain): boolean {
    return this.#outstanding[chain.head] === chain;
  }

  /**
   * Puts `chain` into the used ring. `length` is the bytes written from the start of its writable part on; `touched`
   * (at least `length`) how many may have been overwritten, which is more after a transfer that failed half-way.
   */
  push(chain: Chain, length: number, touched = length): void {
    if (length > chain.writableLength) throw new RangeError(`${length} bytes in ${chain.writableLength} writable ones`);
    if (!this.holds(chain)) {
      if (this.#draining.delete(chain)) chain.reportWritten(this.#memory, touched);
      return;
    }
    chain.reportWritten(this.#memory, touched);
    this.#outstanding[chain.head] = undefined;
    this.#outstandingCount -= 1;

    const state = this.#state;
    const memory = this.#memory;
    const slot = state.nextUsed & (state.size - 1);
    const element = this.#used + ringHeader + usedElementSize * slot;
    memory.writeU32(element, chain.head);
    memory.writeU32(element + 4, length);
    state.nextUsed = (state.nextUsed + 1) & 0xffff;
    // §2.7.8.2: len before idx. flags lies in the same word and is always 0, which §2.7.10.2 asks for with EVENT_IDX.
    memory.releaseU32(this.#used, (state.nextUsed << 16) >>> 0);
    this.onEvent?.({ type: 'push', device: this.#device, queue: this.index, slot, head: chain.head, length });
  }

  /** §2.7.7.2: whether the driver is to be notified of what was pushed since the last call. */
  wantsInterrupt(): boolean {
    const state = this.#state;
    const { nextUsed, signalledUsed } = state;
    if (!state.ready || nextUsed === signalledUsed) return false;
    state.signalledUsed = nextUsed;
    if (!this.#eventIndex) return (this.#memory.acquireU16(this.#available) & availFlagNoInterrupt) === 0;
    const usedEvent = this.#memory.acquireU16(this.#available + ringHeader + 2 * state.size);
    // Ring distances: a comparison of the indexes themselves breaks when they wrap at 2^16.
    return ((nextUsed - usedEvent - 1) & 0xffff) < ((nextUsed - signalledUsed) & 0xffff);
  }

  #take(head: number, slot: number): Chain {
    if (this.#outstanding[head] !== undefined) {
      throw new GuestFault('descriptor made available again before it was used', { head });
    }
    const { onEvent } = this;
    const descriptors: DescriptorRecord[] | undefined = onEvent === undefined ? undefined : [];
    const chain = readChain(this.#memory, this.#descriptors, head, descriptors);
    this.#outstanding[head] = chain;
    this.#outstandingCount += 1;
    if (descriptors !== undefined) {
      const { size } = this.#state;
      onEvent?.({ type: 'pop', device: this.#device, queue: this.index, slot, size, head, descriptors });
    }
    return chain;
  }

  /** Reads avail.idx, which the ring entries before it are at least as old as. False when nothing is available. */
  #seeMore(): boolean {
    const { nextAvailable, size } = this.#state;
    let seen = this.#memory.acquireU16(this.#available + 2);
    if (seen === nextAvailable && this.#eventIndex && this.#availEvent !== nextAvailable) {
      // §2.7.10: ask for a notification of the next entry, then look again: it may have come before the asking was seen.
      this.#availEvent = nextAvailable;
      this.#memory.releaseU16(this.#used + ringHeader + usedElementSize * size, nextAvailable);
      seen = this.#memory.acquireU16(this.#available + 2);
    }
    const count = (seen - nextAvailable) & 0xffff;
    if (count > size) throw new GuestFault('available index moved by more than the queue size', { count, size });
    this.#seenAvailable = seen;
    return count > 0;
  }

  /** §2.7, §2.7.1: the size is a power of 2; each part is aligned and in RAM. */
  #checkLayout(): void {
    const { size } = this.#state;
    if (size < 1 || size > this.maximumSize || (size & (size - 1)) !== 0) {
      throw new GuestFault('queue size is not a power of 2 up to the maximum', { size, maximum: this.maximumSize });
    }
    this.#checkPart('descriptorArea', 16, 16 * size);
    this.#checkPart('driverArea', 2, 6 + 2 * size);
    this.#checkPart('deviceArea', 4, 6 + 8 * size);
  }

  #checkPart(part: QueuePart, alignment: number, length: number): void {
    const address = join(this.#state[part]);
    if (address % alignment === 0 && this.#memory.contains(address, length)) return;
    const shown = `0x${address.toString(16)}`;
    throw new GuestFault(`${part} of a queue is misaligned or outside guest RAM`, {
      queue: this.index,
      address: shown,
    });
  }

  /** Makes what follows from the record. */
  #adopt(): void {
    this.#descriptors.table = join(this.#state.descriptorArea);
    this.#descriptors.size = this.#state.size;
    this.#available = join(this.#state.driverArea);
    this.#used = join(this.#state.deviceArea);
    this.#seenAvailable = this.#state.nextAvailable;
    this.#availEvent = -1;
    this.#outstanding = Array.from({ length: this.#state.size }, () => undefined);
    this.#resetRequested = false;
  }
}

function structuredCopy(state: QueueState): QueueState {
  return {
    ...state,
    descriptorArea: { ...state.descriptorArea },
    driverArea: { ...state.driverArea },
    deviceArea: { ...state.deviceArea },
  };
}
