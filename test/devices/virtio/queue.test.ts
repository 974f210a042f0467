// VIRTIO 1.3 §2.7.6 to §2.7.10: the rings and the notifications in both directions.
import { expect, test } from 'vitest';
import { GuestMemory } from '../../../devices/guest-memory.ts';
import { feature } from '../../../devices/virtio/device.ts';
import type { VirtioEvent } from '../../../devices/virtio/events.ts';
import { mmioInterrupt } from '../../../devices/virtio/mmio.ts';
import { GuestRam } from '../../driver.ts';
import type { DriverQueue } from '../../driver.ts';
import { echoBench } from './echo-device.ts';

const withoutEventIndex = feature.version1 | feature.indirectDesc;
const withEventIndex = withoutEventIndex | feature.eventIdx;

function addOne(queue: DriverQueue): number {
  return queue.add([{ address: queue.ram.allocate(1), length: 1, writable: true }]);
}

test('§2.7.8.2 len and id are set before idx, and the data before both', () => {
  const stores: number[] = [];
  class Recorder extends GuestMemory {
    override written(address: number, length: number): void {
      stores.push(address);
      super.written(address, length);
    }
  }
  const ram = new GuestRam({ make: (layout) => new Recorder(layout) });
  const { driver } = echoBench({ ram });
  const queue = driver.start({ features: withoutEventIndex })[0]!;
  const request = ram.place(new Uint8Array([1]));
  const reply = ram.allocate(8);
  queue.add([
    { address: request, length: 1 },
    { address: reply, length: 8, writable: true },
  ]);
  queue.kick();
  // The element's id and len lie at offset 4 of the used ring, flags and idx at its start.
  expect(stores).toEqual([reply, queue.used + 4, queue.used + 8, queue.used]);
});

test('§2.7.8 the used element names the head and the bytes written', () => {
  const { driver, ram } = echoBench();
  const queue = driver.start()[0]!;
  addOne(queue);
  const head = queue.add([
    { address: ram.place(new Uint8Array(5)), length: 5 },
    { address: ram.allocate(64), length: 64, writable: true },
  ]);
  queue.kick();
  expect(queue.takeUsed()).toEqual({ head: expect.any(Number) as number, length: 0 });
  expect(queue.takeUsed()).toEqual({ head, length: 5 });
  expect(queue.takeUsed()).toBeUndefined();
});

test('§2.6 buffers may be used in another order than they were made available', () => {
  const { driver, device } = echoBench();
  const queue = driver.start()[0]!;
  device.hold = true;
  const heads = [addOne(queue), addOne(queue), addOne(queue)];
  queue.kick();
  for (const index of [2, 0, 1]) device.answer(device.held[index]!);
  expect([queue.takeUsed()?.head, queue.takeUsed()?.head, queue.takeUsed()?.head]).toEqual([
    heads[2],
    heads[0],
    heads[1],
  ]);
});

test.each([
  ['with', withEventIndex],
  ['without', withoutEventIndex],
])('the ring indexes wrap at 2^16 (%s EVENT_IDX)', (_, features) => {
  const { driver, irq, log } = echoBench();
  const queue = driver.start({ features, size: 4 })[0]!;
  const buffer = { address: queue.ram.allocate(1), length: 1, writable: true };
  const rounds = 65_536 + 10;
  let [askedFor, answered, notified] = [0, 0, 0];
  for (let round = 0; round < rounds; round += 1) {
    const before = queue.nextAvailable;
    queue.add([buffer]);
    if (queue.mustNotify(before)) askedFor += 1;
    queue.kick();
    if (irq.asserted) notified += 1;
    driver.acknowledge();
    if (queue.takeUsed() !== undefined) answered += 1;
  }
  expect({ askedFor, answered, notified }).toEqual({ askedFor: rounds, answered: rounds, notified: rounds });
  expect(queue.usedIndex).toBe(10);
  expect(log).toEqual([]);
});

test('§2.7.7.2 without EVENT_IDX the driver is notified unless avail.flags says not to', () => {
  const { driver, irq } = echoBench();
  const queue = driver.start({ features: withoutEventIndex })[0]!;
  queue.availableFlags = 1;
  addOne(queue);
  queue.kick();
  expect(queue.usedIndex).toBe(1);
  expect(irq.asserted).toBe(false);
  queue.availableFlags = 0;
  addOne(queue);
  queue.kick();
  expect(irq.asserted).toBe(true);
  expect(driver.acknowledge()).toBe(mmioInterrupt.usedBuffer);
});

test('§2.7.7.2 without EVENT_IDX used_event is ignored', () => {
  const { driver, irq } = echoBench();
  const queue = driver.start({ features: withoutEventIndex })[0]!;
  queue.usedEvent = 5;
  addOne(queue);
  queue.kick();
  expect(irq.asserted).toBe(true);
});

test('§2.7.7.2 with EVENT_IDX avail.flags is ignored', () => {
  const { driver, irq } = echoBench();
  const queue = driver.start({ features: withEventIndex })[0]!;
  queue.availableFlags = 1;
  addOne(queue);
  queue.kick();
  expect(irq.asserted).toBe(true);
});

test('§2.7.7.2 with EVENT_IDX the driver is notified when used_event is crossed, and only then', () => {
  const { driver, irq } = echoBench();
  const queue = driver.start({ features: withEventIndex })[0]!;
  queue.usedEvent = 2;
  for (const expected of [false, false, true, false]) {
    addOne(queue);
    queue.kick();
    expect(irq.asserted).toBe(expected);
    driver.acknowledge();
  }
});

test('§2.7.7.2 a batch that crosses used_event in its middle notifies once', () => {
  const { driver, irq } = echoBench();
  const queue = driver.start({ features: withEventIndex })[0]!;
  queue.usedEvent = 1;
  addOne(queue);
  queue.kick();
  expect(irq.rises).toBe(0);
  addOne(queue);
  addOne(queue);
  addOne(queue);
  queue.kick();
  expect(irq.rises).toBe(1);
});

test.each([
  // [used index before, pushed, used_event, notified]
  [0xfffe, 4, 0xffff, true],
  [0xfffe, 4, 0, true],
  [0xfffe, 4, 1, true],
  [0xfffe, 4, 2, false],
  [0xfffe, 4, 0xfffd, false],
  [0xffff, 1, 0xffff, true],
  [0xffff, 1, 0, false],
] as const)('§2.7.7.2 from used index %i, %i more, used_event %i: notified %s', (start, count, usedEvent, notified) => {
  const { driver, irq, device } = echoBench();
  const queue = driver.start({ features: withEventIndex })[0]!;
  // A machine that was saved at this index and goes on.
  const { state } = device;
  Object.assign(state.queues[0]!, { nextAvailable: start, nextUsed: start, signalledUsed: start });
  device.state = state;
  queue.nextAvailable = start;
  queue.usedEvent = usedEvent;
  for (let index = 0; index < count; index += 1) addOne(queue);
  queue.kick();
  expect(queue.usedIndex).toBe((start + count) & 0xffff);
  expect(irq.asserted).toBe(notified);
});

test('§2.7.10.2 with EVENT_IDX used.flags is 0 and avail_event asks for the next buffer', () => {
  const { driver, ram } = echoBench();
  const queue = driver.start({ features: withEventIndex })[0]!;
  ram.set16(queue.used, 0xffff);
  addOne(queue);
  addOne(queue);
  queue.kick();
  expect(queue.usedFlags).toBe(0);
  expect(queue.availEvent).toBe(2);
});

test('§2.7.10.2 without EVENT_IDX used.flags asks for notifications and what lies after the ring is left alone', () => {
  const { driver, ram } = echoBench();
  const queue = driver.start({ features: withoutEventIndex })[0]!;
  ram.set16(queue.used, 1);
  ram.set16(queue.used + 4 + 8 * queue.size, 0x1234);
  addOne(queue);
  queue.kick();
  expect(queue.usedFlags).toBe(0);
  expect(queue.availEvent).toBe(0x1234);
});

test('§2.7.10.1 a driver that notifies only as avail_event asks loses no buffer', () => {
  const { driver } = echoBench();
  const queue = driver.start({ features: withEventIndex })[0]!;
  let kicks = 0;
  for (let round = 0; round < 100; round += 1) {
    const before = queue.nextAvailable;
    for (let count = 0; count <= round % 5; count += 1) addOne(queue);
    if (queue.mustNotify(before)) {
      kicks += 1;
      queue.kick();
    }
    expect(queue.usedIndex).toBe(queue.nextAvailable);
    while (queue.takeUsed() !== undefined);
  }
  expect(kicks).toBe(100);
});

test('§2.7.10 a buffer that comes between the last look and the asking is seen', () => {
  const ram = new GuestRam({
    make: (layout) =>
      new (class extends GuestMemory {
        override releaseU16(address: number, value: number): void {
          super.releaseU16(address, value);
          onAvailEvent();
        }
      })(layout),
  });
  let onAvailEvent = (): void => undefined;
  const { driver } = echoBench({ ram });
  const queue = driver.start({ features: withEventIndex })[0]!;
  // Another hart adds a buffer right after avail_event was written; having read it before, it does not notify.
  onAvailEvent = (): void => {
    onAvailEvent = (): void => undefined;
    addOne(queue);
  };
  addOne(queue);
  queue.kick();
  expect(queue.usedIndex).toBe(2);
});

test('§2.7.10.2 spurious notifications are stood', () => {
  const { driver, irq, log } = echoBench();
  const queue = driver.start()[0]!;
  for (let count = 0; count < 3; count += 1) queue.kick();
  driver.registers.notify(1);
  driver.registers.notify(0xffff);
  driver.registers.notify(0xffff_ffff);
  expect(queue.usedIndex).toBe(0);
  expect(irq.asserted).toBe(false);
  expect(log).toEqual([]);
});

test('every range that the device has written is reported, and no other', () => {
  const { driver, ram } = echoBench();
  const queue = driver.start({ features: withEventIndex })[0]!;
  const request = ram.place(new Uint8Array(10).fill(1));
  const first = ram.allocate(6);
  const second = ram.allocate(64);
  queue.add([
    { address: request, length: 10 },
    { address: first, length: 6, writable: true },
    { address: second, length: 64, writable: true },
  ]);
  const before = ram.u8.slice();
  const reported = new Set<number>();
  ram.memory.onWritten((address, length) => {
    for (let byte = address; byte < address + length; byte += 1) reported.add(byte);
  });
  queue.kick();

  const after = ram.u8;
  for (const [offset, byte] of after.entries()) {
    if (byte !== before[offset]) expect(reported).toContain(ram.memory.base + offset);
  }
  const expected = [
    [first, 6],
    [second, 4],
    [queue.used, 12],
    [queue.used + 4 + 8 * queue.size, 2],
  ] as const;
  const exactly = new Set(expected.flatMap(([start, count]) => Array.from({ length: count }, (_, at) => start + at)));
  expect(reported).toEqual(exactly);
});

function reportedRanges(ram: GuestRam, action: () => void): (readonly [number, number])[] {
  const ranges: (readonly [number, number])[] = [];
  ram.memory.onWritten((address, length) => ranges.push([address, length]));
  action();
  return ranges;
}

test('a device reset reports the buffers of outstanding chains whole, as they may be half written', () => {
  const { driver, device, ram } = echoBench();
  const queue = driver.start()[0]!;
  device.hold = true;
  const reply = ram.allocate(64);
  queue.add([{ address: reply, length: 64, writable: true }]);
  queue.kick();
  const ranges = reportedRanges(ram, () => driver.write('status', 0));
  expect(ranges).toEqual([[reply, 64]]);
  expect(device.outstanding).toBe(0);
});

test('a chain that is answered after a device reset touches nothing', () => {
  const { driver, device, ram, irq } = echoBench();
  const queue = driver.start()[0]!;
  device.hold = true;
  queue.add([{ address: ram.allocate(64), length: 64, writable: true }]);
  queue.kick();
  driver.write('status', 0);
  const fresh = driver.start()[0]!;
  device.work = (): number => 64;
  const before = ram.u8.slice();
  const ranges = reportedRanges(ram, () => device.answer(device.held[0]!));
  expect(ranges).toEqual([]);
  expect(Buffer.compare(ram.u8, before)).toBe(0);
  expect(fresh.usedIndex).toBe(0);
  expect(irq.asserted).toBe(false);
});

test('a chain that was cancelled with length 0 may report all of its buffers', () => {
  const { driver, device, ram } = echoBench();
  const queue = driver.start({ features: withoutEventIndex })[0]!;
  device.hold = true;
  const reply = ram.allocate(64);
  queue.add([{ address: reply, length: 64, writable: true }]);
  queue.kick();
  const { queue: deviceQueue, chain } = device.held[0]!;
  const ranges = reportedRanges(ram, () => deviceQueue.push(chain, 0, chain.writableLength));
  expect(ranges[0]).toEqual([reply, 64]);
  expect(queue.takeUsed()?.length).toBe(0);
});

test('a device that claims more bytes than there was room for is told so: our mistake, not the guest’s', () => {
  const { driver, device, ram } = echoBench();
  const queue = driver.start()[0]!;
  device.hold = true;
  queue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  queue.kick();
  const { queue: deviceQueue, chain } = device.held[0]!;
  expect(() => deviceQueue.push(chain, 9)).toThrow(RangeError);
});

test('events tell of notification, chain with descriptors, used element and interrupt', () => {
  const events: VirtioEvent[] = [];
  const { driver, ram } = echoBench({ onEvent: (event) => events.push(event) });
  const queue = driver.start()[0]!;
  events.length = 0;
  const request = ram.place(new Uint8Array(3));
  const reply = ram.allocate(4);
  const head = queue.add(
    [
      { address: request, length: 3 },
      { address: reply, length: 4, writable: true },
    ],
    { indirect: true },
  );
  queue.kick();
  expect(events).toEqual([
    { type: 'notify', device: 'echo', queue: 0 },
    {
      type: 'pop',
      device: 'echo',
      queue: 0,
      slot: 0,
      size: 16,
      head,
      descriptors: [
        { index: head, address: expect.any(Number) as number, length: 32, kind: 'indirect' },
        { index: 0, address: request, length: 3, kind: 'readable' },
        { index: 1, address: reply, length: 4, kind: 'writable' },
      ],
    },
    { type: 'push', device: 'echo', queue: 0, slot: 0, head, length: 3 },
    { type: 'interrupt', device: 'echo', queue: 0 },
  ]);
});
