// Linux in a page: the package as it is built, imported by its name.
import { expect, onTestFinished, test } from 'vitest';
import { createVm, indexedDb, memory, storage, type BrowserVmOptions, type ShareSource, type Vm } from 'vm9';

const images = new URL('/guest-images/images/', location.href);
const image = {
  kernel: new URL('vmlinux-riscv64.gz', images),
  initrd: new URL('initramfs-riscv64.cpio.gz', images),
};

function makeVm(options: BrowserVmOptions = {}): Vm {
  const vm = createVm({ image, ...options });
  onTestFinished(() => vm.dispose());
  return vm;
}

test('boots to ready, runs a command, and has a share in memory', async () => {
  const vm = makeVm({ shares: [{ source: memory() }] });
  const stages: string[] = [];
  let loaded = 0;
  vm.on('progress', (progress) => {
    if (progress.loaded === undefined) stages.push(progress.stage);
    else loaded = progress.loaded;
  });
  await vm.start();
  await vm.ready;
  expect(stages).toEqual(['image', 'machine', 'kernel', 'agent', 'shares']);
  expect(loaded).toBeGreaterThan(1_000_000);

  const echo = vm.exec('echo ok');
  expect(await echo.stdout.text()).toBe('ok\n');
  expect(await echo.exit).toEqual({ code: 0 });
  const files = vm.exec('cd /mnt/host && echo text > a && ln a b && stat -c "%h %s" b && ls');
  expect(await files.stdout.text()).toBe('2 5\na\nb\n');
});

test('a machine that waits for nothing hears a message at once, and can be stopped and started again', async () => {
  const vm = makeVm();
  for (const life of [1, 2]) {
    await vm.start();
    await vm.ready;
    expect(await vm.exec(`echo ${life}`).stdout.text()).toBe(`${life}\n`);
    await vm.stop();
    expect(await vm.exited).toEqual({ reason: 'stopped' });
  }
  await vm.start();
  expect(await vm.powerOff()).toEqual({ reason: 'power-off' });
});

test('a firmware alone runs in M-mode and ends the machine, without an image', async () => {
  // Says M by the UART, where only M-mode may read mhartid, and passes by the test finisher.
  const code = Uint32Array.of(
    0xf140_22f3, // csrr x5, mhartid
    0x1000_02b7, // lui x5, 0x10000
    0x04d0_0313, // addi x6, x0, 'M'
    0x0062_8023, // sb x6, 0(x5)
    0x0010_02b7, // lui x5, 0x100
    0x0000_5337, // lui x6, 0x5
    0x5553_0313, // addi x6, x6, 0x555
    0x0062_a023, // sw x6, 0(x5)
    0x0000_006f, // jal x0, 0
  );
  const missing = { kernel: new URL('no-such-file', images), initrd: new URL('no-such-file', images) };
  const vm = makeVm({ image: missing, firmware: new Uint8Array(code.buffer), kernel: 'none' });
  let output = '';
  vm.console.attach((bytes) => {
    output += new TextDecoder().decode(bytes);
  });
  await vm.start();
  expect(await vm.exited).toEqual({ reason: 'power-off' });
  await vm.console.flushed();
  expect(output).toBe('M');
});

test('an image that is not there is named, and what to do', async () => {
  const kernel = new URL('no-such-file.gz', images);
  const vm = makeVm({ image: { ...image, kernel } });
  await expect(vm.start()).rejects.toMatchObject({
    code: 'bad-file',
    message: expect.stringMatching(/no-such-file\.gz .*vm9-guest-images.*'image'/),
  });
});

test('a worker that cannot be loaded is named, and what to do', async () => {
  const missing = makeVm({ worker: new URL('no-such-worker.js', images) });
  await expect(missing.start()).rejects.toMatchObject({ message: expect.stringMatching(/worker|script/) });
  const foreign = makeVm({ worker: 'https://example.invalid/worker.js' });
  await expect(foreign.start()).rejects.toMatchObject({ code: 'bad-option', message: expect.stringMatching(/worker/) });
});

test('the worker can be given as a function', async () => {
  let made = 0;
  const worker = (): Worker => {
    made += 1;
    return new Worker(new URL('/dist/browser-worker.js', location.href), { type: 'module' });
  };
  const vm = makeVm({ worker });
  await vm.start();
  await vm.ready;
  expect(made).toBe(1);
});

test('a share of a kind that browsers do not have is refused', async () => {
  const vm = makeVm({ shares: [{ source: { kind: 'host-folder' } }] });
  await expect(vm.start()).rejects.toMatchObject({ code: 'bad-option', message: expect.stringMatching(/host-folder/) });
});

test('storage keeps files in OPFS, or where they were kept before', { timeout: 60_000 }, async () => {
  const name = crypto.randomUUID();
  const kept: string[] = [];
  const run = async (source: ShareSource, command: string): Promise<string> => {
    const vm = makeVm({ shares: [{ source }] });
    vm.on('log', ({ line }) => kept.push(line));
    await vm.start();
    const text = await vm.exec(command).stdout.text();
    await vm.powerOff();
    return text;
  };
  await run(storage({ name }), 'echo fresh > file');
  expect(await run(storage({ name }), 'cat file')).toBe('fresh\n');
  await run(indexedDb({ name: `${name} 2` }), 'echo older > file');
  expect(await run(storage({ name: `${name} 2` }), 'cat file')).toBe('older\n');
  expect(kept).toEqual([
    `the files "${name}" are kept in OPFS`,
    `the files "${name}" are kept in OPFS`,
    `the files "${name} 2" are kept in IndexedDB`,
  ]);
});
