// VIRTIO 1.3 §5.4: the entropy device.
import { expect, test } from 'vitest';
import { VirtioRng } from '../../../devices/virtio/rng.ts';
import { Driver, GuestRam, IrqProbe } from '../../driver.ts';
import { plug } from '../../transports.ts';

function rngBench(fill: (bytes: Uint8Array<ArrayBuffer>) => void): {
  readonly ram: GuestRam;
  readonly driver: Driver;
  readonly log: string[];
} {
  const ram = new GuestRam();
  const log: string[] = [];
  const device = new VirtioRng({ memory: ram.memory, log: (line) => log.push(line), now: () => 0, fill });
  return { ram, driver: new Driver(plug(device, new IrqProbe()).registers, ram), log };
}

test('§5.4.1 device ID 4', () => {
  expect(rngBench(() => undefined).driver.read('deviceId')).toBe(4);
});

test('§5.4.6 the buffers are filled in order, and the used length is what was filled', () => {
  let next = 0;
  const { driver } = rngBench((bytes) => {
    for (let at = 0; at < bytes.length; at += 1) bytes[at] = next += 1;
  });
  const queue = driver.start()[0]!;
  expect([...driver.exchange(queue, [], [3, 5])]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect([...driver.exchange(queue, [], [2], { indirect: true })]).toEqual([9, 10]);
});

test('§5.4.6.2 of a large buffer at least one byte is filled, and no byte after the used length', () => {
  const { driver, ram } = rngBench((bytes) => bytes.fill(0xaa));
  const queue = driver.start()[0]!;
  const reply = ram.allocate(70_000);
  queue.add([{ address: reply, length: 70_000, writable: true }]);
  queue.kick();
  const length = queue.takeUsed()!.length;
  expect(length).toBeGreaterThanOrEqual(1);
  const bytes = ram.view(reply, 70_000);
  expect(bytes.indexOf(0)).toBe(length);
  expect(bytes.subarray(length).every((byte) => byte === 0)).toBe(true);
});

test('the source of randomness never sees guest RAM, nor more than it can fill', () => {
  const seen: Uint8Array[] = [];
  const { driver, ram } = rngBench((bytes) => {
    seen.push(bytes);
    // What Node.js and browsers do: refuse shared memory, and more than 65,536 bytes.
    globalThis.crypto.getRandomValues(bytes);
  });
  const queue = driver.start()[0]!;
  driver.exchange(queue, [], [4096]);
  queue.add([{ address: ram.allocate(200_000), length: 200_000, writable: true }]);
  queue.kick();
  expect(seen.every(({ buffer, length }) => buffer instanceof ArrayBuffer && length <= 65_536)).toBe(true);
  expect(queue.takeUsed()!.length).toBeGreaterThan(0);
});

test('§5.4.6.1 a readable buffer needs a reset', () => {
  const { driver, log, ram } = rngBench(() => undefined);
  const queue = driver.start()[0]!;
  queue.add([
    { address: ram.allocate(8), length: 8 },
    { address: ram.allocate(8), length: 8, writable: true },
  ]);
  queue.kick();
  expect(driver.needsReset).toBe(true);
  expect(log[0]).toContain('readable buffer in the entropy queue');
});
