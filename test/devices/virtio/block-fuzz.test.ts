// Random requests, most of them nearly right, against a model of the disk; and over a disk that waits and fails while the
// driver resets the device.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DiskError } from '../../../devices/disk/disk.ts';
import { MemoryDisk } from '../../../devices/disk/memory.ts';
import { blockRequest, blockStatus } from '../../../devices/virtio/block.ts';
import { add, blockBench, header, noStatus, range, request, settle, SlowDisk, statusOf } from './block-bench.ts';
import type { Sent } from './block-bench.ts';

const sectors = 32;
const { ok, ioError, unsupported } = blockStatus;

const sector = fc.oneof(
  { weight: 10, arbitrary: fc.bigInt({ min: 0n, max: BigInt(sectors) + 2n }) },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
  { weight: 1, arbitrary: fc.constantFrom(2n ** 32n, 2n ** 53n, 2n ** 55n, 2n ** 64n - 1n) },
);
const length = fc.oneof(
  { weight: 10, arbitrary: fc.integer({ min: 0, max: 8 }).map((count) => count * 512) },
  { weight: 2, arbitrary: fc.constantFrom(1, 16, 20, 21, 511, 513, 1023) },
);
const zeroRange = fc.record({
  sector,
  count: fc.oneof({ weight: 8, arbitrary: fc.nat({ max: 6 }) }, { weight: 1, arbitrary: fc.constant(0xffff_ffff) }),
  flags: fc.constantFrom(0, 0, 0, 1, 2),
});
const operation = fc.record({
  type: fc.oneof(
    { weight: 10, arbitrary: fc.constantFrom<number>(...Object.values(blockRequest)) },
    { weight: 1, arbitrary: fc.nat({ max: 20 }) },
  ),
  sector,
  readLength: length,
  writeLength: length,
  ranges: fc.array(zeroRange, { minLength: 1, maxLength: 3 }),
  fill: fc.nat({ max: 255 }),
  cuts: fc.array(fc.integer({ min: 1, max: 600 }), { maxLength: 3 }),
  isIndirect: fc.boolean(),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** The payload of a request, and the room for its answer. */
function shape({ type, readLength, writeLength, ranges, fill }: Operation): { payload: Uint8Array; room: number } {
  if (type === blockRequest.in) return { payload: new Uint8Array(0), room: readLength };
  if (type === blockRequest.out) return { payload: new Uint8Array(writeLength).fill(fill), room: 0 };
  if (type === blockRequest.getId) return { payload: new Uint8Array(0), room: fill % 4 === 0 ? readLength : 20 };
  if (type !== blockRequest.discard && type !== blockRequest.writeZeroes)
    return { payload: new Uint8Array(0), room: 0 };
  const parts = ranges.map(({ sector: at, count, flags }) => range(at, count, flags));
  return { payload: Buffer.concat(parts), room: 0 };
}

function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let rest = bytes;
  for (const at of cuts) {
    if (at >= rest.length) break;
    pieces.push(rest.slice(0, at));
    rest = rest.slice(at);
  }
  return [...pieces, rest];
}

/** What the specification says of a request, written down anew: its status, and what the disk is after it. */
function model(disk: Uint8Array, one: Operation): number {
  const isInside = (at: bigint, bytes: number): boolean =>
    bytes % 512 === 0 && at * 512n + BigInt(bytes) <= BigInt(disk.length);
  const { type, readLength, writeLength, ranges, fill } = one;
  switch (type) {
    case blockRequest.in:
      return isInside(one.sector, readLength) ? ok : ioError;
    case blockRequest.out:
      if (!isInside(one.sector, writeLength)) return ioError;
      disk.fill(fill, Number(one.sector) * 512, Number(one.sector) * 512 + writeLength);
      return ok;
    case blockRequest.flush:
      return ok;
    case blockRequest.getId:
      return fill % 4 === 0 && readLength !== 20 ? ioError : ok;
    case blockRequest.writeZeroes: {
      if (ranges.length > 1) return ioError;
      const [{ sector: at, count, flags }] = ranges as [(typeof ranges)[number]];
      if (flags > 1) return unsupported;
      if (count > 32_768 || !isInside(at, count * 512)) return ioError;
      disk.fill(0, Number(at) * 512, (Number(at) + count) * 512);
      return ok;
    }
    default:
      return unsupported;
  }
}

test('any requests do to the disk what the specification says, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 25 }), (operations) => {
      const bytes = Uint8Array.from({ length: sectors * 512 }, (_, at) => at * 31);
      const expected = bytes.slice();
      const bench = blockBench(new MemoryDisk(bytes));
      bench.driver.start();
      for (const one of operations) {
        const { payload, room } = shape(one);
        const whole = Buffer.concat([header(one.type, one.sector), payload]);
        const before = expected.slice(Number(one.sector) * 512).slice(0, one.readLength);
        const { status, data } = request(
          bench,
          cut(new Uint8Array(whole), one.cuts).filter((piece) => piece.length > 0),
          room === 0 ? [] : [room],
          { indirect: one.isIndirect },
        );
        expect(status).toBe(model(expected, one));
        expect(Buffer.compare(bytes, expected)).toBe(0);
        if (one.type === blockRequest.in && status === ok) expect([...data]).toEqual([...before]);
      }
      expect(bench.driver.needsReset).toBe(false);
      expect(bench.log).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('over a disk that waits and fails, with resets between, every request is answered once or forgotten', async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: operation },
    { weight: 6, arbitrary: fc.record({ release: fc.nat({ max: 8 }), isFailing: fc.boolean() }) },
    { weight: 1, arbitrary: fc.constantFrom('device' as const, 'queue' as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const disk = new SlowDisk(new Uint8Array(sectors * 512));
      const bench = blockBench(disk);
      const { driver, ram } = bench;
      let queue = driver.start()[0]!;
      const inFlight = new Map<number, Sent>();
      const gone: Sent[] = [];
      const collect = (): void => {
        for (let used = queue.takeUsed(); used !== undefined; used = queue.takeUsed()) {
          const sent = inFlight.get(used.head);
          expect(sent).toBeDefined();
          inFlight.delete(used.head);
          expect(statusOf(ram, sent!)).toBeLessThan(3);
        }
      };
      for (const each of steps) {
        if (typeof each === 'string') {
          driver.write('queueSel', 0);
          driver.write(each === 'queue' ? 'queueReset' : 'status', each === 'queue' ? 1 : 0);
          gone.push(...inFlight.values());
          inFlight.clear();
          queue = driver.start()[0]!;
        } else if ('release' in each) {
          if (disk.waiting === 0) continue;
          if (each.isFailing) disk.failure = new DiskError('the host fails');
          disk.release(each.release % disk.waiting);
          await settle();
        } else {
          const { payload, room } = shape(each);
          const message = [header(each.type, each.sector), ...(payload.length > 0 ? [payload] : [])];
          const sent = add(queue, message, room === 0 ? [] : [room], { indirect: true });
          inFlight.set(sent.head, sent);
          queue.kick();
        }
        collect();
      }
      while (disk.waiting > 0) {
        disk.release();
        await settle();
      }
      collect();
      expect(inFlight.size).toBe(0);
      expect(bench.device.outstanding).toBe(0);
      for (const sent of gone) expect(statusOf(ram, sent)).toBe(noStatus);
      expect(bench.fatal).toEqual([]);
    }),
    { numRuns: 150 },
  );
});
