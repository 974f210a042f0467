// VIRTIO 1.3 §4.2: the register block of virtio over MMIO, version 2.
import { expect, test } from 'vitest';
import { feature } from '../../../devices/virtio/device.ts';
import { EmptyMmioSlot, mmioInterrupt, mmioRegister } from '../../../devices/virtio/mmio.ts';
import { ramBase } from '../../driver.ts';
import { echoBench, echoDeviceId } from './echo-device.ts';

test('§4.2.2.1 magic value, version 2, device ID', () => {
  const { driver, slot } = echoBench();
  expect(driver.read('magicValue')).toBe(0x74726976);
  expect(driver.read('version')).toBe(2);
  expect(driver.read('deviceId')).toBe(echoDeviceId);
  expect(driver.read('vendorId')).not.toBe(0);
  expect(slot.size).toBe(0x1000);
});

test('§4.2.2 feature words past the second are 0', () => {
  const { driver } = echoBench();
  driver.write('deviceFeaturesSel', 2);
  expect(driver.read('deviceFeatures')).toBe(0);
});

test('§4.2.2 QueueSizeMax of a queue that does not exist is 0, and writing to it changes nothing', () => {
  const { driver } = echoBench();
  driver.write('queueSel', 0);
  expect(driver.read('queueSizeMax')).toBe(16);
  driver.write('queueSel', 1);
  expect(driver.read('queueSizeMax')).toBe(0);
  driver.write('queueSize', 4);
  driver.write('queueReady', 1);
  driver.write('queueReset', 1);
  expect(driver.read('queueReady')).toBe(0);
  expect(driver.read('queueReset')).toBe(0);
});

test('§4.2.2.1 QueueReady 0 stops access to the queue', () => {
  const { driver, ram, device } = echoBench();
  const queue = driver.start()[0]!;
  device.hold = true;
  queue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  queue.kick();
  driver.write('queueSel', 0);
  driver.write('queueReady', 0);
  expect(driver.read('queueReady')).toBe(0);
  queue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  const before = ram.u8.slice();
  queue.kick();
  device.answer(device.held[0]!);
  expect(Buffer.compare(ram.u8, before)).toBe(0);
  expect(device.held).toHaveLength(1);
});

test('§4.2.2.2 the queue can not be moved while it is ready', () => {
  const { driver, ram, device } = echoBench();
  const queue = driver.start()[0]!;
  const before = device.state;
  driver.write('queueSel', 0);
  driver.configure({ size: 2, table: ramBase, available: ramBase, used: ramBase });
  expect(device.state).toEqual(before);
  for (let count = 0; count < 5; count += 1) queue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  queue.kick();
  expect(queue.usedIndex).toBe(5);
});

test.each([
  ['size 0', { size: 0 }],
  ['size 3', { size: 3 }],
  ['size above the maximum', { size: 32 }],
  ['descriptor table misaligned', { table: ramBase + 0x1008 }],
  ['available ring misaligned', { available: ramBase + 0x1001 }],
  ['used ring misaligned', { used: ramBase + 0x1002 }],
  ['descriptor table outside RAM', { table: 0x1000 }],
  ['available ring that ends outside RAM', { available: ramBase + (1 << 20) - 36 }],
  ['used ring that ends outside RAM', { used: ramBase + (1 << 20) - 128 }],
  ['descriptor table above 2^53', { table: 2 ** 63 }],
] as const)('§2.7 a queue with its %s needs a reset when it is made ready', (_, wrong) => {
  const { driver, log, ram } = echoBench();
  driver.negotiate();
  driver.write('queueSel', 0);
  const right = { size: 16, table: ramBase, available: ramBase + 0x1000, used: ramBase + 0x2000 };
  driver.configure({ ...right, ...wrong });
  const before = ram.u8.slice();
  driver.write('queueReady', 1);
  expect(driver.needsReset).toBe(true);
  expect(driver.read('queueReady')).toBe(0);
  expect(log).toHaveLength(1);
  expect(Buffer.compare(ram.u8, before)).toBe(0);

  driver.negotiate();
  driver.write('queueSel', 0);
  driver.configure(right);
  driver.write('queueReady', 1);
  expect(driver.needsReset).toBe(false);
  expect(driver.read('queueReady')).toBe(1);
});

test('§4.2.2.1 an interrupt stays until each of its causes is acknowledged', () => {
  const { driver, device, irq, ram } = echoBench();
  const queue = driver.start()[0]!;
  queue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  queue.kick();
  device.setConfiguration(0, new Uint8Array([9]));
  expect(driver.read('interruptStatus')).toBe(mmioInterrupt.usedBuffer | mmioInterrupt.configurationChange);
  driver.write('interruptAck', mmioInterrupt.usedBuffer);
  expect(irq.asserted).toBe(true);
  expect(driver.read('interruptStatus')).toBe(mmioInterrupt.configurationChange);
  driver.write('interruptAck', mmioInterrupt.configurationChange);
  expect(irq.asserted).toBe(false);
});

test('§4.2.2.1 a reset clears InterruptStatus and every QueueReady', () => {
  const { driver, irq, ram } = echoBench({ queueSizes: [16, 8] });
  const [queue] = driver.start();
  queue!.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  queue!.kick();
  expect(irq.asserted).toBe(true);
  driver.write('status', 0);
  expect(irq.asserted).toBe(false);
  expect(driver.read('interruptStatus')).toBe(0);
  for (const index of [0, 1]) {
    driver.write('queueSel', index);
    expect(driver.read('queueReady')).toBe(0);
    expect(driver.read('queueReset')).toBe(0);
  }
});

test('§4.2.2 shared memory regions do not exist: length and base are -1', () => {
  const { driver } = echoBench();
  driver.write('shmSel', 0);
  for (const register of ['shmLenLow', 'shmLenHigh', 'shmBaseLow', 'shmBaseHigh'] as const) {
    expect(driver.read(register)).toBe(0xffffffff);
  }
});

test('§4.2.2.2 control registers answer 32-bit accesses only', () => {
  const { slot, driver } = echoBench();
  expect(slot.read(mmioRegister.magicValue, 1)).toBe(0);
  expect(slot.read(mmioRegister.magicValue, 2)).toBe(0);
  slot.write(mmioRegister.status, 1, 1);
  slot.write(mmioRegister.status, 2, 1);
  expect(driver.status).toBe(0);
});

test('registers that are written only read as 0, and registers that are read only stay', () => {
  const { slot, driver } = echoBench();
  for (let offset = 0; offset < 0x100; offset += 4) {
    if (offset !== mmioRegister.status) slot.write(offset, 4, 0xffff_ffff);
  }
  expect(driver.read('magicValue')).toBe(0x74726976);
  expect(driver.read('deviceId')).toBe(echoDeviceId);
  expect(driver.read('interruptStatus')).toBe(0);
  expect(driver.read('queueNotify')).toBe(0);
  expect(driver.read('queueDescLow')).toBe(0);
  slot.write(mmioRegister.config, 1, 0xff);
  expect(slot.read(mmioRegister.config, 1)).toBe(1);
});

test('§2.9 with notification data the low half names the queue, without it the whole word does', () => {
  const { driver, ram } = echoBench();
  const dataQueue = driver.start()[0]!;
  dataQueue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  driver.write('queueNotify', (1 << 16) | 0);
  expect(dataQueue.usedIndex).toBe(1);

  const plainQueue = driver.start({ features: feature.version1 })[0]!;
  plainQueue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  driver.write('queueNotify', (1 << 16) | 0);
  expect(plainQueue.usedIndex).toBe(0);
});

test('§4.2.2.2 an empty slot has DeviceID 0 and nothing that can be written', () => {
  const slot = new EmptyMmioSlot();
  expect(slot.size).toBe(0x1000);
  expect(slot.read(mmioRegister.magicValue, 4)).toBe(0x74726976);
  expect(slot.read(mmioRegister.version, 4)).toBe(2);
  expect(slot.read(mmioRegister.deviceId, 4)).toBe(0);
  slot.write();
  expect(slot.read(mmioRegister.status, 4)).toBe(0);
  expect(slot.read(mmioRegister.magicValue, 1)).toBe(0);
});
