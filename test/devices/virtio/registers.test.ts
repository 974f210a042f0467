// VIRTIO 1.3 §4.1.4.3 and §4.2.2: what the registers of both transports have in common.
import { expect, test } from 'vitest';
import { ramBase } from '../../driver.ts';
import { echoBench } from './echo-device.ts';

test('§2.2 feature words past the second are 0', () => {
  const { driver } = echoBench();
  driver.write('deviceFeaturesSel', 2);
  expect(driver.read('deviceFeatures')).toBe(0);
});

test('§4.1.4.3.1, §4.2.2 the size of a queue that does not exist is 0, and writing to it changes nothing', () => {
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

test('§4.1.4.3.2, §4.2.2.2 the queue can not be moved while it is ready', () => {
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

test('§4.1.4.3.1, §4.2.2.1 a reset takes back the interrupt and every ready queue', () => {
  const { driver, irq, ram } = echoBench({ queueSizes: [16, 8] });
  const [queue] = driver.start();
  queue!.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  queue!.kick();
  expect(irq.asserted).toBe(true);
  driver.write('status', 0);
  expect(irq.asserted).toBe(false);
  expect(driver.acknowledge()).toBe(0);
  for (const index of [0, 1]) {
    driver.write('queueSel', index);
    expect(driver.read('queueReady')).toBe(0);
    expect(driver.read('queueReset')).toBe(0);
  }
});
