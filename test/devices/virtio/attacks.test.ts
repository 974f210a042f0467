// A driver that lies about memory, against the whole virtio-9p device: buffers that overlap each other and the rings, rings
// that change while they are read, requests that are flushed, and a driver that is loaded anew in the middle.
import { describe, expect, test } from 'vitest';
import { MemoryBackend } from '../../../devices/9p/memory.ts';
import { Server } from '../../../devices/9p/server.ts';
import { GuestMemory } from '../../../devices/guest-memory.ts';
import { Virtio9p } from '../../../devices/virtio/9p.ts';
import { feature } from '../../../devices/virtio/device.ts';
import { Driver, GuestRam, IrqProbe, ramBase } from '../../driver.ts';
import type { DriverQueue } from '../../driver.ts';
import { plug } from '../../transports.ts';
import { Gate, settled } from '../9p/backends.ts';
import { encode, make } from '../9p/client.ts';
import type { Message } from '../9p/client.ts';

const { Tversion, Tattach, Tgetattr, Tflush, Twalk } = make;
const version = Tversion({ msize: 8192, version: '9P2000.L' });
const attach = Tattach({ fid: 0, afid: 0xffff_ffff, uname: '', aname: '', uid: 0 });
const getattr = Tgetattr({ fid: 0, requestMask: 0x7ffn });

function bench(ram = new GuestRam({ length: 1 << 18 })): {
  readonly ram: GuestRam;
  readonly driver: Driver;
  readonly device: Virtio9p;
  readonly server: Server;
  readonly backend: MemoryBackend;
  readonly gate: Gate;
  readonly log: string[];
  readonly fatal: unknown[];
} {
  const log: string[] = [];
  const fatal: unknown[] = [];
  const gate = new Gate();
  const backend = new MemoryBackend({ now: () => 0n });
  const server = new Server({ backend: gate.over(backend) });
  const device = new Virtio9p({
    memory: ram.memory,
    log: (line) => void log.push(line),
    now: () => 0,
    tag: 'host',
    server,
    onFatal: (error) => void fatal.push(error),
  });
  return {
    ram,
    driver: new Driver(plug(device, new IrqProbe()).registers, ram),
    device,
    server,
    backend,
    gate,
    log,
    fatal,
  };
}

interface Sent {
  readonly head: number;
  readonly reply: number;
}

/** Makes a message available with 300 bytes for its reply, at `reply` where that is given. */
function add(queue: DriverQueue, message: Message, tag: number, reply = queue.ram.allocate(300)): Sent {
  const bytes = encode(message, tag);
  const request = { address: queue.ram.place(bytes), length: bytes.length };
  return { head: queue.add([request, { address: reply, length: 300, writable: true }]), reply };
}

/** A driver loaded anew gets its answer. */
async function expectWorks({ driver, device, server, fatal }: ReturnType<typeof bench>): Promise<void> {
  const queue = driver.start()[0]!;
  expect(server.fidCount).toBe(0);
  const { reply } = add(queue, version, 0xffff);
  queue.kick();
  await settled();
  expect(queue.usedIndex).toBe(1);
  expect(queue.ram.view(reply + 4, 1)[0]).toBe(101);
  expect(device.outstanding).toBe(0);
  expect(fatal).toEqual([]);
}

describe('a buffer for a reply that lies', () => {
  const places: Record<string, (queue: DriverQueue, request: number) => number> = {
    'on the descriptor table': (queue) => queue.table,
    'on the available ring': (queue) => queue.available,
    'on the used ring': (queue) => queue.used,
    'on its own request': (_queue, request) => request,
    'one byte behind the start of its own request': (_queue, request) => request + 1,
  };

  test.each(Object.keys(places))('%s: the device goes on or needs a reset, and works after it', async (where) => {
    const all = bench();
    const queue = all.driver.start()[0]!;
    for (const [tag, message] of [version, attach, getattr, getattr].entries()) {
      const bytes = encode(message, tag);
      const request = queue.ram.place(bytes);
      queue.ram.allocate(300);
      const reply = places[where]!(queue, request);
      queue.add([
        { address: request, length: bytes.length },
        { address: reply, length: 300, writable: true },
      ]);
      queue.kick();
      await settled();
    }
    expect(all.fatal).toEqual([]);
    expect(all.log.length).toBeLessThanOrEqual(1);
    expect(all.driver.needsReset).toBe(all.log.length === 1);
    all.driver.write('status', 0);
    await settled();
    all.ram.clear();
    await expectWorks(all);
  });
});

test('two requests under way with one buffer for their replies: both come back, nothing else is written', async () => {
  const all = bench();
  const queue = all.driver.start()[0]!;
  for (const [tag, message] of [version, attach].entries()) add(queue, message, tag);
  queue.kick();
  await settled();
  all.gate.holdAll();
  const { reply } = add(queue, getattr, 1);
  add(queue, getattr, 2, reply);
  queue.kick();
  const before = all.ram.u8.slice();
  await all.gate.releaseAll();
  expect(queue.usedIndex).toBe(4);
  const changed = [...all.ram.u8].flatMap((byte, at) => (byte === before[at] ? [] : [at + ramBase]));
  const isExpected = (at: number): boolean =>
    (at >= reply && at < reply + 300) || (at >= queue.used && at < queue.used + 6 + 8 * queue.size);
  expect(changed.filter((at) => !isExpected(at))).toEqual([]);
});

/** Guest RAM in which whatever the device has read is something else when it looks again. */
class RacedMemory extends GuestMemory {
  isRaced = false;

  override readU16(address: number): number {
    return this.#race(address, 2, super.readU16(address));
  }

  override readU32(address: number): number {
    return this.#race(address, 4, super.readU32(address));
  }

  override readU64(address: number): number {
    return this.#race(address, 8, super.readU64(address));
  }

  #race(address: number, length: number, value: number): number {
    if (this.isRaced) this.view(address, length).fill(0xff);
    return value;
  }
}

test.each([
  ['a direct chain', false],
  ['an indirect table', true],
])('%s that changes behind the first look at each of its fields is the one that was looked at', async (_, indirect) => {
  let memory: RacedMemory | undefined;
  const ram = new GuestRam({ length: 1 << 18, make: (layout) => (memory = new RacedMemory(layout)) });
  const all = bench(ram);
  const queue = all.driver.start()[0]!;
  const bytes = encode(version, 0xffff);
  const request = ram.place(bytes);
  const reply = ram.allocate(64);
  const head = queue.add(
    [
      { address: request, length: 10 },
      { address: request + 10, length: bytes.length - 10 },
      { address: reply, length: 5, writable: true },
      { address: reply + 8, length: 56, writable: true },
    ],
    { indirect },
  );
  memory!.isRaced = true;
  queue.kick();
  await settled();
  memory!.isRaced = false;
  expect(all.log).toEqual([]);
  expect(queue.takeUsed()).toEqual({ head, length: 21 });
  // Rversion, cut as the driver asked.
  expect([...ram.view(reply, 8)].slice(0, 5)).toEqual([21, 0, 0, 0, 101]);
  expect(
    Buffer.from(ram.view(reply + 8, 16))
      .subarray(8)
      .toString('latin1'),
  ).toBe('9P2000.L');
});

test('Tflush: the old chain comes back first, with length 0, and its buffer is not touched behind Rflush', async () => {
  const all = bench();
  const queue = all.driver.start()[0]!;
  for (const [tag, message] of [version, attach].entries()) add(queue, message, tag);
  queue.kick();
  await settled();
  queue.takeUsed();
  queue.takeUsed();
  all.gate.holdAll();
  const walk = add(queue, Twalk({ fid: 0, newfid: 1, names: ['missing'] }), 1);
  queue.kick();
  const flush = add(queue, Tflush({ oldtag: 1 }), 2);
  queue.kick();
  await settled();
  expect(queue.takeUsed()).toEqual({ head: walk.head, length: 0 });
  expect(queue.takeUsed()).toEqual({ head: flush.head, length: 7 });
  all.ram.view(walk.reply, 300).fill(0x55);
  await all.gate.releaseAll();
  expect([...all.ram.view(walk.reply, 300)]).toEqual(Array.from({ length: 300 }, () => 0x55));
  expect(queue.takeUsed()).toBeUndefined();
});

describe.each([
  ['a reset of the device', (driver: Driver): void => driver.write('status', 0)],
  [
    'a reset of the queue',
    (driver: Driver): void => {
      driver.write('queueSel', 0);
      driver.write('queueReset', 1);
    },
  ],
  [
    'a queue that is set not ready',
    (driver: Driver): void => {
      driver.write('queueSel', 0);
      driver.write('queueReady', 0);
    },
  ],
])('%s with a request in flight', (_, stop) => {
  test('and a driver loaded anew: its RAM is written by its own requests only', async () => {
    const all = bench();
    const queue = all.driver.start({ features: feature.version1 | feature.ringReset })[0]!;
    for (const [tag, message] of [version, attach].entries()) add(queue, message, tag);
    queue.kick();
    await settled();
    all.gate.holdAll();
    add(queue, getattr, 3);
    queue.kick();
    expect(all.device.outstanding).toBe(1);
    stop(all.driver);
    all.driver.write('status', 0);
    // The next kernel has the RAM for something else.
    all.ram.clear();
    all.ram.u8.fill(0xaa);
    await all.gate.releaseAll();
    expect(all.ram.u8.every((byte) => byte === 0xaa)).toBe(true);
    all.gate.open();
    expect(all.backend.handleCount).toBe(0);
    all.ram.clear();
    await expectWorks(all);
  });
});
