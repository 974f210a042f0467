// Under `--clock icount` a guest that works on files of a share is saved at random moments and goes on in another machine:
// in the end it is, to the last bit of RAM and registers, the guest that was never interrupted. VM9_SCALE=full: 200 times.
// RANDOM_SEED repeats a run.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MemoryBackend } from '../../devices/9p/memory.ts';
import { initialFilesWithInit } from '../boot/initial-files.ts';
import { runCounted, type CountedResult, type CountedRun } from '../cpu/counted-machine.ts';

const cycles = process.env['VM9_SCALE'] === 'full' ? 200 : 20;
const seed = Number(process.env['RANDOM_SEED'] ?? Date.now() % 2 ** 31);

/** Makes, fills, lists, renames, links, locks, appends to and removes files; says at the end what it has seen. */
const load = (cache: string): string => `
mount -t proc none /proc
mount -t devtmpfs none /dev
mkdir -p /mnt /tmp
mount -t 9p -o trans=virtio,version=9p2000.L,msize=131072,cache=${cache} host /mnt || echo no share
cd /mnt
round=0
while [ $round -lt 12 ]; do
  mkdir -p d$round/e
  for i in 1 2 3 4 5 6 7 8; do
    head -c $((i * 3000 + round)) /bin/busybox > d$round/f$i
    echo "$round $i" >> d$round/e/log
    ln -s ../f$i d$round/e/l$i
  done
  cp d$round/f8 /tmp/copy
  cat d$round/e/l* | md5sum >> sums
  mv d$round/e/log d$round/log
  ls -lR d$round | md5sum >> sums
  exec 3< d$round/f7
  dd bs=1000 count=5 <&3 2> /dev/null | md5sum >> sums
  rm -r d$round/e d$round/f1
  dd bs=1000 count=5 <&3 2> /dev/null | md5sum >> sums
  exec 3<&-
  find . -type f | sort | xargs cat > /tmp/all
  md5sum < /tmp/all >> sums
  round=$((round + 1))
done
md5sum < sums
cat /proc/interrupts | md5sum
date
head -c 16 /dev/urandom | md5sum
sync
poweroff -f
sleep 100`;

/** SplitMix32. */
function random(state: { seed: number }): number {
  state.seed = (state.seed + 0x9e37_79b9) | 0;
  let value = state.seed;
  value = Math.imul(value ^ (value >>> 16), 0x21f0_aaad);
  value = Math.imul(value ^ (value >>> 15), 0x735a_2d97);
  return ((value ^ (value >>> 15)) >>> 0) / 2 ** 32;
}

function visible({
  reason,
  instructions,
  guest,
}: CountedResult): Pick<CountedResult, 'reason' | 'instructions' | 'guest'> {
  return { reason, instructions, guest };
}

test.each([
  ['none', 'interpreter'],
  ['mmap', 'translator'],
] as const)(`${cycles} times with cache=%s and the %s`, async (cache, cpu) => {
  const run = (): CountedRun => ({
    kernel: readFileSync(new URL('../../guest-images/images/vmlinux-riscv64.gz', import.meta.url)),
    initrd: initialFilesWithInit(load(cache)),
    // So little that pages have to be given back, whose accessed bits are looked at for that.
    memoryBytes: 48 << 20,
    commandLine: 'console=ttyS0 quiet',
    cpu,
    // What the host looks at when it goes on must not show: a clock that stands still.
    shares: [
      {
        tag: 'host',
        readOnly: false,
        writeBack: cache === 'mmap',
        maximumMessageSize: 512_000,
        files: new MemoryBackend({ now: () => 1_700_000_000_000_000_000n }),
      },
    ],
  });
  const whole = await runCounted(run());
  console.log(`seed ${seed}, ${whole.instructions} instructions\n${whole.text}`);
  expect(whole.text).not.toContain('no share');
  expect(whole.reason).toBe('power-off');

  const state = { seed };
  const moments = Array.from({ length: cycles }, () => Math.floor(random(state) * (whole.instructions - 200_000)));
  const parts: CountedResult[] = [];
  const lives = run();
  for (const saveAt of [...moments.toSorted((one, other) => one - other), undefined]) {
    const resume = parts.at(-1)?.snapshot;
    parts.push(
      await runCounted({ ...lives, ...(saveAt !== undefined && { saveAt }), ...(resume !== undefined && { resume }) }),
    );
  }
  const last = parts.at(-1)!;
  expect(parts.map(({ text }) => text).join('')).toBe(whole.text);
  expect(visible(last)).toEqual(visible(whole));
});
