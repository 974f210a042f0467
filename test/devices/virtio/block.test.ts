// VIRTIO 1.3 §5.2: the block device, by its driver.
import { describe, expect, test } from 'vitest';
import { DiskError } from '../../../devices/disk/disk.ts';
import type { Disk } from '../../../devices/disk/disk.ts';
import { MemoryDisk } from '../../../devices/disk/memory.ts';
import { blockFeature, blockRequest, blockStatus } from '../../../devices/virtio/block.ts';
import { feature } from '../../../devices/virtio/device.ts';
import { GuestRam } from '../../driver.ts';
import { add, blockBench, header, noStatus, range, request, settle, SlowDisk, statusOf } from './block-bench.ts';
import type { BlockBench } from './block-bench.ts';

const { ok, ioError, unsupported } = blockStatus;
const sectors = 64;

function numbered(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: sectors * 512 }, (_, at) => (at >> 9) + at);
}

function started(disk: Disk, features?: bigint): BlockBench {
  const bench = blockBench(disk);
  bench.driver.start(features === undefined ? {} : { features });
  return bench;
}

describe('what it is', () => {
  test('§5.2.1 device ID 2, §5.2.4 capacity in sectors, block size, limits and topology', () => {
    const { driver } = blockBench(new MemoryDisk(numbered()));
    expect(driver.read('deviceId')).toBe(2);
    const config = (offset: number, size: 1 | 2 | 4): number => driver.configuration(offset, size);
    expect([config(0, 4), config(4, 4)]).toEqual([sectors, 0]);
    expect(config(20, 4)).toBe(512);
    expect([config(8, 4), config(12, 4)]).toEqual([256 * 1024, 254]);
    // 2^3 sectors are a physical block, and the least that is written well.
    expect([config(24, 1), config(25, 1), config(26, 2)]).toEqual([3, 0, 8]);
    expect([config(48, 4), config(52, 4), config(56, 1)]).toEqual([32_768, 1, 1]);
  });

  test('§5.2.3 what is offered: RO for one that is read-only, DISCARD where something comes of it', () => {
    const { readOnly, discard, writeZeroes, flush, segMax, sizeMax, blkSize, topology } = blockFeature;
    const all = segMax | sizeMax | blkSize | topology | flush;
    const own = (disk: Disk): bigint => blockBench(disk).driver.offered & 0xff_ffffn;
    expect(own(new MemoryDisk(numbered()))).toBe(all | writeZeroes);
    expect(own(new MemoryDisk(numbered(), { readOnly: true }))).toBe(all | readOnly);
    expect(own(new SlowDisk(numbered()))).toBe(all | writeZeroes | discard);
    for (const [bytes, disk] of [
      [4096, new SlowDisk(numbered())],
      [65_536, Object.assign(new SlowDisk(numbered()), { discardGranularity: 65_536 })],
    ] as const) {
      expect(blockBench(disk).driver.configuration(44, 4) * 512).toBe(bytes);
    }
  });

  test('a capacity above 2^32 sectors', () => {
    const disk = Object.assign(new SlowDisk(new Uint8Array(512)), { size: 512 * (2 ** 33 + 5) });
    const { driver } = blockBench(disk);
    expect([driver.configuration(0, 4), driver.configuration(4, 4)]).toEqual([5, 2]);
  });

  test('a disk of half a sector is refused when it is made', () => {
    expect(() => new MemoryDisk(new Uint8Array(700))).toThrow('it has 700 bytes, which is not a multiple of 512');
    expect(() => new MemoryDisk(new Uint8Array(0))).toThrow('it is empty');
  });
});

describe('§5.2.6 requests', () => {
  test('IN: sectors into buffers cut anywhere, and the used length is what was written', () => {
    const bytes = numbered();
    const bench = started(new MemoryDisk(bytes));
    const { status, data, used } = request(bench, [header(blockRequest.in, 3)], [1, 700, 323]);
    expect({ status, used }).toEqual({ status: ok, used: 1025 });
    expect([...data]).toEqual([...bytes.subarray(3 * 512, 5 * 512)]);
  });

  test('OUT: from buffers cut anywhere, the header among them', () => {
    const bytes = numbered();
    const before = bytes.slice();
    const bench = started(new MemoryDisk(bytes));
    const content = Uint8Array.from({ length: 1024 }, (_, at) => at * 7);
    const message = Buffer.concat([header(blockRequest.out, 60), content]);
    const cuts = [0, 3, 9, 40, 900, message.length];
    const pieces = cuts.slice(1).map((end, at) => new Uint8Array(message.subarray(cuts[at], end)));
    expect(request(bench, pieces)).toMatchObject({ status: ok, used: 1 });
    expect([...bytes.subarray(60 * 512, 62 * 512)]).toEqual([...content]);
    bytes.set(before.subarray(60 * 512, 62 * 512), 60 * 512);
    expect(Buffer.compare(bytes, before)).toBe(0);
  });

  test('header and status across descriptors, by an indirect table', () => {
    const bytes = numbered();
    const bench = started(new MemoryDisk(bytes));
    const whole = header(blockRequest.in, 63);
    const pieces = [whole.slice(0, 1), whole.slice(1, 9), whole.slice(9)];
    const { status, data } = request(bench, pieces, [256, 256], { indirect: true });
    expect(status).toBe(ok);
    expect([...data]).toEqual([...bytes.subarray(63 * 512)]);
  });

  test('GET_ID: 20 bytes of the serial number', () => {
    const serial = (text: string): string => {
      const bench = blockBench(new MemoryDisk(numbered()), { serial: text });
      bench.driver.start();
      const { status, data, used } = request(bench, [header(blockRequest.getId, 0)], [20]);
      expect({ status, used }).toEqual({ status: ok, used: 21 });
      return Buffer.from(data).toString();
    };
    expect(serial('root.img')).toBe('root.img'.padEnd(20, '\0'));
    expect(serial('a-name-of-more-than-twenty')).toBe('a-name-of-more-than-');
  });

  test('FLUSH asks the disk, and is answered when it is done', async () => {
    const disk = new SlowDisk(numbered());
    const bench = started(disk);
    const queue = bench.driver.queues[0]!;
    const sent = add(queue, [header(blockRequest.flush, 0)]);
    queue.kick();
    expect(bench.device.outstanding).toBe(1);
    expect(queue.takeUsed()).toBeUndefined();
    disk.release();
    await settle();
    expect(queue.takeUsed()).toEqual({ head: sent.head, length: 1 });
    expect(statusOf(bench.ram, sent)).toBe(ok);
    expect(bench.device.outstanding).toBe(0);
  });

  test('a driver that does not know of FLUSH finds each write flushed (§5.2.6.2)', async () => {
    for (const [features, flushes] of [
      [feature.version1, 1],
      [feature.version1 | blockFeature.flush, 0],
    ] as const) {
      let flushed = 0;
      const disk = Object.assign(new MemoryDisk(numbered()), { flush: () => void (flushed += 1) });
      const bench = started(disk, features);
      expect(request(bench, [header(blockRequest.out, 1), new Uint8Array(512)]).status).toBe(ok);
      expect(flushed).toBe(flushes);
    }
  });

  test('unknown requests are UNSUPP, whatever else they have', () => {
    const bench = started(new MemoryDisk(numbered()));
    for (const type of [2, 3, 5, 6, 7, 9, 10, 14, 16, 0x8000_0000, 0xffff_ffff])
      expect(request(bench, [header(type, 0)], [64])).toMatchObject({ status: unsupported, used: 0 });
    expect(request(bench, [header(blockRequest.discard, 0), range(0, 1)]).status).toBe(unsupported);
    expect(bench.driver.needsReset).toBe(false);
  });

  test('several in flight, answered in the order in which the disk has them', async () => {
    const bytes = numbered();
    const disk = new SlowDisk(bytes);
    const bench = started(disk);
    const queue = bench.driver.queues[0]!;
    const sent = [5, 6, 7].map((sector) => add(queue, [header(blockRequest.in, sector)], [512]));
    queue.kick();
    expect(disk.waiting).toBe(3);
    for (const [place, index] of [
      [2, 2],
      [0, 0],
      [0, 1],
    ] as const) {
      disk.release(place);
      await settle();
      expect(queue.takeUsed()).toEqual({ head: sent[index]!.head, length: 513 });
      expect(statusOf(bench.ram, sent[index]!)).toBe(ok);
      const found = bench.driver.collect(sent[index]!.data, 512);
      expect([...found]).toEqual([...bytes.subarray((5 + index) * 512, (6 + index) * 512)]);
    }
  });

  test('one notification answers requests for a millisecond; poll goes on with the rest', () => {
    const bench = started(new MemoryDisk(numbered()));
    const queue = bench.driver.queues[0]!;
    for (let sector = 0; sector < 4; sector++) add(queue, [header(blockRequest.in, sector)], [512]);
    let looks = 0;
    Object.defineProperty(bench, 'time', { get: () => looks++ * 0.6 });
    queue.kick();
    expect(queue.usedIndex).toBeLessThan(4);
    expect(bench.device.pending).toBe(true);
    while (bench.device.pending) bench.device.poll();
    expect(queue.usedIndex).toBe(4);
  });
});

describe('what cannot be done is IOERR, and changes nothing', () => {
  const last = sectors - 1;
  const content = (length: number): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(0xab);

  test.each<[string, readonly Uint8Array<ArrayBuffer>[], readonly number[]]>([
    ['a read that begins at the end', [header(blockRequest.in, sectors)], [512]],
    ['a read that ends beyond the end', [header(blockRequest.in, last)], [1024]],
    ['a read of a sector that wraps', [header(blockRequest.in, 2n ** 64n - 1n)], [512]],
    ['a read of a sector whose byte wraps', [header(blockRequest.in, 2n ** 55n)], [512]],
    ['a read of no whole sector', [header(blockRequest.in, 0)], [511]],
    ['a read of a sector and a byte', [header(blockRequest.in, 0)], [513]],
    ['a read with something behind the header', [header(blockRequest.in, 0), content(1)], [512]],
    ['a write that ends beyond the end', [header(blockRequest.out, last), content(1024)], []],
    ['a write of a sector that wraps', [header(blockRequest.out, 2n ** 64n - 1n), content(1024)], []],
    ['a write of a sector at 2^32', [header(blockRequest.out, 2n ** 32n), content(512)], []],
    ['a write of half a sector', [header(blockRequest.out, 0), content(256)], []],
    ['a write with room for an answer', [header(blockRequest.out, 0), content(512)], [512]],
    ['a flush with data', [header(blockRequest.flush, 0), content(512)], []],
    ['a serial number of 19 bytes', [header(blockRequest.getId, 0)], [19]],
    ['a serial number of 21 bytes', [header(blockRequest.getId, 0)], [21]],
    ['zeroes beyond the end', [header(blockRequest.writeZeroes, 0), range(last, 2)], []],
    ['zeroes at a sector that wraps', [header(blockRequest.writeZeroes, 0), range(2n ** 64n - 1n, 2)], []],
    ['zeroes without a range', [header(blockRequest.writeZeroes, 0)], []],
    ['zeroes in two ranges', [header(blockRequest.writeZeroes, 0), range(0, 1), range(2, 1)], []],
    ['zeroes in a range and a half', [header(blockRequest.writeZeroes, 0), content(24)], []],
  ])('%s', (_, pieces, rooms) => {
    const bytes = numbered();
    const before = bytes.slice();
    const bench = started(new MemoryDisk(bytes));
    expect(request(bench, pieces, rooms)).toMatchObject({ status: ioError, used: rooms.length === 0 ? 1 : 0 });
    expect(Buffer.compare(bytes, before)).toBe(0);
    expect(bench.driver.needsReset).toBe(false);
    expect(request(bench, [header(blockRequest.in, last)], [512]).status).toBe(ok);
  });

  test('any write to a read-only disk, whose reads go on', () => {
    const bytes = numbered();
    const before = bytes.slice();
    const bench = started(new MemoryDisk(bytes, { readOnly: true }));
    expect(request(bench, [header(blockRequest.out, 0), content(512)]).status).toBe(ioError);
    expect(request(bench, [header(blockRequest.writeZeroes, 0), range(0, 1)]).status).toBe(unsupported);
    expect(request(bench, [header(blockRequest.discard, 0), range(0, 1)]).status).toBe(unsupported);
    expect(request(bench, [header(blockRequest.flush, 0)]).status).toBe(ok);
    expect(Buffer.compare(bytes, before)).toBe(0);
    expect(request(bench, [header(blockRequest.in, 0)], [512])).toMatchObject({
      status: ok,
      data: before.slice(0, 512),
    });
  });

  test('a read of more than SEG_MAX times SIZE_MAX, on a disk that has so much', () => {
    const reads: number[] = [];
    const disk = Object.assign(new MemoryDisk(numbered()), {
      size: 2 ** 30,
      read: (offset: number) => void reads.push(offset),
    });
    const bench = started(disk, feature.version1 | feature.indirectDesc);
    const queue = bench.driver.queues[0]!;
    // The same RAM again and again.
    const data = { address: bench.ram.memory.base, length: 2 ** 19, writable: true };
    const status = { address: bench.ram.allocate(1), length: 1, writable: true };
    const start = { address: bench.ram.place(header(blockRequest.in, 0)), length: 16 };
    for (const [count, answers] of [
      [127, 1],
      [128, 1],
    ] as const) {
      bench.ram.view(start.address, 16).set(header(blockRequest.in, 0));
      queue.add([start, ...Array.from({ length: count }, () => data), status], { indirect: true });
      queue.kick();
      expect(queue.takeUsed()).toBeDefined();
      expect(reads.length).toBe(answers);
    }
    expect(bench.ram.view(status.address, 1)[0]).toBe(ioError);
  });

  test('more zeroes than one request may have, on a disk that has so many sectors', () => {
    const told: unknown[] = [];
    const disk = Object.assign(new MemoryDisk(numbered()), {
      size: 2 ** 30,
      zero: (...each: unknown[]) => void told.push(each),
    });
    const bench = started(disk);
    expect(request(bench, [header(blockRequest.writeZeroes, 0), range(9, 32_769)]).status).toBe(ioError);
    expect(told).toEqual([]);
    expect(request(bench, [header(blockRequest.writeZeroes, 0), range(9, 32_768)]).status).toBe(ok);
    expect(told).toEqual([[9 * 512, 2 ** 24, false]]);
  });

  test('a request of no sectors does nothing, and is answered', () => {
    const bench = started(new MemoryDisk(numbered()));
    expect(request(bench, [header(blockRequest.in, 0)])).toMatchObject({ status: ok, used: 1 });
    expect(request(bench, [header(blockRequest.out, sectors)])).toMatchObject({ status: ok, used: 1 });
    expect(request(bench, [header(blockRequest.out, sectors + 1)])).toMatchObject({ status: ioError });
    expect(request(bench, [header(blockRequest.writeZeroes, 0), range(0, 0)]).status).toBe(ok);
  });

  test('what the disk fails at; the person who runs the machine is told once', async () => {
    const disk = new SlowDisk(numbered());
    const bench = started(disk);
    const queue = bench.driver.queues[0]!;
    for (let time = 0; time < 2; time++) {
      const sent = add(queue, [header(blockRequest.in, 1)], [512]);
      queue.kick();
      disk.failure = new DiskError('root.img: no space left on the host');
      disk.release();
      await settle();
      expect(queue.takeUsed()).toEqual({ head: sent.head, length: 0 });
      expect(statusOf(bench.ram, sent)).toBe(ioError);
    }
    expect(bench.log).toEqual(['virtio-blk disk: root.img: no space left on the host']);
    expect(bench.fatal).toEqual([]);
  });

  test('a mistake of the disk’s is none of the guest’s', async () => {
    const disk = new SlowDisk(numbered());
    const bench = started(disk);
    const queue = bench.driver.queues[0]!;
    add(queue, [header(blockRequest.in, 1)], [512]);
    queue.kick();
    disk.failure = new TypeError('a defect');
    disk.release();
    await settle();
    expect(bench.fatal).toEqual([new TypeError('a defect')]);
  });
});

describe('§5.2.6 WRITE_ZEROES and DISCARD', () => {
  test('make zeros, and nothing else', () => {
    const bytes = numbered();
    const before = bytes.slice();
    const bench = started(new MemoryDisk(bytes));
    expect(request(bench, [header(blockRequest.writeZeroes, 0), range(5, 3, 1)])).toMatchObject({
      status: ok,
      used: 1,
    });
    expect(bytes.subarray(5 * 512, 8 * 512).every((byte) => byte === 0)).toBe(true);
    expect(Buffer.compare(bytes.subarray(0, 5 * 512), before.subarray(0, 5 * 512))).toBe(0);
    expect(Buffer.compare(bytes.subarray(8 * 512), before.subarray(8 * 512))).toBe(0);
  });

  test('ranges of a discard, one after another; the disk is told whether room may go', async () => {
    const told: unknown[] = [];
    const disk = Object.assign(new MemoryDisk(numbered()), {
      discard: (...range_: unknown[]) => void told.push(range_),
      zero: (...range_: unknown[]) => void told.push(range_),
    });
    const bench = started(disk);
    expect(request(bench, [header(blockRequest.discard, 0), range(8, 8), range(0, 0), range(32, 16)]).status).toBe(ok);
    expect(request(bench, [header(blockRequest.writeZeroes, 0), range(1, 1)]).status).toBe(ok);
    expect(request(bench, [header(blockRequest.writeZeroes, 0), range(1, 1, 1)]).status).toBe(ok);
    expect(told).toEqual([
      [8 * 512, 8 * 512],
      [32 * 512, 16 * 512],
      [512, 512, false],
      [512, 512, true],
    ]);
  });

  test.each<[string, readonly Uint8Array<ArrayBuffer>[], number]>([
    ['unmap in a discard', [range(0, 1, 1)], unsupported],
    ['an unknown flag in the second range', [range(0, 1), range(0, 1, 2)], unsupported],
    ['the second range beyond the end', [range(0, 1), range(sectors, 1)], ioError],
    ['seventeen ranges', Array.from({ length: 17 }, () => range(0, 1)), ioError],
  ])('of which one is wrong do nothing at all: %s', (_, ranges, expected) => {
    const told: unknown[] = [];
    const disk = Object.assign(new MemoryDisk(numbered()), { discard: (...each: unknown[]) => void told.push(each) });
    const bench = started(disk);
    expect(request(bench, [header(blockRequest.discard, 0), ...ranges]).status).toBe(expected);
    expect(told).toEqual([]);
  });

  test('an unknown flag of write zeroes is UNSUPP', () => {
    const bench = started(new MemoryDisk(numbered()));
    expect(request(bench, [header(blockRequest.writeZeroes, 0), range(0, 1, 2)]).status).toBe(unsupported);
  });
});

describe('hostile requests', () => {
  test.each<[string, readonly number[], readonly number[]]>([
    ['of fifteen bytes of header', [15], [1]],
    ['without a status byte', [16], []],
    ['of nothing but a status byte', [], [1]],
  ])('a request %s needs a reset, and nothing is written', (_, readable, writable) => {
    const bytes = numbered();
    const before = bytes.slice();
    const bench = started(new MemoryDisk(bytes));
    const queue = bench.driver.queues[0]!;
    queue.add([
      ...readable.map((length) => ({ address: bench.ram.place(header(blockRequest.out, 0)), length })),
      ...writable.map((length) => ({ address: bench.ram.allocate(length), length, writable: true })),
    ]);
    queue.kick();
    expect(bench.driver.needsReset).toBe(true);
    expect(bench.log).toHaveLength(1);
    expect(Buffer.compare(bytes, before)).toBe(0);
    bench.driver.start();
    expect(request(bench, [header(blockRequest.in, 0)], [512]).status).toBe(ok);
  });

  test('a request that changes behind the first look at it is the one that was looked at', () => {
    // RAM that changes the header's sector whenever any of its bytes is read.
    const ram = new GuestRam();
    const bytes = numbered();
    const disk = new MemoryDisk(bytes);
    const bench = blockBench(disk, { ram });
    bench.driver.start();
    const queue = bench.driver.queues[0]!;
    const at = ram.place(header(blockRequest.writeZeroes, 0));
    const ranges = ram.place(range(3, 1));
    const view = ram.memory.view.bind(ram.memory);
    // Each view of the range hands out one true copy of it, and then the other one.
    ram.memory.view = (address, length) => {
      const own = view(address, length);
      if (address !== ranges) return own;
      let looks = 0;
      return new Proxy(own, {
        get(target, key) {
          if (key !== 'subarray') return Reflect.get(target, key, target) as unknown;
          return (start: number, end: number) => {
            const copy = target.slice(start, end);
            if (looks++ > 0) copy.set(range(9, 1));
            return copy;
          };
        },
      });
    };
    queue.add([
      { address: at, length: 16 },
      { address: ranges, length: 16 },
      { address: ram.allocate(32) + 16, length: 1, writable: true },
    ]);
    queue.kick();
    expect(bytes.subarray(3 * 512, 4 * 512).every((byte) => byte === 0)).toBe(true);
    expect(bytes.subarray(9 * 512, 10 * 512).some((byte) => byte !== 0)).toBe(true);
  });

  test('a driver that is gone: what the disk still reads goes nowhere', async () => {
    for (const gone of ['status', 'queueReset'] as const) {
      const disk = new SlowDisk(numbered());
      const bench = started(disk);
      const queue = bench.driver.queues[0]!;
      const sent = add(queue, [header(blockRequest.in, 1)], [512]);
      queue.kick();
      bench.driver.write('queueSel', 0);
      bench.driver.write(gone, gone === 'status' ? 0 : 1);
      const before = bench.ram.u8.slice();
      disk.release();
      await settle();
      expect(Buffer.compare(bench.ram.u8, before)).toBe(0);
      expect(statusOf(bench.ram, sent)).toBe(noStatus);
      expect(bench.driver.read('queueReset')).toBe(0);
      expect(bench.device.outstanding).toBe(0);
      bench.driver.start();
      const fresh = bench.driver.queues[0]!;
      const again = add(fresh, [header(blockRequest.in, 1)], [512]);
      fresh.kick();
      disk.release();
      await settle();
      expect(statusOf(bench.ram, again)).toBe(ok);
    }
  });

  test('reads that wait take a bounded amount of memory; the rest waits in the ring', async () => {
    const disk = Object.assign(new SlowDisk(new Uint8Array(512)), { size: 2 ** 32 });
    let reads = 0;
    const bench = started(
      Object.assign(disk, {
        read: (): Promise<Uint8Array<ArrayBuffer>> => {
          reads += 1;
          return new Promise((resolve) => {
            waiting.push(() => resolve(new Uint8Array(254 * 2 ** 18)));
          });
        },
      }),
      feature.version1 | feature.indirectDesc,
    );
    const waiting: (() => void)[] = [];
    const queue = bench.driver.queues[0]!;
    const data = { address: bench.ram.memory.base + 2 ** 18, length: 2 ** 18, writable: true };
    const start = { address: bench.ram.place(header(blockRequest.in, 0)), length: 16 };
    const status = { address: bench.ram.allocate(1), length: 1, writable: true };
    for (let index = 0; index < 3; index++)
      queue.add([start, ...Array.from({ length: 254 }, () => data), status].slice(0, 256), { indirect: true });
    queue.kick();
    expect(reads).toBe(1);
    for (let done = 1; done <= 3; done++) {
      waiting.shift()?.();
      await settle();
      expect(reads).toBe(Math.min(3, done + 1));
      expect(queue.usedIndex).toBe(done);
    }
  });
});

test('the record: what waits for the disk is in none, and holds a snapshot up', async () => {
  const disk = new SlowDisk(numbered());
  const { driver, device } = started(disk);
  const queue = driver.queues[0]!;
  add(queue, [header(blockRequest.in, 0)], [512]);
  queue.kick();
  expect(device.unrepeatable).toBe(1);
  disk.release();
  await settle();
  expect(device.unrepeatable).toBe(0);
  expect(device.state.queues[0]!.again).toEqual([]);
});

test('the record: a device that was saved and restored goes on where it was', () => {
  const bytes = numbered();
  const bench = started(new MemoryDisk(bytes));
  request(bench, [header(blockRequest.in, 0)], [512]);
  const { state } = bench.device;
  expect(structuredClone(state)).toEqual(state);
  const again = blockBench(new MemoryDisk(bytes), { ram: bench.ram });
  again.device.state = state;
  again.driver.queues = bench.driver.queues;
  const queue = bench.driver.queues[0]!;
  const sent = add(queue, [header(blockRequest.in, 2)], [512]);
  again.driver.notify(queue);
  expect(queue.takeUsed()).toEqual({ head: sent.head, length: 513 });
  expect(statusOf(bench.ram, sent)).toBe(ok);
});
