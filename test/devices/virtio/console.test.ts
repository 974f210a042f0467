// VIRTIO 1.3 §5.3: the console device, as Linux's virtio_console drives it.
import { expect, test } from 'vitest';
import { consoleEvent, consoleFeature } from '../../../devices/virtio/console.ts';
import { feature } from '../../../devices/virtio/device.ts';
import { mmioInterrupt } from '../../../devices/virtio/mmio.ts';
import { agentName, collect, ConsoleBench } from './console-bench.ts';

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
  const { driver } = new ConsoleBench({ columns: 132, rows: 50 });
  expect(driver.offered & 0xffn).toBe(consoleFeature.size | consoleFeature.multiport);
  expect([driver.configuration(0, 2), driver.configuration(2, 2), driver.configuration(4, 4)]).toEqual([132, 50, 2]);
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

test('§5.3.6 resize changes the configuration with an interrupt, and tells each console port', () => {
  const bench = new ConsoleBench({ columns: 80, rows: 24 }).boot();
  bench.driver.acknowledge();
  bench.device.resize(300, 100);
  expect([bench.driver.configuration(0, 2), bench.driver.configuration(2, 2)]).toEqual([300, 100]);
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
  expect(second.driver.configuration(0, 2)).toBe(90);
});
