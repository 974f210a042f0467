// VIRTIO 1.3 §4.1: a virtio device as a PCI function.
import { describe, expect, test } from 'vitest';
import { configRegister, pciCommand, pciStatus } from '../../../devices/pci/configuration.ts';
import { deviceStatus, feature } from '../../../devices/virtio/device.ts';
import { commonRegister, pciCapability, pciInterrupt } from '../../../devices/virtio/pci-layout.ts';
import { VirtioPci } from '../../../devices/virtio/pci.ts';
import type { VirtioPciOptions } from '../../../devices/virtio/pci.ts';
import { VirtioRng } from '../../../devices/virtio/rng.ts';
import { Driver, GuestRam, IrqProbe } from '../../driver.ts';
import { plugIntoPci, PciRegisters, virtioCapabilities } from '../../pci-driver.ts';
import type { PciBus, Size } from '../../pci-driver.ts';
import { EchoDevice, echoDeviceId } from './echo-device.ts';
import type { EchoOptions } from './echo-device.ts';

const { command, bar0 } = configRegister;
const { memorySpace, busMaster, interruptDisable } = pciCommand;
const { acknowledge, driver: driverBit, featuresOk, driverOk } = deviceStatus;
const sizes: readonly Size[] = [1, 2, 4];

interface Bench {
  readonly ram: GuestRam;
  readonly device: EchoDevice;
  readonly pci: VirtioPci;
  readonly bus: PciBus;
  readonly irq: IrqProbe;
  readonly driver: Driver;
  readonly log: string[];
  readonly readConfig: (offset: number, size: Size) => number;
  readonly writeConfig: (offset: number, size: Size, value: number) => void;
  /** Of the common configuration, in any width. */
  readonly readCommon: (register: keyof typeof commonRegister, size: Size) => number;
  readonly writeCommon: (register: keyof typeof commonRegister, size: Size, value: number) => void;
  /** Where a structure is in memory. */
  readonly place: (type: number) => number;
}

function bench({ barBits, ...options }: Partial<EchoOptions> & VirtioPciOptions = {}): Bench {
  const ram = new GuestRam();
  const log: string[] = [];
  const device = new EchoDevice({ memory: ram.memory, log: (line) => log.push(line), ...options });
  const irq = new IrqProbe();
  const { pci, bus, registers } = plugIntoPci(device, irq, barBits === undefined ? {} : { barBits });
  const place = (type: number): number => registers.place(type);
  const common = (register: keyof typeof commonRegister): number =>
    place(pciCapability.common) + commonRegister[register];
  return {
    ram,
    device,
    pci,
    bus,
    irq,
    driver: new Driver(registers, ram),
    log,
    readConfig: (offset, size) => bus.readConfig(registers.device, offset, size),
    writeConfig: (offset, size, value) => bus.writeConfig(registers.device, offset, size, value),
    readCommon: (register, size) => bus.read(common(register), size),
    writeCommon: (register, size, value) => bus.write(common(register), size, value),
    place,
  };
}

function addOne({ ram, driver }: Bench, queue = driver.queues[0]!): number {
  return queue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
}

test('§4.1.2 the function says that it is a virtio device without a legacy interface', () => {
  const { readConfig } = bench();
  expect(readConfig(configRegister.vendorId, 2)).toBe(0x1af4);
  expect(readConfig(configRegister.deviceId, 2)).toBe(0x1040 + echoDeviceId);
  expect(readConfig(configRegister.revision, 1)).toBeGreaterThanOrEqual(1);
  expect(readConfig(configRegister.subsystemId, 2)).toBeGreaterThanOrEqual(0x40);
  expect(readConfig(configRegister.interruptPin, 1)).toBe(1);
});

test('§4.1.4 each structure has a capability, aligned and within the BAR', () => {
  const { bus } = bench({ queueSizes: [16, 8] });
  const found = virtioCapabilities(bus, 4);
  expect(new Set(found.keys())).toEqual(new Set([1, 2, 3, 4, 5]));
  for (const [type, { at, bar, offset, length }] of found) {
    const isLong = type === pciCapability.notify || type === pciCapability.pciAccess;
    expect(bus.readConfig(4, at + 2, 1)).toBe(isLong ? 20 : 16);
    expect(bar).toBe(0);
    expect(offset % 4).toBe(0);
    expect(offset + length).toBeLessThanOrEqual(0x4000);
  }
  // Up to and with queue_reset, which RING_RESET needs.
  expect(found.get(pciCapability.common)!.length).toBe(commonRegister.queueReset + 2);
  expect(found.get(pciCapability.device)!.length).toBe(5);
});

test('§4.1.4.4.1 the notification addresses of all queues are within the structure, 4 bytes for each', () => {
  const { bus, readCommon, writeCommon } = bench({ queueSizes: [16, 8, 4] });
  const { at, length } = virtioCapabilities(bus, 4).get(pciCapability.notify)!;
  const multiplier = bus.readConfig(4, at + 16, 4);
  expect(Math.log2(multiplier) % 2).toBe(0);
  const offsets = [0, 1, 2].map((queue) => {
    writeCommon('queueSelect', 2, queue);
    return readCommon('queueNotifyOff', 2) * multiplier;
  });
  expect(new Set(offsets).size).toBe(3);
  for (const offset of offsets) expect(offset + 4).toBeLessThanOrEqual(length);
});

test('§4.1.4.6 a type without configuration space has no capability for it', () => {
  const memory = new GuestRam().memory;
  const rng = new VirtioRng({ memory, log: () => undefined, now: () => 0, fill: () => undefined });
  const { bus } = plugIntoPci(rng, new IrqProbe());
  expect(virtioCapabilities(bus, 4).has(pciCapability.device)).toBe(false);
});

test.each([32, 64] as const)('its BAR has 16 KiB and %i bits', (barBits) => {
  const { driver, readConfig, writeConfig } = bench({ barBits });
  const queue = driver.start()[0]!;
  expect([...driver.exchange(queue, [new Uint8Array([1, 2])], [8])]).toEqual([1, 2]);
  writeConfig(bar0, 4, 0xffff_ffff);
  writeConfig(bar0 + 4, 4, 0xffff_ffff);
  expect(readConfig(bar0, 4)).toBe(barBits === 64 ? 0xffff_c004 : 0xffff_c000);
  expect(readConfig(bar0 + 4, 4)).toBe(barBits === 64 ? 0xffff_ffff : 0);
});

describe('§4.1.3.1 each field of the common configuration', () => {
  const widths = Object.entries(commonRegister).map(([name, offset]) => {
    if (name === 'deviceStatus' || name === 'configGeneration') return [name, offset, 1] as const;
    return [name, offset, /Feature|Low|High/.test(name) ? 4 : 2] as const;
  });

  test.each(widths)('%s (0x%x) answers accesses of %i bytes only', (name, offset, width) => {
    const { bus, device, pci, place } = bench({ queueSizes: [16, 8] });
    const at = place(pciCapability.common) + offset;
    const before = { device: device.state, transport: pci.state };
    for (const size of sizes.filter((each) => each !== width && at % each === 0)) {
      expect(bus.read(at, size)).toBe(0);
      bus.write(at, size, 1);
      expect({ device: device.state, transport: pci.state }).toEqual(before);
    }
    const readable: Readonly<Record<string, number>> = {
      deviceFeature: 0x3000_0001,
      configMsixVector: 0xffff,
      numQueues: 2,
      queueSize: 16,
      queueMsixVector: 0xffff,
    };
    expect(bus.read(at, width)).toBe(readable[name] ?? 0);
  });
});

test('what lies between the structures, and behind them, reads 0 and takes any store', () => {
  const { bus, device, pci, place } = bench();
  const before = { device: device.state, transport: pci.state };
  const base = place(pciCapability.common);
  for (const offset of [0x3c, 0x40, 0xffc, 0x1004, 0x1ffc, 0x2008, 0x2ffc, 0x3ffc]) {
    for (const size of sizes) {
      bus.write(base + offset, size, 1);
      expect(bus.read(base + offset, size)).toBe(0);
    }
  }
  expect({ device: device.state, transport: pci.state }).toEqual(before);
});

test('§4.1.4.3.1 selectors and accepted features read back, word by word', () => {
  const { driver, readCommon, writeCommon } = bench();
  driver.accept(feature.version1 | feature.eventIdx);
  for (const [word, value] of [
    [0, Number(feature.eventIdx)],
    [1, 1],
    [2, 0],
    [0xffff_ffff, 0],
  ] as const) {
    writeCommon('driverFeatureSelect', 4, word);
    expect(readCommon('driverFeatureSelect', 4)).toBe(word);
    expect(readCommon('driverFeature', 4)).toBe(value);
    writeCommon('deviceFeatureSelect', 4, word);
    expect(readCommon('deviceFeatureSelect', 4)).toBe(word);
    if (word > 1) expect(readCommon('deviceFeature', 4)).toBe(0);
  }
});

test('§4.1.4.3.1 a queue that does not exist has size 0, and nothing of it can be set', () => {
  const { readCommon, writeCommon, device } = bench({ queueSizes: [16, 8] });
  const before = device.state;
  expect(readCommon('numQueues', 2)).toBe(2);
  for (const queue of [2, 0xffff]) {
    writeCommon('queueSelect', 2, queue);
    expect(readCommon('queueSize', 2)).toBe(0);
    writeCommon('queueSize', 2, 4);
    writeCommon('queueDescLow', 4, 0x8000_0000);
    writeCommon('queueEnable', 2, 1);
    writeCommon('queueReset', 2, 1);
    expect(readCommon('queueEnable', 2)).toBe(0);
  }
  expect(device.state).toEqual(before);
});

test('§4.1.4.3 a queue’s addresses are of 64 bits, read and written by halves', () => {
  const { readCommon, writeCommon } = bench();
  const halves = [
    'queueDescLow',
    'queueDescHigh',
    'queueDriverLow',
    'queueDriverHigh',
    'queueDeviceLow',
    'queueDeviceHigh',
  ] as const;
  for (const [index, half] of halves.entries()) writeCommon(half, 4, 0x8000_0010 + index);
  expect(halves.map((half) => readCommon(half, 4))).toEqual(halves.map((_, index) => 0x8000_0010 + index));
});

test('§4.1.4.3.2 queue_enable takes a 1 and nothing else; a device reset takes it back', () => {
  const { driver, readCommon, writeCommon } = bench();
  driver.start();
  writeCommon('queueSelect', 2, 0);
  for (const value of [0, 2, 0xffff]) {
    writeCommon('queueEnable', 2, value);
    expect(readCommon('queueEnable', 2)).toBe(1);
  }
  driver.write('status', 0);
  expect(readCommon('queueEnable', 2)).toBe(0);
  expect(readCommon('queueSize', 2)).toBe(16);
  driver.configure({ size: 16, table: 0x8000_0000, available: 0x8000_1000, used: 0x8000_2000 });
  for (const [value, enabled] of [
    [0xffff, 0],
    [1, 1],
  ] as const) {
    writeCommon('queueEnable', 2, value);
    expect(readCommon('queueEnable', 2)).toBe(enabled);
  }
});

test.each([
  ['without any address', 0],
  ['with its first address only', 1],
  ['with two of three', 2],
])('a queue that is enabled %s needs a reset, and RAM stays as it is', (_, given) => {
  const { driver, ram, readCommon, writeCommon, log } = bench();
  driver.negotiate();
  const before = ram.u8.slice();
  for (const half of (['queueDescLow', 'queueDriverLow'] as const).slice(0, given)) writeCommon(half, 4, 0x8000_0000);
  writeCommon('queueEnable', 2, 1);
  driver.write('status', driver.status | driverOk);
  driver.registers.notify(0);
  expect(driver.needsReset).toBe(true);
  expect(readCommon('queueEnable', 2)).toBe(0);
  expect(log).toHaveLength(1);
  expect(Buffer.compare(ram.u8, before)).toBe(0);
});

test('§4.1.4.3.2 a queue without RING_RESET is not reset', () => {
  const { driver, readCommon, writeCommon } = bench();
  driver.start({ features: feature.version1 });
  writeCommon('queueSelect', 2, 0);
  writeCommon('queueReset', 2, 1);
  expect(readCommon('queueReset', 2)).toBe(0);
  expect(readCommon('queueEnable', 2)).toBe(1);
});

test('§4.1.4.5 the ISR status tells the causes and takes them back in one read', () => {
  const parts = bench();
  const { device, driver, irq, readConfig, place, bus } = parts;
  driver.start();
  addOne(parts);
  driver.queues[0]!.kick();
  device.setConfiguration(0, new Uint8Array([9]));
  expect(irq.asserted).toBe(true);
  // §4.1.4.5.1: the Interrupt Status bit is the OR of its bits.
  expect(readConfig(configRegister.status, 2)).toBe(pciStatus.capabilities | pciStatus.interrupt);
  // It is a byte: another access takes nothing back.
  for (const size of [2, 4] as const) expect(bus.read(place(pciCapability.isr), size)).toBe(0);
  bus.write(place(pciCapability.isr), 1, 0xff);
  expect(irq.asserted).toBe(true);
  expect(bus.read(place(pciCapability.isr), 1)).toBe(pciInterrupt.queue | pciInterrupt.configuration);
  expect(irq.asserted).toBe(false);
  expect(readConfig(configRegister.status, 2)).toBe(pciStatus.capabilities);
  expect(bus.read(place(pciCapability.isr), 1)).toBe(0);
});

test('an interrupt that the command register disables waits until it no longer does', () => {
  const parts = bench();
  const { driver, irq, writeConfig, readConfig } = parts;
  driver.start();
  writeConfig(command, 2, memorySpace | busMaster | interruptDisable);
  addOne(parts);
  driver.queues[0]!.kick();
  expect(irq.asserted).toBe(false);
  expect(readConfig(configRegister.status, 2) & pciStatus.interrupt).toBe(pciStatus.interrupt);
  writeConfig(command, 2, memorySpace | busMaster);
  expect(irq.asserted).toBe(true);
});

test('§4.1.5.1.2.1 no vector can be mapped: the registers read NO_VECTOR, and the interrupt is that of the pin', () => {
  const parts = bench();
  const { driver, irq, readCommon, writeCommon } = parts;
  driver.start();
  for (const register of ['configMsixVector', 'queueMsixVector'] as const) {
    expect(readCommon(register, 2)).toBe(0xffff);
    for (const vector of [0, 1, 0x7ff, 0xffff]) {
      writeCommon(register, 2, vector);
      expect(readCommon(register, 2)).toBe(0xffff);
    }
  }
  addOne(parts);
  driver.queues[0]!.kick();
  expect(irq.asserted).toBe(true);
});

test.each([
  ['§4.1.5.2 16 bits', feature.version1, 2, 1],
  ['§2.9 with NOTIFICATION_DATA 32 bits', feature.version1 | feature.notificationData, 4, (1 << 16) | 1],
] as const)('%s at a queue’s address notify of it', (_, features, size, value) => {
  const parts = bench({ queueSizes: [16, 16] });
  const { driver, bus, place } = parts;
  const [first, second] = driver.start({ features });
  addOne(parts, first);
  addOne(parts, second);
  bus.write(place(pciCapability.notify) + 4, size, value);
  expect([first!.usedIndex, second!.usedIndex]).toEqual([0, 1]);
  bus.write(place(pciCapability.notify), size, 0);
  expect(first!.usedIndex).toBe(1);
});

test('a notification beside the addresses, of one byte, or of a queue that does not exist, is none', () => {
  const parts = bench();
  const { driver, bus, place } = parts;
  const queue = driver.start()[0]!;
  addOne(parts);
  const base = place(pciCapability.notify);
  bus.write(base, 1, 0);
  bus.write(base + 2, 2, 0);
  for (const offset of [4, 8, 0xffc]) bus.write(base + offset, 4, 0);
  expect(queue.usedIndex).toBe(0);
  expect(bus.read(base, 2)).toBe(0);
});

test('§4.1.4.3.1 config_generation is a byte that changes with the configuration', () => {
  const { device, readCommon } = bench();
  const seen = new Set<number>();
  for (let count = 0; count < 256; count += 1) {
    seen.add(readCommon('configGeneration', 1));
    device.setConfiguration(0, new Uint8Array([count]));
  }
  expect(seen.size).toBe(256);
});

test('registers that are read only stay, whatever is written', () => {
  const { bus, driver, place, readCommon } = bench();
  for (let offset = 0; offset < 0x4000; offset += 2) {
    if (offset !== commonRegister.deviceStatus) bus.write(place(pciCapability.common) + offset, 2, 0xffff);
  }
  for (let offset = 0; offset < 0x4000; offset += 4) bus.write(place(pciCapability.common) + offset, 4, 0xffff_ffff);
  expect(readCommon('numQueues', 2)).toBe(1);
  expect(readCommon('configGeneration', 1)).toBe(0);
  expect([0, 1, 2, 3, 4].map((offset) => driver.configuration(offset, 1))).toEqual([1, 2, 3, 4, 5]);
  const queue = driver.start()[0]!;
  expect([...driver.exchange(queue, [new Uint8Array([7])], [8])]).toEqual([7]);
});

test('§4.1.4.3.1 a reset of the device takes back selectors and interrupt, but leaves the function where it is', () => {
  const parts = bench();
  const { driver, irq, pci, readConfig } = parts;
  driver.start();
  addOne(parts);
  driver.queues[0]!.kick();
  const command16 = readConfig(command, 2);
  driver.write('status', 0);
  expect(irq.asserted).toBe(false);
  expect(readConfig(command, 2)).toBe(command16);
  expect(pci.state).toMatchObject({
    deviceFeatureSelect: 0,
    driverFeatureSelect: 0,
    queueSelect: 0,
    interruptStatus: 0,
  });
});

test('a reset of the bus makes everything as it was made', () => {
  const fresh = bench();
  fresh.bus.host.reset();
  const made = fresh.pci.state;
  const parts = bench();
  const { bus, driver, irq, device, pci } = parts;
  driver.start();
  addOne(parts);
  driver.queues[0]!.kick();
  bus.host.reset();
  expect(irq.asserted).toBe(false);
  expect(device.status).toBe(0);
  expect(pci.state).toEqual(made);
  expect(pci.bars[0].base).toBeUndefined();
});

describe('§4.1.4.9 configuration space reaches into the BAR', () => {
  /** The capability, and what a driver writes into it. */
  function window({ bus }: Bench): {
    readonly data: number;
    readonly aim: (offset: number, length: number, bar?: number) => void;
  } {
    const { at } = virtioCapabilities(bus, 4).get(pciCapability.pciAccess)!;
    const aim = (offset: number, length: number, bar = 0): void => {
      bus.writeConfig(4, at + 4, 1, bar);
      bus.writeConfig(4, at + 8, 4, offset);
      bus.writeConfig(4, at + 12, 4, length);
    };
    return { data: at + 16, aim };
  }

  test('before memory is decoded, in each width', () => {
    const parts = bench();
    const { readConfig, writeConfig, driver } = parts;
    const { data, aim } = window(parts);
    writeConfig(command, 2, busMaster);
    aim(commonRegister.deviceStatus, 1);
    writeConfig(data, 1, acknowledge | driverBit);
    expect(readConfig(data, 1)).toBe(acknowledge | driverBit);
    aim(commonRegister.queueSize, 2);
    expect(readConfig(data, 4) & 0xffff).toBe(16);
    aim(commonRegister.driverFeature, 4);
    writeConfig(data, 4, 0x2000_0000);
    expect(readConfig(data, 4)).toBe(0x2000_0000);
    writeConfig(command, 2, memorySpace | busMaster);
    expect(driver.status).toBe(acknowledge | driverBit);
  });

  test('also to notify, and to take the interrupt back', () => {
    const parts = bench();
    const { driver, irq, readConfig, writeConfig } = parts;
    const { data, aim } = window(parts);
    const queue = driver.start()[0]!;
    addOne(parts);
    aim(0x3000, 2);
    writeConfig(data, 2, 0);
    expect(queue.usedIndex).toBe(1);
    aim(0x1000, 1);
    expect(readConfig(data, 1)).toBe(pciInterrupt.queue);
    expect(irq.asserted).toBe(false);
  });

  test.each([
    ['another BAR', 0x14, 1, 1],
    ['a BAR that no function has', 0x14, 1, 255],
    ['no length', 0x14, 0, 0],
    ['a length of 3', 0x14, 3, 0],
    ['a length of 8', 0x10, 8, 0],
    ['a length of 2^32 - 1', 0x14, 0xffff_ffff, 0],
    ['an offset that is not a multiple of the length', 0x16, 4, 0],
    ['an offset at the end of the BAR', 0x4000, 4, 0],
    ['an offset that wraps', 0xffff_fffc, 4, 0],
  ])('%s leads nowhere', (_, offset, length, bar) => {
    const parts = bench();
    const { device, pci, readConfig, writeConfig } = parts;
    const { data, aim } = window(parts);
    aim(offset, length, bar);
    const before = device.state;
    writeConfig(data, 4, 0x0101_0101);
    expect(readConfig(data, 4)).toBe(0x0101_0101);
    expect(device.state).toEqual(before);
    expect(pci.state).toMatchObject({ deviceFeatureSelect: 0, queueSelect: 0 });
  });
});

describe('without bus mastering', () => {
  test('nothing of guest memory is read or written; what waits is served when it is back', () => {
    const parts = bench();
    const { driver, device, ram, irq, writeConfig } = parts;
    const queue = driver.start()[0]!;
    writeConfig(command, 2, memorySpace);
    addOne(parts);
    const before = ram.u8.slice();
    queue.kick();
    device.poll();
    expect(Buffer.compare(ram.u8, before)).toBe(0);
    expect(irq.asserted).toBe(false);
    expect(device.pending).toBe(false);
    writeConfig(command, 2, memorySpace | busMaster);
    expect(device.pending).toBe(true);
    device.poll();
    expect(queue.usedIndex).toBe(1);
    expect(irq.asserted).toBe(true);
  });

  test('a driver may come up; its buffers are taken once the device may', () => {
    const parts = bench();
    const { driver, device, writeConfig } = parts;
    writeConfig(command, 2, memorySpace);
    driver.negotiate();
    const queue = driver.setUpQueue(0);
    addOne(parts, queue);
    driver.write('status', driver.status | driverOk);
    expect(driver.status).toBe(acknowledge | driverBit | featuresOk | driverOk);
    expect([queue.usedIndex, device.pending]).toEqual([0, false]);
    writeConfig(command, 2, memorySpace | busMaster);
    device.poll();
    expect(queue.usedIndex).toBe(1);
  });

  test('requests under way are given up: the device needs a reset, and touches no buffer any more', () => {
    const parts = bench();
    const { driver, device, ram, irq, log, writeConfig } = parts;
    const queue = driver.start()[0]!;
    device.hold = true;
    addOne(parts);
    queue.kick();
    writeConfig(command, 2, memorySpace);
    expect(driver.needsReset).toBe(true);
    expect(log).toEqual([
      'echo: bus mastering was switched off with requests under way (outstanding 1); the device needs a reset',
    ]);
    // An interrupt by the pin is no access to memory.
    expect(irq.asserted).toBe(true);
    const before = ram.u8.slice();
    device.answer(device.held[0]!);
    writeConfig(command, 2, memorySpace | busMaster);
    device.poll();
    expect(Buffer.compare(ram.u8, before)).toBe(0);
    device.hold = false;
    expect([...driver.exchange(driver.start()[0]!, [new Uint8Array([3])], [8])]).toEqual([3]);
  });

  test('of a turn that was not over nothing is left to poll', () => {
    let time = 0;
    const parts = bench({ now: () => (time += 2) });
    const { driver, device, writeConfig } = parts;
    const queue = driver.start()[0]!;
    addOne(parts);
    addOne(parts);
    queue.kick();
    expect(device.pending).toBe(true);
    writeConfig(command, 2, memorySpace);
    expect(device.pending).toBe(false);
    device.poll();
    expect(queue.usedIndex).toBe(1);
  });
});

test('without memory decoding the registers are out of reach, and the device goes on', () => {
  const parts = bench();
  const { driver, device, bus, irq, place, writeConfig } = parts;
  const queue = driver.start()[0]!;
  device.hold = true;
  addOne(parts);
  queue.kick();
  writeConfig(command, 2, busMaster);
  expect(bus.read(place(pciCapability.common) + commonRegister.deviceStatus, 1)).toBe(0xff);
  bus.write(place(pciCapability.common) + commonRegister.deviceStatus, 1, 0);
  device.answer(device.held[0]!);
  expect(queue.usedIndex).toBe(1);
  expect(irq.asserted).toBe(true);
  writeConfig(command, 2, memorySpace | busMaster);
  expect(driver.acknowledge()).toBe(pciInterrupt.queue);
});

test('a driver that finds the function anew, its BAR elsewhere, goes on with the same device', () => {
  const parts = bench();
  const { driver, bus, ram } = parts;
  driver.start();
  const moved = new Driver(new PciRegisters(bus, 4, 0x7_8000_0000), ram);
  expect(moved.status).toBe(acknowledge | driverBit | featuresOk | driverOk);
  expect(moved.exchange(moved.start()[0]!, [new Uint8Array([5])], [8])[0]).toBe(5);
});

test('a record brings a function back that no driver has found yet: its BAR, its interrupt, its way to memory', () => {
  const ram = new GuestRam();
  const first = bench({ memory: ram.memory });
  const { driver } = first;
  const queue = new Driver(driver.registers, ram).start()[0]!;
  queue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  queue.kick();
  const device = new EchoDevice({ memory: ram.memory, log: () => undefined });
  const irq = new IrqProbe();
  const pci = new VirtioPci(device, irq);
  device.state = structuredClone(first.device.state);
  pci.state = structuredClone(first.pci.state);
  expect(pci.bars[0].base).toBe(first.pci.bars[0].base);
  expect(irq.asserted).toBe(true);
  expect(pci.readConfig(configRegister.status, 2)).toBe(pciStatus.capabilities | pciStatus.interrupt);
  queue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  device.poll();
  expect(queue.usedIndex).toBe(2);
});
