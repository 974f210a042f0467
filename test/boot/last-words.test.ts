// What a guest says before it switches off, on a host so slow that a device has no time left behind each request.
import { expect, onTestFinished, test } from 'vitest';
import { MemoryBackend } from '../../devices/9p/memory.ts';
import { NodeHost } from '../../src/node/host.ts';
import { Vm } from '../../src/vm.ts';
import { inThread } from './in-thread.ts';

/** Milliseconds: more than a device's slice, and than a guest may be behind when it is told the time. */
const step = 6;

function slowed(now: () => number): () => number {
  let late = 0;
  return () => now() + (late += step);
}

class SlowHost extends NodeHost {
  override now = slowed(() => super.now());
}

test('the answer to a power-off arrives, though another has just ended its device’s turn', async () => {
  const platform = inThread(new MemoryBackend({ now: () => 0n }), (doorbell) => new SlowHost(doorbell));
  // Told late, the guest is told the time again: right before it is to switch off.
  const vm = new Vm({ ...platform, now: slowed(() => platform.now()) }, {});
  onTestFinished(() => vm.dispose());
  await vm.start();
  expect(await vm.powerOff()).toEqual({ reason: 'power-off' });
});
