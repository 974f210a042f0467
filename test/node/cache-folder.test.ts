import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { userCacheFolder } from '../../src/node/cache-file.ts';
import { cacheFolder, type CacheFolderOptions } from '../../src/node/cache-folder.ts';

const run = promisify(execFile);

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-cache-folder-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function makeCache(options: CacheFolderOptions = {}): {
  cache: ReturnType<typeof cacheFolder>;
  folder: string;
  problems: string[];
} {
  const folder = join(temporary(), 'a', 'cache');
  const problems: string[] = [];
  return { cache: cacheFolder(folder, { onProblem: (line) => problems.push(line), ...options }), folder, problems };
}

const machine = (fill: number, length = 5000): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(fill);
const days = 24 * 3600;

test('what was written is read, in a folder and a file of this user alone', async () => {
  const { cache, folder, problems } = makeCache();
  expect(await cache.read('k')).toBeUndefined();
  await cache.write('k', machine(7));
  expect(await cache.read('k')).toEqual(machine(7));
  expect(await cache.read('other')).toBeUndefined();
  expect(readdirSync(folder)).toEqual(['k.vm9']);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(statSync(join(folder, 'k.vm9')).mode & 0o777).toBe(0o600);
  expect(problems).toEqual([]);
});

test.each<[string, (bytes: Buffer) => Buffer]>([
  ['a byte is another', (bytes) => bytes.fill(bytes[3000]! ^ 1, 3000, 3001)],
  ['its end is missing', (bytes) => bytes.subarray(0, -1)],
  ['nearly all is missing', (bytes) => bytes.subarray(0, 20)],
  ['it is empty', (bytes) => bytes.subarray(0, 0)],
  ['it is of another program', (bytes) => bytes.fill('x', 0, 1)],
])('a damaged file is told in a line, and replaced: %s', async (_, damage) => {
  const { cache, folder, problems } = makeCache();
  await cache.write('k', machine(7));
  const path = join(folder, 'k.vm9');
  writeFileSync(path, damage(readFileSync(path)));
  expect(await cache.read('k')).toBeUndefined();
  expect(problems).toEqual([`${path} in the cache is damaged: the machine boots, and is kept anew`]);
  await cache.write('k', machine(8));
  expect(await cache.read('k')).toEqual(machine(8));
  expect(problems).toHaveLength(1);
});

test('a file under the name of another machine is damaged', async () => {
  const { cache, folder, problems } = makeCache();
  await cache.write('k', machine(7));
  renameSync(join(folder, 'k.vm9'), join(folder, 'other.vm9'));
  expect(await cache.read('other')).toBeUndefined();
  expect(problems).toHaveLength(1);
});

test.runIf(process.getuid)('what others may have written is not used, nor is a link', async () => {
  const { cache, folder } = makeCache();
  await cache.write('k', machine(7));
  const path = join(folder, 'k.vm9');
  /** What another process finds. */
  const problems = async (): Promise<string[]> => {
    const lines: string[] = [];
    const other = cacheFolder(folder, { onProblem: (line) => lines.push(line) });
    expect(await other.read('k')).toBeUndefined();
    return lines;
  };
  chmodSync(path, 0o620);
  expect(await problems()).toEqual([expect.stringContaining(`other users may write to ${path}`)]);
  chmodSync(path, 0o600);
  chmodSync(folder, 0o702);
  expect(await problems()).toEqual([expect.stringContaining(`other users may write to ${folder}`)]);
  await cache.write('k', machine(8));
  chmodSync(folder, 0o700);
  expect(await cache.read('k')).toEqual(machine(7));
  renameSync(path, join(folder, 'elsewhere'));
  symlinkSync('elsewhere', path);
  expect(await problems()).toHaveLength(1);
});

test.runIf(process.getuid?.() === 0)('what belongs to another user is not used', async () => {
  const { cache, folder, problems } = makeCache();
  await cache.write('k', machine(7));
  const { chownSync } = await import('node:fs');
  chownSync(join(folder, 'k.vm9'), 12345, 12345);
  expect(await cache.read('k')).toBeUndefined();
  expect(problems.pop()).toContain('belongs to another user');
  // One's own takes its place.
  await cache.write('k', machine(8));
  expect(await cache.read('k')).toEqual(machine(8));
  chownSync(folder, 12345, 12345);
  expect(await cache.read('k')).toBeUndefined();
  await cache.write('k2', machine(8));
  expect(readdirSync(folder)).toEqual(['k.vm9']);
});

test('the machine that was used longest ago goes first', async () => {
  const { cache, folder } = makeCache({ maximumBytes: 16_000 });
  const ago = (name: string, seconds: number): void => {
    const time = Date.now() / 1000 - seconds;
    utimesSync(join(folder, `${name}.vm9`), time, time);
  };
  for (const name of ['a', 'b', 'c']) await cache.write(name, machine(1));
  ago('a', 30);
  ago('b', 20);
  ago('c', 10);
  // Reading is using.
  expect(await cache.read('a')).toBeDefined();
  await cache.write('d', machine(1));
  expect(readdirSync(folder).toSorted()).toEqual(['a.vm9', 'c.vm9', 'd.vm9']);
  // One that is too large by itself drives no others out.
  await cache.write('e', machine(1, 16_000));
  expect(readdirSync(folder)).toHaveLength(3);
});

test('what was not used for long goes, and what a killed process has left; nothing else of the folder', async () => {
  const { cache, folder } = makeCache({ maximumDays: 2 });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const old = (name: string, seconds: number): void => {
    writeFileSync(join(folder, name), 'x', { mode: 0o600 });
    const time = Date.now() / 1000 - seconds;
    utimesSync(join(folder, name), time, time);
  };
  old('old.vm9', 3 * days);
  old('young.vm9', days);
  old('killed.unfinished', 3600);
  old('at-work.unfinished', 60);
  old('of-the-user.txt', 300 * days);
  await cache.write('new', machine(1));
  expect(readdirSync(folder).toSorted()).toEqual(['at-work.unfinished', 'new.vm9', 'of-the-user.txt', 'young.vm9']);
});

test('many write and read at once, and find a whole machine or none', async () => {
  const { cache, folder, problems } = makeCache();
  const rounds = Array.from({ length: 40 }, async (_, index) => {
    await cache.write('k', machine(index, 200_000));
    const found = await cache.read('k');
    expect(new Set(found).size).toBe(1);
  });
  await Promise.all(rounds);
  expect(readdirSync(folder)).toEqual(['k.vm9']);
  expect(problems).toEqual([]);
});

test.runIf(process.platform === 'linux')(
  'what a disk has no room for is told of, and is no damaged machine later',
  async () => {
    const folder = temporary();
    const write = `
    import { cacheFolder } from 'vm9';
    const cache = cacheFolder(${JSON.stringify(folder)}, { onProblem: (line) => console.log(line) });
    await cache.write('k', new Uint8Array(300_000).fill(1));`;
    // No file is longer than 100 KiB, as on a disk that is full there.
    const { stdout } = await run('bash', [
      '-c',
      'ulimit -f 100; exec "$0" --input-type=module -e "$1"',
      process.execPath,
      write,
    ]);
    expect(stdout).toMatch(/^the cache .* cannot be written \(EFBIG.*\n$/);
    expect(readdirSync(folder)).toEqual([]);
  },
);

test.runIf(process.getuid)('a link in the place of the folder is named as that', async () => {
  const { cache, folder, problems } = makeCache();
  mkdirSync(join(folder, '..'));
  symlinkSync(temporary(), folder);
  await cache.write('k', machine(7));
  expect(await cache.read('k')).toBeUndefined();
  // Told once.
  expect(problems).toEqual([expect.stringContaining(`${folder} is a link`)]);
});

test('a folder that cannot be made is told of, and nothing is thrown', async () => {
  const file = join(temporary(), 'file');
  writeFileSync(file, '');
  const problems: string[] = [];
  const cache = cacheFolder(join(file, 'cache'), { onProblem: (line) => problems.push(line) });
  await cache.write('k', machine(1));
  expect(problems).toEqual([expect.stringMatching(/^the cache .*file.cache cannot be written \(ENOTDIR.*VM9_CACHE/)]);
});

test.runIf(process.platform === 'linux')(
  'a place that takes no folder, and says that it is not there, holds nobody up',
  async () => {
    const problems: string[] = [];
    const cache = cacheFolder('/proc/vm9/cache', { onProblem: (line) => problems.push(line) });
    await cache.write('k', machine(1));
    expect(problems).toEqual([expect.stringMatching(/^the cache \/proc\/vm9\/cache cannot be written \(ENOENT/)]);
  },
);

test('where the command line keeps them', () => {
  expect(userCacheFolder({ VM9_CACHE: 'here', XDG_CACHE_HOME: '/xdg' })).toBe('here');
  expect(userCacheFolder({ VM9_CACHE: '', XDG_CACHE_HOME: '/xdg' })).toBe(join('/xdg', 'vm9'));
  expect(userCacheFolder({ XDG_CACHE_HOME: 'relative' })).not.toContain('relative');
  expect(userCacheFolder({})).toMatch(/vm9/);
});
