// What a guest has closed is stored without its asking, also while it sleeps and nothing else wakes its worker.
import { expect, onTestFinished, test } from 'vitest';
import { createVm, indexedDb, opfs, type ShareSource, type Vm } from 'vm9';

const images = new URL('/guest-images/images/', location.href);
const image = {
  kernel: new URL('vmlinux-riscv64.gz', images),
  initrd: new URL('initramfs-riscv64.cpio.gz', images),
};

function makeVm(source: ShareSource, worker?: () => Worker): Vm {
  const vm = createVm({ image, shares: [{ source }], ...(worker !== undefined && { worker }) });
  onTestFinished(() => vm.dispose());
  return vm;
}

test.each([
  ['IndexedDB', indexedDb({ name: crypto.randomUUID() })],
  ['OPFS', opfs({ name: crypto.randomUUID() })],
])('%s: a file that was closed two seconds ago survives its tab', async (_, source) => {
  const worker = new Worker(new URL('/dist/browser-worker.js', location.href), { type: 'module' });
  const vm = makeVm(source, () => worker);
  await vm.start();
  await vm.ready;
  await vm.exec('echo content > file && mkdir folder && ln file folder/second').exit;
  await new Promise((resolve) => {
    setTimeout(resolve, 2000);
  });
  worker.terminate();

  const files = makeVm(source).fs();
  expect(new TextDecoder().decode(await files.readFile('/folder/second'))).toBe('content\n');
  expect((await files.stat('/file')).nlink).toBe(2);
});
