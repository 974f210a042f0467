// The virtio-9p device, as Linux's net/9p drives it, in front of a server that the test plays.
import { expect, test } from 'vitest';
import { GuestFault } from '../../../devices/guest-fault.ts';
import type { NinePExchange } from '../../../devices/virtio/9p.ts';
import { Virtio9p } from '../../../devices/virtio/9p.ts';
import { feature } from '../../../devices/virtio/device.ts';
import { mmioInterrupt } from '../../../devices/virtio/mmio.ts';
import { Driver, GuestRam, IrqProbe } from '../../driver.ts';
import type { DriverQueue } from '../../driver.ts';
import { plug } from '../../transports.ts';

interface Bench {
  readonly ram: GuestRam;
  readonly device: Virtio9p;
  readonly driver: Driver;
  readonly irq: IrqProbe;
  readonly log: string[];
  readonly fatal: unknown[];
  /** Resets that the server has seen. */
  resets: number;
  /** What the server does with an exchange. */
  answer: (exchange: NinePExchange) => number | Promise<number>;
  time: number;
}

function ninePBench(tag = 'host'): Bench {
  const ram = new GuestRam();
  const log: string[] = [];
  const fatal: unknown[] = [];
  const irq = new IrqProbe();
  const device = new Virtio9p({
    memory: ram.memory,
    log: (line) => log.push(line),
    now: () => bench.time,
    tag,
    server: {
      answer: (exchange) => bench.answer(exchange),
      reset: () => {
        bench.resets += 1;
      },
    },
    onFatal: (error) => fatal.push(error),
  });
  const driver = new Driver(plug(device, irq).registers, ram);
  const bench: Bench = { ram, device, driver, irq, log, fatal, resets: 0, answer: () => 7, time: 0 };
  return bench;
}

const request = new Uint8Array(16);

function send(queue: DriverQueue, ...lengths: number[]): { readonly head: number; readonly reply: number } {
  const reply = queue.ram.allocate(4096);
  const replies = (lengths.length === 0 ? [64] : lengths).map((length, at) => ({
    address: reply + at * 256,
    length,
    writable: true,
  }));
  const head = queue.add([{ address: queue.ram.place(request), length: request.length }, ...replies]);
  queue.kick();
  return { head, reply };
}

/** Lets every promise that is settled be heeded. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

interface Deferred {
  readonly promise: Promise<number>;
  readonly resolve: (length: number) => void;
  readonly reject: (error: unknown) => void;
}

function defer(): Deferred {
  let resolve: (length: number) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<number>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

test('device ID 9, MOUNT_TAG, and le16 length and tag in the configuration space', () => {
  const { driver } = ninePBench('rö');
  expect(driver.read('deviceId')).toBe(9);
  expect(driver.offered & 1n).toBe(1n);
  expect(driver.configuration(0, 2)).toBe(3);
  expect([2, 3, 4, 5].map((offset) => driver.configuration(offset, 1))).toEqual([...Buffer.from('rö'), 0]);
});

test.each(['', 'a\0b', 'x'.repeat(256)])('a mount tag like %j is refused when the device is made', (tag) => {
  expect(() => ninePBench(tag)).toThrow(/mount tag .* 1 to 255 bytes/);
});

test('the longest mount tag', () => {
  const { driver } = ninePBench('x'.repeat(255));
  expect(driver.configuration(0, 2)).toBe(255);
  expect(driver.configuration(256, 1)).toBe('x'.charCodeAt(0));
});

test('an exchange is named by the head of its chain, as the queue’s events are', () => {
  const bench = ninePBench();
  const queue = bench.driver.start()[0]!;
  const heads: number[] = [];
  bench.answer = ({ head }) => {
    heads.push(head);
    return 11;
  };
  const sent = [send(queue), send(queue), send(queue, 32, 32)].map(({ head }) => head);
  expect(heads).toEqual(sent);
  expect(new Set(heads).size).toBe(3);
});

test('two full requests of msize 512,000 fit without indirect descriptors', () => {
  const { driver } = ninePBench();
  const queue = driver.start({ features: feature.version1 })[0]!;
  const pages = Array.from({ length: 127 }, (_, at) => ({
    address: queue.ram.memory.base + 8192 * (at % 100) + 4096,
    length: 4096,
    writable: true,
  }));
  for (const _ of [1, 2]) queue.add([{ address: queue.ram.memory.base, length: 23 }, ...pages]);
  queue.kick();
  expect(queue.usedIndex).toBe(2);
  expect(driver.needsReset).toBe(false);
});

test('an answer that is there at once is in the used ring when the notification returns', () => {
  const bench = ninePBench();
  const queue = bench.driver.start()[0]!;
  bench.answer = ({ writable }) => {
    writable[0]!.set([21, 22, 23]);
    return 21;
  };
  const { head, reply } = send(queue);
  expect(queue.takeUsed()).toEqual({ head, length: 21 });
  expect([...bench.ram.view(reply, 3)]).toEqual([21, 22, 23]);
  expect(bench.irq.asserted).toBe(true);
});

test('the server sees the message and the room for the reply, each in order', () => {
  const bench = ninePBench();
  const queue = bench.driver.start()[0]!;
  const seen: NinePExchange[] = [];
  bench.answer = (exchange) => {
    seen.push(exchange);
    return 11;
  };
  send(queue, 11, 100);
  expect(seen[0]!.readable.map(({ length }) => length)).toEqual([16]);
  expect(seen[0]!.writable.map(({ length }) => length)).toEqual([11, 100]);
});

test('answers that come later complete out of order, each with an interrupt', async () => {
  const bench = ninePBench();
  const queue = bench.driver.start()[0]!;
  const waiting: Deferred[] = [];
  bench.answer = () => {
    const deferred = defer();
    waiting.push(deferred);
    return deferred.promise;
  };
  const first = send(queue);
  const second = send(queue);
  expect(bench.device.outstanding).toBe(2);
  expect(queue.usedIndex).toBe(0);

  waiting[1]!.resolve(30);
  await settle();
  expect(queue.takeUsed()).toEqual({ head: second.head, length: 30 });
  expect(bench.driver.acknowledge()).toBe(mmioInterrupt.usedBuffer);
  expect(queue.takeUsed()).toBeUndefined();

  waiting[0]!.resolve(40);
  await settle();
  expect(queue.takeUsed()).toEqual({ head: first.head, length: 40 });
  expect(bench.irq.asserted).toBe(true);
  expect(bench.device.outstanding).toBe(0);
});

function reportedBy(bench: Bench, address: number, action: () => void): number {
  let reported = 0;
  bench.ram.memory.onWritten((start, length) => {
    if (start >= address && start < address + 4096) reported += length;
  });
  action();
  return reported;
}

test.each([
  ['a reply of 100 bytes reports 100', 100, 100],
  ['an error of 11 bytes reports all, as file data may have been written before it', 11, 300],
  ['a flushed request has length 0 and reports all', 0, 300],
])('%s', (_, length, reported) => {
  const bench = ninePBench();
  const queue = bench.driver.start()[0]!;
  bench.answer = () => length;
  const reply = bench.ram.allocate(4096);
  queue.add([
    { address: bench.ram.place(request), length: request.length },
    { address: reply, length: 50, writable: true },
    { address: reply + 1000, length: 250, writable: true },
  ]);
  expect(reportedBy(bench, reply, () => queue.kick())).toBe(reported);
  expect(queue.takeUsed()?.length).toBe(length);
});

test('broken framing, found at once, needs a reset', () => {
  const bench = ninePBench();
  const queue = bench.driver.start()[0]!;
  bench.answer = () => {
    throw new GuestFault('9P message shorter than its header', { length: 3 });
  };
  const { resets } = bench;
  send(queue);
  expect(bench.driver.needsReset).toBe(true);
  expect(bench.log).toEqual([
    'virtio-9p host: 9P message shorter than its header (length 3); the device needs a reset',
  ]);
  expect(bench.resets).toBe(resets + 1);
  expect(queue.usedIndex).toBe(0);
  expect(bench.driver.acknowledge()).toBe(mmioInterrupt.configurationChange);
});

test('broken framing, found later, needs a reset', async () => {
  const bench = ninePBench();
  const queue = bench.driver.start()[0]!;
  bench.answer = () => Promise.reject(new GuestFault('no room'));
  send(queue);
  await settle();
  expect(bench.driver.needsReset).toBe(true);
  expect(bench.log).toHaveLength(1);
  expect(bench.fatal).toEqual([]);
});

test('a mistake of the server’s reaches the machine: out of the notification', () => {
  const bench = ninePBench();
  const queue = bench.driver.start()[0]!;
  bench.answer = () => {
    throw new TypeError('a mistake of ours');
  };
  expect(() => send(queue)).toThrow('a mistake of ours');
  expect(bench.log).toEqual([]);
});

test('a mistake of the server’s reaches the machine: later', async () => {
  const bench = ninePBench();
  const queue = bench.driver.start()[0]!;
  const mistake = new TypeError('a mistake of ours');
  bench.answer = () => Promise.reject(mistake);
  send(queue);
  await settle();
  expect(bench.fatal).toEqual([mistake]);
  expect(bench.driver.needsReset).toBe(false);
});

test('a reply longer than the room for it is a mistake of the server’s, too', async () => {
  const bench = ninePBench();
  const queue = bench.driver.start()[0]!;
  bench.answer = () => Promise.resolve(65);
  send(queue, 64);
  await settle();
  expect(bench.fatal).toHaveLength(1);
  expect(queue.usedIndex).toBe(0);
});

test.each([
  ['answers', (deferred: Deferred): void => deferred.resolve(20)],
  ['finds broken framing', (deferred: Deferred): void => deferred.reject(new GuestFault('no room'))],
])('after a device reset nothing touches the rings or the buffers when the server %s', async (_, end) => {
  const bench = ninePBench();
  const queue = bench.driver.start()[0]!;
  const deferred = defer();
  bench.answer = () => deferred.promise;
  send(queue);
  const { resets } = bench;
  bench.driver.write('status', 0);
  expect(bench.resets).toBe(resets + 1);

  const fresh = bench.driver.start()[0]!;
  const before = bench.ram.u8.slice();
  end(deferred);
  await settle();
  expect(Buffer.compare(bench.ram.u8, before)).toBe(0);
  expect(fresh.usedIndex).toBe(0);
  expect(bench.irq.asserted).toBe(false);
  expect(bench.log).toEqual([]);
  expect(bench.fatal).toEqual([]);
  expect(bench.driver.needsReset).toBe(false);

  bench.answer = () => 20;
  send(fresh);
  expect(fresh.usedIndex).toBe(1);
});

test('§2.6.1 a queue reset waits for the answers and keeps the session', async () => {
  const bench = ninePBench();
  const queue = bench.driver.start()[0]!;
  const deferred = defer();
  bench.answer = () => deferred.promise;
  send(queue);
  const { resets } = bench;
  bench.driver.write('queueSel', 0);
  bench.driver.write('queueReset', 1);
  expect(bench.driver.read('queueReset')).toBe(1);
  deferred.resolve(20);
  await settle();
  expect(bench.driver.read('queueReset')).toBe(0);
  expect(queue.usedIndex).toBe(0);
  expect(bench.resets).toBe(resets);
});

test('one notification answers requests for a millisecond; poll goes on with the rest', () => {
  const bench = ninePBench();
  const queue = bench.driver.start()[0]!;
  bench.answer = () => {
    bench.time += 0.3;
    return 20;
  };
  for (let count = 0; count < 6; count += 1) {
    queue.add([
      { address: bench.ram.place(request), length: request.length },
      { address: bench.ram.allocate(64), length: 64, writable: true },
    ]);
  }
  queue.kick();
  expect(queue.usedIndex).toBe(4);
  expect(bench.irq.asserted).toBe(true);
  expect(bench.device.pending).toBe(true);
  bench.device.poll();
  expect(queue.usedIndex).toBe(6);
  expect(bench.device.pending).toBe(false);
});
