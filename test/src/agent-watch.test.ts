import { expect, test } from 'vitest';
import { watchForAgent } from '../../src/agent-watch.ts';

/** Runs a watch over a guest whose busy seconds at a time are given. Returns when it gave up, and why. */
async function watch(busyAt: (seconds: number) => number, lastSecond: number, isBuiltIn = false) {
  let time = 0;
  let due: { readonly at: number; readonly callback: () => void } | undefined;
  let verdict: { readonly seconds: number; readonly reason: string } | undefined;
  const cancel = watchForAgent({
    isBuiltIn,
    statistics: () => {
      const busySeconds = busyAt(time / 1000);
      return Promise.resolve({
        instructions: 0,
        busySeconds,
        idleSeconds: 0,
        mips: 0,
        tlbMisses: 0,
        p9: { requests: 0, bytesIn: 0, bytesOut: 0 },
        shares: {},
      });
    },
    now: () => time,
    after: (milliseconds, callback) => {
      due = { at: time + milliseconds, callback };
      return () => (due = undefined);
    },
    onMissing: (reason) => (verdict = { seconds: time / 1000, reason }),
  });
  while (due !== undefined && due.at <= lastSecond * 1000) {
    const { at, callback } = due;
    time = at;
    due = undefined;
    callback();
    await new Promise(setImmediate);
  }
  cancel();
  return verdict;
}

test('a guest that boots for ten seconds, and then waits, has no agent three seconds later', async () => {
  const verdict = await watch((seconds) => Math.min(seconds, 10), 60);
  expect(verdict).toEqual({ seconds: 13, reason: 'it has booted, and waits for input' });
});

test('a prompt with its timers counts as waiting', async () => {
  expect(await watch((seconds) => 1 + seconds * 0.01, 60)).toMatchObject({ seconds: 3.5 });
});

test('a guest that is busy is given 120 seconds', async () => {
  expect(await watch((seconds) => seconds, 110)).toBeUndefined();
  expect(await watch((seconds) => seconds, 200)).toEqual({ seconds: 120, reason: '120 seconds have passed' });
});

test('short pauses while it boots are not waiting', async () => {
  // Busy for half a second in every two and a half.
  const busy = (seconds: number): number => Math.floor(seconds / 2.5) * 0.5 + Math.min(seconds % 2.5, 0.5);
  expect(await watch(busy, 100)).toBeUndefined();
});

test('a machine that has not begun is not waiting', async () => {
  expect(await watch(() => 0, 100)).toBeUndefined();
});

test('the built-in system is given 120 seconds, even if its machine hardly gets to run', async () => {
  expect(await watch((seconds) => Math.min(seconds, 1), 110, true)).toBeUndefined();
  expect(await watch((seconds) => Math.min(seconds, 1), 200, true)).toMatchObject({ seconds: 120 });
});
