// Traces of a whole machine: of its devices, with a main thread that is slow to take it, without shared memory, so that the
// machine waits for it; and of its translator.
import { expect, onTestFinished, test } from 'vitest';
import { MemoryBackend } from '../../devices/9p/memory.ts';
import type { TranslationEvent } from '../../src/cpu/riscv/translator.ts';
import type { WorkerHandle } from '../../src/platform.ts';
import { traceWindow } from '../../src/trace-window.ts';
import { Vm } from '../../src/vm.ts';
import type { FromWorker, ToWorker } from '../../src/worker-protocol.ts';
import { inThread } from './in-thread.ts';

/** Milliseconds without a further message after which the slow main thread takes what has come: the machine waits for it. */
const nap = 500;

/** A worker whose messages wait while `slow`, and how many did at most. */
class SlowlyHeard {
  slow = false;
  most = 0;

  of(worker: WorkerHandle): WorkerHandle {
    const onMessage: WorkerHandle['onMessage'] = (listener) => {
      const waiting: FromWorker[] = [];
      worker.onMessage((message) => {
        waiting.push(message);
        this.most = Math.max(this.most, waiting.length);
        if (!this.slow) take();
      });
      const take = (): void => {
        for (const message of waiting.splice(0)) listener(message);
      };
      let seen = 0;
      const timer = setInterval(() => {
        if (waiting.length === seen) take();
        seen = waiting.length;
      }, nap);
      onTestFinished(() => clearInterval(timer));
    };
    return { ...worker, onMessage };
  }
}

test('nothing is lost, and no more is under way than the window and what a slice adds', async () => {
  const platform = inThread(new MemoryBackend({ now: () => BigInt(Date.now()) * 1_000_000n }));
  const heard = new SlowlyHeard();
  const startWorker = (): WorkerHandle => heard.of(platform.startWorker());
  const vm = new Vm({ ...platform, startWorker }, { shares: [{ source: { kind: 'memory' } }] });
  onTestFinished(() => vm.dispose());
  await vm.start();
  await vm.ready;
  const before = (await vm.statistics()).p9.requests;
  let answered = 0;
  vm.on('trace', ({ type }) => (answered += type === '9p' ? 1 : 0));
  vm.setTrace(['9p', 'virtio']);
  // Each is a walk that fails, and some five events.
  const command = vm.exec('i=0; while [ $i -lt 3000 ]; do [ -e f$i ]; i=$((i+1)); done; echo done');
  await command.started;
  heard.slow = true;
  expect(await command.stdout.text()).toBe('done\n');
  heard.slow = false;
  const { requests } = (await vm.statistics()).p9;
  expect(requests - before).toBeGreaterThanOrEqual(3000);
  expect(answered).toBe(requests - before);
  // Up to a quarter of it is received and not acknowledged yet.
  expect(heard.most).toBeGreaterThan((traceWindow * 3) / 4);
  expect(heard.most).toBeLessThan(traceWindow + 1000);
});

test('regions are told of as they come and go; only they are; the bound of the code is kept', async () => {
  const bound = 100_000;
  const platform = inThread(new MemoryBackend({ now: () => 0n }));
  const startWorker = (): WorkerHandle => {
    const worker = platform.startWorker();
    // Less than an option can say.
    const bounded = (message: ToWorker): ToWorker =>
      message.type === 'start' ? { ...message, setup: { ...message.setup, jitCacheBytes: bound } } : message;
    return { ...worker, post: (message, transfer) => worker.post(bounded(message), transfer) };
  };
  const vm = new Vm({ ...platform, startWorker }, { trace: ['jit'], shares: [{ source: { kind: 'memory' } }] });
  onTestFinished(() => vm.dispose());
  const events: TranslationEvent[] = [];
  vm.on('trace', (event) => {
    expect(event.type).toBe('jit');
    if (event.type === 'jit') events.push(event.event);
  });
  await vm.start();
  await vm.exec('i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done; seq 20000 | sort -n').output();
  await vm.stop();
  const { translator } = await vm.statistics();
  const of = (wanted: TranslationEvent['what']): TranslationEvent[] => events.filter(({ what }) => what === wanted);
  expect(of('translated').length + of('promoted').length).toBe(translator?.regions);
  expect(of('dropped').length).toBe(translator?.dropped);
  for (const { what, large, module } of events) {
    expect(module === undefined).toBe(what === 'dropped');
    if (what !== 'dropped') expect(large).toBe(what === 'promoted');
  }

  let kept = 0;
  let all = 0;
  for (const { what, bytes } of events) {
    kept += what === 'dropped' ? -bytes : bytes;
    all += what === 'dropped' ? 0 : bytes;
    expect(kept).toBeLessThanOrEqual(bound);
  }
  expect(all).toBeGreaterThan(bound);
});
