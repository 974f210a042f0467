import { expect, test } from 'vitest';
import { SharedRuns } from '../../../src/disk/shared-runs.ts';

test('who asks while a run is under way shares the next one, which begins after it', async () => {
  const ends: ((error?: Error) => void)[] = [];
  const runs = new SharedRuns(
    () =>
      new Promise((resolve, reject) => {
        ends.push((error) => (error === undefined ? resolve() : reject(error)));
      }),
  );
  const told: string[] = [];
  const ask = (name: string): Promise<unknown> =>
    Promise.resolve(runs.run()).then(
      () => told.push(name),
      (error: Error) => told.push(`${name}: ${error.message}`),
    );
  const first = ask('first');
  const others = [ask('second'), ask('third')];
  expect(ends).toHaveLength(1);
  ends[0]?.(new Error('no'));
  await first;
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual(['first: no']);
  expect(ends).toHaveLength(2);
  const last = ask('fourth');
  let isSettled = false;
  const settled = runs.settled().then(() => (isSettled = true));
  ends[1]?.();
  await Promise.all(others);
  await new Promise((resolve) => setImmediate(resolve));
  expect(ends).toHaveLength(3);
  expect(isSettled).toBe(false);
  ends[2]?.();
  await Promise.all([last, settled]);
  expect(told).toEqual(['first: no', 'second', 'third', 'fourth']);
});

test('work that is done at once is done at once', () => {
  let count = 0;
  const runs = new SharedRuns(() => void (count += 1));
  expect([runs.run(), runs.run()]).toEqual([undefined, undefined]);
  expect(count).toBe(2);
});
