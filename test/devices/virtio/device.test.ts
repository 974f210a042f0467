// VIRTIO 1.3 §2.1 to §2.6: status, features, configuration space, reset.
import { expect, test } from 'vitest';
import { deviceStatus, feature } from '../../../devices/virtio/device.ts';
import type { VirtioEvent } from '../../../devices/virtio/events.ts';
import { mmioInterrupt } from '../../../devices/virtio/mmio.ts';
import { GuestRam } from '../../driver.ts';
import type { DriverQueue } from '../../driver.ts';
import { echoBench } from './echo-device.ts';

const { acknowledge, driver: driverBit, driverOk, featuresOk, needsReset, failed } = deviceStatus;

function addOne(queue: DriverQueue): number {
  return queue.add([{ address: queue.ram.allocate(8), length: 8, writable: true }]);
}

test('§6.2 VERSION_1 is offered, with indirect descriptors, event index, ring reset and notification data', () => {
  const { driver } = echoBench();
  expect(driver.offered).toBe(
    feature.version1 | feature.indirectDesc | feature.eventIdx | feature.ringReset | feature.notificationData | 1n,
  );
});

test('§2.2.2 a subset of what is offered is accepted', () => {
  const { driver } = echoBench();
  expect(driver.negotiate(feature.version1)).toBe(true);
  expect(driver.negotiate(feature.version1 | feature.eventIdx)).toBe(true);
});

test('§2.2.2 a feature that was not offered is refused by not holding FEATURES_OK', () => {
  const { driver } = echoBench();
  expect(driver.negotiate(feature.version1 | (1n << 34n))).toBe(false);
  expect(driver.status).toBe(acknowledge | driverBit);
});

test('§2.2.2 a feature bit above 63 is refused', () => {
  const { driver } = echoBench();
  driver.write('status', acknowledge | driverBit);
  driver.accept(feature.version1);
  driver.write('driverFeaturesSel', 2);
  driver.write('driverFeatures', 1);
  driver.write('status', acknowledge | driverBit | featuresOk);
  expect(driver.status & featuresOk).toBe(0);
});

test('§6.2 a driver without VERSION_1 is refused', () => {
  const { driver } = echoBench();
  expect(driver.negotiate(feature.indirectDesc)).toBe(false);
});

test('§2.2 features are fixed once FEATURES_OK is held, until a reset', () => {
  const { driver, device } = echoBench();
  driver.negotiate(feature.version1);
  driver.accept(feature.version1 | feature.eventIdx);
  expect(device.negotiated(feature.eventIdx)).toBe(false);
  expect(driver.negotiate(feature.version1 | feature.eventIdx)).toBe(true);
  expect(device.negotiated(feature.eventIdx)).toBe(true);
});

test('a feature is not in use before FEATURES_OK', () => {
  const { driver, device } = echoBench();
  driver.write('status', acknowledge | driverBit);
  driver.accept(feature.version1 | feature.eventIdx);
  expect(device.negotiated(feature.eventIdx)).toBe(false);
});

test('§2.1.2 nothing is consumed and nobody is notified before DRIVER_OK', () => {
  const { driver, irq, device } = echoBench();
  driver.negotiate();
  const queue = driver.setUpQueue(0);
  addOne(queue);
  queue.kick();
  expect(queue.usedIndex).toBe(0);
  expect(queue.availEvent).toBe(0);
  expect(irq.asserted).toBe(false);
  expect(device.outstanding).toBe(0);
});

test('buffers that were there before DRIVER_OK are taken with it', () => {
  const { driver, irq } = echoBench();
  driver.negotiate();
  const queue = driver.setUpQueue(0);
  addOne(queue);
  driver.write('status', driver.status | driverOk);
  expect(queue.usedIndex).toBe(1);
  expect(irq.asserted).toBe(true);
});

test('§3.1.1 DRIVER_OK without FEATURES_OK is not held, and nothing is consumed', () => {
  const { driver } = echoBench();
  driver.write('status', acknowledge | driverBit);
  const queue = driver.setUpQueue(0);
  addOne(queue);
  driver.write('status', acknowledge | driverBit | driverOk);
  queue.kick();
  expect(driver.status).toBe(acknowledge | driverBit);
  expect(queue.usedIndex).toBe(0);
});

test('§2.1.1 a status bit that the driver leaves out stays; it can not set DEVICE_NEEDS_RESET', () => {
  const { driver } = echoBench();
  driver.start();
  driver.write('status', failed | needsReset);
  expect(driver.status).toBe(acknowledge | driverBit | featuresOk | driverOk | failed);
});

test('§2.1.2 DEVICE_NEEDS_RESET raises a configuration change notification and writes one line', () => {
  const { driver, irq, log } = echoBench();
  const queue = driver.start()[0]!;
  queue.offer(999);
  queue.kick();
  expect(driver.status & needsReset).toBe(needsReset);
  expect(irq.asserted).toBe(true);
  expect(driver.acknowledge()).toBe(mmioInterrupt.configurationChange);
  expect(irq.asserted).toBe(false);
  expect(log).toEqual([
    'echo: available ring names a descriptor outside the table (head 999, size 16); the device needs a reset',
  ]);
});

test('§2.1.2 before DRIVER_OK a device that needs a reset does not notify', () => {
  const { driver, irq, log } = echoBench();
  driver.negotiate();
  driver.write('queueSel', 0);
  driver.write('queueSize', 5);
  driver.write('queueReady', 1);
  expect(driver.needsReset).toBe(true);
  expect(log).toHaveLength(1);
  expect(irq.asserted).toBe(false);
});

test('a device that needs a reset does not take up a queue that is made ready again, and stays silent', () => {
  const { driver, log, irq } = echoBench();
  const queue = driver.start()[0]!;
  queue.offer(999);
  queue.kick();
  driver.acknowledge();
  const again = driver.setUpQueue(0);
  addOne(again);
  again.kick();
  expect(again.usedIndex).toBe(0);
  driver.write('queueReady', 0);
  driver.write('queueSize', 5);
  driver.write('queueReady', 1);
  expect(log).toHaveLength(1);
  expect(irq.asserted).toBe(false);
});

test('§2.4.1 after a reset the device is as it was made', () => {
  const { driver, device } = echoBench();
  const made = device.state;
  const queue = driver.start({ size: 8 })[0]!;
  addOne(queue);
  queue.kick();
  driver.write('status', 0);
  expect(device.state).toEqual(made);
});

test('a fault gives up what is outstanding: later answers touch nothing', () => {
  const { driver, device, ram } = echoBench();
  const queue = driver.start()[0]!;
  device.hold = true;
  addOne(queue);
  queue.kick();
  const stops = device.stops;
  queue.offer(999);
  queue.kick();
  expect(device.stops).toBe(stops + 1);
  const before = ram.u8.slice();
  device.answer(device.held[0]!);
  expect(Buffer.compare(ram.u8, before)).toBe(0);
  expect(driver.acknowledge()).toBe(mmioInterrupt.configurationChange);
});

test('an exception that is not the guest’s fault goes to the machine', () => {
  const { driver, device, log } = echoBench();
  const queue = driver.start()[0]!;
  device.onChain = (): void => {
    throw new TypeError('a mistake of ours');
  };
  addOne(queue);
  expect(() => queue.kick()).toThrow('a mistake of ours');
  expect(driver.needsReset).toBe(false);
  expect(log).toEqual([]);
});

test('§2.4.1 a reset zeroes the status and ends all queue access', () => {
  const { driver, irq, device } = echoBench();
  const queue = driver.start()[0]!;
  addOne(queue);
  driver.write('status', 0);
  expect(driver.status).toBe(0);
  queue.kick();
  expect(queue.usedIndex).toBe(0);
  expect(irq.asserted).toBe(false);
  expect(device.driverFeatures).toBe(0n);
});

test('§2.2.2 after a reset the same features are accepted again', () => {
  const { driver } = echoBench();
  for (let count = 0; count < 3; count += 1) expect(driver.negotiate()).toBe(true);
});

test('§2.5.2 the configuration space is readable before FEATURES_OK, by bytes, halves and words', () => {
  const { driver } = echoBench();
  expect([0, 1, 2, 3, 4, 5].map((offset) => driver.configuration(offset, 1))).toEqual([1, 2, 3, 4, 5, 0]);
  expect(driver.configuration(2, 2)).toBe(0x0403);
  expect(driver.configuration(0, 4)).toBe(0x04030201);
  expect(driver.configuration(4, 4)).toBe(5);
  expect(driver.configuration(0xefc, 4)).toBe(0);
});

test('§2.5 the generation changes with the configuration, and the driver is notified', () => {
  const { driver, device, irq } = echoBench();
  driver.start();
  const before = driver.read('configGeneration');
  expect(driver.read('configGeneration')).toBe(before);
  device.setConfiguration(1, new Uint8Array([9]));
  expect(driver.read('configGeneration')).not.toBe(before);
  expect(irq.asserted).toBe(true);
  expect(driver.acknowledge()).toBe(mmioInterrupt.configurationChange);
  expect(driver.configuration(1, 1)).toBe(9);
});

test('a configuration change before DRIVER_OK notifies nobody', () => {
  const { driver, device, irq } = echoBench();
  driver.negotiate();
  device.setConfiguration(1, new Uint8Array([9]));
  expect(irq.asserted).toBe(false);
  expect(driver.read('configGeneration')).toBe(1);
});

test('one notification is served for a millisecond; poll goes on, and no buffer waits for a second notification', () => {
  let time = 0;
  const { driver, device } = echoBench({ now: () => time });
  device.onChain = (): void => {
    time += 0.4;
  };
  const queue = driver.start()[0]!;
  for (let count = 0; count < 8; count += 1) addOne(queue);
  queue.kick();
  expect(queue.usedIndex).toBe(3);
  expect(device.pending).toBe(true);
  device.poll();
  expect(queue.usedIndex).toBe(6);
  device.poll();
  expect(queue.usedIndex).toBe(8);
  expect(device.pending).toBe(false);
});

test('a clock that stands still lifts the limit', () => {
  const { driver, device } = echoBench({ now: () => 0 });
  const queue = driver.start()[0]!;
  for (let count = 0; count < 16; count += 1) addOne(queue);
  queue.kick();
  expect(queue.usedIndex).toBe(16);
  expect(device.pending).toBe(false);
});

test('a reset takes back what poll was to do', () => {
  let time = 0;
  const { driver, device } = echoBench({ now: () => (time += 2) });
  const queue = driver.start()[0]!;
  addOne(queue);
  addOne(queue);
  queue.kick();
  expect(device.pending).toBe(true);
  driver.write('status', 0);
  expect(device.pending).toBe(false);
});

test('§2.6.1 a reset queue starts anew, with its own size, while the others go on', () => {
  const { driver, device } = echoBench({ queueSizes: [16, 16] });
  const [first, second] = driver.start() as [DriverQueue, DriverQueue];
  addOne(first);
  first.kick();
  addOne(second);
  second.kick();

  driver.write('queueSel', 0);
  driver.write('queueReset', 1);
  expect(driver.read('queueReset')).toBe(0);
  expect(driver.read('queueReady')).toBe(0);
  addOne(first);
  first.kick();
  expect(first.usedIndex).toBe(1);
  addOne(second);
  second.kick();
  expect(second.usedIndex).toBe(2);

  const fresh = driver.setUpQueue(0, 8);
  addOne(fresh);
  fresh.kick();
  expect(fresh.usedIndex).toBe(1);
  expect(device.queues[0]!.state.size).toBe(8);
});

test('§4.2.2.1 QueueReset reads 1 until the device has let go of the buffers, and nothing is used for them', () => {
  const { driver, device, ram } = echoBench();
  const queue = driver.start()[0]!;
  device.hold = true;
  const reply = ram.allocate(8);
  queue.add([{ address: reply, length: 8, writable: true }]);
  queue.kick();
  driver.write('queueSel', 0);
  driver.write('queueReset', 1);
  expect(driver.read('queueReset')).toBe(1);
  expect(driver.read('queueReady')).toBe(0);
  const { queue: deviceQueue, chain } = device.held[0]!;
  const reported: unknown[] = [];
  ram.memory.onWritten((address, length) => reported.push([address, length]));
  deviceQueue.push(chain, 8);
  expect(driver.read('queueReset')).toBe(0);
  expect(queue.usedIndex).toBe(0);
  expect(reported).toEqual([[reply, 8]]);
});

test('a queue reset without RING_RESET has no effect', () => {
  const { driver } = echoBench();
  driver.start({ features: feature.version1 });
  driver.write('queueSel', 0);
  driver.write('queueReset', 1);
  expect(driver.read('queueReady')).toBe(1);
});

test('the record of one device continues in another', () => {
  const ram = new GuestRam();
  const first = echoBench({ ram });
  const queue = first.driver.start()[0]!;
  addOne(queue);
  queue.kick();
  first.device.setConfiguration(0, new Uint8Array([77]));
  const saved = structuredClone(first.device.state);

  const second = echoBench({ ram });
  second.device.state = saved;
  second.plugged.state = first.plugged.state;
  expect(second.device.state).toEqual(saved);
  expect(second.irq.asserted).toBe(first.irq.asserted);
  expect(second.driver.configuration(0, 1)).toBe(77);
  expect(second.device.pending).toBe(false);

  // A queue whose turn had ended gets another one, without a notification.
  addOne(queue);
  second.device.state = { ...saved, unfinished: [0] };
  expect(second.device.pending).toBe(true);
  second.device.poll();
  expect(queue.usedIndex).toBe(2);
});

test('a chain that was taken and not answered is taken again, before those in the available ring', () => {
  const ram = new GuestRam();
  const first = echoBench({ ram });
  const queue = first.driver.start()[0]!;
  const heads = [addOne(queue), addOne(queue)];
  const taken = first.device.queues[0]!.pop();
  expect(taken?.head).toBe(heads[0]);
  const saved = structuredClone(first.device.state);
  expect(saved.queues[0]!.again).toEqual([heads[0]]);

  const second = echoBench({ ram });
  second.device.state = saved;
  expect(second.device.state).toEqual({ ...saved, unfinished: [0] });
  second.device.poll();
  expect(queue.usedIndex).toBe(2);
  expect(second.device.state.queues[0]!.again).toEqual([]);
  const broken = { ...saved, queues: [{ ...saved.queues[0]!, again: [1000] }] };
  expect(() => (echoBench({ ram }).device.state = broken)).toThrow('outside the table');
});

test('events tell of status and fault', () => {
  const events: VirtioEvent[] = [];
  const { driver } = echoBench({ onEvent: (event) => events.push(event) });
  const queue = driver.start()[0]!;
  expect(events.filter(({ type }) => type === 'status')).toEqual(
    [0, acknowledge, acknowledge | driverBit, 11, 15].map((status) => ({ type: 'status', device: 'echo', status })),
  );
  events.length = 0;
  queue.offer(999);
  queue.kick();
  expect(events.map(({ type }) => type)).toEqual(['notify', 'fault', 'configuration']);
});

test('a device is plugged into one transport', () => {
  const { device } = echoBench();
  const other = { usedBuffers: (): void => undefined, configurationChanged: (): void => undefined };
  expect(() => device.attach(other)).toThrow('plugged into a transport already');
});
