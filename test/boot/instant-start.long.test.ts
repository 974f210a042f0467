// The cache of booted machines in the hands of users: other options, other images, kills, damage, several at once, and what a
// machine that went on from it does later.
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { cacheFolder, createVm, hostFolder } from 'vm9';
import { expect, onTestFinished, test } from 'vitest';
import { runVm, temporaryFolder } from './command-line.ts';
import { initialFilesWith, initialFilesWithInit } from './initial-files.ts';
import { TerminalSession } from './terminal-session.ts';

type Start = 'boot' | 'cache';

const kernel = new URL('../../guest-images/images/vmlinux-riscv64.gz', import.meta.url);

/** Runs a command in a guest with a share, checks its output, and tells what the machine began with. */
async function start(cache: string, ...words: readonly string[]): Promise<Start> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), 'content');
  const { stdout, stderr, status } = await runVm(
    ['--share', folder, '--stats', ...words, '--exec', 'cat file; echo; free -m | sed -n "s/^Mem: *//p"'],
    { env: { VM9_CACHE: cache } },
  );
  expect({ status, output: stdout.toString() }).toEqual({ status: 0, output: expect.stringMatching(/^content\n\d/) });
  return stderr.includes('start: the machine went on from the cache\n') ? 'cache' : 'boot';
}

function fileWith(bytes: Uint8Array): string {
  const path = join(temporaryFolder(), 'file');
  writeFileSync(path, bytes);
  return path;
}

/** But for the program's compiled code. */
const files = (cache: string): string[] =>
  readdirSync(cache)
    .filter((name) => !name.endsWith('.code'))
    .toSorted();

test('each machine has its own, by its options and its images', async () => {
  const cache = temporaryFolder();
  const plain = gunzipSync(readFileSync(kernel));
  const variants: readonly (readonly string[])[] = [
    [],
    ['--memory', '64'],
    ['--append', 'loglevel=3'],
    ['--transport', 'pci'],
    ['--cpu', 'sv48'],
    ['--cpu', 'interpreter'],
    // The same code, but another file.
    ['--kernel', fileWith(plain)],
    ['--initrd', fileWith(initialFilesWith([{ path: 'etc/motd', mode: 0o100644, content: Buffer.from('x') }]))],
  ];
  for (const [index, words] of variants.entries()) {
    expect({ words, start: await start(cache, ...words) }).toEqual({ words, start: 'boot' });
    expect(files(cache)).toHaveLength(index + 1);
  }
  for (const words of variants) {
    expect({ words, start: await start(cache, ...words) }).toEqual({ words, start: 'cache' });
  }
  // What is no part of the machine is none of its name.
  expect(await start(cache, '--no-reboot', '--jit-cache', '32')).toBe('cache');
  expect(files(cache)).toHaveLength(variants.length);
});

test('who wants to see the boot, or has something else than the agent in it, boots, and keeps nothing', async () => {
  const cache = temporaryFolder();
  const disk = fileWith(Buffer.alloc(1 << 20));
  const traced = join(temporaryFolder(), 'trace');
  const init = initialFilesWithInit('mkdir /mnt/host; mount -t 9p -o trans=virtio host /mnt/host; exec sleep 1000');
  for (const words of [
    ['--cold'],
    ['--clock', 'icount'],
    ['--drive', disk],
    ['--trace', `9p,${traced}`],
    ['--profile', `${traced}.folded`],
    ['--append', 'rdinit=/init'],
  ]) {
    for (const _ of [1, 2]) expect({ words, start: await start(cache, ...words) }).toEqual({ words, start: 'boot' });
    if (words.includes('--cold')) expect(readdirSync(cache)).toEqual([]);
  }
  const own = await runVm(['--initrd', fileWith(init), '--exec', 'true'], { env: { VM9_CACHE: cache } });
  expect(own.status).toBe(2);
  expect(files(cache)).toEqual([]);
});

test('a run that is killed at any moment leaves nothing that the next would stumble over', async () => {
  const cache = temporaryFolder();
  const before = performance.now();
  await start(temporaryFolder());
  const whole = performance.now() - before;
  for (let kill = 0; kill < 12; kill += 1) {
    const run = runVm(['--exec', 'true'], {
      env: { VM9_CACHE: cache },
      during: (child) => void delay(whole * (0.3 + 0.06 * kill)).then(() => child.kill('SIGKILL')),
    });
    await run;
    for (const name of files(cache)) expect(name).toMatch(/^[0-9a-f]{64}\.(vm9|[-0-9a-f]{36}\.unfinished)$/);
  }
  await start(cache);
  expect(await start(cache)).toBe('cache');
});

test('several begin at once, with no cache and with one', async () => {
  const cache = temporaryFolder();
  for (const expected of ['boot', 'cache']) {
    const starts = await Promise.all(Array.from({ length: 4 }, () => start(cache)));
    expect(starts).toEqual(Array(4).fill(expected));
  }
  expect(files(cache)).toHaveLength(1);
});

test('a file that is damaged is told in a line, and made anew', async () => {
  const cache = temporaryFolder();
  const env = { VM9_CACHE: cache };
  await start(cache);
  const path = join(cache, files(cache)[0] ?? '');
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 4;
  writeFileSync(path, bytes);
  const { stderr, stdout } = await runVm(['--stats', '--exec', 'echo ok'], { env });
  expect(stdout.toString()).toBe('ok\n');
  expect(stderr.split('\n').filter((line) => line.startsWith('vm9: '))).toEqual([
    `vm9: ${path} in the cache is damaged: the machine boots, and is kept anew`,
  ]);
  expect(await start(cache)).toBe('cache');
});

test('code of the program that is damaged, gone, or open to others, and a cache that goes while a run lasts, leave that as it is', async () => {
  const cache = temporaryFolder();
  const env = { VM9_CACHE: cache };
  const code = (): string => join(cache, readdirSync(cache).find((name) => name.endsWith('.code')) ?? '');
  const usual = async (): Promise<void> => {
    const { stdout, stderr, status } = await runVm(['--exec', 'echo ok'], { env });
    expect({ stdout: stdout.toString(), stderr, status }).toEqual({ stdout: 'ok\n', stderr: '', status: 0 });
  };
  await usual();
  await usual();
  const kept = statSync(code()).ino;
  await usual();
  expect(statSync(code()).ino).toBe(kept);

  const path = code();
  const whole = readFileSync(path);
  for (const harm of [
    () => writeFileSync(path, Buffer.from(whole).fill(1, whole.length >> 1, (whole.length >> 1) + 1)),
    () => rmSync(path),
    () => chmodSync(path, 0o666),
  ]) {
    harm();
    await usual();
    // Made anew, in a run that went on from the kept machine.
    expect(readFileSync(path).subarray(0, 8)).toEqual(whole.subarray(0, 8));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const { ino } = statSync(path);
    await usual();
    expect(statSync(path).ino).toBe(ino);
  }
  // V8 takes no code that was made under other flags: those have their own.
  const flags = { ...env, NODE_OPTIONS: '--stack-trace-limit=20' };
  expect((await runVm(['--exec', 'true'], { env: flags })).status).toBe(0);
  expect(readdirSync(cache).filter((name) => name.endsWith('.code'))).toHaveLength(2);

  const removed = delay(20).then(() => rmSync(cache, { recursive: true }));
  await usual();
  await removed;
});

test('a shell goes on from it, with the size of its own terminal; one in which was typed before is not kept', async () => {
  const cache = temporaryFolder();
  const before = ['env', `VM9_CACHE=${cache}`];
  const typed = new TerminalSession(['--quiet'], { before, columns: 70, rows: 20 });
  // While it boots.
  await delay(100);
  typed.type('# typed early\n');
  await typed.until(/vm9\S*:/);
  typed.type('exit\n');
  expect(await typed.ended).toBe(0);
  const isKept = (): boolean => {
    try {
      return files(cache).length > 0;
    } catch {
      return false;
    }
  };
  expect(isKept()).toBe(false);

  for (const [columns, rows] of [
    [90, 30],
    [100, 40],
  ] as const) {
    const session = new TerminalSession(['--stats'], { before, columns, rows });
    await session.until(/vm9\S*:/);
    session.type('stty size\n');
    await session.until(new RegExp(`${rows} ${columns}`));
    session.type('exit\n');
    expect(await session.ended).toBe(0);
    expect(session.output).toContain(columns === 90 ? 'start: the machine has booted' : 'went on from the cache');
    expect(isKept()).toBe(true);
  }
});

test('a machine that went on from it is saved and resumed as any other', async () => {
  const cache = temporaryFolder();
  const env = { VM9_CACHE: cache };
  const folder = temporaryFolder();
  const snapshot = join(temporaryFolder(), 'guest.vm9');
  const share = ['--share', folder];
  await start(cache);
  const saved = await runVm([...share, '--exec', 'echo kept > /tmp/kept; exec 3< /tmp/kept', '--save', snapshot], {
    env,
  });
  expect(saved).toMatchObject({ status: 0, stderr: '' });
  const resumed = await runVm([...share, '--resume', snapshot, '--exec', 'cat /tmp/kept > there; cat there'], { env });
  expect({ ...resumed, stdout: resumed.stdout.toString() }).toMatchObject({ status: 0, stderr: '', stdout: 'kept\n' });
  expect(files(cache)).toHaveLength(1);
});

test.each(['mmio', 'pci'] as const)(
  'in the API, over %s: two shares, a reset, and none without being asked',
  async (transport) => {
    const cache = cacheFolder(join(temporaryFolder(), 'cache'));
    const [one, two] = [temporaryFolder(), temporaryFolder()];
    mkdirSync(join(one, 'below'));
    const shares = [{ source: hostFolder(one) }, { source: hostFolder(two), tag: 'two', mount: '/mnt/host/below' }];
    for (const expected of ['boot', 'cache', 'cache'] as const) {
      const vm = createVm({ transport, shares, cache, console: { columns: 50, rows: 20 } });
      onTestFinished(() => vm.dispose());
      await vm.start();
      const { stdout } = await vm.exec('echo written > below/file; cat /mnt/host/below/file').output();
      expect(new TextDecoder().decode(stdout)).toBe('written\n');
      expect(readFileSync(join(two, 'file'), 'utf8')).toBe('written\n');
      expect((await vm.statistics()).start).toBe(expected);
      await vm.reset();
      await vm.ready;
      expect(await vm.exec('cat below/file').output()).toMatchObject({ stdout, status: 0 });
      await vm.powerOff();
      await vm.dispose();
    }
    const vm = createVm({ transport, shares });
    onTestFinished(() => vm.dispose());
    await vm.start();
    await vm.ready;
    expect((await vm.statistics()).start).toBe('boot');
  },
);
