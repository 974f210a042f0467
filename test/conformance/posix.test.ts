// Rules of POSIX and of Linux's manual pages in the real guest, and random operations beside the guest's own file system, for
// each backend and cache mode, in Node.js and in a page. VM9_SCALE=full: folders of 100,000 names, and a million operations. RANDOM_SEED repeats those.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { compiler, isInstalled } from '../bench/tools.ts';
import { capabilities } from '../node/node-fs/shared-folder.ts';
import { impossibleCases } from '../posix/impossible.ts';
import { backendsInChromium, startInChromium } from '../posix/in-chromium.ts';
import { backendsInNode, backendsOfRoot, startAsRoot, startInNode } from '../posix/in-node.ts';
import type { PosixGuest } from '../posix/guest.ts';
import { modes, type Backend, type Mode } from '../posix/machine.ts';

const isFull = process.env['VM9_SCALE'] === 'full';
const seed = Number(process.env['RANDOM_SEED'] ?? Date.now() % 2 ** 31);
const patience = isFull ? 30 * 60_000 : 120_000;

const places = [
  { place: 'Node.js', start: startInNode, backends: backendsInNode, isThere: capabilities.xattrs },
  { place: 'Node.js as root', start: startAsRoot, backends: backendsOfRoot, isThere: process.getuid?.() === 0 },
  { place: 'Chromium', start: startInChromium, backends: backendsInChromium, isThere: isInstalled('chromium') },
] as const;

/** Of random operations, for each share and cache mode. */
const count = Math.ceil(
  (isFull ? 1_000_000 : 56_000) / (modes.length * places.reduce((sum, { backends }) => sum + backends.length - 1, 0)),
);

describe.runIf(isInstalled(compiler)).each(places)('POSIX in $place', ({ start, backends, isThere }) => {
  // The yardstick first, which has no modes.
  const combinations = backends.flatMap((backend): readonly (readonly [Backend, Mode])[] =>
    backend === 'tmpfs' ? [[backend, 'none']] : modes.map((mode) => [backend, mode]),
  );
  let guest: PosixGuest;
  /** Cases that were run on the yardstick. */
  let known: string[] = [];

  beforeAll(async () => {
    if (isThere) guest = await start();
  }, patience);

  beforeEach(({ skip }) =>
    skip(!isThere, 'for want of extended attributes in the temporary folder, of root, or of Chromium'),
  );

  afterAll(() => guest?.dispose());

  test.each(combinations)('rules on %s, cache=%s', { timeout: patience }, async (backend, mode) => {
    // A browser needs milliseconds to make a file on the host, and the guest's tmpfs has no room for as many.
    const isSmall = backend === 'picked-folder' || backend === 'tmpfs';
    const [many, deep] = isFull ? [isSmall ? 5000 : 100_000, 1000] : [500, 40];
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
    const told = `${backend} cache=${mode}:\n${[...missed.map((name) => `missed ${name}`), ...unexpected].join('\n')}\n`;
    expect({ missed, unexpected }, told).toEqual({ missed: [], unexpected: [] });
    expect(passed.filter((name) => impossible.has(name))).toEqual([]);
    expect([...impossible].filter((name) => !known.includes(name))).toEqual([]);
  });

  /**
   * What the guest's client can not do right: see the table of impossible cases. What is cached as loose does not survive that
   * only some of it is forgotten: a name of a file that was written meanwhile is looked up as another file.
   */
  const clientLimits: Readonly<Record<Mode, string>> = {
    none: 'stale-ends',
    readahead: 'one-name no-append',
    mmap: 'one-name',
    loose: 'keep-cache',
  };
  const shared = combinations.filter(([backend]) => backend !== 'tmpfs');

  // The seed is in the name, so that a failure of any kind tells it.
  test.each(shared)(
    `${count} random operations on %s, cache=%s, RANDOM_SEED=${seed}`,
    { timeout: patience },
    async (backend, mode) => {
      const own = seed + combinations.findIndex((each) => each[0] === backend && each[1] === mode);
      // A write takes SUID and SGID on the host, whoever writes. With cache=none the client takes them by chown as the inode of
      // that name had them, and sets the whole mode, though it may be another by another name.
      const bits = mode === 'none' || ['folder', 'mapped', 'passthrough'].includes(backend) ? 1777 : 7777;
      // That folder says one link. With cache=loose `v9fs_vfs_mkdir_dotl` and `v9fs_vfs_rename` of the client count on from there,
      // and who looks at an open folder is told that: `v9fs_vfs_getattr_dotl` does not ask the server then.
      const limits = `${clientLimits[mode]}${backend === 'picked-folder' ? ' folder-links' : ''}`;
      const [folder, model] = [`/mnt/${backend}/random`, '/mnt/tmpfs/model'];
      const began = performance.now();
      const output = await guest.run(
        backend,
        mode,
        `mkdir ${folder} ${model}; /tmp/random ${folder} ${model} ${own} ${count} ${bits} ${limits} || true; ` +
          `rm -rf ${folder} ${model}`,
      );
      const rate = Math.round((1000 * count) / (performance.now() - began));
      console.log(`RANDOM_SEED=${seed} ${backend} cache=${mode}: ${output.trimEnd()}, ${rate}/s`);
      expect(output, `RANDOM_SEED=${seed} ${backend} cache=${mode}:\n${output}`).toMatch(
        new RegExp(`^${count} done, \\d+ of them with errors, \\d+ stale ends\n$`),
      );
    },
  );
});
