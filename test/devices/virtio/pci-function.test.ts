// VIRTIO 1.3 §4.1.2, §4.1.4 and PCI: what a virtio device is as a function of a bus, whatever its registers say.
import { describe, expect, test } from 'vitest';
import { configRegister, pciCommand, pciStatus } from '../../../devices/pci/configuration.ts';
import { deviceStatus } from '../../../devices/virtio/device.ts';
import { commonRegister, pciCapability, pciInterrupt } from '../../../devices/virtio/pci-layout.ts';
import { VirtioPci } from '../../../devices/virtio/pci.ts';
import { VirtioRng } from '../../../devices/virtio/rng.ts';
import { Driver, GuestRam, IrqProbe } from '../../driver.ts';
import { plugIntoPci, PciRegisters, virtioCapabilities } from '../../pci-driver.ts';
import { EchoDevice, echoDeviceId } from './echo-device.ts';
import { addOne, pciBench } from './pci-bench.ts';
import type { PciBench } from './pci-bench.ts';

const { command, bar0 } = configRegister;
const { memorySpace, busMaster, interruptDisable } = pciCommand;
const { acknowledge, driver: driverBit, featuresOk, driverOk } = deviceStatus;

test('§4.1.2 the function says that it is a virtio device without a legacy interface', () => {
  const { readConfig } = pciBench();
  expect(readConfig(configRegister.vendorId, 2)).toBe(0x1af4);
  expect(readConfig(configRegister.deviceId, 2)).toBe(0x1040 + echoDeviceId);
  expect(readConfig(configRegister.revision, 1)).toBeGreaterThanOrEqual(1);
  expect(readConfig(configRegister.subsystemId, 2)).toBeGreaterThanOrEqual(0x40);
  expect(readConfig(configRegister.interruptPin, 1)).toBe(1);
});

test('§4.1.4 each structure has a capability, aligned and within the BAR', () => {
  const { bus } = pciBench({ queueSizes: [16, 8] });
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
  const { bus, readCommon, writeCommon } = pciBench({ queueSizes: [16, 8, 4] });
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
  const { driver, readConfig, writeConfig } = pciBench({ barBits });
  const queue = driver.start()[0]!;
  expect([...driver.exchange(queue, [new Uint8Array([1, 2])], [8])]).toEqual([1, 2]);
  writeConfig(bar0, 4, 0xffff_ffff);
  writeConfig(bar0 + 4, 4, 0xffff_ffff);
  expect(readConfig(bar0, 4)).toBe(barBits === 64 ? 0xffff_c004 : 0xffff_c000);
  expect(readConfig(bar0 + 4, 4)).toBe(barBits === 64 ? 0xffff_ffff : 0);
});

test('an interrupt that the command register disables waits until it no longer does', () => {
  const parts = pciBench();
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

test('a reset of the bus makes everything as it was made', () => {
  const fresh = pciBench();
  fresh.bus.host.reset();
  const made = fresh.pci.state;
  const parts = pciBench();
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
  function window({ bus }: PciBench): {
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
    const parts = pciBench();
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
    const parts = pciBench();
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
    const parts = pciBench();
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
    const parts = pciBench();
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
    const parts = pciBench();
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
    const parts = pciBench();
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
    const parts = pciBench({ now: () => (time += 2) });
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
  const parts = pciBench();
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
  const parts = pciBench();
  const { driver, bus, ram } = parts;
  driver.start();
  const moved = new Driver(new PciRegisters(bus, 4, 0x7_8000_0000), ram);
  expect(moved.status).toBe(acknowledge | driverBit | featuresOk | driverOk);
  expect(moved.exchange(moved.start()[0]!, [new Uint8Array([5])], [8])[0]).toBe(5);
});

test('a record brings a function back that no driver has found yet: its BAR, its interrupt, its way to memory', () => {
  const ram = new GuestRam();
  const first = pciBench({ memory: ram.memory });
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
