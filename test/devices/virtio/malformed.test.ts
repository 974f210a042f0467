// Every way in which a driver can break a ring (VIRTIO 1.3 §2.7): the device stops with DEVICE_NEEDS_RESET and one line in
// the log, throws nothing, writes nothing, and works again after a reset.
import { expect, test } from 'vitest';
import { feature } from '../../../devices/virtio/device.ts';
import { mmioInterrupt } from '../../../devices/virtio/mmio.ts';
import { descriptorFlag, GuestRam, ramBase } from '../../driver.ts';
import type { DriverQueue } from '../../driver.ts';
import { echoBench } from './echo-device.ts';

const { next, write, indirect } = descriptorFlag;
const defaultSize = 16;
const allButIndirect = feature.version1 | feature.eventIdx;

interface Case {
  /** What is broken. */
  readonly name: string;
  /** A phrase of the log line. */
  readonly says: string;
  readonly features?: bigint;
  /** Entries of the queue, 16 if absent. */
  readonly size?: number;
  /** Bytes of RAM, 256 KiB if absent. */
  readonly ramLength?: number;
  /** Makes the ring malformed; `buffer` is 64 bytes of RAM. */
  readonly build: (queue: DriverQueue, buffer: number, ram: GuestRam) => void;
}

function offerIndirect(queue: DriverQueue, entry: { readonly length: number; readonly flags?: number }): void {
  const table = queue.ram.allocate(256);
  queue.describe(0, { address: table, length: 16, flags: write }, table);
  queue.describe(0, { address: table, length: entry.length, flags: entry.flags ?? indirect });
  queue.offer(0);
}

const cases: readonly Case[] = [
  {
    name: 'a chain that loops',
    says: 'descriptor chain loops',
    build(queue, address) {
      queue.describe(0, { address, length: 1, flags: next, next: 1 });
      queue.describe(1, { address: address + 8, length: 1, flags: next, next: 0 });
      queue.offer(0);
    },
  },
  {
    name: 'a descriptor whose next is itself',
    says: 'descriptor chain loops',
    build(queue, address) {
      queue.describe(3, { address, length: 1, flags: next, next: 3 });
      queue.offer(3);
    },
  },
  {
    name: 'an indirect table that loops',
    says: 'descriptor chain loops',
    build(queue, address, ram) {
      const table = ram.allocate(32);
      queue.describe(0, { address, length: 1, flags: next, next: 1 }, table);
      queue.describe(1, { address: address + 8, length: 1, flags: next, next: 0 }, table);
      queue.describe(0, { address: table, length: 32, flags: indirect });
      queue.offer(0);
    },
  },
  {
    name: 'next equal to the queue size',
    says: 'next descriptor outside the table',
    build(queue, address) {
      queue.describe(0, { address, length: 1, flags: next, next: defaultSize });
      queue.offer(0);
    },
  },
  {
    name: 'next of 0xffff',
    says: 'next descriptor outside the table',
    build(queue, address) {
      queue.describe(0, { address, length: 1, flags: next, next: 0xffff });
      queue.offer(0);
    },
  },
  {
    name: 'next outside an indirect table',
    says: 'next descriptor outside the table',
    build(queue, address, ram) {
      const table = ram.allocate(32);
      queue.describe(0, { address, length: 1, flags: next, next: 2 }, table);
      queue.describe(0, { address: table, length: 32, flags: indirect });
      queue.offer(0);
    },
  },
  {
    name: 'an indirect chain longer than the queue (§2.7.5.3.1)',
    says: 'longer than the queue',
    build(queue, address) {
      const buffers = Array.from({ length: defaultSize + 1 }, (_, index) => ({ address: address + index, length: 1 }));
      queue.describe(0, queue.indirect(buffers));
      queue.offer(0);
    },
  },
  {
    name: 'direct descriptors and a table that are together longer than the queue',
    says: 'longer than the queue',
    build(queue, address) {
      const buffers = Array.from({ length: defaultSize }, (_, index) => ({ address: address + index, length: 1 }));
      queue.describe(0, { address, length: 1, flags: next, next: 1 });
      queue.describe(1, queue.indirect(buffers));
      queue.offer(0);
    },
  },
  {
    name: 'a chain of more than 2^32 bytes (§2.7.5.2)',
    says: 'more than 2^32 bytes',
    size: 128,
    ramLength: 2 ** 25 + 4096,
    build(queue, _address, ram) {
      const buffers = Array.from({ length: 128 }, () => ({ address: ramBase, length: ram.length, writable: true }));
      queue.chain(
        buffers,
        buffers.map((_, index) => index),
      );
      queue.offer(0);
    },
  },
  {
    name: 'an indirect table of length 0',
    says: 'not a multiple of 16',
    build: (queue) => offerIndirect(queue, { length: 0 }),
  },
  {
    name: 'an indirect table of 24 bytes',
    says: 'not a multiple of 16',
    build: (queue) => offerIndirect(queue, { length: 24 }),
  },
  {
    name: 'an indirect table outside RAM',
    says: 'indirect table outside guest RAM',
    build(queue) {
      queue.describe(0, { address: 0x1000, length: 16, flags: indirect });
      queue.offer(0);
    },
  },
  {
    name: 'an indirect table that ends outside RAM',
    says: 'indirect table outside guest RAM',
    build(queue, _address, ram) {
      queue.describe(0, { address: ramBase + ram.length - 16, length: 32, flags: indirect });
      queue.offer(0);
    },
  },
  {
    name: 'an indirect descriptor inside an indirect table (§2.7.5.3.1)',
    says: 'inside an indirect table',
    build(queue, _address, ram) {
      const table = ram.allocate(16);
      queue.describe(0, { address: table, length: 16, flags: indirect }, table);
      queue.describe(0, { address: table, length: 16, flags: indirect });
      queue.offer(0);
    },
  },
  {
    name: 'indirect together with next (§2.7.5.3.1)',
    says: 'indirect descriptor with a next one',
    build: (queue) => offerIndirect(queue, { length: 16, flags: indirect | next }),
  },
  {
    name: 'an indirect descriptor without the feature (§2.7.5.3.1)',
    says: 'not negotiated',
    features: allButIndirect,
    build: (queue) => offerIndirect(queue, { length: 16 }),
  },
  {
    name: 'a readable buffer after a writable one (§2.7.4.2)',
    says: 'readable buffer after a writable one',
    build(queue, address) {
      queue.describe(0, { address, length: 8, flags: write | next, next: 1 });
      queue.describe(1, { address: address + 8, length: 8 });
      queue.offer(0);
    },
  },
  {
    name: 'a readable buffer after a writable one, in the table that follows it',
    says: 'readable buffer after a writable one',
    build(queue, address) {
      queue.describe(0, { address, length: 8, flags: write | next, next: 1 });
      queue.describe(1, queue.indirect([{ address: address + 32, length: 8 }]));
      queue.offer(0);
    },
  },
  {
    name: 'a readable descriptor of length zero',
    says: 'length zero',
    build(queue, address) {
      queue.describe(0, { address, length: 0 });
      queue.offer(0);
    },
  },
  {
    name: 'a writable descriptor of length zero inside a chain',
    says: 'length zero',
    build(queue, address) {
      queue.describe(0, { address, length: 8, flags: next, next: 1 });
      queue.describe(1, { address: address + 8, length: 0, flags: write });
      queue.offer(0);
    },
  },
  {
    name: 'a buffer below RAM',
    says: 'buffer outside guest RAM',
    build(queue) {
      queue.describe(0, { address: ramBase - 1, length: 2, flags: write });
      queue.offer(0);
    },
  },
  {
    name: 'a buffer that ends one byte after RAM',
    says: 'buffer outside guest RAM',
    build(queue, _address, ram) {
      queue.describe(0, { address: ramBase + ram.length - 8, length: 9, flags: write });
      queue.offer(0);
    },
  },
  {
    name: 'a buffer that wraps past 2^64',
    says: 'buffer outside guest RAM',
    build(queue) {
      queue.describe(0, { address: 0xffff_ffff_ffff_fff0n, length: 0x20, flags: write });
      queue.offer(0);
    },
  },
  {
    name: 'a buffer whose address is right in its low 32 bits only',
    says: 'buffer outside guest RAM',
    build(queue, address) {
      queue.describe(0, { address: (1n << 32n) | BigInt(address), length: 8, flags: write });
      queue.offer(0);
    },
  },
  {
    name: 'a length of 2^32 - 1',
    says: 'buffer outside guest RAM',
    build(queue, address) {
      queue.describe(0, { address, length: 0xffff_ffff, flags: write });
      queue.offer(0);
    },
  },
  {
    name: 'an available index that jumps by more than the queue size',
    says: 'available index moved by more than the queue size',
    build: (queue, _address, ram) => ram.set16(queue.available + 2, defaultSize + 1),
  },
  {
    name: 'an available index that goes back (§2.7.6.1)',
    says: 'available index moved by more than the queue size',
    build: (queue, _address, ram) => ram.set16(queue.available + 2, 0xffff),
  },
  {
    name: 'a head equal to the queue size',
    says: 'names a descriptor outside the table',
    build: (queue) => queue.offer(defaultSize),
  },
  {
    name: 'a head of 0xffff',
    says: 'names a descriptor outside the table',
    build: (queue) => queue.offer(0xffff),
  },
];

for (const shared of [true, false]) {
  test.each(cases)(`$name needs a reset (${shared ? 'shared' : 'unshared'} RAM)`, (broken) => {
    const { says, features, build, size = defaultSize, ramLength = 1 << 18 } = broken;
    const ram = new GuestRam({ shared, length: ramLength });
    const { driver, irq, log } = echoBench({ ram, queueSizes: [size] });
    const options = features === undefined ? {} : { features };
    const queue = driver.start(options)[0]!;
    build(queue, ram.allocate(64), ram);
    const before = ram.u8.slice();

    queue.kick();

    expect(driver.needsReset).toBe(true);
    expect(log).toHaveLength(1);
    expect(log[0]).toContain(says);
    // §2.1.2: the driver is told by a configuration change notification.
    expect(irq.asserted).toBe(true);
    expect(driver.acknowledge()).toBe(mmioInterrupt.configurationChange);
    expect(Buffer.compare(ram.u8, before)).toBe(0);

    const again = driver.start(options)[0]!;
    const reply = driver.exchange(again, [new Uint8Array([5, 6, 7])], [8], { indirect: features === undefined });
    expect([...reply]).toEqual([5, 6, 7]);
    expect(driver.needsReset).toBe(false);
    expect(log).toHaveLength(1);
  });
}

test('the same head made available again before it was used needs a reset', () => {
  const { driver, device, ram, log } = echoBench();
  const queue = driver.start()[0]!;
  device.hold = true;
  const head = queue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  queue.kick();
  expect(device.outstanding).toBe(1);

  queue.offer(head);
  queue.kick();

  expect(driver.needsReset).toBe(true);
  expect(log).toHaveLength(1);
  expect(log[0]).toContain('available again before it was used');
});

test('the same head is welcome again after it was used', () => {
  const { driver, ram, log } = echoBench();
  const queue = driver.start()[0]!;
  const head = queue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  queue.kick();
  queue.offer(head);
  queue.kick();
  expect(queue.usedIndex).toBe(2);
  expect(log).toEqual([]);
});

test('a device that needs a reset takes nothing more and says nothing more', () => {
  const { driver, ram, log } = echoBench();
  const queue = driver.start()[0]!;
  queue.offer(9999);
  queue.kick();
  queue.add([{ address: ram.allocate(8), length: 8, writable: true }]);
  queue.kick();
  expect(queue.usedIndex).toBe(0);
  expect(log).toHaveLength(1);
});
