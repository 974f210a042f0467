// A share in a process that may open few files, or write small ones only.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Errno } from '../../../devices/9p/errno.ts';
import { Descriptors, descriptorLimit, LeastRecentlyUsed, Reclaimable } from '../../../src/node/node-fs/descriptors.ts';

const run = promisify(execFile);

let place: string;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'vm9-limits-'));
});

afterEach(() => rmSync(place, { recursive: true, force: true }));

/** Runs a program of programs/ under a limit of the shell's `ulimit`. */
async function runLimited(program: string, limit: string): Promise<Record<string, unknown>> {
  const bundle = join(place, 'program.mjs');
  await build({
    entryPoints: [new URL(`programs/${program}.ts`, import.meta.url).pathname],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['vitest'],
    // The suite's helpers assert with Vitest, which does not run there.
    alias: { vitest: 'node:assert' },
    logLevel: 'error',
  });
  const { stdout } = await run('sh', ['-c', `ulimit ${limit} && exec "$0" "$@"`, process.execPath, bundle, place]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('with `ulimit -n 256`', () => {
  it('600 folders are referenced and 500 files open at once', async () => {
    const found = await runLimited('few-descriptors', '-n 256');
    expect(found).toMatchObject({ limit: 256, wrong: 0, wrongAfter: 0, unlinked: 20, moved: true, listed: 593 });
    expect(found['most']).toBeLessThan(256);
    expect(found['after']).toBe(found['before']);
  });
});

describe('a guest that removes what it still uses, with `ulimit -n 256`', () => {
  it('is told EMFILE before the process has no descriptor left', async () => {
    const found = await runLimited('removed-files', '-n 256');
    // Some 32 files are kept for nodes, 160 for what is open; the rest is for everybody else.
    expect(found).toMatchObject({ error: 'EMFILE', opened: 160, readable: 160, after: found['before'] });
    expect(found['kept']).toBeLessThanOrEqual(32);
    expect(found['left']).toBeGreaterThan(16);
  });
});

describe('with `ulimit -f 8`', () => {
  it('a write that is cut short returns what was written, the next one EFBIG', async () => {
    expect(await runLimited('small-files', '-f 8')).toEqual({ results: [4000, 96, 'EFBIG', 4096, 4096], size: 4096 });
  });
});

describe('descriptors', () => {
  class Item extends Reclaimable {
    closed = 0;
    readonly willing: boolean;

    constructor(willing = true) {
      super();
      this.willing = willing;
    }

    reclaim(): boolean {
      if (this.willing) this.closed++;
      return this.willing;
    }
  }

  it('have the limit of this process', () => {
    expect(descriptorLimit()).toBeGreaterThanOrEqual(64);
  });

  it('are kept up to a number, the least recently used closed first', () => {
    const kept = new LeastRecentlyUsed(10);
    const items = Array.from({ length: 12 }, () => new Item());
    for (const item of items.slice(0, 10)) kept.use(item);
    kept.use(items[0]!);
    kept.use(items[10]!);
    kept.use(items[11]!);
    expect(items.map(({ closed }) => closed)).toEqual([0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(kept.size).toBe(10);
  });

  it('that the present operation stands on are never closed', () => {
    const kept = new LeastRecentlyUsed(100);
    const items = Array.from({ length: 20 }, () => new Item());
    for (const item of items) kept.use(item);
    expect(kept.reclaim(100)).toBe(12);
    expect(items.slice(12).map(({ closed }) => closed)).toEqual(Array.from({ length: 8 }, () => 0));
  });

  it('go in the order of their last use, whichever were taken out in between', () => {
    const kept = new LeastRecentlyUsed(100);
    const items = Array.from({ length: 20 }, () => new Item());
    for (const item of items) kept.use(item);
    for (const index of [0, 5, 19, 19]) kept.delete(items[index]!);
    kept.delete(new Item());
    for (const index of [18, 1, 5]) kept.use(items[index]!);
    expect(kept.size).toBe(18);
    const order = [2, 3, 4, 6, 7, 8, 9, 10, 11, 12];
    for (const [place, index] of order.entries()) {
      expect(kept.reclaim(1)).toBe(1);
      expect(items.map(({ closed }) => closed)[index], `place ${place}`).toBe(1);
    }
    // Eight are left: 13 to 17, 18, 1 and 5.
    expect(kept.reclaim(100)).toBe(0);
    expect(kept.size).toBe(8);
  });

  it('go in that order by the ten thousand, too, each time they come by', () => {
    const kept = new LeastRecentlyUsed(20_000);
    const items = Array.from({ length: 60_000 }, () => new Item());
    for (let round = 0; round < 5; round++) for (const item of items) kept.use(item);
    expect(kept.size).toBe(20_000);
    expect(items.filter(({ closed }, index) => closed !== (index < 40_000 ? 5 : 4))).toEqual([]);
  });

  it('that could not be opened again stay', () => {
    const kept = new LeastRecentlyUsed(100);
    const items = Array.from({ length: 20 }, (_, index) => new Item(index % 2 === 0));
    for (const item of items) kept.use(item);
    expect(kept.reclaim(3)).toBe(3);
    expect(items.flatMap(({ closed }, index) => (closed > 0 ? [index] : []))).toEqual([0, 2, 4]);
  });

  for (const code of ['EMFILE', 'ENFILE'] as const) {
    it(`are closed until there is room, on ${code}`, () => {
      const descriptors = new Descriptors(1000);
      for (let index = 0; index < 40; index++) descriptors.folders.use(new Item());
      let attempts = 0;
      const attempt = (): string => {
        if (++attempts < 3) throw new Errno(code);
        return 'opened';
      };
      expect(descriptors.withRoom(attempt)).toBe('opened');
      expect(descriptors.folders.size).toBe(8);
    });
  }

  it('are told to be missing when none can be closed', () => {
    const descriptors = new Descriptors(1000);
    expect(() =>
      descriptors.withRoom(() => {
        throw new Errno('EMFILE');
      }),
    ).toThrow(expect.objectContaining({ code: 'EMFILE' }));
  });
});
