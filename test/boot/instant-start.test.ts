// The first run keeps the machine as it has booted, and the second goes on from there.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runVm, temporaryFolder } from './command-line.ts';

const fromCache = 'start: the machine went on from the cache\n';
const booted = 'start: the machine has booted\n';

test('a share is there at once, the clock is right, randomness is new, and nothing of a run is kept', async () => {
  const [cache, parent] = [temporaryFolder(), temporaryFolder()];
  const secret = { folder: join(parent, 'users1'), tag: 'users2', file: 'users3', content: 'users4' };
  mkdirSync(secret.folder);
  writeFileSync(join(secret.folder, secret.file), secret.content);
  const env = { VM9_CACHE: cache, TZ: 'UTC', users5: 'users6' };
  const command = `cat ${secret.file}; echo; od -An -tx8 -N8 /dev/urandom; date +%s; pwd; echo users8`;
  const run = async (...words: readonly string[]): Promise<{ lines: string[]; stderr: string }> => {
    const share = `${secret.folder},tag=${secret.tag},mount=/users7`;
    const start = Date.now();
    const { stdout, stderr, status } = await runVm(['--share', share, '--stats', ...words, '--exec', command], { env });
    expect(status).toBe(0);
    const [content = '', random = '', time = '', ...rest] = stdout.toString().split('\n');
    expect(random).toMatch(/^ [0-9a-f]{16}$/);
    // Of whole seconds; a guest may be behind by some milliseconds.
    expect(Number(time)).toBeGreaterThanOrEqual(Math.floor((start - 100) / 1000));
    expect(Number(time)).toBeLessThanOrEqual(Date.now() / 1000);
    return { lines: [content, random, ...rest], stderr };
  };
  const expected = [secret.content, expect.any(String), '/users7', 'users8', ''];

  // Of the program's compiled code, which the first run keeps, and the second once more, with what it needed to go on.
  const versions: number[] = [];
  const noteVersion = (): void => {
    const name = readdirSync(cache).find((one) => one.endsWith('.code')) ?? '';
    versions.push(statSync(join(cache, name)).ino);
  };
  const runs: Awaited<ReturnType<typeof run>>[] = [];
  for (const words of [[], [], [], ['--cold']]) {
    runs.push(await run(...words));
    noteVersion();
  }
  const [first, second] = versions;
  expect(versions).toEqual([first, second, second, second]);
  expect(first).not.toBe(second);
  for (const [index, { lines, stderr }] of runs.entries()) {
    expect(lines).toEqual(expected);
    expect(stderr).toContain(index === 1 || index === 2 ? fromCache : booted);
  }
  expect(new Set(runs.map(({ lines }) => lines[1])).size).toBe(runs.length);

  const names = readdirSync(cache).toSorted((a, b) => a.length - b.length);
  expect(names).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.vm9$/), expect.stringMatching(/^[0-9a-f]{64}\.code$/)]);
  for (const name of names) expect(statSync(join(cache, name)).mode & 0o777).toBe(0o600);
  const kept = names.map((name) => readFileSync(join(cache, name)));
  const isThere = (word: string): boolean => kept.some((bytes) => bytes.includes(word));
  expect(Array.from({ length: 8 }, (_, index) => `users${index + 1}`).filter(isThere)).toEqual([]);
  expect(isThere('urandom')).toBe(true);
});

test('where there is no cache the machine boots, and says so where that is asked for', async () => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  const env = { VM9_CACHE: join(file, 'cache') };
  const { stdout, stderr, status } = await runVm(['--exec', 'echo ok'], { env });
  expect({ output: stdout.toString(), stderr, status }).toEqual({ output: 'ok\n', stderr: '', status: 0 });
  const told = await runVm(['--stats', '--exec', 'true'], { env });
  expect(told.stderr).toContain(booted);
  const lines = told.stderr.split('\n').filter((line) => line.startsWith('vm9: '));
  expect(lines).toEqual([expect.stringMatching(/^vm9: the cache .* cannot be used \(ENOTDIR/)]);
});
