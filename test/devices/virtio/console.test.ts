// VIRTIO 1.3 §5.3: the console device, as Linux's virtio_console drives it.
import { expect, test } from 'vitest';
import type { ConsolePort } from '../../../devices/virtio/console-port.ts';
import { consoleEvent, consoleFeature, VirtioConsole } from '../../../devices/virtio/console.ts';
import { feature } from '../../../devices/virtio/device.ts';
import { mmioInterrupt, VirtioMmio } from '../../../devices/virtio/mmio.ts';
import { Driver, GuestRam, IrqProbe } from '../../driver.ts';
import type { DriverQueue } from '../../driver.ts';

const bufferSize = 64;
const agentName = 'vm9.agent';

/** A control message: [port, event, value, the bytes after the header]. */
type Message = readonly [port: number, event: number, value: number, payload: readonly number[]];

/** The driver's half: what Linux's driver does, by hand. */
class ConsoleBench {
  readonly ram: GuestRam;
  readonly log: string[] = [];
  readonly irq = new IrqProbe();
  readonly device: VirtioConsole;
  readonly slot: VirtioMmio;
  readonly driver: Driver;
  time = 0;
  readonly #buffers = new Map<string, number>();

  constructor(options: { columns?: number; rows?: number } = {}) {
    this.ram = new GuestRam({ length: 8 << 20 });
    this.device = new VirtioConsole({
      memory: this.ram.memory,
      log: (line) => this.log.push(line),
      now: () => this.time,
      ports: [{ console: true }, { name: agentName }],
      ...options,
    });
    this.slot = new VirtioMmio(this.device, this.irq);
    this.driver = new Driver(this.slot, this.ram);
  }

  get console(): ConsolePort {
    return this.device.ports[0]!;
  }

  get agent(): ConsolePort {
    return this.device.ports[1]!;
  }

  queue(index: number): DriverQueue {
    return this.driver.queues[index]!;
  }

  /** Gives the device an empty buffer to fill. */
  provide(index: number, count = 1, length = bufferSize): void {
    for (let done = 0; done < count; done += 1) {
      const address = this.ram.allocate(length, 128);
      const head = this.queue(index).add([{ address, length, writable: true }]);
      this.#buffers.set(`${index} ${head}`, address);
    }
    this.queue(index).kick();
  }

  /** What the device has put into buffers of a queue since the last call. */
  received(index: number): number[][] {
    const all: number[][] = [];
    for (let used = this.queue(index).takeUsed(); used !== undefined; used = this.queue(index).takeUsed()) {
      all.push([...this.ram.view(this.#buffers.get(`${index} ${used.head}`)!, used.length)]);
    }
    return all;
  }

  /** Sends bytes on a queue as one readable buffer; returns whether the device took them at once. */
  send(index: number, bytes: readonly number[]): boolean {
    const queue = this.queue(index);
    queue.add([{ address: this.ram.place(new Uint8Array(bytes)), length: bytes.length }]);
    queue.kick();
    return queue.takeUsed() !== undefined;
  }

  control(port: number, event: number, value: number): void {
    const view = new DataView(new ArrayBuffer(8));
    view.setUint32(0, port, true);
    view.setUint16(4, event, true);
    view.setUint16(6, value, true);
    expect(this.send(3, [...new Uint8Array(view.buffer)])).toBe(true);
  }

  messages(): Message[] {
    return this.received(2).map((bytes) => {
      const view = new DataView(new Uint8Array(bytes).buffer);
      return [view.getUint32(0, true), view.getUint16(4, true), view.getUint16(6, true), bytes.slice(8)];
    });
  }

  /** Up to the point where the console driver has opened its port and a process the agent's. */
  boot(features?: bigint): this {
    this.driver.start(features === undefined ? {} : { features });
    this.provide(2, 32);
    this.control(0, consoleEvent.deviceReady, 1);
    for (const port of [0, 1]) {
      this.control(port, consoleEvent.portReady, 1);
      this.control(port, consoleEvent.portOpen, 1);
    }
    this.messages();
    return this;
  }
}

function collect(port: ConsolePort): number[] {
  const bytes: number[] = [];
  port.listen({ data: (piece) => bytes.push(...piece) });
  return bytes;
}

test('§5.3.1, §5.3.2 device ID 3, a pair of queues for each port and one for control, each of at least 128', () => {
  const { driver } = new ConsoleBench();
  expect(driver.read('deviceId')).toBe(3);
  const sizes = [0, 1, 2, 3, 4, 5, 6].map((index) => {
    driver.write('queueSel', index);
    return driver.read('queueSizeMax');
  });
  expect(sizes).toEqual([128, 128, 128, 128, 128, 128, 0]);
});

test('§5.3.4 SIZE and MULTIPORT are offered; columns, rows and the number of ports can be read', () => {
  const { driver, slot } = new ConsoleBench({ columns: 132, rows: 50 });
  expect(driver.offered & 0xffn).toBe(consoleFeature.size | consoleFeature.multiport);
  expect([slot.read(0x100, 2), slot.read(0x102, 2), slot.read(0x104, 4)]).toEqual([132, 50, 2]);
});

test('§5.3.6.2 after DEVICE_READY the ports are added, once', () => {
  const bench = new ConsoleBench();
  bench.driver.start();
  bench.provide(2, 8);
  bench.control(0, consoleEvent.deviceReady, 1);
  bench.control(0, consoleEvent.deviceReady, 1);
  expect(bench.messages()).toEqual([
    [0, consoleEvent.deviceAdd, 0, []],
    [1, consoleEvent.deviceAdd, 0, []],
  ]);
});

test('§5.3.6.2 a driver that failed gets no ports', () => {
  const bench = new ConsoleBench();
  bench.driver.start();
  bench.provide(2, 8);
  bench.control(0, consoleEvent.deviceReady, 0);
  expect(bench.messages()).toEqual([]);
});

test('§5.3.6.2 a console port that is ready hears that it is one, its size, and that the host is there', () => {
  const bench = new ConsoleBench({ columns: 80, rows: 24 });
  bench.driver.start();
  bench.provide(2, 8);
  bench.control(0, consoleEvent.portReady, 1);
  expect(bench.messages()).toEqual([
    [0, consoleEvent.consolePort, 1, []],
    // Columns before rows.
    [0, consoleEvent.resize, 0, [80, 0, 24, 0]],
    [0, consoleEvent.portOpen, 1, []],
  ]);
  bench.control(0, consoleEvent.portReady, 1);
  expect(bench.messages()).toEqual([]);
});

test('§5.3.6.2 a named port that is ready hears its name, without a NUL, and that the host is there', () => {
  const bench = new ConsoleBench({ columns: 80, rows: 24 });
  bench.driver.start();
  bench.provide(2, 8);
  bench.control(1, consoleEvent.portReady, 1);
  expect(bench.messages()).toEqual([
    [1, consoleEvent.portName, 1, [...Buffer.from(agentName)]],
    [1, consoleEvent.portOpen, 1, []],
  ]);
});

test('control messages wait until the driver provides buffers, in order', () => {
  const bench = new ConsoleBench();
  bench.driver.start();
  bench.control(0, consoleEvent.deviceReady, 1);
  bench.control(1, consoleEvent.portReady, 1);
  expect(bench.messages()).toEqual([]);
  bench.provide(2, 1);
  expect(bench.messages()).toEqual([[0, consoleEvent.deviceAdd, 0, []]]);
  bench.provide(2, 8);
  expect(bench.messages().map(([port, event]) => [port, event])).toEqual([
    [1, consoleEvent.deviceAdd],
    [1, consoleEvent.portName],
    [1, consoleEvent.portOpen],
  ]);
});

test('the host learns when the guest opens and closes a port', () => {
  const bench = new ConsoleBench();
  const states: boolean[] = [];
  bench.console.listen({ data: () => undefined, open: (open) => states.push(open) });
  bench.driver.start();
  expect(bench.console.guestOpen).toBe(false);
  bench.control(0, consoleEvent.portOpen, 1);
  bench.control(0, consoleEvent.portOpen, 1);
  expect(bench.console.guestOpen).toBe(true);
  expect(bench.agent.guestOpen).toBe(false);
  bench.control(0, consoleEvent.portOpen, 0);
  bench.control(0, consoleEvent.portOpen, 1);
  bench.driver.write('status', 0);
  expect(states).toEqual([true, false, true, false]);
});

test('§5.3.5 without MULTIPORT port 0 is open as soon as the driver is, and works', () => {
  const bench = new ConsoleBench();
  bench.driver.start({ features: feature.version1 | consoleFeature.size });
  expect(bench.console.guestOpen).toBe(true);
  expect(bench.agent.guestOpen).toBe(false);
  const bytes = collect(bench.console);
  expect(bench.send(1, [104, 105])).toBe(true);
  expect(bytes).toEqual([104, 105]);
  bench.provide(0);
  bench.console.write(new Uint8Array([111, 107]));
  expect(bench.received(0)).toEqual([[111, 107]]);
});

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

test('§5.3.6 resize changes the configuration with an interrupt, and tells each console port', () => {
  const bench = new ConsoleBench({ columns: 80, rows: 24 }).boot();
  bench.driver.acknowledge();
  bench.device.resize(300, 100);
  expect([bench.slot.read(0x100, 2), bench.slot.read(0x102, 2)]).toEqual([300, 100]);
  expect(bench.driver.acknowledge()).toBe(mmioInterrupt.usedBuffer | mmioInterrupt.configurationChange);
  expect(bench.messages()).toEqual([[0, consoleEvent.resize, 0, [300 & 0xff, 1, 100, 0]]]);
  bench.device.resize(300, 100);
  expect(bench.irq.asserted).toBe(false);
});

test('of many resizes that the guest did not take only the last one is told', () => {
  const bench = new ConsoleBench();
  bench.driver.start();
  bench.control(0, consoleEvent.portReady, 1);
  for (let columns = 80; columns <= 1000; columns += 1) bench.device.resize(columns, 24);
  bench.provide(2, 16);
  const sizes = bench.messages().filter(([, event]) => event === consoleEvent.resize);
  expect(sizes).toEqual([[0, consoleEvent.resize, 0, [1000 & 0xff, 1000 >> 8, 24, 0]]]);
});

test.each([
  [-1, 24],
  [80, 65_536],
  [80.5, 24],
])('a terminal of %d x %d is refused', (columns, rows) => {
  const { device } = new ConsoleBench();
  expect(() => device.resize(columns, rows)).toThrow(RangeError);
});

test('the host may close its end of a port and open it again', () => {
  const bench = new ConsoleBench().boot();
  bench.agent.hostOpen = false;
  bench.agent.hostOpen = true;
  bench.agent.hostOpen = true;
  expect(bench.messages()).toEqual([
    [1, consoleEvent.portOpen, 0, []],
    [1, consoleEvent.portOpen, 1, []],
  ]);
});

test('a port whose host end is closed is introduced so', () => {
  const bench = new ConsoleBench();
  bench.agent.hostOpen = false;
  bench.driver.start();
  bench.provide(2, 8);
  bench.control(1, consoleEvent.portReady, 1);
  expect(bench.messages().map(([, event]) => event)).toEqual([consoleEvent.portName]);
});

test('unknown events and ports are passed over', () => {
  const bench = new ConsoleBench().boot();
  for (const [port, event] of [
    [99, consoleEvent.portReady],
    [0xffff_ffff, consoleEvent.portOpen],
    [0, 8],
    [0, 0xffff],
    [0, consoleEvent.deviceAdd],
    [0, consoleEvent.portName],
  ] as const) {
    bench.control(port, event, 1);
  }
  expect(bench.messages()).toEqual([]);
  expect(bench.driver.needsReset).toBe(false);
  expect(bench.log).toEqual([]);
});

test.each([
  [
    'a control message of 7 bytes',
    3,
    [{ length: 7, writable: false }],
    'control message of less than 8 bytes (head 127, length 7)',
  ],
  ['a writable buffer in the control transmit queue', 3, [{ length: 8, writable: true }], 'control transmit queue'],
  ['§5.3.6.1 a writable buffer in a transmit queue', 5, [{ length: 8, writable: true }], 'transmit queue (port 1)'],
  ['§5.3.6.1 a readable buffer in a receive queue', 4, [{ length: 8, writable: false }], 'receive queue (port 1)'],
] as const)('%s needs a reset', (_, index, buffers, says) => {
  const bench = new ConsoleBench().boot();
  collect(bench.agent);
  bench.agent.write(new Uint8Array([1]));
  const queue = bench.queue(index);
  const head = queue.add(buffers.map((buffer) => ({ ...buffer, address: bench.ram.allocate(8) })));
  queue.kick();
  expect(bench.driver.needsReset).toBe(true);
  expect(bench.log).toHaveLength(1);
  expect(bench.log[0]).toContain(says.replace('127', String(head)));
  expect(bench.agent.guestOpen).toBe(false);
});

test.each([
  ['a readable buffer in the control receive queue', { length: 64, writable: false }, 'control receive queue'],
  ['a control buffer that is too small for the message', { length: 7, writable: true }, 'control buffer too small'],
])('%s needs a reset', (_, buffer, says) => {
  const bench = new ConsoleBench();
  bench.driver.start();
  bench.queue(2).add([{ ...buffer, address: bench.ram.allocate(64) }]);
  bench.control(0, consoleEvent.deviceReady, 1);
  expect(bench.driver.needsReset).toBe(true);
  expect(bench.log[0]).toContain(says);
});

test('after a reset the next driver hears all anew, and nothing that was meant for the last one', () => {
  const bench = new ConsoleBench({ columns: 80, rows: 24 });
  bench.driver.start();
  bench.control(0, consoleEvent.deviceReady, 1);
  bench.control(1, consoleEvent.portReady, 1);
  bench.driver.start();
  bench.provide(2, 8);
  expect(bench.messages()).toEqual([]);
  bench.control(0, consoleEvent.deviceReady, 1);
  bench.control(1, consoleEvent.portReady, 1);
  expect(bench.messages().map(([port, event]) => [port, event])).toEqual([
    [0, consoleEvent.deviceAdd],
    [1, consoleEvent.deviceAdd],
    [1, consoleEvent.portName],
    [1, consoleEvent.portOpen],
  ]);
});

test('after a fault a reset brings the ports back', () => {
  const bench = new ConsoleBench().boot();
  bench.queue(3).offer(999);
  bench.queue(3).kick();
  expect(bench.driver.needsReset).toBe(true);
  bench.boot();
  const bytes = collect(bench.agent);
  expect(bench.send(5, [9])).toBe(true);
  expect(bytes).toEqual([9]);
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

test('the record of one console continues in another', () => {
  const first = new ConsoleBench({ columns: 80, rows: 24 }).boot();
  first.agent.write(new Uint8Array([1, 2, 3]));
  first.device.resize(90, 30);
  const saved = structuredClone(first.device.state);

  const second = new ConsoleBench();
  second.device.state = saved;
  expect(second.device.state).toEqual(saved);
  expect(second.agent.guestOpen).toBe(true);
  expect(second.agent.room).toBe(65_536 - 3);
  expect(second.slot.read(0x100, 2)).toBe(90);
});
