// What of a snapshot is refused, and told, before any machine is at it.
import { expect, test } from 'vitest';
import { packSnapshot, recordOf, type HostRecord } from '../../../src/snapshot/host-record.ts';
import { agree, FakeAgent, makeVm, type FakeMachine } from '../fake-guest.ts';

function snapshotOf(change: Partial<HostRecord> = {}): Uint8Array {
  const shape = {
    memoryBytes: 64 << 20,
    clock: 'host',
    transport: 'pci',
    features: { sv48: true, svadu: false, svade: true },
    shares: [],
    drives: [],
  } as const;
  return packSnapshot('x', [], {
    ...recordOf(shape),
    frozen: false,
    consoleUsed: false,
    agent: undefined,
    ...change,
  });
}

test('the machine is what the snapshot says, whatever the defaults are', async () => {
  const { vm, platform } = makeVm({ resume: snapshotOf() });
  await vm.start();
  const { options } = platform.machine;
  expect(options).toMatchObject({ memoryBytes: 64 << 20, features: { sv48: true, svadu: false, svade: true } });
  expect(options.resume).toBeTypeOf('function');
  await vm.dispose();
});

test('a processor that is another is refused, with what to give', async () => {
  const { vm } = makeVm({ resume: snapshotOf(), cpuFeatures: { sv48: false } });
  await expect(vm.start()).rejects.toMatchObject({
    code: 'bad-option',
    message:
      'the snapshot does not fit the options: its processor has sv48: give --cpu sv48=on, or leave that option out',
  });
  await vm.dispose();
});

test('what is no snapshot is a bad file', async () => {
  const { vm } = makeVm({ resume: Uint8Array.of(1, 2, 3) });
  await expect(vm.start()).rejects.toMatchObject({
    code: 'bad-file',
    message: /^this is no snapshot of a vm9 machine/,
  });
  await vm.dispose();
});

test('a machine with a firmware of its own is neither saved nor resumed', async () => {
  const firmware = Uint8Array.of(3);
  const running = makeVm({ firmware });
  await running.vm.start();
  const refusal = 'a machine with a firmware of its own is neither saved nor resumed: leave out firmware';
  await expect(running.vm.save()).rejects.toMatchObject({
    code: 'bad-option',
    message: `the machine cannot be saved: ${refusal}`,
  });
  await running.vm.dispose();
  const { vm } = makeVm({ firmware, resume: snapshotOf() });
  await expect(vm.start()).rejects.toMatchObject({ code: 'bad-option', message: refusal });
  await vm.dispose();
});

test.each([
  ['without an agent', snapshotOf(), 1],
  ['without an agent, whose clock is counted', snapshotOf({ clock: 'icount' }), 0],
])('a guest %s: whether its time and random numbers are told to be old', async (_, resume, count) => {
  const { vm } = makeVm({ resume });
  const lines: string[] = [];
  vm.on('log', ({ line }) => void lines.push(line));
  await vm.start();
  expect(lines).toHaveLength(count);
  for (const line of lines) expect(line).toMatch(/its clock and its random numbers go on as they were/);
  await vm.dispose();
});

test('a guest that meets its agent only after it was resumed is given the time and randomness then', async () => {
  let agent: FakeAgent | undefined;
  const boot = (machine: FakeMachine): void => {
    agent = new FakeAgent(machine.agentPort, agree);
  };
  const { vm } = makeVm({ resume: snapshotOf() }, { boot });
  await vm.start();
  await vm.ready;
  const names = agent!.requests.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['SetClock', 'Reseed']));
  expect(names).not.toContain('Thaw');
  await vm.dispose();
});
