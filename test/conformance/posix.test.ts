// Rules of POSIX and of Linux's manual pages in the real guest, and random operations beside the guest's own file system, for
// each backend and cache mode. VM9_SCALE=full: folders of 100,000 names, and a million operations. RANDOM_SEED repeats those.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compiler, isInstalled } from '../bench/tools.ts';
import { capabilities } from '../node/node-fs/shared-folder.ts';
import { impossibleCases } from '../posix/impossible.ts';
import { backends, modes, PosixGuest, type Backend, type Mode } from '../posix/in-guest.ts';

const isFull = process.env['VM9_SCALE'] === 'full';
const seed = Number(process.env['RANDOM_SEED'] ?? Date.now() % 2 ** 31);
const patience = isFull ? 30 * 60_000 : 120_000;

/** The yardstick first, which has no modes. */
const combinations = backends.flatMap((backend): readonly (readonly [Backend, Mode])[] =>
  backend === 'tmpfs' ? [[backend, 'none']] : modes.map((mode) => [backend, mode]),
);

describe.runIf(isInstalled(compiler) && capabilities.xattrs)('POSIX', () => {
  let guest: PosixGuest;
  /** Cases that were run on the yardstick. */
  let known: string[] = [];

  beforeAll(async () => {
    guest = await PosixGuest.start();
  }, patience);

  afterAll(() => guest?.dispose());

  test.each(combinations)('rules on %s, cache=%s', { timeout: patience }, async (backend, mode) => {
    const [many, deep] = isFull ? [100_000, 1000] : [500, 40];
    const output = await guest.run(backend, mode, `/tmp/posix /mnt/${backend} ${many} ${deep}`);
    const lines = output.trimEnd().split('\n');
    const passed = lines.filter((line) => line.startsWith('ok ')).map((line) => line.slice(3));
    const failed = lines.filter((line) => !line.startsWith('ok '));
    if (backend === 'tmpfs') {
      known = [...passed, ...impossibleCases(backend, mode)];
      expect(known.length).toBeGreaterThan(600);
      expect(new Set(known).size).toBe(known.length);
    }
    const impossible = new Set(impossibleCases(backend, mode));
    // What the suite did not come to counts as what it came to in vain.
    const missed = known.filter((name) => !passed.includes(name) && !impossible.has(name));
    const unexpected = failed.filter((line) => ![...impossible].some((name) => line.startsWith(`not ok ${name}: `)));
    expect({ missed, unexpected }).toEqual({ missed: [], unexpected: [] });
    expect(passed.filter((name) => impossible.has(name))).toEqual([]);
    expect([...impossible].filter((name) => !known.includes(name))).toEqual([]);
  });

  /**
   * What the guest's client can not do right: see the table of impossible cases. What is cached as loose does not survive that
   * only some of it is forgotten: a name of a file that was written meanwhile is looked up as another file.
   */
  const clientLimits: Readonly<Record<Mode, string>> = {
    none: 'one-name stale-ends',
    readahead: 'one-name no-append',
    mmap: 'one-name',
    loose: 'keep-cache',
  };
  const shared = combinations.filter(([backend]) => backend !== 'tmpfs');
  const count = Math.ceil((isFull ? 1_000_000 : 24_000) / shared.length);

  test.each(shared)(`${count} random operations on %s, cache=%s`, { timeout: patience }, async (backend, mode) => {
    const own = seed + combinations.findIndex((each) => each[0] === backend && each[1] === mode);
    // A write takes SUID and SGID on the host, whoever writes.
    const bits = backend === 'memory' ? 7777 : 1777;
    const [folder, model] = [`/mnt/${backend}/random`, '/mnt/tmpfs/model'];
    const start = performance.now();
    const output = await guest.run(
      backend,
      mode,
      `mkdir ${folder} ${model}; /tmp/random ${folder} ${model} ${own} ${count} ${bits} ${clientLimits[mode]} || true; ` +
        `rm -rf ${folder} ${model}`,
    );
    const rate = Math.round((1000 * count) / (performance.now() - start));
    console.log(`RANDOM_SEED=${seed} ${backend} cache=${mode}: ${output.trimEnd()}, ${rate}/s`);
    expect(output).toMatch(new RegExp(`^${count} done, \\d+ of them with errors, \\d+ stale ends\n$`));
  });
});
