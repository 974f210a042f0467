// The files of a share in a page, without a guest and beside one.
import { expect, onTestFinished, test } from 'vitest';
import { createVm, indexedDb, memory, type ShareActivity, type ShareChange, type ShareSource, type Vm } from 'vm9';

const images = new URL('/guest-images/images/', location.href);
const image = {
  kernel: new URL('vmlinux-riscv64.gz', images),
  initrd: new URL('initramfs-riscv64.cpio.gz', images),
};
const text = (bytes: Uint8Array<ArrayBuffer>): string => new TextDecoder().decode(bytes);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function makeVm(source: ShareSource): Vm {
  const vm = createVm({ image, shares: [{ source }] });
  onTestFinished(() => vm.dispose());
  return vm;
}

test.each([
  ['memory', memory()],
  ['IndexedDB', indexedDb({ name: `files-${Math.random()}` })],
])('%s: one folder from both sides, before the start, beside a guest and after its end', async (_, source) => {
  const vm = makeVm(source);
  const files = vm.fs();
  const changes: ShareChange[] = [];
  files.watch((change) => changes.push(change));
  const big = Uint8Array.from({ length: 3_000_000 }, (_, at) => (at * at) % 251);
  await files.writeFile('/before', 'before the start');
  await files.writeFile('/big', big);
  await vm.start();
  await vm.ready;
  const activity: ShareActivity[] = [];
  vm.on('activity', (one) => activity.push(one));
  expect(await vm.exec('cat before; wc -c < big; echo "by the guest" > after').stdout.text()).toBe(
    'before the start3000000\n',
  );
  await until(() => changes.some(({ type, path }) => type === 'created' && path === '/after'));
  await until(() => activity.some(({ tag, requests }) => tag === 'host' && requests > 0));
  expect(text(await files.readFile('/after'))).toBe('by the guest\n');
  const busy = vm.exec('while :; do :; done');
  await busy.started;
  await files.writeFile('/while busy', 'x');
  busy.kill('SIGKILL');
  await busy.exit;
  expect(await vm.exec('cat "while busy"').stdout.text()).toBe('x');
  await vm.powerOff();
  const again = await files.readFile('/big');
  expect(again.every((byte, at) => byte === big[at])).toBe(true);
  await files.rm('/big');
  expect((await files.readdir('/')).map(({ name }) => name).sort()).toEqual(['after', 'before', 'while busy']);
});
