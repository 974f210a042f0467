// A store in files whose process is killed, or whose machine loses power, at any operation on a file: what is there after
// it is what was there at one moment between the last fsync and the end.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryBackend } from '../../../devices/9p/memory.ts';
import { risingClock } from '../../devices/9p/backends.ts';
import { Crash, Power } from './fake-file.ts';
import type { FakeFile } from './fake-file.ts';
import { after, freshFiles, mountFiles } from './file-stores.ts';
import type { Files } from './file-stores.ts';
import { fsync, Hands, operation, picture } from './operations.ts';
import type { Operation } from './operations.ts';

type Step = Operation | 'commit' | 'fsync';

const step = fc.oneof(
  { weight: 10, arbitrary: operation },
  { weight: 1, arbitrary: fc.constantFrom('commit' as const, 'fsync' as const) },
);

/** Does the steps until the power fails. Returns pictures of all that may be there afterwards. */
async function run(steps: readonly Step[], files: Files): Promise<Set<string>> {
  // Taking a picture reads, and is not to move the time of what is done.
  let time = 0n;
  const now = (): bigint => time;
  const oracle = new MemoryBackend({ now, capacity: 2 ** 40 });
  const mirror = new Hands(oracle);
  const possible = new Set(['nothing', await picture(oracle)]);
  try {
    const { store, timers } = await mountFiles(files, { now, dirtyLimit: 20_000 });
    possible.delete('nothing');
    const hands = new Hands(store);
    for (const each of steps) {
      time += 1000n;
      if (each === 'commit') timers.fire();
      else if (each === 'fsync') {
        await fsync(store);
        possible.clear();
      } else {
        // Before: a synchronous commit in it may be the last that succeeds.
        const [done, expected] = await Promise.all([hands.do(each).catch((error: unknown) => error), mirror.do(each)]);
        if (done instanceof Crash) throw done;
        expect(done).toBe(expected);
      }
      possible.add(await picture(oracle));
    }
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
  }
  possible.add(await picture(oracle));
  return possible;
}

async function pictureOf(files: Files): Promise<string> {
  const { store } = await mountFiles(files, { now: risingClock() });
  const result = await picture(store);
  await store.close();
  return result;
}

test.each([
  { name: 'the process is killed', survivors: fc.constant((file: FakeFile) => file.afterKill()) },
  {
    name: 'the machine loses power',
    survivors: fc
      .func(fc.boolean())
      .map((survives) => (file: FakeFile) => file.afterPowerLoss((index) => survives(index))),
  },
])('when $name, one state between the last fsync and the end is there', async ({ survivors }) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40, size: 'max' }),
      fc.nat(120),
      survivors,
      async (steps, failsAt, survivor) => {
        const power = new Power();
        power.failsAt = failsAt + 1;
        const files = freshFiles(power);
        const possible = await run(steps, files);
        const found = await pictureOf(after(files, survivor));
        // The store may have been about to be made.
        if (!possible.has('nothing')) expect(possible.has(found)).toBe(true);
      },
    ),
    { numRuns: 200 },
  );
});
