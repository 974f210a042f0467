// Shares that are mounted and unmounted again and again, two at once, in a guest with little memory: all of it is given back.
import { hostFolder, createVm } from 'vm9';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../boot/command-line.ts';
import { output } from '../boot/machine-with-shares.ts';

/** KiB of the kernel's own objects, once it has given up what it can. */
const measure = 'sync; echo 3 >/proc/sys/vm/drop_caches; sleep 0.3; grep Slab: /proc/meminfo';

/** Mounts both, writes and reads in both, and unmounts them, `count` times. */
const cycles = (count: number, cache: string): string =>
  `mkdir -p /tmp/one /tmp/two; options=trans=virtio,version=9p2000.L,cache=${cache}
   for i in $(seq ${count}); do
     mount -t 9p -o $options one /tmp/one && mount -t 9p -o $options two /tmp/two && echo $i >/tmp/one/file &&
       echo $i >/tmp/two/file && cat /tmp/one/file /tmp/two/file >/dev/null && umount /tmp/one && umount /tmp/two || exit 1
   done`;

test.each(['none', 'mmap'])('300 mounts leave nothing in the kernel, cache=%s', { timeout: 60_000 }, async (cache) => {
  const share = (tag: string) => ({ source: hostFolder(temporaryFolder()), tag, mount: 'none' });
  const vm = createVm({ memory: 64, shares: [share('one'), share('two')] });
  onTestFinished(() => vm.dispose());
  await vm.start();
  const kibibytes = async (): Promise<number> => Number(/\d+/.exec(await output(vm, measure))?.[0]);
  await output(vm, cycles(20, cache));
  const before = await kibibytes();
  await output(vm, cycles(150, cache));
  // The node of a share's tags alone is 576 bytes; counted are pages of many of them.
  expect((await kibibytes()) - before).toBeLessThan(80);
  expect(await output(vm, "dmesg | grep -E 'BUG|WARNING|Oops|not clunked' || true")).toBe('');
});
