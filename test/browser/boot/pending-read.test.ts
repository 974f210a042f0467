// A guest whose reads wait for IndexedDB, in a worker with shared memory: what waits for the browser stops neither the guest's
// clock nor its other programs.
import { expect, onTestFinished, test } from 'vitest';
import { createVm, indexedDb, type Vm } from 'vm9';
import { napsProgram } from '../../boot/naps.ts';

const images = new URL('/guest-images/images/', location.href);
const image = {
  kernel: new URL('vmlinux-riscv64.gz', images),
  initrd: new URL('initramfs-riscv64.cpio.gz', images),
};

function makeVm(name: string, sharedMemory: boolean): Vm {
  const vm = createVm({ image, sharedMemory, shares: [{ source: indexedDb({ name }) }] });
  onTestFinished(() => vm.dispose());
  return vm;
}

test.each([
  ['with', true],
  ['without', false],
])('the only program reads a cold store, then another sleeps beside it: %s shared memory', async (_with, shared) => {
  const name = crypto.randomUUID();
  const content = new Uint8Array(2 * 1024 * 1024).map((_, index) => index * 7);
  const digest = [...new Uint8Array(await crypto.subtle.digest('SHA-256', content))];
  const hex = digest.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const writer = makeVm(name, shared);
  const files = writer.fs();
  await files.writeFile('/one', content);
  await files.writeFile('/two', content);
  await files.close();
  await writer.dispose();

  // It finds the files in the database, and nothing of them in memory.
  const vm = makeVm(name, shared);
  await vm.start();
  await vm.exec('cat > /tmp/naps && chmod +x /tmp/naps', { stdin: napsProgram() }).exit;
  const run = vm.exec('sha256sum one; sha256sum two & /tmp/naps && wait');
  expect(await run.stdout.text()).toBe(`${hex}  one\n${hex}  two\n`);
  expect(await run.exit).toEqual({ code: 0 });
});
