// An overlay whose process is killed, or whose machine loses power, between any two sectors that are written: each sector of
// the disk is then what it was when the last flush was done, or something that was written since.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryDisk } from '../../../devices/disk/memory.ts';
import { identify } from '../../../src/disk/identity.ts';
import { OverlayDisk } from '../../../src/disk/overlay.ts';
import { Crash, FakeFile, Power } from '../store/fake-file.ts';
import { FakeDiskFile } from './fake-disk-file.ts';

/** A cluster and some sectors. */
const sectors = 128 + 40 + 7;
const base = Uint8Array.from({ length: sectors * 512 }, (_, at) => 200 + ((at >> 9) % 50));

const place = fc.record({ sector: fc.nat({ max: sectors - 1 }), count: fc.integer({ min: 1, max: 140 }) });
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant('write' as const), place }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('zero' as const, 'unmap' as const), place }) },
  { weight: 3, arbitrary: fc.constantFrom({ what: 'flush' as const }, { what: 'begin flush' as const }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function open(file: FakeDiskFile): Promise<OverlayDisk> {
  const below = new MemoryDisk(base.slice(), { readOnly: true });
  return OverlayDisk.open({ base: below, file, identity: await identify(below, 0n) });
}

/** Does the steps until the power fails. Returns the values that each sector may have after that. */
async function run(steps: readonly Step[], file: FakeDiskFile): Promise<Set<number>[]> {
  const possible = Array.from({ length: sectors }, (_, sector) => new Set([base[sector * 512]!]));
  const present = Array.from({ length: sectors }, (_, sector) => base[sector * 512]!);
  /** Begins a flush, after which only what was there when it began, or came later, is possible. */
  const flush = async (disk: OverlayDisk): Promise<void> => {
    const before = [...present];
    const since = later;
    const mark = since.length;
    await disk.flush();
    for (const [sector, value] of before.entries()) possible[sector] = new Set([value]);
    for (const [sector, value] of since.slice(mark)) possible[sector]!.add(value);
  };
  const later: [sector: number, value: number][] = [];
  const flushes: Promise<void>[] = [];
  let value = 0;
  try {
    const disk = await open(file);
    for (const each of steps) {
      if (each.what === 'flush') await flush(disk);
      else if (each.what === 'begin flush') {
        const begun = flush(disk);
        begun.catch(() => undefined);
        flushes.push(begun);
      } else {
        const count = Math.min(each.place.count, sectors - each.place.sector);
        value = each.what === 'write' ? 1 + (value % 190) : value;
        const written = each.what === 'write' ? value : 0;
        for (let sector = each.place.sector; sector < each.place.sector + count; sector++) {
          possible[sector]!.add(written);
          present[sector] = written;
          later.push([sector, written]);
        }
        const offset = each.place.sector * 512;
        if (each.what === 'write') disk.write(offset, [new Uint8Array(count * 512).fill(value)]);
        else disk.zero(offset, count * 512, each.what === 'unmap');
      }
    }
    await Promise.all(flushes);
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
  }
  return possible;
}

test.each([
  { name: 'the process is killed', survivors: fc.constant((file: FakeFile) => file.afterKill()) },
  {
    name: 'the machine loses power',
    survivors: fc
      .func(fc.boolean())
      // The fake file tears what survives by numbers from 1,000 on: a disk tears nothing within a sector.
      .map((survives) => (file: FakeFile) => file.afterPowerLoss((index) => index < 1000 && survives(index))),
  },
])('when $name, each sector is as it was flushed, or as it was written since', async ({ survivors }) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 16, size: 'max' }),
      fc.nat(400),
      fc.boolean(),
      survivors,
      async (steps, failsAt, isSlow, survivor) => {
        const power = new Power();
        power.failsAt = failsAt + 1;
        const file = new FakeDiskFile(new FakeFile(power));
        file.isSlow = isSlow;
        const possible = await run(steps, file);
        const disk = await open(new FakeDiskFile(survivor(file.file)));
        const found = new Uint8Array(sectors * 512);
        await disk.read(0, [found]);
        for (const [sector, values] of possible.entries()) {
          const bytes = found.subarray(sector * 512, (sector + 1) * 512);
          const [value] = bytes;
          if (!values.has(value!) || bytes.some((byte) => byte !== value)) {
            throw new Error(`sector ${sector} is ${value}, not one of ${[...values].join(' ')}`);
          }
        }
      },
    ),
    { numRuns: 80 },
  );
});

test('what is written while a flush is under way is not told of before it is safe itself', async () => {
  const below = base[2 * 512];
  const seen = new Set<number | undefined>();
  for (let survivors = 0; survivors < 16; survivors++) {
    const power = new Power();
    const file = new FakeDiskFile(new FakeFile(power));
    const disk = await open(file);
    disk.write(0, [new Uint8Array(512).fill(1)]);
    await disk.flush();
    file.isSlow = true;
    disk.write(512, [new Uint8Array(512).fill(2)]);
    const flushed = disk.flush();
    disk.write(1024, [new Uint8Array(512).fill(3)]);
    // The data's flush and the table's write succeed, and the table's flush does not.
    power.failsAt = power.operations + 3;
    await expect(flushed).rejects.toThrow(Crash);
    const again = await open(new FakeDiskFile(file.file.afterPowerLoss((index) => ((survivors >> index) & 1) === 1)));
    const found = new Uint8Array(3 * 512);
    await again.read(0, [found]);
    expect(found[0]).toBe(1);
    seen.add(found[512]);
    expect(found[1024]).toBe(below);
  }
  // Both are possible: the entry came into the file, or did not.
  expect(seen).toEqual(new Set([2, base[512]]));
});
