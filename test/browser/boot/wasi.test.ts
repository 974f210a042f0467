// WASI programs in a page: a share of the VM is their folder.
import { expect, onTestFinished, test } from 'vitest';
import { createVm, indexedDb, memory, type ShareSource, type Vm } from 'vm9';

const images = new URL('/guest-images/images/', location.href);
const image = {
  kernel: new URL('vmlinux-riscv64.gz', images),
  initrd: new URL('initramfs-riscv64.cpio.gz', images),
};
const program = new Uint8Array(await (await fetch(new URL('/test/wasi/files.wasm', location.href))).arrayBuffer());

function makeVm(source: ShareSource, sharedMemory = true): Vm {
  const vm = createVm({ image, shares: [{ source }], sharedMemory });
  onTestFinished(() => vm.dispose());
  return vm;
}

test.each([
  ['memory', memory()],
  ['IndexedDB', indexedDb({ name: `wasi-${Math.random()}` })],
])('%s: a program and a guest on one folder', async (_, source) => {
  const vm = makeVm(source);
  const wasi = (...args: readonly string[]): Promise<string> => vm.runWasi(program, { args }).stdout.text();
  expect(await wasi('mkdir', '/lab', 'write', '/lab/a', 'by the program', 'big', '/big', 'list', '/')).toBe(
    'mkdir: ok\nwrite: ok\nread: ok\nyyyyyzzzzz\n  big f\n  lab d\n',
  );
  await vm.start();
  await vm.ready;
  expect(await vm.exec('cat lab/a; wc -c < big; echo "by the guest" > lab/b').stdout.text()).toBe(
    'by the program5000000\n',
  );
  expect(await wasi('cat', '/lab/b', 'rename', '/lab/b', '/c', 'stat', '/c')).toBe(
    'by the guest\n\nrename: ok\nstat: f size 13 links 1\n',
  );
  const busy = vm.exec('while :; do :; done');
  await busy.started;
  expect(await wasi('unlinked', '/c', 'list', '/')).toContain('  big f\n  lab d\n');
  busy.kill('SIGKILL');
  await busy.exit;
  const killed = vm.runWasi(program, { args: ['stderr', 'begun', 'forever'] });
  for await (const bytes of killed.stderr) {
    expect(new TextDecoder().decode(bytes)).toBe('begun\n');
    break;
  }
  await killed.kill();
  await expect(killed.exit).rejects.toMatchObject({ code: 'stopped' });
});

test('without shared memory it is a clear error', async () => {
  const vm = makeVm(memory(), false);
  await expect(vm.runWasi(program).exit).rejects.toMatchObject({
    code: 'bad-option',
    message: expect.stringContaining('cross-origin isolation'),
  });
  // The files need none.
  await vm.fs().writeFile('/a', 'x');
  expect((await vm.fs().stat('/a')).size).toBe(1);
});
