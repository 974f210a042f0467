// A guest while a read of its share is under way: what waits for the host must stop neither the clock nor other programs.
import { expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../devices/9p/backend.ts';
import { MemoryBackend } from '../../devices/9p/memory.ts';
import { Vm } from '../../src/vm.ts';
import { inThread } from './in-thread.ts';
import { napsProgram } from './naps.ts';

/** Files in memory whose reads wait until they are let go on. */
class SlowReads {
  readonly backend: Backend;
  gate: Promise<void> = Promise.resolve();
  pending = 0;

  constructor() {
    const memory = new MemoryBackend({ now: () => BigInt(Date.now()) * 1_000_000n });
    const readNow = memory.read.bind(memory);
    this.backend = memory;
    this.backend.read = async (file, offset, into) => {
      const bytes = new Uint8Array(into.reduce((sum, piece) => sum + piece.length, 0));
      this.pending += 1;
      await this.gate;
      this.pending -= 1;
      return bytes.subarray(0, readNow(file, offset, [bytes]));
    };
  }
}

async function startWithSlowShare(): Promise<{ vm: Vm; reads: SlowReads }> {
  const reads = new SlowReads();
  // Without page cache every read comes here.
  const vm = new Vm(inThread(reads.backend), { shares: [{ source: { kind: 'slow' }, cache: 'none' }] });
  onTestFinished(() => vm.dispose());
  await vm.start();
  await vm.ready;
  expect(
    await vm.exec('echo contents > file && cat > /tmp/naps && chmod +x /tmp/naps', { stdin: napsProgram() }).exit,
  ).toEqual({
    code: 0,
  });
  return { vm, reads };
}

const later = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

test('the only program that could run waits for a read, and goes on when that is done', async () => {
  const { vm, reads } = await startWithSlowShare();
  reads.gate = later(100);
  expect(await vm.exec('cat file').stdout.text()).toBe('contents\n');
  expect(reads.pending).toBe(0);
});

test('1,000 sleeps of 200 us end while a read is pending', async () => {
  const { vm, reads } = await startWithSlowShare();
  let open = (): void => undefined;
  reads.gate = new Promise((resolve) => (open = resolve));
  const reading = vm.exec('cat file');
  const text = reading.stdout.text();
  while (reads.pending === 0) await later(5);

  const { idleSeconds } = await vm.statistics();
  expect(await vm.exec('/tmp/naps').exit).toEqual({ code: 0 });
  expect(reads.pending).toBe(1);
  // They were slept through, not skipped.
  expect((await vm.statistics()).idleSeconds - idleSeconds).toBeGreaterThan(0.1);
  open();
  expect(await text).toBe('contents\n');
});

test('a machine is stopped while a read is pending', async () => {
  const { vm, reads } = await startWithSlowShare();
  reads.gate = new Promise(() => undefined);
  void vm.exec('cat file');
  while (reads.pending === 0) await later(5);
  await vm.stop();
  expect(await vm.exited).toEqual({ reason: 'stopped' });
});
