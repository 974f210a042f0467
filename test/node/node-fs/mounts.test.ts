// Other file systems mounted inside a share: in a mount namespace of the test's own, where the test may make one.
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { capabilities } from './shared-folder.ts';

const run = promisify(execFile);
const mounts = 'mount -t tmpfs none first && mount -t tmpfs none second && mount -t ramfs none bare';

/** Why nothing can be mounted here; undefined where it can. */
function obstacle(): string | undefined {
  const place = mkdtempSync(join(tmpdir(), 'vm9-mount-'));
  try {
    for (const name of ['first', 'second', 'bare']) mkdirSync(join(place, name));
    const { status, stderr, error } = spawnSync('unshare', ['-m', 'sh', '-c', mounts], {
      cwd: place,
      encoding: 'utf8',
    });
    return status === 0 ? undefined : (error?.message ?? stderr);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

interface Seen {
  readonly left: string;
  readonly numbers: Readonly<Record<string, string>>;
  readonly listed: Readonly<Record<string, string>>;
  readonly owners: readonly number[];
  readonly codes: Readonly<Record<string, string>>;
  readonly lists: Readonly<Record<string, string>>;
  readonly content: string;
  readonly lines: readonly string[];
  readonly fileSystems: number;
}

it(
  'file systems mounted in a share have numbers, owners and abilities of their own',
  { timeout: 30_000 },
  async ({ skip }) => {
    const reason = capabilities.xattrs ? obstacle() : 'extended attributes are missing';
    skip(reason !== undefined, `nothing can be mounted: ${reason}`);
    const place = mkdtempSync(join(tmpdir(), 'vm9-mounts-'));
    const share = join(place, 'share');
    try {
      for (const name of ['own', 'first', 'second', 'bare']) mkdirSync(join(share, name), { recursive: true });
      const program = join(place, 'program.mjs');
      await build({
        entryPoints: [new URL('programs/mounted.ts', import.meta.url).pathname],
        outfile: program,
        bundle: true,
        platform: 'node',
        format: 'esm',
        external: ['vitest', 'koffi'],
        // Native calls are found from where the program is.
        define: { 'import.meta.url': JSON.stringify(import.meta.url) },
        alias: { vitest: 'node:assert' },
        logLevel: 'error',
      });
      const script = `cd "$1" && ${mounts} && exec "$2" "$3" "$1"`;
      const words = ['-m', 'sh', '-c', script, 'sh', share, process.execPath, program];
      const { stdout } = await run('unshare', words);
      const seen = JSON.parse(stdout) as Seen;
      expect(seen.fileSystems).toBe(4);
      expect(seen.left).toBe('none');
      // Four folders with three files and three folders each.
      const numbers = Object.values(seen.numbers);
      expect(numbers).toHaveLength(28);
      expect(new Set(numbers).size).toBe(28);
      for (const [path, ino] of Object.entries(seen.listed)) expect([path, ino]).toEqual([path, seen.numbers[path]]);
      expect(seen.owners).toEqual([0, 11, 12, 0, 11, 12, 0, 11, 12]);
      expect(seen.content).toBe('second/a');
      expect(seen.codes).toEqual({
        rename: 'EXDEV',
        link: 'EXDEV',
        unmount: 'EBUSY',
        chown: 'EPERM',
        setId: 'EPERM',
        mapped: expect.stringMatching(/mapped needs extended attributes.*ext4/) as string,
      });
      expect(seen.lists).toEqual({ set: 'EOPNOTSUPP', get: 'EOPNOTSUPP' });
      expect(seen.lines).toEqual([expect.stringMatching(/^Owners /), expect.stringMatching(/^SUID and SGID /)]);
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  },
);
