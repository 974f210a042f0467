// What of a snapshot is refused, and told, before any machine is at it.
import { expect, test } from 'vitest';
import { packSnapshot, recordOf, type HostRecord } from '../../../src/snapshot/host-record.ts';
import { encodePlain, type Plain } from '../../../src/snapshot/plain.ts';
import type { MachineShape } from '../../../src/snapshot/shape.ts';
import { agree, FakeAgent, makeVm, type FakeMachine } from '../fake-guest.ts';

const whole: MachineShape = {
  rom: [{ firmware: 2 ** 31, deviceTree: 2 ** 31 + 2 ** 25, next: 0 }],
  sharesBeforeDrives: 0,
};

function snapshotOf(change: Partial<HostRecord> = {}, machineShape = whole): Uint8Array {
  const shape = {
    memoryBytes: 64 << 20,
    clock: 'host',
    transport: 'pci',
    features: { sv48: true, svadu: false, svade: true },
    shares: [],
    drives: [],
  } as const;
  const bytes = encodePlain(machineShape as unknown as Plain);
  return packSnapshot('x', [{ name: 'shape', bytes }], {
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
  expect(options.shape).toEqual(whole);
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

test.each<[string, Partial<MachineShape>]>([
  ['no number', { sharesBeforeDrives: undefined as unknown as number }],
  ['an address that is none', { rom: [{ firmware: 0.5, deviceTree: 0, next: 0 }] }],
  ['two ROMs', { rom: [...whole.rom, ...whole.rom] }],
  ['fewer than no shares', { sharesBeforeDrives: -1 }],
])('a shape of the machine that is none is damage: %s', async (_, change) => {
  const { vm } = makeVm({ resume: snapshotOf({}, { ...whole, ...change }) });
  await expect(vm.start()).rejects.toMatchObject({ code: 'bad-file', message: /damaged \(section shape/ });
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
