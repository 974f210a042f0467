// The guest's half of virtio for tests: RAM, a driver that speaks to a device's registers, and the driver's side of split
// virtqueues (VIRTIO 1.3 §2.7), which can also be told to break every rule.
import { GuestMemory } from '../devices/guest-memory.ts';
import type { Bytes, IrqLine } from '../devices/ports.ts';
import { deviceStatus, feature } from '../devices/virtio/device.ts';
import type { DriverRegister, Registers } from './transports.ts';

/** Flags of a descriptor (§2.7.5). */
export const descriptorFlag = { next: 1, write: 2, indirect: 4 } as const;

export const ramBase = 0x8000_0000;

/** Guest RAM with an allocator. What it writes it writes as the CPU does: unreported. */
export class GuestRam {
  readonly memory: GuestMemory;
  readonly length: number;
  readonly #data: DataView<ArrayBufferLike>;
  #next = ramBase;

  constructor({
    length = 1 << 20,
    shared = true,
    over,
    make = (layout): GuestMemory => new GuestMemory(layout),
  }: {
    length?: number;
    shared?: boolean;
    /** Memory that is there already, such as a hart's; else it is made. */
    over?: { buffer: ArrayBufferLike; byteOffset: number };
    make?: (layout: ConstructorParameters<typeof GuestMemory>[0]) => GuestMemory;
  } = {}) {
    const { buffer, byteOffset } = over ?? {
      buffer: shared ? new SharedArrayBuffer(length) : new ArrayBuffer(length),
      byteOffset: 0,
    };
    this.length = length;
    this.#data = new DataView(buffer, byteOffset, length);
    this.memory = make({ buffer, byteOffset, length, base: ramBase });
  }

  /** Empties RAM, as for a guest that starts anew: all that was allocated is gone. */
  clear(): void {
    this.u8.fill(0);
    this.#next = ramBase;
  }

  /** Zeroed bytes that nobody else has. Returns their address. */
  allocate(length: number, alignment = 16): number {
    const address = Math.ceil(this.#next / alignment) * alignment;
    this.#next = address + length;
    return address;
  }

  /** Puts bytes somewhere and returns their address. */
  place(bytes: Bytes): number {
    const address = this.allocate(bytes.length);
    this.view(address, bytes.length).set(bytes);
    return address;
  }

  view(address: number, length: number): Bytes {
    return this.memory.view(address, length);
  }

  get u8(): Bytes {
    return this.view(ramBase, this.length);
  }

  get16(address: number): number {
    return this.#data.getUint16(address - ramBase, true);
  }

  get32(address: number): number {
    return this.#data.getUint32(address - ramBase, true);
  }

  set16(address: number, value: number): void {
    this.#data.setUint16(address - ramBase, value, true);
  }

  set32(address: number, value: number): void {
    this.#data.setUint32(address - ramBase, value, true);
  }

  set64(address: number, value: bigint): void {
    this.#data.setBigUint64(address - ramBase, value, true);
  }
}

/** An interrupt line that remembers. */
export class IrqProbe implements IrqLine {
  asserted = false;
  /** How often the line went up. */
  rises = 0;

  set(asserted: boolean): void {
    if (asserted && !this.asserted) this.rises += 1;
    this.asserted = asserted;
  }
}

export interface Buffer {
  readonly address: number;
  readonly length: number;
  readonly writable?: boolean;
}

export interface RawDescriptor {
  readonly address: number | bigint;
  readonly length: number;
  readonly flags?: number;
  readonly next?: number;
}

export interface Used {
  readonly head: number;
  readonly length: number;
}

/** The driver's side of one queue. */
export class DriverQueue {
  readonly ram: GuestRam;
  readonly index: number;
  readonly size: number;
  readonly table: number;
  readonly available: number;
  readonly used: number;
  readonly eventIndex: boolean;
  /** Indexes as the driver counts them, modulo 2^16. */
  nextAvailable = 0;
  nextUsed = 0;
  readonly #free: number[];
  readonly #chains = new Map<number, readonly number[]>();
  readonly #notify: (queue: DriverQueue) => void;

  constructor(options: {
    readonly ram: GuestRam;
    readonly index: number;
    readonly size: number;
    readonly eventIndex: boolean;
    readonly notify: (queue: DriverQueue) => void;
  }) {
    const { ram, size } = options;
    this.ram = ram;
    this.index = options.index;
    this.size = size;
    this.eventIndex = options.eventIndex;
    this.#notify = options.notify;
    this.table = ram.allocate(16 * size);
    this.available = ram.allocate(6 + 2 * size, 2);
    this.used = ram.allocate(6 + 8 * size, 4);
    this.#free = Array.from({ length: size }, (_, index) => size - 1 - index);
  }

  /** Writes a descriptor into the queue's table, or into any other. */
  describe(index: number, { address, length, flags = 0, next = 0 }: RawDescriptor, table = this.table): void {
    const at = table + 16 * index;
    this.ram.set64(at, BigInt(address));
    this.ram.set32(at + 8, length);
    this.ram.set16(at + 12, flags);
    this.ram.set16(at + 14, next);
  }

  /** Writes `buffers` as descriptors `indexes` of a table, chained. */
  chain(buffers: readonly Buffer[], indexes: readonly number[], table = this.table): void {
    for (const [at, { address, length, writable = false }] of buffers.entries()) {
      const next = indexes[at + 1];
      const flags = (writable ? descriptorFlag.write : 0) | (next === undefined ? 0 : descriptorFlag.next);
      this.describe(indexes[at]!, { address, length, flags, next: next ?? 0 }, table);
    }
  }

  /** Writes an indirect table somewhere and returns the descriptor that refers to it. */
  indirect(buffers: readonly Buffer[]): RawDescriptor {
    const table = this.ram.allocate(16 * buffers.length);
    this.chain(
      buffers,
      buffers.map((_, index) => index),
      table,
    );
    return { address: table, length: 16 * buffers.length, flags: descriptorFlag.indirect };
  }

  /** Makes buffers available as one chain, with `indirect` by a table; `kick` is still to come. Returns the head. */
  add(buffers: readonly Buffer[], { indirect = false }: { indirect?: boolean } = {}): number {
    const indexes = this.#take(indirect ? 1 : buffers.length);
    const head = indexes[0]!;
    if (indirect) this.describe(head, this.indirect(buffers));
    else this.chain(buffers, indexes);
    this.#chains.set(head, indexes);
    this.offer(head);
    return head;
  }

  /** Puts a head, whatever it is, into the available ring and moves its index. */
  offer(head: number): void {
    this.ram.set16(this.available + 4 + 2 * (this.nextAvailable % this.size), head);
    this.nextAvailable = (this.nextAvailable + 1) & 0xffff;
    this.ram.set16(this.available + 2, this.nextAvailable);
  }

  /** §2.7.10.1: whether the driver has to notify after it moved the index from `before` to where it is. */
  mustNotify(before: number): boolean {
    if (!this.eventIndex) return (this.usedFlags & 1) === 0;
    return ((this.nextAvailable - this.availEvent - 1) & 0xffff) < ((this.nextAvailable - before) & 0xffff);
  }

  kick(): void {
    this.#notify(this);
  }

  /** Takes the next used element and asks for a notification of the one after it. */
  takeUsed(): Used | undefined {
    if (this.usedIndex === this.nextUsed) return undefined;
    const element = this.used + 4 + 8 * (this.nextUsed % this.size);
    const head = this.ram.get32(element);
    const length = this.ram.get32(element + 4);
    this.nextUsed = (this.nextUsed + 1) & 0xffff;
    this.usedEvent = this.nextUsed;
    this.#free.push(...(this.#chains.get(head) ?? []));
    this.#chains.delete(head);
    return { head, length };
  }

  get freeDescriptors(): number {
    return this.#free.length;
  }

  get usedFlags(): number {
    return this.ram.get16(this.used);
  }

  get usedIndex(): number {
    return this.ram.get16(this.used + 2);
  }

  get availEvent(): number {
    return this.ram.get16(this.used + 4 + 8 * this.size);
  }

  set usedEvent(index: number) {
    this.ram.set16(this.available + 4 + 2 * this.size, index);
  }

  set availableFlags(flags: number) {
    this.ram.set16(this.available, flags);
  }

  #take(count: number): number[] {
    if (count > this.#free.length) throw new Error(`the driver has no ${count} free descriptors`);
    return Array.from({ length: count }, () => this.#free.pop()!);
  }
}

/** A driver: brings the device up and exchanges messages with it. */
export class Driver {
  readonly registers: Registers;
  readonly ram: GuestRam;
  queues: DriverQueue[] = [];
  features = 0n;

  constructor(registers: Registers, ram: GuestRam) {
    this.registers = registers;
    this.ram = ram;
  }

  read(register: DriverRegister): number {
    return this.registers.read(register);
  }

  write(register: DriverRegister, value: number): void {
    this.registers.write(register, value);
  }

  /** Reads the device configuration space. */
  configuration(offset: number, size: 1 | 2 | 4): number {
    return this.registers.configuration(offset, size);
  }

  get offered(): bigint {
    this.write('deviceFeaturesSel', 0);
    const low = this.read('deviceFeatures');
    this.write('deviceFeaturesSel', 1);
    return (BigInt(this.read('deviceFeatures')) << 32n) | BigInt(low);
  }

  get status(): number {
    return this.read('status');
  }

  get needsReset(): boolean {
    return (this.status & deviceStatus.needsReset) !== 0;
  }

  accept(features: bigint): void {
    this.features = features;
    for (const word of [0, 1]) {
      this.write('driverFeaturesSel', word);
      this.write('driverFeatures', Number((features >> BigInt(32 * word)) & 0xffffffffn));
    }
  }

  /** §3.1.1 up to FEATURES_OK. Returns whether the device holds it. Without `features` accepts all that is offered. */
  negotiate(features = this.offered): boolean {
    this.write('status', 0);
    this.write('status', deviceStatus.acknowledge);
    this.write('status', deviceStatus.acknowledge | deviceStatus.driver);
    this.accept(features);
    this.write('status', this.status | deviceStatus.featuresOk);
    return (this.status & deviceStatus.featuresOk) !== 0;
  }

  /** §4.1.5.1.3, §4.2.3.2: sets up a queue with memory of its own. */
  setUpQueue(index: number, size?: number): DriverQueue {
    this.write('queueSel', index);
    const queue = new DriverQueue({
      ram: this.ram,
      index,
      size: size ?? this.read('queueSizeMax'),
      eventIndex: (this.features & feature.eventIdx) !== 0n,
      notify: (queue) => this.notify(queue),
    });
    this.configure(queue);
    this.write('queueReady', 1);
    return queue;
  }

  /** §2.9: tells the device where the ring ends, if it wants to know. */
  notify({ index, nextAvailable }: DriverQueue): void {
    const withData = (this.features & feature.notificationData) !== 0n;
    this.registers.notify(index, withData ? nextAvailable : undefined);
  }

  /** Writes where the parts of a queue are, into the selected queue. */
  configure(queue: Pick<DriverQueue, 'size' | 'table' | 'available' | 'used'>): void {
    this.write('queueSize', queue.size);
    this.#address('queueDescLow', 'queueDescHigh', queue.table);
    this.#address('queueDriverLow', 'queueDriverHigh', queue.available);
    this.#address('queueDeviceLow', 'queueDeviceHigh', queue.used);
  }

  /** Brings the device up with all of its queues and returns them. */
  start({ features, size }: { features?: bigint; size?: number } = {}): DriverQueue[] {
    if (!this.negotiate(features)) throw new Error('the device refused the features');
    this.queues = [];
    for (let index = 0; ; index += 1) {
      this.write('queueSel', index);
      if (this.read('queueSizeMax') === 0) break;
      this.queues.push(this.setUpQueue(index, size));
    }
    this.write('status', this.status | deviceStatus.driverOk);
    return this.queues;
  }

  /** What an interrupt handler does first: reads the causes and acknowledges them. */
  acknowledge(): number {
    return this.registers.acknowledge();
  }

  /**
   * Sends `message` in the given pieces, with reply buffers of the given lengths, and returns the reply. For a device that
   * answers within the notification.
   */
  exchange(
    queue: DriverQueue,
    pieces: readonly Bytes[],
    replyLengths: readonly number[],
    options: { indirect?: boolean } = {},
  ): Bytes {
    const replies = replyLengths.map((length) => ({ address: this.ram.allocate(length), length, writable: true }));
    const requests = pieces.map((piece) => ({ address: this.ram.place(piece), length: piece.length }));
    const head = queue.add([...requests, ...replies], options);
    queue.kick();
    const used = queue.takeUsed();
    if (used?.head !== head) throw new Error('the request was not answered within its notification');
    return this.collect(replies, used.length);
  }

  /** The first `length` bytes of buffers. */
  collect(buffers: readonly Buffer[], length: number): Bytes {
    const all = buffers.flatMap((buffer) => [...this.ram.view(buffer.address, buffer.length)]);
    return new Uint8Array(all.slice(0, length));
  }

  #address(low: DriverRegister, high: DriverRegister, address: number): void {
    this.write(low, address % 2 ** 32);
    this.write(high, Math.floor(address / 2 ** 32));
  }
}
