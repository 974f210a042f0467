// VIRTIO 1.3 §5.3.6: bytes to and from the ports of a console, and who waits for whom.
import { expect, test } from 'vitest';
import { consoleEvent } from '../../../devices/virtio/console.ts';
import { collect, ConsoleBench } from './console-bench.ts';

test('§5.3.6 output of each port reaches its own listener, used with length 0', () => {
  const bench = new ConsoleBench().boot();
  const fromConsole = collect(bench.console);
  const fromAgent = collect(bench.agent);
  bench.send(1, [1, 2, 3]);
  bench.send(5, [4]);
  const address = bench.ram.place(new Uint8Array([5, 6, 7]));
  bench.queue(5).add([
    { address, length: 1 },
    { address: address + 1, length: 2 },
  ]);
  bench.queue(5).kick();
  expect(bench.queue(5).takeUsed()?.length).toBe(0);
  expect(fromConsole).toEqual([1, 2, 3]);
  expect(fromAgent).toEqual([4, 5, 6, 7]);
});

test('what a listener gets is a copy of its own, at most 64 KiB at once', () => {
  const bench = new ConsoleBench().boot();
  const pieces: Uint8Array[] = [];
  bench.agent.listen({ data: (bytes) => pieces.push(bytes) });
  const length = 150_000;
  const address = bench.ram.allocate(length);
  bench.ram.view(address, length).fill(7);
  bench.queue(5).add([{ address, length }]);
  bench.queue(5).kick();
  bench.ram.view(address, length).fill(0);
  expect(pieces.map((piece) => piece.length)).toEqual([65_536, 65_536, 150_000 - 131_072]);
  expect(pieces.every((piece) => piece.buffer instanceof ArrayBuffer && piece.every((byte) => byte === 7))).toBe(true);
});

test('an output buffer of 1 MiB is the longest', () => {
  const bench = new ConsoleBench().boot();
  let length = 0;
  bench.agent.listen({ data: (bytes) => (length += bytes.length) });
  const address = bench.ram.allocate((1 << 20) + 1);
  bench.queue(5).add([{ address, length: 1 << 20 }]);
  bench.queue(5).kick();
  expect(length).toBe(1 << 20);
  bench.queue(5).add([{ address, length: (1 << 20) + 1 }]);
  bench.queue(5).kick();
  expect(length).toBe(1 << 20);
  expect(bench.log[0]).toContain('output buffer of more than 1 MiB (port 1, length 1048577)');
});

test('without a listener output stays in the guest’s queue, and a later listener gets all of it', () => {
  const bench = new ConsoleBench().boot();
  expect(bench.send(5, [1])).toBe(false);
  expect(bench.send(5, [2])).toBe(false);
  expect(collect(bench.agent)).toEqual([1, 2]);
  expect(bench.queue(5).usedIndex).toBe(2);
});

test('a paused port stops the sender: its ring fills, nothing is lost, and resume takes it all in order', () => {
  const bench = new ConsoleBench().boot();
  const bytes: number[] = [];
  bench.agent.listen({
    data: (piece) => {
      bytes.push(...piece);
      bench.agent.pause();
    },
  });
  const queue = bench.queue(5);
  let sent = 0;
  while (queue.freeDescriptors > 0) {
    queue.add([{ address: bench.ram.place(new Uint8Array([sent])), length: 1 }]);
    sent += 1;
    queue.kick();
  }
  expect(bytes).toEqual([0]);
  expect(sent).toBe(128);
  while (bytes.length < sent) bench.agent.resume();
  expect(bytes).toEqual(Array.from({ length: sent }, (_, at) => at));
});

test('a listener may resume and write while it is given data: the order holds', () => {
  const bench = new ConsoleBench().boot();
  bench.provide(4, 8);
  const bytes: number[] = [];
  bench.agent.listen({
    data: (piece) => {
      bytes.push(...piece);
      bench.agent.pause();
      bench.agent.resume();
      bench.agent.write(piece);
    },
  });
  for (const byte of [1, 2, 3]) {
    bench.queue(5).add([{ address: bench.ram.place(new Uint8Array([byte])), length: 1 }]);
  }
  bench.queue(5).kick();
  expect(bytes).toEqual([1, 2, 3]);
  expect(bench.received(4)).toEqual([[1], [2], [3]]);
});

test('input fills the guest’s buffers, cut to their size, with an interrupt', () => {
  const bench = new ConsoleBench().boot();
  bench.provide(4, 3);
  bench.driver.acknowledge();
  const bytes = Uint8Array.from({ length: 100 }, (_, at) => at);
  expect(bench.agent.write(bytes)).toBe(100);
  expect(bench.irq.asserted).toBe(true);
  expect(bench.received(4)).toEqual([[...bytes.subarray(0, 64)], [...bytes.subarray(64)]]);
});

test('input that is written before the guest opens the port waits for it', () => {
  const bench = new ConsoleBench();
  bench.agent.write(new Uint8Array([1, 2]));
  bench.driver.start();
  bench.provide(4, 2);
  expect(bench.received(4)).toEqual([]);
  bench.control(1, consoleEvent.portOpen, 1);
  expect(bench.received(4)).toEqual([[1, 2]]);
});

test('input that waits when the guest closes the port is not given to the next one who opens it', () => {
  const bench = new ConsoleBench().boot();
  bench.agent.write(new Uint8Array([1, 2]));
  bench.control(1, consoleEvent.portOpen, 0);
  bench.control(1, consoleEvent.portOpen, 1);
  bench.agent.write(new Uint8Array([3]));
  bench.provide(4);
  expect(bench.received(4)).toEqual([[3]]);
});

test('a full port takes no more, and tells when it has room; every byte arrives once and in order', () => {
  const bench = new ConsoleBench().boot();
  const total = 200_000;
  const source = Uint8Array.from({ length: total }, (_, at) => (at * 7 + (at >> 8) + 11 * (at >> 16)) & 0xff);
  let offered = 0;
  let drains = 0;
  const offer = (): void => {
    let taken = 1;
    while (offered < total && taken > 0) {
      taken = bench.agent.write(source.subarray(offered, offered + 10_000));
      offered += taken;
    }
  };
  bench.agent.listen({
    data: () => undefined,
    drain: () => {
      drains += 1;
      offer();
    },
  });
  offer();
  expect(offered).toBe(65_536);
  expect(bench.agent.room).toBe(0);
  expect(bench.agent.write(new Uint8Array([1]))).toBe(0);

  const arrived: number[] = [];
  while (arrived.length < total) {
    bench.provide(4, 16, 1000);
    for (const piece of bench.received(4)) arrived.push(...piece);
  }
  expect(drains).toBeGreaterThan(0);
  expect(Buffer.compare(new Uint8Array(arrived), source)).toBe(0);
  expect(bench.agent.room).toBe(65_536);
});

test('a flood of output is served for a millisecond at a time', () => {
  const bench = new ConsoleBench().boot();
  const bytes: number[] = [];
  bench.agent.listen({
    data: (piece) => {
      bytes.push(...piece);
      bench.time += 0.5;
    },
  });
  for (const byte of [1, 2, 3]) {
    bench.queue(5).add([{ address: bench.ram.place(new Uint8Array([byte])), length: 1 }]);
  }
  bench.queue(5).kick();
  expect(bytes).toEqual([1, 2]);
  expect(bench.device.pending).toBe(true);
  bench.device.poll();
  expect(bytes).toEqual([1, 2, 3]);
});

test('the last words of a guest are heard, whether a slice was over or the port paused', () => {
  const bench = new ConsoleBench().boot();
  const bytes: number[] = [];
  bench.agent.listen({
    data: (piece) => {
      bytes.push(...piece);
      bench.time += 2;
      bench.agent.pause();
    },
  });
  const fromConsole: number[] = [];
  bench.console.listen({
    data: (piece) => {
      fromConsole.push(...piece);
      bench.time += 2;
    },
  });
  for (const byte of [1, 2, 3]) bench.send(5, [byte]);
  for (const byte of [4, 5]) bench.queue(1).add([{ address: bench.ram.place(new Uint8Array([byte])), length: 1 }]);
  bench.queue(1).kick();
  expect([bytes, fromConsole]).toEqual([[1], [4]]);
  bench.device.finish();
  expect([bytes, fromConsole]).toEqual([
    [1, 2, 3],
    [4, 5],
  ]);
  // Of one that goes on, the next is a matter of its turn again.
  bench.send(5, [6]);
  expect(bytes).toEqual([1, 2, 3]);
});
