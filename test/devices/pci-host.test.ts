// The PCI host bridge: configuration space in memory, windows in which BARs move, and wires that devices share.
import { expect, test } from 'vitest';
import { PciHost } from '../../devices/pci-host.ts';
import { configRegister, pciCommand, PciConfiguration } from '../../devices/pci/configuration.ts';
import type { PciBarLayout } from '../../devices/pci/configuration.ts';
import type { PciFunction } from '../../devices/pci/function.ts';
import { IrqProbe } from '../driver.ts';
import { makeHost, PciBus, windows } from '../pci-driver.ts';
import type { Size } from '../pci-driver.ts';

const sizes: readonly Size[] = [1, 2, 4];
const ones = (size: Size): number => 2 ** (8 * size) - 1;

/** A function with one BAR that answers with the value `id`, and remembers what was done to it. */
class Recorder implements PciFunction {
  readonly name: string;
  readonly bars: PciFunction['bars'];
  readonly log: string[] = [];
  readonly #configuration: PciConfiguration;

  constructor(id: number, layout: PciBarLayout = { index: 0, bits: 32, size: 0x1000 }) {
    this.name = `recorder ${id}`;
    const identity = { vendor: 1, device: id, revision: 0, classCode: 0, subsystemVendor: 0, subsystem: 0 };
    const configuration = new PciConfiguration({ ...identity, interruptPin: 1 }, [layout], []);
    this.#configuration = configuration;
    this.bars = [
      {
        name: this.name,
        size: layout.size,
        get base() {
          return configuration.base(layout);
        },
        read: (offset, size) => {
          this.log.push(`read ${offset} ${size}`);
          return id;
        },
        write: (offset, size, value) => void this.log.push(`write ${offset} ${size} ${value}`),
      },
    ];
  }

  readConfig(offset: number, size: Size): number {
    return this.#configuration.read(offset, size);
  }

  writeConfig(offset: number, size: Size, value: number): void {
    this.#configuration.write(offset, size, value);
  }

  reset(): void {
    this.#configuration.reset();
    this.log.push('reset');
  }
}

function bench(...functions: PciFunction[]): PciBus {
  const host = makeHost();
  for (const [index, pciFunction] of functions.entries()) host.plug(index + 1, pciFunction);
  return new PciBus(host);
}

/** Writes a BAR as a driver does, and lets it decode. */
function place(bus: PciBus, device: number, address: number): void {
  bus.writeConfig(device, configRegister.bar0, 4, address % 2 ** 32);
  bus.writeConfig(device, configRegister.bar0 + 4, 4, Math.floor(address / 2 ** 32));
  bus.writeConfig(device, configRegister.command, 2, pciCommand.memorySpace);
}

test('device 0 is the bridge, by the name that QEMU’s has', () => {
  const bus = bench();
  expect(bus.host.ecam.size).toBe(0x1000_0000);
  expect(bus.readConfig(0, 0, 4)).toBe(0x0008_1b36);
  expect(bus.readConfig(0, 8, 4)).toBe(0x0600_0000);
  for (let offset = 0; offset < 0x1000; offset += 4) bus.writeConfig(0, offset, 4, 0xffff_ffff);
  expect(bus.readConfig(0, 0, 4)).toBe(0x0008_1b36);
  // It has neither memory nor an interrupt.
  expect(bus.readConfig(0, configRegister.command, 2)).toBe(0);
  expect(bus.readConfig(0, configRegister.bar0, 4)).toBe(0);
});

test.each([
  ['a device', 9 << 15],
  ['a function of a device that has one', (1 << 15) | (1 << 12)],
  ['the bridge’s eighth function', 7 << 12],
  ['a bus', 1 << 20],
  ['the last register of all', 0xfff_fffc],
  ['extended configuration space', (1 << 15) | 0x100],
])('ECAM of %s that is not there is all ones, and takes any store', (_, offset) => {
  const { host } = bench(new Recorder(7));
  for (const size of sizes) {
    host.ecam.write(offset, size, 0);
    expect(host.ecam.read(offset, size)).toBe(ones(size));
  }
});

test('a BAR answers where it was put, in the window of 32 bits and in that of 64', () => {
  const narrow = new Recorder(7);
  const wide = new Recorder(8, { index: 0, bits: 64, size: 0x4000 });
  const bus = bench(narrow, wide);
  place(bus, 1, 0x7fff_f000);
  place(bus, 2, 0x7_ffff_c000);
  expect(bus.read(0x7fff_fffc, 4)).toBe(7);
  expect(bus.read(0x7_ffff_ffff, 1)).toBe(8);
  bus.write(0x7_ffff_c002, 2, 99);
  expect(narrow.log).toEqual(['read 4092 4']);
  expect(wide.log).toEqual(['read 16383 1', 'write 2 2 99']);
});

test('just before a BAR and just behind it nobody answers', () => {
  const recorder = new Recorder(7);
  const bus = bench(recorder);
  place(bus, 1, 0x4000_2000);
  for (const size of sizes) {
    expect(bus.read(0x4000_2000 - size, size)).toBe(ones(size));
    expect(bus.read(0x4000_3000, size)).toBe(ones(size));
    bus.write(0x4000_3000, size, 1);
  }
  expect(recorder.log).toEqual([]);
});

test('a BAR that moves answers at its new place alone, and nowhere while memory is not decoded', () => {
  const bus = bench(new Recorder(7));
  place(bus, 1, 0x4000_0000);
  expect(bus.read(0x4000_0000, 4)).toBe(7);
  place(bus, 1, 0x5000_0000);
  expect(bus.read(0x4000_0000, 4)).toBe(0xffff_ffff);
  expect(bus.read(0x5000_0000, 4)).toBe(7);
  bus.writeConfig(1, configRegister.command, 2, 0);
  expect(bus.read(0x5000_0000, 4)).toBe(0xffff_ffff);
  bus.write(0x5000_0000, 4, 1);
  bus.writeConfig(1, configRegister.command, 2, pciCommand.memorySpace);
  expect(bus.read(0x5000_0000, 4)).toBe(7);
});

test('of BARs that lie over each other the first device’s answers, whichever was moved last', () => {
  const large = new Recorder(8, { index: 0, bits: 32, size: 0x4000 });
  const bus = bench(new Recorder(7), large);
  place(bus, 2, 0x4000_0000);
  expect(bus.read(0x4000_1000, 4)).toBe(8);
  place(bus, 1, 0x4000_1000);
  expect([0, 0x1000, 0x2000].map((offset) => bus.read(0x4000_0000 + offset, 4))).toEqual([8, 7, 8]);
  place(bus, 2, 0x4400_0000);
  place(bus, 2, 0x4000_0000);
  expect(bus.read(0x4000_1000, 4)).toBe(7);
  place(bus, 1, 0x6000_0000);
  expect(bus.read(0x4000_1000, 4)).toBe(8);
});

test('the pins of devices go to the wires in turn, as QEMU’s board swizzles them', () => {
  const probes = [new IrqProbe(), new IrqProbe(), new IrqProbe(), new IrqProbe()];
  const host = makeHost(...probes);
  const reached = (device: number, pin: number): number => {
    const wire = host.wire(device, pin);
    wire.set(true);
    const index = probes.findIndex(({ asserted }) => asserted);
    wire.set(false);
    expect(probes.some(({ asserted }) => asserted)).toBe(false);
    return index;
  };
  expect([0, 1, 2, 3, 4, 31].map((device) => reached(device, 1))).toEqual([0, 1, 2, 3, 0, 3]);
  expect([1, 2, 3, 4].map((pin) => reached(2, pin))).toEqual([2, 3, 0, 1]);
});

test('a wire that devices share is up as long as one of them pulls', () => {
  const probe = new IrqProbe();
  const host = makeHost(probe);
  const [first, second] = [host.wire(4), host.wire(8)];
  first.set(true);
  second.set(true);
  first.set(true);
  first.set(false);
  first.set(false);
  expect(probe.asserted).toBe(true);
  second.set(false);
  expect(probe.asserted).toBe(false);
  expect(probe.rises).toBe(1);
});

test('ports are all ones, and take any store', () => {
  const { ports } = bench().host;
  for (const size of sizes) {
    ports.write(0, size, 0);
    expect(ports.read(0, size)).toBe(ones(size));
  }
  expect(ports.size).toBe(0x1_0000);
});

test('a reset reaches every function', () => {
  const [first, third] = [new Recorder(7), new Recorder(9)];
  const host = makeHost();
  host.plug(1, first);
  host.plug(3, third);
  host.reset();
  expect([first.log, third.log]).toEqual([['reset'], ['reset']]);
});

test('a device number that is taken, or that no bus has, is a mistake of ours', () => {
  const host = new PciHost({
    windows,
    portSize: 16,
    interrupts: [new IrqProbe(), new IrqProbe(), new IrqProbe(), new IrqProbe()],
  });
  host.plug(5, new Recorder(7));
  for (const device of [0, 5, 4, 32, 5.5]) {
    expect(() => host.plug(device, new Recorder(8))).toThrow(`as device ${device}: the next is from 6 to 31`);
  }
});
