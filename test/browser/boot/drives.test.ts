// Drives in the browser: a File of the user's with an overlay in OPFS, and a disk that is in OPFS as a whole.
import { expect, onTestFinished, test } from 'vitest';
import { createVm, opfsFile, type DriveOptions, type Vm } from 'vm9';

const images = new URL('/guest-images/images/', location.href);
const image = {
  kernel: new URL('vmlinux-riscv64.gz', images),
  initrd: new URL('initramfs-riscv64.cpio.gz', images),
};

async function start(...drives: readonly DriveOptions[]): Promise<Vm> {
  const vm = createVm({ image, drives, worker: new URL('/dist/browser-worker.js', location.href) });
  onTestFinished(() => vm.dispose());
  await vm.start();
  return vm;
}

async function output(vm: Vm, command: string): Promise<string> {
  const { stdout, stderr, status } = await vm.exec(command).output();
  if (status !== 0) throw new Error(`${command}: status ${status}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** 1 MiB, of which each sector begins with its number. */
function numbered(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(2 ** 20);
  for (let sector = 0; sector < 2048; sector++) new DataView(bytes.buffer).setUint32(sector * 512, sector + 1, true);
  return bytes;
}

/** The numbers that the sectors of a disk begin with, as the guest sees them. */
const numbers = (device: string, ...sectors: readonly number[]): string =>
  sectors.map((sector) => `dd if=${device} bs=512 skip=${sector} count=1 2>/dev/null | od -An -tu4 -N4`).join(' && ');

test('what the guest writes is in OPFS, stays there, and the File stays as it is', { timeout: 60_000 }, async () => {
  const bytes = numbered();
  const file = new File([bytes], 'course.img', { lastModified: 1_700_000_000_000 });
  const drives: readonly DriveOptions[] = [
    { source: file, overlay: opfsFile({ name: crypto.randomUUID() }) },
    { source: opfsFile({ name: crypto.randomUUID(), size: 65_536 }) },
    { source: numbered() },
  ];
  const write = (device: string): string =>
    `printf mine | dd of=${device} bs=512 seek=100 conv=notrunc,fsync 2>/dev/null`;
  const vm = await start(...drives);
  expect(await output(vm, 'cat /sys/block/vda/serial /sys/block/vd?/size')).toBe('course.img2048\n128\n2048\n');
  expect((await output(vm, numbers('/dev/vda', 0, 100, 2047))).match(/\d+/g)).toEqual(['1', '101', '2048']);
  await output(vm, ['/dev/vda', '/dev/vdb', '/dev/vdc'].map(write).join(' && '));

  // One of a kind: two that wrote to an overlay would destroy it.
  await expect(start(drives[0]!)).rejects.toThrow(/are open in another tab or window/);
  // Not switched off: what was flushed has to be enough.
  await vm.dispose();

  const again = await start(...drives);
  const mine = String(new DataView(new TextEncoder().encode('mine').buffer).getUint32(0, true));
  expect((await output(again, numbers('/dev/vda', 99, 100, 101))).match(/\d+/g)).toEqual(['100', mine, '102']);
  expect((await output(again, numbers('/dev/vdb', 100))).match(/\d+/g)).toEqual([mine]);
  // Bytes are gone with their VM.
  expect((await output(again, numbers('/dev/vdc', 100))).match(/\d+/g)).toEqual(['101']);
  const after = new Uint8Array(await file.arrayBuffer());
  expect(after.length === bytes.length && after.every((byte, at) => byte === bytes[at])).toBe(true);
  await again.dispose();

  const changed = new File([bytes], 'course.img', { lastModified: 1_700_000_001_000 });
  await expect(start({ ...drives[0]!, source: changed })).rejects.toThrow('was changed after the overlay was made');
});

test('a File that is only read, and what is refused', async () => {
  const vm = await start({ source: new Blob([numbered()]), readOnly: true });
  expect((await output(vm, numbers('/dev/vda', 7))).match(/\d+/g)).toEqual(['8']);
  const { status } = await vm.exec('dd if=/dev/zero of=/dev/vda bs=512 count=1 conv=fsync').output();
  expect(status).toBe(1);
  await vm.dispose();
  await expect(start({ source: opfsFile({ name: crypto.randomUUID() }) })).rejects.toThrow(
    'there is no such file: give it a size',
  );
  await expect(start({ source: { kind: 'host-file' } })).rejects.toThrow('has no meaning in a browser');
});
