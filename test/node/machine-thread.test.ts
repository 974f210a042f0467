import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { MachineProgram, startMachineThread } from '../../src/node/machine-thread.ts';
import type { WorkerHandle } from '../../src/platform.ts';
import type { FromWorker, MachineSetup } from '../../src/worker-protocol.ts';
import { smallMachine } from './machine-setup.ts';

afterEach(() => vi.useRealTimers());

const built = (name: string): URL => new URL(`../../dist/${name}`, import.meta.url);
const makeProgram = (): MachineProgram => new MachineProgram(built('worker.cjs'));

/** Refused as soon as a machine is to be made of it: what it goes on from has no sections. */
const resumed: MachineSetup = { ...smallMachine, resume: [] };
const booted: MachineSetup = { ...smallMachine, image: { kernel: new Uint8Array(8) } };

interface Thread {
  readonly handle: WorkerHandle;
  /** Resolves with the next message of that type. */
  readonly next: (type: FromWorker['type']) => Promise<FromWorker>;
}

function begin(program: MachineProgram): Thread {
  const handle = startMachineThread(program, built('worker-start.cjs'));
  onTestFinished(() => handle.terminate());
  handle.setAwaited(true);
  const waiting = new Map<string, (message: FromWorker) => void>();
  handle.onMessage((message) => waiting.get(message.type)?.(message));
  handle.onFailure((error) => {
    throw error;
  });
  const word = (): Int32Array => new Int32Array(new SharedArrayBuffer(4));
  handle.post({ type: 'open', setup: { shares: [], drives: [], doorbell: word(), traceAcknowledged: word() } });
  return { handle, next: (type) => new Promise((resolve) => waiting.set(type, resolve)) };
}

async function run({ handle, next }: Thread, machine: MachineSetup): Promise<void> {
  const refused = next('refused');
  handle.post({ type: 'start', setup: machine });
  expect(await refused).toMatchObject({ code: 'bad-file' });
}

async function close({ handle, next }: Thread): Promise<void> {
  const closed = next('closed');
  handle.post({ type: 'close' });
  await closed;
  await handle.terminate();
}

test('a thread leaves its compiled code to the next, and the first that has gone on from a snapshot once more', async () => {
  const program = makeProgram();
  expect(program.message().script?.cachedData).toBeUndefined();
  const first = begin(program);
  await run(first, booted);
  await close(first);
  const ofBoot = program.code;
  expect(ofBoot?.length).toBeGreaterThan(100_000);
  expect(program.message().script?.cachedData).toBe(ofBoot);

  const second = begin(program);
  await run(second, booted);
  await close(second);
  expect(program.code).toBe(ofBoot);

  const third = begin(program);
  await run(third, resumed);
  await close(third);
  const ofResumed = program.code;
  expect(ofResumed).not.toBe(ofBoot);

  for (const machine of [resumed, booted]) {
    const later = begin(program);
    await run(later, machine);
    await close(later);
    expect(program.code).toBe(ofResumed);
  }
});

test('a machine that runs for long is asked once it has settled', async () => {
  const program = makeProgram();
  const thread = begin(program);
  await run(thread, booted);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  thread.handle.post({ type: 'start', setup: booted });
  await vi.advanceTimersByTimeAsync(2999);
  expect(program.code).toBeUndefined();
  vi.advanceTimersByTime(1);
  vi.useRealTimers();
  await vi.waitFor(() => expect(program.code).toBeDefined(), 5000);
  await close(thread);
});

test('code that V8 does not take costs nothing but its advantage, and is not asked for again', async () => {
  const program = makeProgram();
  const first = begin(program);
  await run(first, booted);
  await close(first);
  program.code?.fill(0, 0, 64);
  const second = begin(program);
  await run(second, resumed);
  await close(second);
  expect(program.code).toBeUndefined();
  const third = begin(program);
  await run(third, resumed);
  await close(third);
  expect(program.code).toBeUndefined();
});

test('a thread that has run nothing, or has not closed its shares, is ended without being asked', async () => {
  const program = makeProgram();
  await close(begin(program));
  const blocked = begin(program);
  await run(blocked, booted);
  await blocked.handle.terminate();
  expect(program.code).toBeUndefined();
});
