// Stores against plain memory: whatever happens, what is there after a mount was there at one moment before, and nothing
// that fsync has returned for is missing.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryBackend } from '../../../devices/9p/memory.ts';
import { risingClock } from '../../devices/9p/backends.ts';
import { Disk } from './fake-medium.ts';
import { chunkLength, fsync, Hands, operation, picture } from './operations.ts';
import { mount } from './stores.ts';

const media = [
  { name: 'slow', slow: true },
  { name: 'fast', slow: false },
] as const;

describe.each(media)('a store on a $name medium', ({ slow }) => {
  it('is after every mount what memory is', async () => {
    const step = fc.oneof(
      { weight: 20, arbitrary: operation },
      { weight: 2, arbitrary: fc.constantFrom('commit' as const, 'fsync' as const, 'wait' as const) },
      { weight: 2, arbitrary: fc.constant('remount' as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const now = risingClock();
        const options = { slow, chunkLength, cacheLimit: 6000, dirtyLimit: 6000, snapshotAfter: 2000 };
        const disk = new Disk();
        const oracle = new MemoryBackend({ now: risingClock(), capacity: 2 ** 40 });
        const mirror = new Hands(oracle);
        let mounted = await mount(disk, { ...options, now });
        let hands = new Hands(mounted.store);
        for (const each of steps) {
          if (each === 'commit') mounted.timers.fire();
          else if (each === 'fsync') await fsync(mounted.store);
          else if (each === 'wait') await new Promise(setImmediate);
          else if (each === 'remount') {
            await hands.letGo();
            await mirror.letGo();
            await mounted.store.close();
            mounted = await mount(disk, { ...options, now });
            hands = new Hands(mounted.store);
            expect(await picture(mounted.store)).toBe(await picture(oracle));
          } else expect(await hands.do(each), each.kind).toBe(await mirror.do(each));
        }
        await hands.letGo();
        await mirror.letGo();
        expect(mounted.store.usedSpace).toBeGreaterThanOrEqual(0);
        await mounted.store.close();
        const { taken } = mounted.medium;
        const last = await mount(disk, { ...options, now });
        expect(await picture(last.store)).toBe(await picture(oracle));
        await last.store.close();
        // Nothing was forgotten: what is taken is what the journal speaks of.
        expect(new Set(taken.keys())).toEqual(new Set(last.medium.taken.keys()));
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});
