// Under `--clock icount` a guest that works on files of a share is saved at random moments and goes on in another machine, some
// of them in other processes: in the end it is, to the last bit of RAM and registers, the guest that was never interrupted.
// VM9_SCALE=full: 200 times. RANDOM_SEED repeats a run.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SnapshotFile } from '../../src/snapshot/container.ts';
import { decodePlain } from '../../src/snapshot/plain.ts';
import { initialFilesWithInit } from '../boot/initial-files.ts';
import { waiter } from '../boot/lock-programs.ts';
import type { CountedResult } from '../cpu/counted-machine.ts';
import { PortableMemory } from '../cpu/portable-memory.ts';
import { live, type Guest, type Job, type JobResult, type Moments } from './snapshot-life.ts';

const cycles = process.env['VM9_SCALE'] === 'full' ? 200 : 20;
/** One life in so many is that of another process. */
const elsewhere = 4;
const seed = Number(process.env['RANDOM_SEED'] ?? Date.now() % 2 ** 31);
const folder = mkdtempSync(join(tmpdir(), 'vm9-snapshot-'));
const program = join(folder, 'life.mjs');

beforeAll(async () => {
  await build({
    entryPoints: [fileURLToPath(new URL('snapshot-life.ts', import.meta.url))],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
  });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Makes, fills, lists, renames, links, appends to and removes files, some of them while they are open; says at the end what it has
 * seen. By way of a second share of the same files two programs wait for each other's locks: those of one share Linux decides
 * by itself.
 */
const load = (cache: string): string => `
mount -t proc none /proc
mount -t devtmpfs none /dev
mkdir -p /mnt /also /tmp
for share in host:/mnt also:/also; do
  mount -t 9p -o trans=virtio,version=9p2000.L,msize=131072,cache=${cache} \${share%%:*} \${share#*:} || echo no share
done
cd /mnt
touch ranged whole
cat > /tmp/locked <<'END'
mkfifo /tmp/go$1 /tmp/has$1
cd $2
/bin/waiter < /tmp/go$1 > /tmp/has$1 &
cd /mnt
exec 6> /tmp/go$1
read has < /tmp/has$1
for i in 1 2 3 4 5 6; do
  echo "$1 $i" >> turns
  cat turns | md5sum >> sums
done
exec 6>&-
wait
END
round=0
while [ $round -lt 12 ]; do
  mkdir -p d$round/e
  sh /tmp/locked $round /mnt &
  sh /tmp/locked also$round /also &
  for i in 1 2 3 4 5 6 7 8; do
    head -c $((i * 3000 + round)) /bin/busybox > d$round/f$i
    echo "$round $i" >> d$round/e/log
    ln -s ../f$i d$round/e/l$i
  done
  cp d$round/f8 /tmp/copy
  cat d$round/e/l* | md5sum >> sums
  mv d$round/e/log d$round/log
  ls -lR d$round | md5sum >> sums
  exec 3< d$round/f7 4< d$round/f6 5>> d$round/f5
  dd bs=1000 count=5 <&3 2> /dev/null | md5sum >> sums
  rm -r d$round/e d$round/f1 d$round/f6
  dd bs=1000 count=5 <&3 2> /dev/null | md5sum >> sums
  dd bs=1000 count=5 <&4 2> /dev/null | md5sum >> sums
  exec 4<&-
  echo appended >&5
  wait
  exec 3<&- 5>&-
  find . -type f | sort | xargs cat > /tmp/all
  md5sum < /tmp/all >> sums
  round=$((round + 1))
done
md5sum < sums
md5sum < turns
wc -l < turns
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

/** As `live`, in another process, which has nothing but files. */
async function liveElsewhere(guest: Guest, moments: Moments, files: PortableMemory): Promise<JobResult> {
  const [job, result] = [join(folder, 'job'), join(folder, 'result')] as const;
  const given: Job = { guest, moments, tree: files.portable };
  writeFileSync(job, serialize(given));
  const env = { ...process.env, VM9_SNAPSHOT_LIFE: '1' };
  await promisify(execFile)(process.execPath, [program, job, result], { env });
  return deserialize(readFileSync(result)) as JobResult;
}

function guestWith(init: string, how: Pick<Guest, 'cache' | 'cpu' | 'transport'>): Guest {
  return {
    kernel: readFileSync(new URL('../../guest-images/images/vmlinux-riscv64.gz', import.meta.url)),
    initrd: initialFilesWithInit(init, [{ path: 'bin/waiter', mode: 0o100755, content: waiter.file }]),
    ...how,
  };
}

test.each(['mmio', 'pci'] as const)('devices are soon as if nothing had been saved, over %s', async (transport) => {
  const guest = guestWith(load('mmap'), { cache: 'mmap', cpu: 'interpreter', transport });
  const [saveAt, later] = [150_000_000, 150_150_000];
  const devicesOf = ({ snapshot, instructions }: CountedResult): object => {
    const { devices } = decodePlain(new SnapshotFile(snapshot!).section('machine'), 'machine') as { devices: unknown };
    return { instructions, devices };
  };
  const files = PortableMemory.of();
  const saved = await live(guest, { saveAt }, files);
  const resumed = await live(guest, { resume: saved.snapshot, saveAt: later }, files);
  const whole = await live(guest, { saveAt: later }, PortableMemory.of());
  // Queues that are to be looked at among it: requests that nobody has told of would be served too soon.
  expect(devicesOf(resumed)).toEqual(devicesOf(whole));
});

test.each([
  ['none', 'interpreter', 'mmio'],
  ['mmap', 'translator', 'pci'],
] as const)(`${cycles} times with cache=%s and the %s, over %s`, async (cache, cpu, transport) => {
  const guest = guestWith(load(cache), { cache, cpu, transport });
  const whole = await live(guest, {}, PortableMemory.of());
  console.log(`seed ${seed}, ${whole.instructions} instructions\n${whole.text}`);
  expect(whole.text).not.toContain('no share');
  expect(whole.text).toContain('144\r\n');
  expect(whole.reason).toBe('power-off');

  const state = { seed };
  const moments = Array.from({ length: cycles }, () => Math.floor(random(state) * (whole.instructions - 1_000_000)));
  let files = PortableMemory.of();
  let resume: Uint8Array | undefined;
  let text = '';
  let last: CountedResult = whole;
  for (const [index, saveAt] of [...moments.toSorted((one, other) => one - other), undefined].entries()) {
    if (index % elsewhere === elsewhere - 1) {
      const { result, tree } = await liveElsewhere(guest, { resume, saveAt }, files);
      last = result;
      files = PortableMemory.of(tree);
    } else {
      last = await live(guest, { resume, saveAt }, files);
    }
    resume = last.snapshot;
    text += last.text;
  }
  expect(text).toBe(whole.text);
  expect(visible(last)).toEqual(visible(whole));
});
