// VIRTIO 1.3, §5.2: the block device.
import { DiskError, sectorSize } from '../disk/disk.ts';
import type { Disk } from '../disk/disk.ts';
import { gather, scatter, slice } from '../9p/scatter.ts';
import type { Awaitable } from '../9p/backend.ts';
import { GuestFault } from '../guest-fault.ts';
import type { Log } from '../ports.ts';
import type { Chain } from './chain.ts';
import { VirtioDevice } from './device.ts';
import type { VirtioDeviceOptions } from './device.ts';
import type { Queue } from './queue.ts';

/** §5.2.3: feature bits. */
export const blockFeature = {
  sizeMax: 1n << 1n,
  segMax: 1n << 2n,
  readOnly: 1n << 5n,
  blkSize: 1n << 6n,
  flush: 1n << 9n,
  topology: 1n << 10n,
  discard: 1n << 13n,
  writeZeroes: 1n << 14n,
} as const;

/** §5.2.6: types of requests. */
export const blockRequest = { in: 0, out: 1, flush: 4, getId: 8, discard: 11, writeZeroes: 13 } as const;

/** §5.2.6: what a request ends with. */
export const blockStatus = { ok: 0, ioError: 1, unsupported: 2 } as const;

export interface VirtioBlockOptions extends VirtioDeviceOptions {
  readonly disk: Disk;
  /** How the guest tells the disk from others: at most 20 bytes as UTF-8 count. */
  readonly serial: string;
  /** Receives an exception that is a mistake of ours, from a request that was being answered asynchronously. */
  readonly onFatal: (error: unknown) => void;
}

const deviceId = 2;
const queueSize = 256;
/** le32 type, le32 reserved, le64 sector. */
const headerLength = 16;
const serialLength = 20;
/** Data segments of a request: the header and the status take a descriptor each. */
const segMax = queueSize - 2;
const sizeMax = 256 * 1024;
/** Bytes of data of a request, as segMax and sizeMax have it: what one can cost is bounded. */
const maximumData = segMax * sizeMax;
/** Bytes that may be on their way from a disk that waits, before the next request is taken. */
const maximumWaiting = maximumData;

/** le64 sector, le32 num_sectors, le32 flags. */
const rangeLength = 16;
const flagUnmap = 1;
const discardGranularity = 4096;
const maximumDiscardRanges = 16;
const maximumDiscardSectors = 2 ** 22;
/** Linux sends one range; where there are no holes this many bytes have to be written. */
const maximumZeroRanges = 1;
const maximumZeroSectors = (16 * 2 ** 20) / sectorSize;

interface Range {
  readonly offset: number;
  readonly length: number;
  readonly flags: number;
}

type Status = (typeof blockStatus)[keyof typeof blockStatus];

/** Waits only where there is something to wait for. */
function then<T, R>(value: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** The virtio-blk device: sectors of a disk for a guest. */
export class VirtioBlock extends VirtioDevice {
  readonly #disk: Disk;
  readonly #serial: Uint8Array<ArrayBuffer>;
  readonly #tell: Log;
  readonly #told = new Set<string>();
  /** Of the request at hand: a copy, as the guest may change it meanwhile. */
  readonly #header = new Uint8Array(headerLength);
  readonly #headerView = viewOf(this.#header);
  readonly #onFatal: (error: unknown) => void;
  /** Bytes of reads that wait for the disk, those of a driver that has gone included. */
  #waiting = 0;
  #stalled = false;

  /** Throws RangeError for a disk that has no whole sectors. */
  constructor(options: VirtioBlockOptions) {
    const { disk, serial } = options;
    if (disk.size === 0 || disk.size % sectorSize !== 0) throw new RangeError(`a disk of ${disk.size} bytes`);
    super(options, {
      name: `virtio-blk ${serial}`,
      id: deviceId,
      features: featuresOf(disk),
      queueSizes: [queueSize],
      configuration: configurationOf(disk),
    });
    this.#disk = disk;
    this.#serial = new Uint8Array(serialLength);
    this.#serial.set(new TextEncoder().encode(serial).subarray(0, serialLength));
    this.#tell = options.log;
    this.#onFatal = options.onFatal;
  }

  protected override serve(queue: Queue): void {
    do {
      this.#stalled = this.#waiting >= maximumWaiting;
      if (this.#stalled) return;
      const chain = queue.pop();
      if (chain === undefined) return;
      const status = this.#attempt(queue, chain);
      if (status instanceof Promise) void this.#completeLater(queue, chain, status);
      else {
        const [length, touched] = conclude(chain, status);
        queue.push(chain, length, touched);
      }
    } while (!this.timeIsUp(queue));
  }

  protected override onStop(): void {
    // What the disk still works on touches no buffer when it is done: see `#completeLater`.
  }

  async #completeLater(queue: Queue, chain: Chain, status: Promise<Status>): Promise<void> {
    try {
      const settled = await status;
      if (queue.holds(chain)) this.complete(queue, chain, ...conclude(chain, settled));
      else queue.push(chain, 0);
      if (this.#stalled) this.run(queue);
    } catch (error) {
      this.#onFatal(error);
    }
  }

  /** What comes of a request. Throws GuestFault where it cannot be answered at all. */
  #attempt(queue: Queue, chain: Chain): Awaitable<Status> {
    if (chain.readableLength < headerLength)
      throw new GuestFault('block request without a header', { head: chain.head });
    if (chain.writableLength === 0)
      throw new GuestFault('block request without room for a status', { head: chain.head });
    try {
      const status = this.#answer(queue, chain);
      return status instanceof Promise ? status.catch((error: unknown) => this.#failed(error)) : status;
    } catch (error) {
      return this.#failed(error);
    }
  }

  #answer(queue: Queue, chain: Chain): Awaitable<Status> {
    gather(chain.readable, 0, headerLength, this.#header, 0);
    const sector = readSector(this.#headerView, 8);
    switch (this.#headerView.getUint32(0, true)) {
      case blockRequest.in:
        return this.#read(queue, chain, sector);
      case blockRequest.out:
        return this.#write(chain, sector);
      case blockRequest.flush:
        return this.#flush(chain);
      case blockRequest.getId:
        return this.#identify(chain);
      case blockRequest.discard:
        return this.#discard(chain);
      case blockRequest.writeZeroes:
        return this.#writeZeroes(chain);
      default:
        return blockStatus.unsupported;
    }
  }

  #read(queue: Queue, chain: Chain, sector: number): Awaitable<Status> {
    const length = chain.writableLength - 1;
    const isBare = chain.readableLength === headerLength;
    if (!isBare || length > maximumData || !this.#isInside(sector, length)) return blockStatus.ioError;
    if (length === 0) return blockStatus.ok;
    const into = slice(chain.writable, 0, length);
    const later = this.#disk.read(sector * sectorSize, into);
    if (later === undefined) return blockStatus.ok;
    this.#waiting += length;
    return later
      .finally(() => {
        this.#waiting -= length;
      })
      .then((bytes) => {
        // §2.4: nothing of a driver that has reset the device is touched any more.
        if (queue.holds(chain)) scatter(bytes, length, into, 0);
        return blockStatus.ok;
      });
  }

  #write(chain: Chain, sector: number): Awaitable<Status> {
    const length = chain.readableLength - headerLength;
    // §5.2.6.2: a read-only device answers so, and writes nothing.
    if (this.#disk.isReadOnly || chain.writableLength !== 1) return blockStatus.ioError;
    if (length > maximumData || !this.#isInside(sector, length)) return blockStatus.ioError;
    if (length === 0) return blockStatus.ok;
    const from = slice(chain.readable, headerLength, length);
    return this.#stable(this.#disk.write(sector * sectorSize, from));
  }

  #flush(chain: Chain): Awaitable<Status> {
    if (chain.readableLength !== headerLength || chain.writableLength !== 1) return blockStatus.ioError;
    return then(this.#disk.isReadOnly ? undefined : this.#disk.flush(), () => blockStatus.ok);
  }

  /** §5.2.6: 20 bytes, with a NUL behind a serial number that is shorter. */
  #identify(chain: Chain): Status {
    if (chain.readableLength !== headerLength || chain.writableLength !== serialLength + 1) return blockStatus.ioError;
    scatter(this.#serial, serialLength, chain.writable, 0);
    return blockStatus.ok;
  }

  #discard(chain: Chain): Awaitable<Status> {
    const disk = this.#disk;
    if (disk.discard === undefined || !this.negotiated(blockFeature.discard)) return blockStatus.unsupported;
    const ranges = this.#readRanges(chain, maximumDiscardRanges, maximumDiscardSectors, 0);
    if (typeof ranges === 'number') return ranges;
    return this.#each(ranges, ({ offset, length }) => disk.discard?.(offset, length));
  }

  #writeZeroes(chain: Chain): Awaitable<Status> {
    if (!this.negotiated(blockFeature.writeZeroes)) return blockStatus.unsupported;
    const ranges = this.#readRanges(chain, maximumZeroRanges, maximumZeroSectors, flagUnmap);
    if (typeof ranges === 'number') return ranges;
    return this.#each(ranges, ({ offset, length, flags }) =>
      this.#disk.zero(offset, length, (flags & flagUnmap) !== 0),
    );
  }

  /** One after another; a range of no sectors is passed by. */
  #each(ranges: readonly Range[], work: (range: Range) => Awaitable<void>): Awaitable<Status> {
    let done: Awaitable<void> = undefined;
    for (const range of ranges) if (range.length > 0) done = then(done, () => work(range));
    return this.#stable(done);
  }

  /** The ranges of a request, all of them checked, or the status of one that has none. */
  #readRanges(chain: Chain, mostRanges: number, mostSectors: number, knownFlags: number): readonly Range[] | Status {
    const length = chain.readableLength - headerLength;
    const isShapely = length > 0 && length % rangeLength === 0 && length <= mostRanges * rangeLength;
    if (!isShapely || chain.writableLength !== 1) return blockStatus.ioError;
    const view = viewOf(chain.read(headerLength + length));
    const ranges: Range[] = [];
    for (let at = headerLength; at < view.byteLength; at += rangeLength) {
      const sector = readSector(view, at);
      const sectors = view.getUint32(at + 8, true);
      const flags = view.getUint32(at + 12, true);
      // §5.2.6.2: unknown flags, and unmap for a discard.
      if ((flags & ~knownFlags) !== 0) return blockStatus.unsupported;
      if (sectors > mostSectors || !this.#isInside(sector, sectors * sectorSize)) return blockStatus.ioError;
      ranges.push({ offset: sector * sectorSize, length: sectors * sectorSize, flags });
    }
    return ranges;
  }

  /** §5.2.6.2: for a driver that does not know of flushing, what was written is stable when it is told so. */
  #stable(written: Awaitable<void>): Awaitable<Status> {
    const flushed = this.negotiated(blockFeature.flush) ? written : then(written, () => this.#disk.flush());
    return then(flushed, () => blockStatus.ok);
  }

  /** A sector beyond 2^53 is rounded, and outside in any case. */
  #isInside(sector: number, length: number): boolean {
    return length % sectorSize === 0 && sector <= (this.#disk.size - length) / sectorSize;
  }

  #failed(error: unknown): Status {
    if (!(error instanceof DiskError)) throw error;
    // A full host would be told of with each request.
    if (!this.#told.has(error.message)) this.#tell(`${this.name}: ${error.message}`);
    this.#told.add(error.message);
    return blockStatus.ioError;
  }
}

/**
 * Writes the status, the last writable byte, and returns what the used ring tells: bytes written from the start of the
 * buffers on, which the status is behind; and how many may have been touched.
 */
function conclude(chain: Chain, status: Status): [length: number, touched: number] {
  const last = chain.writable.at(-1);
  if (last !== undefined) last[last.length - 1] = status;
  const isWhole = status === blockStatus.ok || chain.writableLength === 1;
  return [isWhole ? chain.writableLength : 0, chain.writableLength];
}

function viewOf(bytes: Uint8Array<ArrayBuffer>): DataView<ArrayBuffer> {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function readSector(view: DataView<ArrayBuffer>, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

function featuresOf(disk: Disk): bigint {
  const { sizeMax: size, segMax: segments, readOnly, blkSize, flush, topology, discard, writeZeroes } = blockFeature;
  const common = size | segments | blkSize | topology | flush;
  if (disk.isReadOnly) return common | readOnly;
  return common | writeZeroes | (disk.discard === undefined ? 0n : discard);
}

/** §5.2.4: struct virtio_blk_config, as far as its features are offered. */
function configurationOf(disk: Disk): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(60));
  view.setBigUint64(0, BigInt(disk.size / sectorSize), true);
  view.setUint32(8, sizeMax, true);
  view.setUint32(12, segMax, true);
  view.setUint32(20, sectorSize, true);
  // Whole pages are best: physical_block_exp, then min_io_size in sectors.
  view.setUint8(24, 3);
  view.setUint16(26, 8, true);
  if (disk.isReadOnly) return new Uint8Array(view.buffer);
  if (disk.discard !== undefined) {
    view.setUint32(36, maximumDiscardSectors, true);
    view.setUint32(40, maximumDiscardRanges, true);
    view.setUint32(44, (disk.discardGranularity ?? discardGranularity) / sectorSize, true);
  }
  view.setUint32(48, maximumZeroSectors, true);
  view.setUint32(52, maximumZeroRanges, true);
  view.setUint8(56, 1);
  return new Uint8Array(view.buffer);
}
