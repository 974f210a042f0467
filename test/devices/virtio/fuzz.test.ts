// Random rings and descriptor tables, most of them broken: whatever a driver writes, the device throws nothing, writes
// nothing but its used ring and buffers that some descriptor calls writable, and works again after a reset.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryBackend } from '../../../devices/9p/memory.ts';
import { Server } from '../../../devices/9p/server.ts';
import { Virtio9p } from '../../../devices/virtio/9p.ts';
import { feature } from '../../../devices/virtio/device.ts';
import { descriptorFlag, Driver, GuestRam, IrqProbe, ramBase } from '../../driver.ts';
import type { DriverQueue, RawDescriptor } from '../../driver.ts';
import { plug } from '../../transports.ts';
import { echoBench } from './echo-device.ts';

const ramLength = 1 << 14;
const queueSize = 8;
/** Two tables for indirect descriptors, and where they are. */
const tableEntries = 6;
const tables = [ramBase + 0x1000, ramBase + 0x1080] as const;

const address = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: ramBase + 0x2000, max: ramBase + ramLength - 0x200 }) },
  { weight: 4, arbitrary: fc.constantFrom(...tables) },
  { weight: 1, arbitrary: fc.integer({ min: ramBase - 4, max: ramBase + ramLength + 4 }) },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
);
const length = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 0x180 }) },
  { weight: 2, arbitrary: fc.constantFrom(16, 32, 16 * tableEntries) },
  { weight: 1, arbitrary: fc.constantFrom(0, 0xffff_fff0, 0xffff_ffff, ramLength) },
);
const flags = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(0, descriptorFlag.write, descriptorFlag.next, 3) },
  { weight: 2, arbitrary: fc.constant(descriptorFlag.indirect) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }) },
);
const next = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: tableEntries - 1 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }) },
);
const descriptor: fc.Arbitrary<RawDescriptor> = fc.record({ address, length, flags, next });
const round = fc.record({
  heads: fc.array(
    fc.oneof(
      { weight: 20, arbitrary: fc.integer({ min: 0, max: queueSize - 1 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }) },
    ),
    { maxLength: queueSize },
  ),
  /** Added to the available index on top. */
  jump: fc.oneof(
    { weight: 20, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }) },
  ),
  /** Which of the held chains are answered after the notification; none: they are answered within it. */
  answers: fc.option(fc.array(fc.nat({ max: 20 }), { maxLength: 4 })),
  resets: fc.constantFrom('no', 'no', 'no', 'queue', 'device'),
});
const scenario = fc.record({
  main: fc.array(descriptor, { minLength: queueSize, maxLength: queueSize }),
  nested: fc.array(descriptor, { minLength: 2 * tableEntries, maxLength: 2 * tableEntries }),
  rounds: fc.array(round, { minLength: 1, maxLength: 4 }),
  features: fc.constantFrom(
    feature.version1,
    feature.version1 | feature.indirectDesc,
    feature.version1 | feature.indirectDesc | feature.eventIdx | feature.ringReset,
  ),
});

/** Marks in `allowed` every byte of RAM that some descriptor, of the queue's table or of one it refers to, calls writable. */
function allowWritable(ram: GuestRam, queue: DriverQueue, allowed: Uint8Array): void {
  const visit = (table: number, entries: number, nested: boolean): void => {
    for (let index = 0; index < entries; index += 1) {
      const at = table + 16 * index;
      const start = ram.get32(at) + ram.get32(at + 4) * 2 ** 32;
      const size = ram.get32(at + 8);
      const bits = ram.get16(at + 12);
      if (!ram.memory.contains(start, size)) continue;
      if ((bits & descriptorFlag.indirect) !== 0) {
        if (!nested) visit(start, Math.floor(size / 16), true);
      } else if ((bits & descriptorFlag.write) !== 0) {
        allowed.fill(1, start - ramBase, start - ramBase + size);
      }
    }
  };
  visit(queue.table, queue.size, false);
}

function allow(allowed: Uint8Array, start: number, count: number): void {
  allowed.fill(1, start - ramBase, start - ramBase + count);
}

test.each([
  ['shared', true],
  ['unshared', false],
])('random rings and descriptor tables (%s RAM)', (_, shared) => {
  fc.assert(
    fc.property(scenario, ({ main, nested, rounds, features }) => {
      const ram = new GuestRam({ length: ramLength, shared });
      const { driver, device, log } = echoBench({ ram, queueSizes: [queueSize] });
      const queue = driver.start({ features })[0]!;
      for (const [index, entry] of main.entries()) queue.describe(index, entry);
      for (const [index, entry] of nested.entries()) {
        queue.describe(index % tableEntries, entry, tables[index < tableEntries ? 0 : 1]);
      }
      const allowed = new Uint8Array(ramLength);
      const reported = new Uint8Array(ramLength);
      allow(allowed, queue.used, 6 + 8 * queueSize);
      ram.memory.onWritten((start, count) => reported.fill(1, start - ramBase, start - ramBase + count));
      device.onChain = (): void => allowWritable(ram, queue, allowed);
      device.work = (chain): number => chain.write(new Uint8Array(chain.writableLength).fill(0xa5));

      let before = ram.u8.slice();
      const check = (): void => {
        const after = ram.u8;
        if (Buffer.compare(after, before) === 0) return;
        for (let offset = 0; offset < ramLength; offset += 1) {
          if (after[offset] === before[offset]) continue;
          if (allowed[offset] !== 1) throw new Error(`byte ${offset} of RAM was written`);
          if (reported[offset] !== 1) throw new Error(`byte ${offset} of RAM was written and not reported`);
        }
      };
      for (const { heads, jump, answers, resets } of rounds) {
        device.hold = answers !== null;
        for (const head of heads) queue.offer(head);
        if (jump !== 0) ram.set16(queue.available + 2, queue.nextAvailable + jump);
        before = ram.u8.slice();
        queue.kick();
        for (const index of answers ?? []) {
          const [held] = device.held.splice(index, 1);
          if (held !== undefined) device.answer(held);
        }
        check();
        driver.write('queueSel', 0);
        if (resets === 'queue') driver.write('queueReset', 1);
        if (resets === 'device') driver.write('status', 0);
        device.poll();
        check();
      }
      // A fault is told once and in words.
      expect(log.length).toBeLessThanOrEqual(1);

      // Chains of before are answered into nothing, and the device works again.
      device.onChain = (): void => undefined;
      device.hold = false;
      driver.write('status', 0);
      ram.clear();
      device.work = (chain): number => chain.write(chain.read(2 ** 32));
      const fresh = driver.start({ features })[0]!;
      for (const held of device.held) held.queue.push(held.chain, 0);
      expect(fresh.usedIndex).toBe(0);
      expect([...driver.exchange(fresh, [new Uint8Array([1, 2, 3])], [8])]).toEqual([1, 2, 3]);
      expect(driver.needsReset).toBe(false);
    }),
    { numRuns: 1500 },
  );
});

test('random 9P messages in random pieces: a reply whose size field is the used length, or a reset', () => {
  const size4 = (bytes: Uint8Array, size: number): Uint8Array => {
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, size, true);
    return bytes;
  };
  const message = fc
    .record({
      body: fc.uint8Array({ maxLength: 60 }),
      // Types of T-messages are even, from 8 (Tstatfs) to 124 (Twstat).
      type: fc.oneof(
        { weight: 5, arbitrary: fc.integer({ min: 4, max: 63 }).map((half) => 2 * half) },
        { weight: 1, arbitrary: fc.nat({ max: 255 }) },
      ),
      tag: fc.nat({ max: 3 }),
      sizeError: fc.oneof(
        { weight: 20, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.integer({ min: -8, max: 8 }) },
      ),
      cuts: fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 3 }),
      rooms: fc.oneof(
        { weight: 10, arbitrary: fc.constantFrom<number[]>([4096], [11, 500], [7, 4, 300]) },
        {
          weight: 1,
          arbitrary: fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 2 }),
        },
      ),
    })
    .map(({ body, type, tag, sizeError, cuts, rooms }) => {
      const bytes = new Uint8Array(7 + body.length);
      bytes.set(body, 7);
      size4(bytes, Math.max(0, bytes.length + sizeError));
      bytes[4] = type;
      bytes[5] = tag;
      const pieces: Uint8Array[] = [];
      let rest = bytes;
      for (const cut of cuts) {
        if (cut >= rest.length) break;
        pieces.push(rest.slice(0, cut));
        rest = rest.slice(cut);
      }
      return { pieces: [...pieces, rest], rooms, sizeError };
    });
  const tversion = size4(
    new Uint8Array([0, 0, 0, 0, 100, 0xff, 0xff, 0, 0x20, 0, 0, 8, 0, ...Buffer.from('9P2000.L')]),
    21,
  );
  const tattach = size4(
    new Uint8Array([0, 0, 0, 0, 104, 1, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0]),
    23,
  );

  fc.assert(
    fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
      const ram = new GuestRam({ length: 1 << 18 });
      const fatal: unknown[] = [];
      const log: string[] = [];
      const device = new Virtio9p({
        memory: ram.memory,
        log: (line) => log.push(line),
        now: () => 0,
        tag: 'host',
        server: new Server({ backend: new MemoryBackend({ now: () => 0n }) }),
        onFatal: (error) => fatal.push(error),
      });
      const driver = new Driver(plug(device, new IrqProbe()).registers, ram);
      const queue = driver.start()[0]!;
      queue.add([
        { address: ram.place(tversion), length: 21 },
        { address: ram.allocate(64), length: 64, writable: true },
      ]);
      queue.add([
        { address: ram.place(tattach), length: 23 },
        { address: ram.allocate(64), length: 64, writable: true },
      ]);
      queue.kick();
      const pending = new Map<number, number>();
      for (const { pieces, rooms, sizeError } of messages) {
        const replies = rooms.map((room) => ({ address: ram.allocate(room), length: room, writable: true }));
        const requests = pieces.map((piece) => ({ address: ram.place(piece), length: piece.length }));
        const head = queue.add([...requests, ...replies], { indirect: true });
        pending.set(head, replies[0]?.address ?? 0);
        queue.kick();
        const room = rooms.reduce((sum, part) => sum + part, 0);
        expect(driver.needsReset).toBe(sizeError !== 0 || room < 11);
        if (driver.needsReset) break;
      }
      for (let used = queue.takeUsed(); used !== undefined; used = queue.takeUsed()) {
        const reply = pending.get(used.head);
        if (reply === undefined || used.length === 0) continue;
        expect(used.length).toBeGreaterThanOrEqual(7);
        // The first reply buffer has at least 4 bytes in each shape that is answered.
        expect(ram.get32(reply)).toBe(used.length);
      }
      expect(fatal).toEqual([]);
      expect(log).toHaveLength(driver.needsReset ? 1 : 0);
    }),
    { numRuns: 300 },
  );
});
