import { expect, test } from 'vitest';
import type { Host } from '../../src/host.ts';
import type { MachineClock } from '../../src/machine-clock.ts';
import { RunLoop } from '../../src/run-loop.ts';
import type { RunTarget } from '../../src/run-loop.ts';

const ticksPerMillisecond = 10_000;

/** A host whose time passes only by waiting, and that writes down what the loop does with it. */
class FakeHost implements Host {
  doorbell: Int32Array<ArrayBufferLike> = new Int32Array(new SharedArrayBuffer(4));
  canBlock = false;
  time = 0;
  readonly done: string[] = [];
  /** What happens in the event loop, one thing a turn. */
  readonly events: (() => void)[] = [];

  now(): number {
    return this.time;
  }

  wallNanoseconds(): bigint {
    return 0n;
  }

  randomFill(): void {
    throw new Error('the run loop needs no randomness');
  }

  zlib(): never {
    throw new Error('the run loop unpacks nothing');
  }

  gunzip(): never {
    throw new Error('the run loop unpacks nothing');
  }

  turn(): Promise<void> {
    this.done.push('turn');
    this.time += 0.01;
    this.events.shift()?.();
    return Promise.resolve();
  }

  sleep(milliseconds: number): { done: Promise<void>; wake(): void } {
    this.done.push(`sleep ${milliseconds.toFixed(2)}`);
    let wake = (): void => undefined;
    const done = new Promise<void>((resolve) => {
      wake = resolve;
      queueMicrotask(() => {
        const event = this.events.shift();
        if (event === undefined) {
          this.time += milliseconds;
          resolve();
        } else event();
      });
    });
    return { done, wake: () => wake() };
  }
}

/** A hart that does what a script says, slice by slice, and then ends. */
class FakeTarget implements RunTarget {
  readonly slices: ('ran' | 'waiting' | (() => 'ran' | 'waiting'))[];
  outstanding = false;
  pending = false;
  deadline = Number.POSITIVE_INFINITY;
  polls = 0;
  workLeft = 0;
  readonly budgets: number[] = [];

  constructor(...slices: FakeTarget['slices']) {
    this.slices = slices;
  }

  get ended(): boolean {
    return this.slices.length === 0;
  }

  run(instructions: number): 'ran' | 'waiting' {
    this.budgets.push(instructions);
    const slice = this.slices.shift() ?? 'ran';
    return typeof slice === 'string' ? slice : slice();
  }

  updateTimers(): void {
    // The script raises interrupts itself.
  }

  nextDeadline(): number {
    return this.deadline;
  }

  hasPending(): boolean {
    return this.pending;
  }

  pollDevices(): boolean {
    this.polls += 1;
    if (this.workLeft > 0) this.workLeft -= 1;
    return this.workLeft > 0;
  }

  flushOutput(): undefined {
    return undefined;
  }
}

function clockOf(host: FakeHost, instructionsUntil = Number.POSITIVE_INFINITY): MachineClock & { slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    ticks: () => Math.floor(host.time * ticksPerMillisecond),
    wallNanoseconds: () => 0n,
    instructionsUntil: () => instructionsUntil,
    state: { ticks: 0 },
    idle: (milliseconds) => slept.push(milliseconds),
  };
}

test('a hart that runs does not turn the event loop while nothing waits there', async () => {
  const host = new FakeHost();
  const target = new FakeTarget('ran', 'ran', 'ran');
  await new RunLoop(host, clockOf(host), target).run();
  expect(host.done).toEqual([]);
  expect(target.budgets).toHaveLength(3);
});

test('with an operation under way the event loop turns after every slice', async () => {
  const host = new FakeHost();
  const target = new FakeTarget('ran', 'ran');
  target.outstanding = true;
  await new RunLoop(host, clockOf(host), target).run();
  expect(host.done).toEqual(['turn', 'turn']);
});

test('a doorbell that rang turns the event loop after every slice of the next 6 ms: the message may come late', async () => {
  const host = new FakeHost();
  const slice = (): 'ran' => {
    host.time += 2;
    return 'ran';
  };
  const ringing = (): 'ran' => {
    Atomics.add(host.doorbell, 0, 1);
    return slice();
  };
  const late: number[] = [];
  host.events.push(
    () => undefined,
    () => undefined,
    () => late.push(host.time),
  );
  const target = new FakeTarget(slice, ringing, ...Array.from({ length: 10 }, () => slice));
  await new RunLoop(host, clockOf(host), target).run();
  // After the ring, and after the slices that began 0.00, 2.01 and 4.02 ms later.
  expect(host.done).toEqual(['turn', 'turn', 'turn', 'turn']);
  // Two slices after the ring at 4 ms, and not with the next ring, which never comes.
  expect(late).toEqual([expect.closeTo(8.03)]);
});

test('after a slice that took longer than that, what rang before it is looked for once more', async () => {
  const host = new FakeHost();
  const ringing = (): 'ran' => {
    Atomics.add(host.doorbell, 0, 1);
    return 'ran';
  };
  const long = (): 'ran' => {
    host.time += 50;
    return 'ran';
  };
  const target = new FakeTarget(ringing, long, long, long);
  await new RunLoop(host, clockOf(host), target).run();
  expect(host.done).toEqual(['turn', 'turn']);
});

test('a doorbell that may have rung before there was a loop counts as rung: the guest that waits for the message is heard', async () => {
  const host = new FakeHost();
  host.canBlock = true;
  const target = new FakeTarget('waiting', 'ran');
  Atomics.add(host.doorbell, 0, 1);
  host.events.push(() => {
    target.pending = true;
  });
  // Else it would block the thread for a second.
  target.deadline = 1000 * ticksPerMillisecond;
  await new RunLoop(host, clockOf(host), target, true).run();
  expect(host.done.slice(0, 1)).toEqual(['turn']);
  expect(host.time).toBeLessThan(1);
});

test('without shared memory the event loop turns after every 2 ms in the hart', async () => {
  const host = new FakeHost();
  host.doorbell = new Int32Array(1);
  const slice = (): 'ran' => {
    host.time += 0.5;
    return 'ran';
  };
  const target = new FakeTarget(...Array.from({ length: 10 }, () => slice));
  await new RunLoop(host, clockOf(host), target).run();
  // 10 slices of 0.5 ms.
  expect(host.done).toEqual(['turn', 'turn']);
});

test('without shared memory wfi sleeps in the event loop, where messages come', async () => {
  const host = new FakeHost();
  host.doorbell = new Int32Array(1);
  const target = new FakeTarget('waiting', 'ran');
  target.deadline = 1000 * ticksPerMillisecond;
  const loop = new RunLoop(host, clockOf(host), target);
  host.events.push(() => {
    target.pending = true;
    loop.wake();
  });
  await loop.run();
  expect(host.done).toEqual(['sleep 999.00']);
  expect(host.time).toBeLessThan(1);
});

test('wfi with an operation under way sleeps in the event loop, and its completion ends the sleep', async () => {
  const host = new FakeHost();
  const target = new FakeTarget('waiting', 'ran');
  target.outstanding = true;
  target.deadline = 1000 * ticksPerMillisecond;
  const loop = new RunLoop(host, clockOf(host), target);
  host.events.push(
    () => undefined,
    () => {
      target.pending = true;
      loop.wake();
    },
  );
  await loop.run();
  expect(host.done.filter((what) => what.startsWith('sleep'))).toEqual(['sleep 998.99']);
  // Far from the deadline: the completion, not the timer, ended it.
  expect(host.time).toBeLessThan(1);
});

test('a deadline nearer than the timers of the event loop are exact is met by turning it', async () => {
  const host = new FakeHost();
  const target = new FakeTarget('waiting', 'ran');
  target.outstanding = true;
  target.deadline = 2 * ticksPerMillisecond;
  await new RunLoop(host, clockOf(host), target).run();
  expect(host.done.every((what) => what === 'turn')).toBe(true);
  expect(host.time).toBeGreaterThanOrEqual(2);
  expect(host.time).toBeLessThan(2.1);
});

test('wfi with nothing under way blocks the thread until the doorbell’s deadline', async () => {
  const host = new FakeHost();
  host.canBlock = true;
  const target = new FakeTarget('waiting', 'ran');
  target.deadline = 20 * ticksPerMillisecond;
  const before = performance.now();
  await new RunLoop(host, clockOf(host), target).run();
  expect(performance.now() - before).toBeGreaterThanOrEqual(19);
  expect(host.done).toEqual([]);
});

test('after the doorbell rang wfi leaves the event loop free for a while: the message may come late', async () => {
  const host = new FakeHost();
  host.canBlock = true;
  const ringing = (): 'waiting' => {
    Atomics.add(host.doorbell, 0, 1);
    return 'waiting';
  };
  const target = new FakeTarget(ringing, 'waiting', 'ran');
  target.deadline = 20 * ticksPerMillisecond;
  await new RunLoop(host, clockOf(host), target).run();
  // The fake time stands still where the thread blocks: both later slices are within 6 ms of the ring.
  expect(host.done).toEqual(['turn', 'sleep 5.00', 'turn', 'turn']);
});

test('wfi does not wait while an interrupt is pending', async () => {
  const host = new FakeHost();
  host.canBlock = true;
  // Without a deadline a wait would never end.
  const target = new FakeTarget('waiting', 'ran');
  target.pending = true;
  await new RunLoop(host, clockOf(host), target).run();
  expect(target.budgets).toHaveLength(2);
});

test('a request that a device was given during the slice, and whose turn it cut short, is not waited for', async () => {
  const host = new FakeHost();
  host.canBlock = true;
  const target: FakeTarget = new FakeTarget(() => {
    target.workLeft = 2;
    return 'waiting';
  }, 'ran');
  await new RunLoop(host, clockOf(host), target).run();
  expect(target.budgets).toHaveLength(2);
});

test('a slice ends where counted time comes to a deadline', async () => {
  const host = new FakeHost();
  const target = new FakeTarget('ran');
  await new RunLoop(host, clockOf(host, 1234), target).run();
  expect(target.budgets).toEqual([1234]);
});
