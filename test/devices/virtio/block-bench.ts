// A driver of the block device, as the tests have it: requests of any shape, and disks that wait, fail and remember.
import type { Awaitable } from '../../../devices/9p/backend.ts';
import { gather, totalLength } from '../../../devices/9p/scatter.ts';
import type { Disk } from '../../../devices/disk/disk.ts';
import { MemoryDisk } from '../../../devices/disk/memory.ts';
import type { Bytes } from '../../../devices/ports.ts';
import { VirtioBlock } from '../../../devices/virtio/block.ts';
import { Driver, GuestRam, IrqProbe } from '../../driver.ts';
import type { Buffer as GuestBuffer, DriverQueue } from '../../driver.ts';
import { plug } from '../../transports.ts';

export interface BlockBench {
  readonly ram: GuestRam;
  readonly device: VirtioBlock;
  readonly driver: Driver;
  readonly irq: IrqProbe;
  readonly log: string[];
  readonly fatal: unknown[];
  time: number;
}

export function blockBench(disk: Disk, { serial = 'disk', ram = new GuestRam() } = {}): BlockBench {
  const log: string[] = [];
  const fatal: unknown[] = [];
  const irq = new IrqProbe();
  const device = new VirtioBlock({
    memory: ram.memory,
    log: (line) => log.push(line),
    now: () => bench.time,
    disk,
    serial,
    onFatal: (error) => fatal.push(error),
  });
  const driver = new Driver(plug(device, irq).registers, ram);
  const bench: BlockBench = { ram, device, driver, irq, log, fatal, time: 0 };
  return bench;
}

/** The header of a request (§5.2.6). */
export function header(type: number, sector: number | bigint): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(16));
  view.setUint32(0, type, true);
  view.setBigUint64(8, BigInt(sector), true);
  return new Uint8Array(view.buffer);
}

/** A range of a discard or write-zeroes request. */
export function range(sector: number | bigint, sectors: number, flags = 0): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(16));
  view.setBigUint64(0, BigInt(sector), true);
  view.setUint32(8, sectors, true);
  view.setUint32(12, flags, true);
  return new Uint8Array(view.buffer);
}

export interface Sent {
  readonly head: number;
  /** Where what is read goes. */
  readonly data: readonly GuestBuffer[];
  readonly status: number;
}

/** What a status byte is before the device has written it. */
export const noStatus = 0xee;

/** Adds a request: pieces that the device reads, room that it fills, and a byte for the status. */
export function add(
  queue: DriverQueue,
  pieces: readonly Bytes[],
  rooms: readonly number[] = [],
  { indirect = false } = {},
): Sent {
  const { ram } = queue;
  // A gap, so that nothing touches and each buffer is a view of its own.
  const room = (length: number): GuestBuffer => ({ address: ram.allocate(length + 16), length, writable: true });
  const data = rooms.map(room);
  const status = room(1);
  ram.view(status.address, 1)[0] = noStatus;
  const requests = pieces.map((piece) => ({ address: ram.place(piece), length: piece.length }));
  const head = queue.add([...requests, ...data, status], { indirect });
  return { head, data, status: status.address };
}

/** Sends a request that is answered within its notification; returns its status and what was read. */
export function request(
  { driver, ram }: Pick<BlockBench, 'driver' | 'ram'>,
  pieces: readonly Bytes[],
  rooms: readonly number[] = [],
  options: { indirect?: boolean } = {},
): { status: number; data: Bytes; used: number } {
  const queue = driver.queues[0]!;
  const sent = add(queue, pieces, rooms, options);
  queue.kick();
  const used = queue.takeUsed();
  if (used?.head !== sent.head) throw new Error('the request was not answered within its notification');
  const length = sent.data.reduce((sum, buffer) => sum + buffer.length, 0);
  return { status: statusOf(ram, sent), data: driver.collect(sent.data, length), used: used.length };
}

export function statusOf(ram: GuestRam, { status }: Sent): number {
  return ram.view(status, 1)[0]!;
}

/** Lets every promise that is settled be heeded. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** A disk in memory of which everything waits until `release`, and whose next operation can be made to fail. */
export class SlowDisk implements Disk {
  readonly size: number;
  readonly isReadOnly = false;
  readonly #memory: MemoryDisk;
  #waiting: (() => void)[] = [];
  /** Thrown by what is released next. */
  failure: unknown;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#memory = new MemoryDisk(bytes);
    this.size = bytes.length;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Lets the operation go on that has waited longest, or the one of that number. */
  release(index = 0): void {
    const [go] = this.#waiting.splice(index, 1);
    if (go === undefined) throw new Error('nothing waits');
    go();
  }

  read(offset: number, into: readonly Bytes[]): Promise<Bytes> {
    const bytes = new Uint8Array(totalLength(into));
    return this.#later(() => {
      this.#memory.read(offset, [bytes]);
      return bytes;
    });
  }

  write(offset: number, from: readonly Bytes[]): Promise<void> {
    const bytes = new Uint8Array(totalLength(from));
    gather(from, 0, bytes.length, bytes, 0);
    return this.#later(() => this.#memory.write(offset, [bytes]));
  }

  flush(): Promise<void> {
    return this.#later(() => undefined);
  }

  zero(offset: number, length: number): Promise<void> {
    return this.#later(() => this.#memory.zero(offset, length));
  }

  discard(offset: number, length: number): Promise<void> {
    return this.#later(() => this.#memory.zero(offset, length));
  }

  close(): Awaitable<void> {
    // Nothing is held.
  }

  async #later<T>(work: () => T): Promise<T> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
    return work();
  }
}
