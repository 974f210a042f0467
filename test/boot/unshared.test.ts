// A machine without shared memory, in a worker: messages have no doorbell.
import { expect, onTestFinished, test } from 'vitest';
import { createVm, type Vm } from 'vm9';

async function startUnshared(): Promise<Vm> {
  const vm = createVm({ sharedMemory: false });
  onTestFinished(() => vm.dispose());
  await vm.start();
  await vm.ready;
  return vm;
}

test('boots, runs commands, and powers off', async () => {
  const vm = await startUnshared();
  const sort = vm.exec('sort', { stdin: 'b\na\n' });
  expect(await sort.stdout.text()).toBe('a\nb\n');
  expect(await vm.powerOff()).toEqual({ reason: 'power-off' });
});

test('a busy guest hears what it is told: a signal, and the end', async () => {
  const vm = await startUnshared();
  const busy = vm.exec('trap "echo heard; exit 3" TERM; echo loops; while :; do :; done');
  const output = busy.stdout[Symbol.asyncIterator]();
  await output.next();
  busy.kill('SIGTERM');
  expect(new TextDecoder().decode((await output.next()).value)).toBe('heard\n');
  await output.next();
  expect(await busy.exit).toEqual({ code: 3 });

  const endless = vm.exec('echo loops; while :; do :; done');
  await endless.stdout[Symbol.asyncIterator]().next();
  await vm.stop();
  expect(await vm.exited).toEqual({ reason: 'stopped' });
});

test('an idle guest hears what it is told', async () => {
  const vm = await startUnshared();
  // Longer than its timers reach: it waits for nothing but a message.
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await vm.exec('echo awake').stdout.text()).toBe('awake\n');
  await new Promise((resolve) => setTimeout(resolve, 300));
  await vm.stop();
});
