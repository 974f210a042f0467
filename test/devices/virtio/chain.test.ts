// VIRTIO 1.3 §2.7.4, §2.7.5: well-formed chains, whatever their shape.
import { expect, test } from 'vitest';
import { GuestMemory } from '../../../devices/guest-memory.ts';
import type { Chain } from '../../../devices/virtio/chain.ts';
import { descriptorFlag, GuestRam, ramBase } from '../../driver.ts';
import { echoBench } from './echo-device.ts';

const { next, write, indirect } = descriptorFlag;

function popOne(build: (bench: ReturnType<typeof echoBench>) => void): Chain {
  const bench = echoBench();
  const { driver, device } = bench;
  const chains: Chain[] = [];
  device.onChain = (chain) => chains.push(chain);
  driver.start();
  build(bench);
  driver.queues[0]!.kick();
  expect(driver.needsReset).toBe(false);
  expect(chains).toHaveLength(1);
  return chains[0]!;
}

test('§2.7.4.1 framing is free: the same bytes in one buffer or in many give the same answer', () => {
  const { driver } = echoBench();
  const queue = driver.start()[0]!;
  const bytes = new Uint8Array([1, 2, 3, 4, 5, 6]);
  const whole = driver.exchange(queue, [bytes], [6]);
  const pieces = driver.exchange(queue, [bytes.slice(0, 1), bytes.slice(1, 3), bytes.slice(3)], [2, 1, 3]);
  expect([...whole]).toEqual([1, 2, 3, 4, 5, 6]);
  expect([...pieces]).toEqual([...whole]);
});

test('§2.7.5.1 readable buffers are never written', () => {
  const { driver, ram } = echoBench();
  const queue = driver.start()[0]!;
  const request = ram.place(new Uint8Array(16).fill(7));
  queue.add([
    { address: request, length: 8 },
    { address: ram.allocate(16), length: 16, writable: true },
  ]);
  queue.kick();
  expect(queue.takeUsed()?.length).toBe(8);
  expect([...ram.view(request, 16)]).toEqual(Array.from({ length: 16 }, () => 7));
});

test('§2.7.5.1 the descriptor table is never written', () => {
  const { driver, ram } = echoBench();
  const queue = driver.start()[0]!;
  queue.add([{ address: ram.allocate(16), length: 16, writable: true }], { indirect: true });
  const before = ram.view(queue.table, 16 * queue.size).slice();
  queue.kick();
  expect(Buffer.compare(ram.view(queue.table, 16 * queue.size), before)).toBe(0);
});

test('§2.7.5.3 a table of indirect descriptors is one chain', () => {
  const { driver } = echoBench();
  const queue = driver.start()[0]!;
  const reply = driver.exchange(queue, [new Uint8Array([1, 2]), new Uint8Array([3])], [1, 4], { indirect: true });
  expect([...reply]).toEqual([1, 2, 3]);
});

test('§2.7.5.3.2 direct descriptors followed by one indirect are one chain', () => {
  const chain = popOne(({ driver, ram }) => {
    const queue = driver.queues[0]!;
    const a = ram.allocate(16);
    const b = ram.allocate(16);
    const c = ram.allocate(16);
    queue.describe(2, { address: a, length: 3, flags: next, next: 5 });
    queue.describe(
      5,
      queue.indirect([
        { address: b, length: 4 },
        { address: c, length: 5, writable: true },
      ]),
    );
    queue.offer(2);
  });
  expect(chain.readable.map((view) => view.length)).toEqual([3, 4]);
  expect(chain.writable.map((view) => view.length)).toEqual([5]);
});

test('§2.7.5.3.2 the write flag of a descriptor that refers to a table is ignored', () => {
  const chain = popOne(({ driver, ram }) => {
    const queue = driver.queues[0]!;
    const table = queue.indirect([{ address: ram.allocate(8), length: 8 }]);
    queue.describe(0, { ...table, flags: indirect | write });
    queue.offer(0);
  });
  expect(chain.readableLength).toBe(8);
  expect(chain.writableLength).toBe(0);
});

test('a chain as long as the queue is accepted', () => {
  const chain = popOne(({ driver, ram }) => {
    const queue = driver.queues[0]!;
    const address = ram.allocate(64);
    queue.add(Array.from({ length: queue.size }, (_, index) => ({ address: address + 2 * index, length: 1 })));
  });
  expect(chain.readable).toHaveLength(16);
});

test('a table that lies unaligned, and descriptors out of order in it, are accepted', () => {
  const chain = popOne(({ driver, ram }) => {
    const queue = driver.queues[0]!;
    const table = ram.allocate(64) + 1;
    const address = ram.allocate(64);
    queue.chain(
      [
        { address, length: 1 },
        { address: address + 32, length: 2 },
      ],
      [0, 2],
      table,
    );
    queue.describe(0, { address: table, length: 48, flags: indirect });
    queue.offer(0);
  });
  expect(chain.readable.map((view) => view.length)).toEqual([1, 2]);
});

test('the first and the last byte of RAM are RAM', () => {
  const chain = popOne(({ driver, ram }) => {
    driver.queues[0]!.add([
      { address: ramBase, length: 1 },
      { address: ramBase + ram.length - 1, length: 1, writable: true },
    ]);
  });
  expect(chain.writableAddresses).toEqual([ramBase + (1 << 20) - 1]);
});

test('buffers that touch in RAM are one view; buffers of different kinds that touch are not', () => {
  let base = 0;
  const chain = popOne(({ driver, ram }) => {
    base = ram.allocate(64);
    driver.queues[0]!.add([
      { address: base, length: 4 },
      { address: base + 4, length: 4 },
      { address: base + 8, length: 4, writable: true },
      { address: base + 12, length: 4, writable: true },
      { address: base + 20, length: 4, writable: true },
    ]);
  });
  expect(chain.readable.map((view) => view.length)).toEqual([8]);
  expect(chain.writable.map((view) => view.length)).toEqual([8, 4]);
  expect(chain.writableAddresses).toEqual([base + 8, base + 20]);
});

test('writing a chain stops at its last byte, and reading at the limit', () => {
  const chain = popOne(({ driver, ram }) => {
    driver.queues[0]!.add([
      { address: ram.place(new Uint8Array([9, 8, 7])), length: 3 },
      { address: ram.allocate(4), length: 2, writable: true },
      { address: ram.allocate(4), length: 1, writable: true },
    ]);
  });
  expect([...chain.read(2)]).toEqual([9, 8]);
  expect([...chain.read(99)]).toEqual([9, 8, 7]);
  expect(chain.write(new Uint8Array([1, 2, 3, 4]))).toBe(3);
  expect(chain.writable.map((view) => [...view])).toEqual([[1, 2], [3]]);
});

/** RAM in which every field of a descriptor turns hostile once it was read. */
class ChangingMemory extends GuestMemory {
  readonly reads = new Map<number, number>();
  /** Descriptor tables to watch: [address, length]. */
  watched: readonly (readonly [number, number])[] = [];

  override readU16(address: number): number {
    const value = super.readU16(address);
    this.#turn(address, 2);
    return value;
  }

  override readU32(address: number): number {
    const value = super.readU32(address);
    this.#turn(address, 4);
    return value;
  }

  override readU64(address: number): number {
    const value = super.readU64(address);
    this.#turn(address, 8);
    return value;
  }

  #turn(address: number, length: number): void {
    if (!this.watched.some(([start, size]) => address >= start && address < start + size)) return;
    for (let byte = address; byte < address + length; byte += 1) {
      this.reads.set(byte, (this.reads.get(byte) ?? 0) + 1);
    }
    this.view(address, length).fill(0xff);
  }
}

test.each([
  ['direct', false],
  ['indirect', true],
] as const)('a field that changes between two reads changes nothing: it is read once (%s)', (_, useTable) => {
  const ram = new GuestRam({ make: (layout) => new ChangingMemory(layout) });
  const memory = ram.memory as ChangingMemory;
  const { driver } = echoBench({ ram });
  const queue = driver.start()[0]!;
  const request = ram.place(new Uint8Array([1, 2, 3]));
  const reply = ram.allocate(8);
  const buffers = [
    { address: request, length: 3 },
    { address: reply, length: 8, writable: true },
  ];
  queue.add(buffers, { indirect: useTable });
  const table = useTable ? ram.get32(queue.table) : 0;
  memory.watched = [
    [queue.table, 16 * queue.size],
    [queue.available + 4, 2 * queue.size],
    ...(useTable ? [[table, 32] as const] : []),
  ];
  queue.kick();

  expect(driver.needsReset).toBe(false);
  expect(queue.takeUsed()?.length).toBe(3);
  expect([...ram.view(reply, 4)]).toEqual([1, 2, 3, 0]);
  // 2 bytes of the available ring, and 16 of each descriptor that is part of the chain.
  expect(memory.reads.size).toBe(2 + 16 * (useTable ? 3 : 2));
  expect([...memory.reads.values()].every((count) => count === 1)).toBe(true);
});
