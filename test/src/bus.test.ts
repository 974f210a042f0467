import { expect, test } from 'vitest';
import type { MmioRegion } from '../../devices/ports.ts';
import { Bus } from '../../src/bus.ts';

/** Remembers how it was spoken to; reads give 0x89abcdef masked to the size, plus the offset. */
class Recorder implements MmioRegion {
  readonly name: string;
  readonly size: number;
  readonly log: string[] = [];

  constructor(name = 'recorder', size = 0x100) {
    this.name = name;
    this.size = size;
  }

  read(offset: number, size: 1 | 2 | 4): number {
    this.log.push(`read ${offset} ${size}`);
    return Number(BigInt.asUintN(8 * size, 0x89ab_cdefn)) + offset;
  }

  write(offset: number, size: 1 | 2 | 4, value: number): void {
    this.log.push(`write ${offset} ${size} 0x${value.toString(16)}`);
  }
}

class WideRecorder extends Recorder {
  read64(offset: number): bigint {
    this.log.push(`read64 ${offset}`);
    return 0x8000_0000_ffff_fffen;
  }

  write64(offset: number, value: bigint): void {
    this.log.push(`write64 ${offset} 0x${value.toString(16)}`);
  }
}

function makeBus<T extends MmioRegion>(region: T): { bus: Bus; region: T } {
  const bus = new Bus();
  bus.attach(0x1000, region);
  return { bus, region };
}

test('a load gives the device an offset and zero-extends what it says', () => {
  const { bus, region } = makeBus(new Recorder());
  const seen = ([1, 2, 4] as const).map((size) => {
    bus.high = 99;
    expect(bus.load(0x1000, size)).toBe(true);
    return [bus.low >>> 0, bus.high];
  });
  expect(seen).toEqual([
    [0xef, 0],
    [0xcdef, 0],
    [0x89ab_cdef, 0],
  ]);
  expect(bus.low).toBe(0x89ab_cdef | 0); // signed, as the halves of a register are
  expect(region.log).toEqual(['read 0 1', 'read 0 2', 'read 0 4']);
});

test('8 bytes are two halves, low first, for a device without 64-bit accesses', () => {
  const { bus, region } = makeBus(new Recorder());
  bus.load(0x1010, 8);
  expect([bus.low >>> 0, bus.high >>> 0]).toEqual([0x89ab_cdff, 0x89ab_ce03]);
  bus.store(0x1010, 8, -1, -2);
  expect(region.log).toEqual(['read 16 4', 'read 20 4', 'write 16 4 0xffffffff', 'write 20 4 0xfffffffe']);
});

test('8 bytes are one access for a device that has it', () => {
  const { bus, region } = makeBus(new WideRecorder());
  bus.load(0x1008, 8);
  expect([bus.low, bus.high]).toEqual([-2, -0x8000_0000]);
  bus.store(0x1008, 8, -1, -2);
  expect(region.log).toEqual(['read64 8', 'write64 8 0xfffffffeffffffff']);
});

test('a store passes only the lowest bytes, unsigned', () => {
  const { bus, region } = makeBus(new Recorder());
  for (const size of [1, 2, 4] as const) bus.store(0x1004, size, 0x8765_4321 | 0, 77);
  expect(region.log).toEqual(['write 4 1 0x21', 'write 4 2 0x4321', 'write 4 4 0x87654321']);
});

test('an address without a device faults: before, behind, between, and above 2^32', () => {
  const { bus, region } = makeBus(new Recorder());
  bus.attach(0x3000, new Recorder('other'));
  for (const address of [0, 0xfff, 0x1100, 0x2000, 0x3100, 0x1_0000_1000, 2 ** 55 + 0x1000]) {
    expect(bus.load(address, 1)).toBe(false);
    expect(bus.store(address, 1, 0, 0)).toBe(false);
  }
  expect(region.log).toEqual([]);
});

test('a misaligned access faults and touches nothing', () => {
  const { bus, region } = makeBus(new Recorder());
  for (const [address, size] of [
    [0x1001, 2],
    [0x1002, 4],
    [0x1004, 8],
  ] as const) {
    expect(bus.load(address, size)).toBe(false);
    expect(bus.store(address, size, 0, 0)).toBe(false);
  }
  expect(region.log).toEqual([]);
});

test('an access that begins inside a region and ends behind it faults', () => {
  const { bus } = makeBus(new Recorder('odd', 0x14));
  expect(bus.load(0x1010, 4)).toBe(true);
  expect(bus.load(0x1010, 8)).toBe(false);
});

test('devices at alternating addresses are told apart', () => {
  const bus = new Bus();
  const regions = [0, 1, 2].map((index) => new Recorder(`r${index}`, 0x1000));
  for (const [index, region] of regions.entries()) bus.attach(0x1000 * (index + 1), region);
  for (const address of [0x3ffc, 0x1000, 0x2004, 0x1008]) bus.load(address, 4);
  expect(regions.map(({ log }) => log)).toEqual([['read 0 4', 'read 8 4'], ['read 4 4'], ['read 4092 4']]);
});

test('regions must not overlap', () => {
  const { bus } = makeBus(new Recorder('first'));
  expect(() => bus.attach(0x10ff, new Recorder('second'))).toThrow('second at 0x10ff would overlap first');
  bus.attach(0x1100, new Recorder('third'));
});
