// VIRTIO 1.3 §4.1.4.3 to §4.1.5: the registers of a virtio device as a PCI function.
import { describe, expect, test } from 'vitest';
import { configRegister, pciStatus } from '../../../devices/pci/configuration.ts';
import { deviceStatus, feature } from '../../../devices/virtio/device.ts';
import { commonRegister, pciCapability, pciInterrupt } from '../../../devices/virtio/pci-layout.ts';
import type { Size } from '../../pci-driver.ts';
import { addOne, pciBench } from './pci-bench.ts';

const { command } = configRegister;
const { driverOk } = deviceStatus;
const sizes: readonly Size[] = [1, 2, 4];

describe('§4.1.3.1 each field of the common configuration', () => {
  const widths = Object.entries(commonRegister).map(([name, offset]) => {
    if (name === 'deviceStatus' || name === 'configGeneration') return [name, offset, 1] as const;
    return [name, offset, /Feature|Low|High/.test(name) ? 4 : 2] as const;
  });

  test.each(widths)('%s (0x%x) answers accesses of %i bytes only', (name, offset, width) => {
    const { bus, device, pci, place } = pciBench({ queueSizes: [16, 8] });
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
  const { bus, device, pci, place } = pciBench();
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
  const { driver, readCommon, writeCommon } = pciBench();
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
  const { readCommon, writeCommon, device } = pciBench({ queueSizes: [16, 8] });
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
  const { readCommon, writeCommon } = pciBench();
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
  const { driver, readCommon, writeCommon } = pciBench();
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
  const { driver, ram, readCommon, writeCommon, log } = pciBench();
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
  const { driver, readCommon, writeCommon } = pciBench();
  driver.start({ features: feature.version1 });
  writeCommon('queueSelect', 2, 0);
  writeCommon('queueReset', 2, 1);
  expect(readCommon('queueReset', 2)).toBe(0);
  expect(readCommon('queueEnable', 2)).toBe(1);
});

test('§4.1.4.5 the ISR status tells the causes and takes them back in one read', () => {
  const parts = pciBench();
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

test('§4.1.5.1.2.1 no vector can be mapped: the registers read NO_VECTOR, and the interrupt is that of the pin', () => {
  const parts = pciBench();
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
  const parts = pciBench({ queueSizes: [16, 16] });
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
  const parts = pciBench();
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
  const { device, readCommon } = pciBench();
  const seen = new Set<number>();
  for (let count = 0; count < 256; count += 1) {
    seen.add(readCommon('configGeneration', 1));
    device.setConfiguration(0, new Uint8Array([count]));
  }
  expect(seen.size).toBe(256);
});

test('registers that are read only stay, whatever is written', () => {
  const { bus, driver, place, readCommon } = pciBench();
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
  const parts = pciBench();
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
