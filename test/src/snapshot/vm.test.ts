// What of a snapshot is refused, and told, before any machine is at it.
import { expect, test, vi } from 'vitest';
import { packSnapshot, recordOf, type HostRecord } from '../../../src/snapshot/host-record.ts';
import { encodePlain, type Plain } from '../../../src/snapshot/plain.ts';
import type { MachineShape } from '../../../src/snapshot/shape.ts';
import type { AgentState } from '../../../src/agent/agent-state.ts';
import { guestFrame, hostFrameReader, type HostFrame } from '../../../src/agent/frames.ts';
import { memory } from '../../../src/memory-share.ts';
import { agree, FakeAgent, makeVm, settle, type FakeMachine } from '../fake-guest.ts';

const whole: MachineShape = {
  rom: [{ firmware: 2 ** 31, deviceTree: 2 ** 31 + 2 ** 25, next: 0 }],
  sharesBeforeDrives: 0,
};

const given = {
  memoryBytes: 64 << 20,
  clock: 'host',
  transport: 'pci',
  features: { sv48: true, svadu: false, svade: true },
} as const;

function snapshotOf(change: Partial<HostRecord> = {}, machineShape = whole): Uint8Array {
  const bytes = encodePlain(machineShape as unknown as Plain);
  return packSnapshot('x', [{ name: 'shape', bytes }], {
    ...recordOf({ ...given, shares: [], drives: [] }),
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

const noStream = { outstanding: 0, waiting: [], refused: false };
/** An agent that runs one command, and a shell on the console. */
const midway: AgentState = {
  hello: { version: 2, software: 'fake' },
  lastId: 9,
  maxPayload: 262_144,
  inputWindow: 65_536,
  outputWindow: 65_536,
  partial: [],
  unsent: [],
  requests: [],
  programs: [
    {
      id: 5,
      pid: 50,
      streams: {
        stdin: { credit: 65_536, waiting: [], ended: false, closed: false },
        stdout: noStream,
        stderr: noStream,
      },
    },
    { id: 6, pid: 60 },
  ],
};

/** A guest whose agent said hello before the snapshot, opens its port when it is told to, and then answers every request. */
function resumedGuest(): { boot: (machine: FakeMachine) => void; open: () => void; requests: HostFrame[] } {
  const requests: HostFrame[] = [];
  let open = (): void => undefined;
  const boot = ({ agentPort }: FakeMachine): void => {
    const reader = hostFrameReader(1 << 20);
    agentPort.onReceive = (bytes) => {
      reader.push(bytes, (frame) => {
        requests.push(frame);
        agentPort.send(guestFrame({ name: 'Reply', id: frame.id, body: { errno: 0, text: new Uint8Array() } }));
      });
    };
    open = () => agentPort.open();
  };
  return { boot, open: () => open(), requests };
}

/** The clock once: on a busy host it is set again. */
function names(requests: readonly HostFrame[]): string[] {
  const all = requests.map(({ name }) => name);
  return all.filter((name, index) => name !== 'SetClock' || all.indexOf(name) === index);
}

test('the clock and the randomness are of the present before any program runs on; mounts and the console stay as they are', async () => {
  const { boot, open, requests } = resumedGuest();
  const source = memory();
  const shares = [{ source, tag: 'one', mount: '/one' }];
  const { vm: shape } = makeVm({ shares });
  const record = {
    ...recordOf({ ...given, shares: shape.shares, drives: [] }),
    frozen: true,
    consoleUsed: true,
    agent: midway,
  };
  const later = { source: memory(), tag: 'two', mount: '/two' };
  const { vm } = makeVm({ resume: snapshotOf(record), shares: [...shares, later] }, { boot });
  await vm.start();
  await settle();
  open();
  await vm.ready;
  expect(names(requests)).toEqual(['SetClock', 'Reseed', 'Thaw', 'Mount']);
  const [clock, reseed, , mount] = requests;
  const nanoseconds = clock?.name === 'SetClock' ? clock.body.nanoseconds : 0n;
  expect(Number(nanoseconds / 1_000_000n)).toBeGreaterThan(Date.now() - 10_000);
  // The platform of these tests has fours for random numbers.
  expect(reseed?.name === 'Reseed' && reseed.body.entropy).toEqual(new Uint8Array(64).fill(4));
  expect(mount?.name === 'Mount' && Buffer.from(mount.body.tag).toString()).toBe('two');
  expect(vm.console.isUsed).toBe(true);
  expect(await vm.resumedCommands).toHaveLength(1);
  await vm.dispose();
});

test('of a guest that restarts after it was resumed nothing of the snapshot is known any more', async () => {
  const { boot, open } = resumedGuest();
  const { vm, platform } = makeVm({ resume: snapshotOf({ frozen: true, agent: midway }) }, { boot });
  await vm.start();
  await settle();
  open();
  await vm.ready;
  const unready: string[] = [];
  vm.on('unready', ({ message }) => unready.push(message));
  platform.machine.agentPort.open(false);
  await vi.waitFor(() => expect(vm.isReady).toBe(false));
  const agent = new FakeAgent(platform.machine.agentPort, agree);
  await vm.ready;
  expect(names(agent.requests)).toEqual(['Welcome', 'SetClock']);
  expect(unready).toEqual([]);
  await vm.dispose();
});

test('a machine that was just resumed is saved once its programs, which stand still, have been let go on', async () => {
  const { boot, open, requests } = resumedGuest();
  const { vm } = makeVm({ resume: snapshotOf({ frozen: true, agent: midway }) }, { boot });
  await vm.start();
  const saving = vm.save();
  await settle();
  expect(requests).toEqual([]);
  open();
  await expect(saving).rejects.toThrow('a machine without hart and RAM has no snapshot');
  await vi.waitFor(() => expect(names(requests)).toEqual(['SetClock', 'Reseed', 'Thaw', 'Freeze', 'Thaw']));
  await vm.dispose();
});
