import { describe, expect, test, vi } from 'vitest';
import type { ShareActivity } from '../../src/activity-meter.ts';
import { VmError } from '../../src/errors.ts';
import { traceWindow } from '../../src/trace-window.ts';
import { agentBoots, agree, FakeAgent, makeVm, settle, type FakeMachine } from './fake-guest.ts';
import { BootError } from '../../src/boot-error.ts';
import type { GuestFrame, HostFrame } from '../../src/agent/frames.ts';

const source = { kind: 'test' };

/** What the process would have reported of rejections that nobody handled while `action` ran. */
async function unhandledDuring(action: () => Promise<void>): Promise<unknown[]> {
  const seen: unknown[] = [];
  // The test runner's own listeners would count what is expected here as a failure.
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (error) => seen.push(error));
  try {
    await action();
    await settle();
  } finally {
    process.removeAllListeners('unhandledRejection');
    for (const listener of others) process.on('unhandledRejection', listener);
  }
  return seen;
}

describe('start', () => {
  test('gives the machine what the options and the guest image say', async () => {
    const { vm, platform } = makeVm({
      memory: 64,
      append: 'x=y',
      shares: [{ source, readOnly: true }],
      jitCache: 32,
      cpuFeatures: { sv48: true },
      noReboot: true,
    });
    await vm.start();
    const { options } = platform.machine;
    expect(options).toMatchObject({ memoryBytes: 64 << 20, clock: 'host', jitCacheBytes: 2 << 20, noReboot: true });
    expect(options.features).toEqual({ sv48: true, svadu: true, svade: false });
    expect(options.commandLine).toMatch(/ x=y$/);
    expect(await options.bootImage()).toEqual({ kernel: Uint8Array.of(1), initrd: Uint8Array.of(2) });
    expect(options.shares).toMatchObject([{ tag: 'host', readOnly: true, maximumMessageSize: 512_000 }]);
    expect(platform.machine.traced).toEqual([]);
    await vm.dispose();
  });

  test('a guest that restarts is given its image anew; one that cannot be is at its end', async () => {
    const { vm, platform } = makeVm();
    await vm.start();
    const { bootImage } = platform.machine.options;
    const first = await bootImage();
    const again = await bootImage();
    expect(again).toEqual(first);
    expect(again.kernel?.buffer).not.toBe(first.kernel?.buffer);

    platform.loadGuestImage = () => Promise.reject(new VmError('bad-file', 'the image is gone'));
    const refused = expect(bootImage()).rejects.toMatchObject({ code: 'bad-file' });
    await expect(vm.exited).rejects.toMatchObject({ code: 'bad-file', message: 'the image is gone' });
    await refused;
  });

  test('initrd: none boots without an initial file system', async () => {
    const { vm, platform } = makeVm({ initrd: 'none' });
    await vm.start();
    expect(await platform.machine.options.bootImage()).toEqual({ kernel: Uint8Array.of(1) });
    await vm.dispose();
  });

  test('a firmware comes with the built-in kernel and initial file system, or alone', async () => {
    const firmware = Uint8Array.of(3);
    const image = { kernel: Uint8Array.of(1), initrd: Uint8Array.of(2) };
    for (const [kernel, expected] of [
      [{}, { firmware, ...image }],
      [{ kernel: 'none' }, { firmware }],
    ] as const) {
      const { vm, platform } = makeVm({ firmware, ...kernel });
      await vm.start();
      expect(await platform.machine.options.bootImage()).toEqual(expected);
      await vm.dispose();
    }
  });

  test('a firmware alone has no agent, and nobody waits for one', async () => {
    const { vm } = makeVm({ firmware: Uint8Array.of(3), kernel: 'none' }, {});
    await vm.start();
    await expect(vm.ready).rejects.toMatchObject({ code: 'no-agent', message: /there is no kernel that would/ });
    await vm.dispose();
  });

  test.each([
    [{ kernel: 'none' }, 'there is no kernel: give a firmware, or another kernel'],
    [
      { kernel: 'none', firmware: Uint8Array.of(3), initrd: Uint8Array.of(2) },
      'an initial file system is for a kernel',
    ],
  ] as const)('refuses %j', (options, message) => {
    expect(() => makeVm(options)).toThrow(message);
  });

  test('tells of each stage in order, and is ready when the shares are mounted', async () => {
    let agent: FakeAgent | undefined;
    const boot = (machine: FakeMachine): void => {
      void machine.options.onUartOutput(Buffer.from('Linux'));
      agent = new FakeAgent(machine.agentPort, agree);
    };
    const shares = [{ source }, { source, tag: 'b', mount: 'none' }, { source, tag: 'c', readOnly: true }];
    const { vm } = makeVm({ shares }, { boot });
    const stages: string[] = [];
    vm.on('progress', ({ stage }) => stages.push(stage));
    await vm.start();
    expect(vm.isReady).toBe(false);
    await vm.ready;
    expect(vm.isReady).toBe(true);
    expect(stages).toEqual(['image', 'machine', 'kernel', 'agent', 'shares']);
    const mounts = agent?.requests
      .filter((frame) => frame.name === 'Mount')
      .map(({ body }) => {
        return [body.tag, body.path, body.options].map((text) => Buffer.from(text).toString());
      });
    expect(mounts).toEqual([
      ['host', '/mnt/host', 'msize=512000,cache=none'],
      ['c', '/mnt/c', 'msize=512000,cache=none,ro'],
    ]);
    await vm.dispose();
  });

  test('the root is mounted before the shares, whose first is where commands run', async () => {
    let agent: FakeAgent | undefined;
    const boot = (machine: FakeMachine): void => {
      agent = new FakeAgent(machine.agentPort, agree);
    };
    const { vm } = makeVm({ root: { source }, shares: [{ source }] }, { boot });
    await vm.start();
    await vm.ready;
    const mounts = agent?.requests.flatMap((frame) => (frame.name === 'Mount' ? [frame.body] : []));
    expect(mounts?.map(({ path, options }) => [path, options].map((text) => Buffer.from(text).toString()))).toEqual([
      ['/', 'msize=512000,cache=loose'],
      ['/mnt/host', 'msize=512000,cache=none'],
    ]);
    void vm.exec('true').started.catch(() => undefined);
    await settle();
    const cwd = agent?.requests.flatMap((frame) =>
      frame.name === 'Exec' ? [Buffer.from(frame.body.cwd).toString()] : [],
    );
    expect(cwd).toEqual(['/mnt/host']);
    await vm.dispose();
  });

  test('a root alone leaves commands in HOME, and is the share that is meant where none is named', async () => {
    let agent: FakeAgent | undefined;
    const boot = (machine: FakeMachine): void => {
      agent = new FakeAgent(machine.agentPort, agree);
    };
    const { vm } = makeVm({ root: { source } }, { boot });
    expect(vm.fs()).toBe(vm.fs('root'));
    await vm.start();
    await vm.ready;
    void vm.exec('true').started.catch(() => undefined);
    await settle();
    const cwd = agent?.requests.flatMap((frame) =>
      frame.name === 'Exec' ? [Buffer.from(frame.body.cwd).toString()] : [],
    );
    expect(cwd).toEqual(['']);
    await vm.dispose();
  });

  test('a root needs the built-in initial file system', () => {
    expect(() => makeVm({ root: { source }, initrd: Uint8Array.of(1) })).toThrow('leave out initrd');
  });

  test('rejects for a share that cannot be opened, and ends the worker', async () => {
    const { vm, platform } = makeVm(
      { shares: [{ source }] },
      { openBackend: () => Promise.reject(new VmError('bad-file', '/x: it is in use')) },
    );
    await expect(vm.start()).rejects.toThrow('/x: it is in use');
    await expect(vm.exited).rejects.toMatchObject({ code: 'bad-file' });
    expect(platform.workers).toBe(0);
  });

  test('a kernel that cannot be booted is the user’s, not a defect', async () => {
    const { vm } = makeVm({}, { boot: (machine) => machine.end(new BootError('that is no kernel')) });
    await vm.start();
    await expect(vm.exited).rejects.toMatchObject({ code: 'bad-file', message: 'that is no kernel' });
  });

  test('a second start while it runs is refused, one after it has stopped is not', async () => {
    const { vm, platform } = makeVm();
    await vm.start();
    await expect(vm.start()).rejects.toThrow('is running');
    await vm.stop();
    await vm.start();
    await vm.ready;
    expect(platform.machines).toHaveLength(2);
    expect(platform.workers).toBe(1);
    await vm.dispose();
    expect(platform.workers).toBe(0);
    await expect(vm.start()).rejects.toThrow('disposed');
  });
});

describe('the end', () => {
  test('is told by `exited` and an event, after the last output', async () => {
    const { vm, platform } = makeVm();
    const told: string[] = [];
    vm.console.attach((bytes) => void told.push(Buffer.from(bytes).toString()));
    vm.on('panic', ({ lines }) => told.push(...lines));
    vm.on('exit', ({ reason }) => told.push(reason));
    await vm.start();
    platform.machine.consolePort.send('last words');
    platform.machine.end({ reason: 'panic', lines: ['Kernel panic - not syncing: x'] });
    expect(await vm.exited).toEqual({ reason: 'panic', lines: ['Kernel panic - not syncing: x'] });
    expect(told).toEqual(['last words', 'Kernel panic - not syncing: x', 'panic']);
    expect(platform.workers).toBe(0);
  });

  test('leaves the statistics', async () => {
    const { vm, platform } = makeVm();
    await vm.start();
    platform.machine.end({ reason: 'power-off' });
    await vm.exited;
    expect(await vm.statistics()).toMatchObject({ instructions: 1e6, p9: { requests: 3, bytesIn: 40, bytesOut: 50 } });
  });

  test('a defect of the machine rejects with its message', async () => {
    const { vm, platform } = makeVm();
    await vm.start();
    platform.machine.end(new Error('x is not a function'));
    await expect(vm.exited).rejects.toMatchObject({
      code: 'internal',
      message: 'the machine failed: x is not a function',
    });
    expect(platform.workers).toBe(0);
  });

  test('a thread that dies rejects whatever was waiting for it', async () => {
    const { vm, platform } = makeVm({}, {});
    await vm.start();
    const ready = vm.ready;
    const statistics = vm.statistics();
    const { status } = vm.exec('true');
    platform.kill(new Error('out of memory'));
    for (const waiting of [ready, status, vm.exited]) {
      await expect(waiting).rejects.toThrow('the thread of the machine died: out of memory');
    }
    await expect(statistics).rejects.toBeInstanceOf(VmError);
    await vm.dispose();
  });

  test('dispose while the machine is being made stops it', async () => {
    const { vm, platform } = makeVm();
    const refused = expect(vm.start()).rejects.toMatchObject({ code: 'stopped' });
    await vm.dispose();
    await refused;
    expect(platform.workers).toBe(0);
  });

  test('a start that is awaited by nobody is no unhandled rejection when the machine is disposed of', async () => {
    const { vm } = makeVm();
    const unhandled = await unhandledDuring(async () => {
      void vm.start();
      await vm.dispose();
    });
    expect(unhandled).toEqual([]);
  });

  test('one that fails by itself is', async () => {
    const { vm } = makeVm(
      { shares: [{ source }] },
      { openBackend: () => Promise.reject(new VmError('bad-file', '/x: it is in use')) },
    );
    const unhandled = await unhandledDuring(async () => {
      void vm.start();
      await vm.exited.catch(() => undefined);
    });
    expect(unhandled).toMatchObject([{ code: 'bad-file', message: '/x: it is in use' }]);
  });
});

describe('a guest without an agent', () => {
  test('is found out when it has been idle', async () => {
    const { vm } = makeVm({}, { boot: (machine) => (machine.busySeconds = 1), haste: 50 });
    const unready: VmError[] = [];
    vm.on('unready', (error) => unready.push(error));
    await vm.start();
    await expect(vm.exec('true').status).rejects.toMatchObject({ code: 'no-agent' });
    expect(unready).toHaveLength(1);
    await vm.dispose();
  });
});

describe('a mount that the guest refuses', () => {
  test('makes the guest unready, with its reason', async () => {
    const refuse = (frame: HostFrame): readonly GuestFrame[] =>
      frame.name === 'Mount'
        ? [{ name: 'Reply', id: frame.id, body: { errno: 22, text: Buffer.from('mount: bad option') } }]
        : agree(frame);
    const { vm } = makeVm(
      { shares: [{ source }] },
      { boot: (machine) => void new FakeAgent(machine.agentPort, refuse) },
    );
    await vm.start();
    await expect(vm.ready).rejects.toMatchObject({
      code: 'refused',
      message: 'the guest cannot mount share "host" at /mnt/host: mount: bad option',
    });
    await vm.dispose();
  });
});

describe('reset', () => {
  test('makes the guest ready again, in the same worker', async () => {
    const { vm, platform } = makeVm({ shares: [{ source }] });
    await vm.start();
    await vm.ready;
    await vm.reset();
    expect(platform.machine.resets).toBe(1);
    expect(vm.isReady).toBe(false);
    void new FakeAgent(platform.machine.agentPort, agree);
    await vm.ready;
    expect(platform.machines).toHaveLength(1);
    await vm.dispose();
    await expect(vm.reset()).rejects.toMatchObject({ code: 'stopped' });
  });
});

test('a clock that took long to set is set again before any command, and nobody waits for the answer', async () => {
  let agent: FakeAgent | undefined;
  let told = 0;
  const answer = (frame: HostFrame): readonly GuestFrame[] =>
    frame.name === 'SetClock' && ++told > 1 ? [] : agree(frame);
  const boot = (machine: FakeMachine): void => {
    agent = new FakeAgent(machine.agentPort, answer);
  };
  const { vm } = makeVm({ shares: [{ source }] }, { boot, haste: 1000 });
  await vm.start();
  await vm.ready;
  vm.exec('true').status.catch(() => undefined);
  await vi.waitFor(() => expect(agent?.requests).toHaveLength(5));
  expect(agent?.requests.map(({ name }) => name)).toEqual(['Welcome', 'SetClock', 'Mount', 'SetClock', 'Exec']);
  expect(await unhandledDuring(() => vm.dispose())).toEqual([]);
});

describe('a guest that reboots', () => {
  test('is made ready again, and what was meant for its earlier life does not reach the next', async () => {
    const { vm, platform } = makeVm({ shares: [{ source }] });
    let times = 0;
    vm.on('ready', () => (times += 1));
    await vm.start();
    await vm.ready;
    const { agentPort } = platform.machine;
    const { status } = vm.exec('sleep 1');
    await settle();
    agentPort.open(false);
    // On its way to the agent that is gone:
    vm.exec('true').status.catch(() => undefined);
    const before = agentPort.received.length;
    await settle();
    await expect(status).rejects.toMatchObject({ code: 'stopped' });
    expect(agentPort.received).toHaveLength(before);
    const second = new FakeAgent(agentPort, agree);
    await vm.ready;
    expect(times).toBe(2);
    expect(second.requests.map(({ name }) => name).slice(0, 2)).toEqual(['Welcome', 'SetClock']);
    await vm.dispose();
  });
});

describe('activity', () => {
  test('is told while somebody listens: what the guest asked for since the last time', async () => {
    const { vm, platform } = makeVm({}, { ...agentBoots, haste: 10 });
    const seen: ShareActivity[] = [];
    const off = vm.on('activity', (activity) => seen.push(activity));
    await vm.start();
    while (seen.length < 1) await settle();
    for (let quiet = 0; quiet < 5; quiet++) await settle();
    platform.machine.p9 = { requests: 5, bytesIn: 100, bytesOut: 60 };
    while (seen.length < 2) await settle();
    off();
    platform.machine.p9 = { requests: 100, bytesIn: 1000, bytesOut: 600 };
    while (platform.machine.questions > 0) {
      platform.machine.questions = 0;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // Not told of what nobody wanted to know.
    vm.on('activity', (activity) => seen.push(activity));
    while (platform.machine.questions === 0) await settle();
    platform.machine.p9 = { requests: 101, bytesIn: 1001, bytesOut: 601 };
    while (seen.length < 3) await settle();
    platform.machine.p9 = { requests: 103, bytesIn: 1001, bytesOut: 601 };
    platform.machine.end({ reason: 'power-off' });
    await vm.exited;
    expect(seen).toEqual([
      { tag: 'host', requests: 3, bytesIn: 40, bytesOut: 50 },
      { tag: 'host', requests: 2, bytesIn: 60, bytesOut: 10 },
      { tag: 'host', requests: 1, bytesIn: 1, bytesOut: 1 },
      { tag: 'host', requests: 2, bytesIn: 0, bytesOut: 0 },
    ]);
  });
});

describe('trace', () => {
  test('the wanted types are asked for; events reach the listener, all and in order', async () => {
    const { vm, platform } = makeVm({ trace: ['virtio'] });
    const seen: unknown[] = [];
    vm.on('trace', (event) => seen.push(event));
    await vm.start();
    const events = Array.from({ length: 100 }, (_, queue) => {
      return { type: 'virtio', event: { type: 'notify', device: 'x', queue } } as const;
    });
    expect(platform.machine.traced).toEqual(['virtio']);
    for (const event of events) void platform.machine.onEvent?.(event);
    await settle();
    expect(seen).toEqual(events);
    await vm.dispose();
  });

  test('is turned on and off while the machine runs, and stays so for the next', async () => {
    const { vm, platform } = makeVm();
    const seen: unknown[] = [];
    vm.on('trace', (event) => seen.push(event));
    const event = { type: 'virtio', event: { type: 'notify', device: 'x', queue: 0 } } as const;
    await vm.start();
    expect(platform.machine.traced).toEqual([]);
    vm.setTrace(['virtio']);
    await settle();
    void platform.machine.onEvent?.(event);
    vm.setTrace([]);
    await settle();
    expect(platform.machine.traced).toEqual([]);
    expect(seen).toEqual([event]);
    vm.setTrace(['virtio']);
    await vm.stop();
    await vm.start();
    await settle();
    expect(platform.machine.traced).toEqual(['virtio']);
    await vm.dispose();
  });

  test('without shared memory a machine that is ahead of its listener is told to stand still, until the page has caught up', async () => {
    const { vm, platform } = makeVm({ trace: ['virtio'] }, { ...agentBoots, sharedMemory: false });
    let seen = 0;
    vm.on('trace', () => (seen += 1));
    await vm.start();
    const send = (count: number): (void | Promise<void>)[] =>
      Array.from({ length: count }, (_, queue) => {
        return platform.machine.onEvent?.({ type: 'virtio', event: { type: 'notify', device: 'x', queue } });
      });
    // More than the window before the page has its turn, several times: what is acknowledged counts up to there only once.
    for (let round = 1; round <= 3; round++) {
      const answers = send(traceWindow + 1000);
      expect(answers.slice(0, traceWindow - traceWindow / 4)).not.toContainEqual(expect.any(Promise));
      expect(answers.at(-1)).toBeInstanceOf(Promise);
      expect(seen).toBe((round - 1) * (traceWindow + 1000));
      await answers.at(-1);
      await settle();
      expect(seen).toBe(round * (traceWindow + 1000));
    }
    expect(send(10)).toEqual(Array.from({ length: 10 }));
    await vm.dispose();
  });
});
