import { expect, test } from 'vitest';
import { streamWindow } from '../../src/byte-window.ts';
import { agree, FakeAgent, makeVm, settle } from './fake-guest.ts';

test('types into the UART until somebody uses hvc0: its driver opens it in any case', async () => {
  const { vm, platform } = makeVm();
  await vm.start();
  const { uartPort, consolePort } = platform.machine;
  await vm.console.write('1');
  await settle();
  consolePort.open();
  await settle();
  await vm.console.write('2');
  await settle();
  consolePort.send('login: ');
  await settle();
  await vm.console.write('3');
  await settle();
  consolePort.open(false);
  await settle();
  await vm.console.write('4');
  await settle();
  expect(uartPort.text()).toBe('124');
  expect(consolePort.text()).toBe('3');
  await vm.dispose();
});

test('keeps the latest output for whoever attaches later', async () => {
  const { vm, platform } = makeVm();
  await vm.start();
  platform.machine.consolePort.send('x'.repeat(60 * 1024));
  platform.machine.consolePort.send('y'.repeat(60 * 1024));
  await settle();
  let text = '';
  vm.console.attach((bytes) => void (text += Buffer.from(bytes).toString()));
  expect(text).toBe('y'.repeat(60 * 1024));
  await vm.dispose();
});

test('a consumer at work is given no more, and the guest has to wait', async () => {
  const { vm, platform } = makeVm();
  const taken: number[] = [];
  let resume = (): void => undefined;
  vm.console.attach((bytes) => {
    taken.push(bytes.length);
    return new Promise((resolve) => {
      resume = resolve;
    });
  });
  await vm.start();
  const { consolePort } = platform.machine;
  let sent = 0;
  for (; !consolePort.paused && sent < 4 * streamWindow; sent += 10_000) {
    consolePort.send(new Uint8Array(10_000));
    await settle();
  }
  expect(taken).toEqual([10_000]);
  // All that may be under way, and what the guest had begun to send.
  expect(sent).toBeLessThanOrEqual(streamWindow + 10_000);
  for (let turn = 0; turn < sent / 10_000 + 5; turn++) {
    resume();
    await settle();
  }
  expect(taken.reduce((sum, length) => sum + length, 0)).toBe(sent);
  expect(consolePort.paused).toBe(false);
  await vm.dispose();
});

test('a UART whose output nobody takes makes the machine wait', async () => {
  const { vm, platform } = makeVm();
  let resume = (): void => undefined;
  vm.console.attach(
    () =>
      new Promise((resolve) => {
        resume = resolve;
      }),
  );
  await vm.start();
  const { options } = platform.machine;
  let waiting = options.onUartOutput(new Uint8Array(100_000));
  for (let more = 0; more < 10; more++) waiting ??= options.onUartOutput(new Uint8Array(100_000));
  let released = false;
  void waiting?.then(() => (released = true));
  await settle();
  expect(released).toBe(false);
  for (let turn = 0; turn < 10; turn++) {
    resume();
    await settle();
  }
  expect(released).toBe(true);
  await vm.dispose();
});

test('both consoles speak one after the other', async () => {
  const { vm, platform } = makeVm();
  const taken: string[] = [];
  let resume = (): void => undefined;
  vm.console.attach((bytes) => {
    taken.push(Buffer.from(bytes).toString());
    return new Promise((resolve) => {
      resume = resolve;
    });
  });
  await vm.start();
  for (const part of ['1', '2', '3']) {
    platform.machine.consolePort.send(`hvc${part}`);
    void platform.machine.options.onUartOutput(Buffer.from(`uart${part}`));
  }
  const seen: number[] = [];
  for (let turn = 0; turn < 6; turn++) {
    await settle();
    seen.push(taken.length);
    resume();
  }
  await vm.console.flushed();
  expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
  expect(taken).toEqual(['hvc1', 'uart1', 'hvc2', 'uart2', 'hvc3', 'uart3']);
  await vm.dispose();
});

test('what a guest has sent when it stops is delivered, though its window was used up', async () => {
  const { vm, platform } = makeVm();
  const resume: (() => void)[] = [];
  let taken = 0;
  vm.console.attach((bytes) => {
    taken += bytes.length;
    return new Promise((resolve) => resume.push(resolve));
  });
  await vm.start();
  for (let sent = 0; sent < 3; sent++) platform.machine.consolePort.send(new Uint8Array(streamWindow / 2));
  platform.machine.end({ reason: 'power-off' });
  await vm.exited;
  for (let turn = 0; turn < 50; turn++) {
    resume.shift()?.();
    await settle();
  }
  expect(taken).toBe(1.5 * streamWindow);
});

test('input waits for a guest that does not read, and none is lost', async () => {
  const { vm, platform } = makeVm();
  await vm.start();
  const { consolePort } = platform.machine;
  consolePort.open();
  consolePort.send('login: ');
  consolePort.room = 1000;
  await settle();
  const input = Uint8Array.from({ length: 2 * streamWindow }, (_, at) => at % 251);
  let written = false;
  const writing = vm.console.write(input).then(() => (written = true));
  await settle();
  expect(written).toBe(false);
  for (let drained = 0; drained < input.length; drained += 50_000) {
    consolePort.drain(50_000);
    await settle();
  }
  await writing;
  expect(Buffer.compare(consolePort.received, input)).toBe(0);
  await vm.dispose();
});

test('tells the guest its size, from the start and when it changes', async () => {
  const { vm, platform } = makeVm({ console: { columns: 100, rows: 30 } });
  await vm.start();
  expect(platform.machine.options.console).toEqual({ columns: 100, rows: 30 });
  vm.console.resize(120, 40);
  await settle();
  expect(platform.machine.sizes).toEqual([[120, 40]]);
  await vm.dispose();
});

test('a machine that is to be kept is told no size before it is somebody’s', async () => {
  const nothing = { keyOf: () => Promise.resolve(''), read: () => Promise.resolve(undefined) };
  const cache = { ...nothing, unpack: (bytes: Uint8Array) => Promise.resolve(bytes), write: () => Promise.resolve() };
  const { vm, platform } = makeVm({ console: { columns: 100, rows: 30 }, cache });
  await vm.start();
  const { machine } = platform;
  vm.console.resize(120, 40);
  await settle();
  expect(machine.options.console).toBeUndefined();
  expect([machine.sizes, machine.plugs]).toEqual([[], 0]);
  const agent = new FakeAgent(machine.agentPort, agree);
  await vm.ready;
  await settle();
  expect(agent.requests).not.toEqual([]);
  expect([machine.sizes, machine.plugs]).toEqual([[[120, 40]], 1]);
  await vm.dispose();
});
