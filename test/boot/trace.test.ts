// A trace that the main thread is slow to take, without shared memory: the machine waits for it.
import { expect, onTestFinished, test } from 'vitest';
import { MemoryBackend } from '../../devices/9p/memory.ts';
import type { WorkerHandle } from '../../src/platform.ts';
import { traceWindow } from '../../src/trace-window.ts';
import { Vm } from '../../src/vm.ts';
import type { FromWorker } from '../../src/worker-protocol.ts';
import { inThread } from './in-thread.ts';

/** Milliseconds between two times that the slow main thread takes what has come: the machine makes twice the window of it. */
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
      const timer = setInterval(take, nap);
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
