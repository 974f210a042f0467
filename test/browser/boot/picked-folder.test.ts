// Linux on a picked folder: both sides change it while the machine runs.
import { expect, onTestFinished, test, vi } from 'vitest';
import { createVm, pickedFolder } from 'vm9';
import { hostRead, hostWrite } from '../folder-of-host.ts';

const images = new URL('/guest-images/images/', location.href);
const image = {
  kernel: new URL('vmlinux-riscv64.gz', images),
  initrd: new URL('initramfs-riscv64.cpio.gz', images),
};

test('a guest and the host work in one folder', async () => {
  const root = await navigator.storage.getDirectory();
  const host = await root.getDirectoryHandle('work', { create: true });
  await hostWrite(host, 'script', 'echo by the host >> log');
  const vm = createVm({ image, shares: [{ source: pickedFolder(host) }] });
  onTestFinished(async () => {
    await vm.dispose();
    await root.removeEntry('work', { recursive: true });
  });
  await vm.start();
  await vm.ready;
  const run = async (command: string): Promise<string> => {
    const process = vm.exec(`cd /mnt/host && { ${command}; } 2>&1`);
    const output = await process.stdout.text();
    expect(await process.exit, output).toEqual({ code: 0 });
    return output;
  };

  await run('chmod +x script && ./script && ln -s log link && mkdir a && mv log a/log && echo by the guest >> a/log');
  const folder = await host.getDirectoryHandle('a');
  expect(await hostRead(folder, 'log')).toBe('by the host\nby the guest\n');
  await hostWrite(folder, 'log', 'edited\n');
  expect(await run('cat a/log')).toBe('edited\n');

  const heard: string[] = [];
  vm.fs().watch(({ type, path }) => heard.push(`${type} ${path}`));
  // The watch begins a moment later.
  await vi.waitFor(async () => {
    await hostWrite(folder, 'new', 'new\n');
    expect(heard.some((line) => line.endsWith('/a/new'))).toBe(true);
  });
  expect(await run('cat a/new && ls -l script | cut -c 1-10 && readlink link')).toBe('new\n-rwxr-xr-x\nlog\n');
  await run('mv a b && test -f b/log && rm -r b && rm link script');
  const left: string[] = [];
  for await (const name of host.keys()) left.push(name);
  expect(left).toEqual([]);
});
