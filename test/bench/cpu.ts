// Programs that compute, in the guest of vm9 and in QEMU's by turns: seconds by the guest's own clock, and vm9's
// instructions per second of its CPU loop.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mountPoint, mountOptions, QemuImages, remount, startQemu, startVm9, type Guest } from './guests.ts';
import { bar, figures, print, progress, ratio, spread, spreadOrNone, table } from './report.ts';
import { compileForGuest, isInstalled, qemu } from './tools.ts';

/** guest/NAME.c, and its COUNT. */
const programs = [
  { name: 'records', what: 'like Dhrystone', count: 2_000_000 },
  { name: 'sieve', what: 'primes below a million', count: 15 },
  { name: 'sha256', what: 'compression function', count: 3 },
  { name: 'memcpy', what: '1 MiB at a time', count: 500 },
  { name: 'chase', what: 'random loads in 8 MiB', count: 2_000 },
  { name: 'matmul', what: 'doubles, 128 x 128', count: 12 },
] as const;

const repetitions = 5;

class Samples {
  readonly seconds: number[] = [];
  readonly cpuSeconds: number[] = [];
  readonly mips: number[] = [];
}

const measured = new Map<string, Samples>();
const checksums = new Map<string, string>();

async function measure(guest: Guest, name: string, count: number): Promise<void> {
  const before = await guest.statistics?.();
  const cpuBefore = guest.cpuSeconds();
  const output = await guest.run(`${mountPoint}/${name} ${count}`);
  const cpuAfter = guest.cpuSeconds();
  const after = await guest.statistics?.();
  const [seconds, checksum = ''] = output.trim().split(' ');
  const expected = checksums.get(name) ?? checksum;
  checksums.set(name, expected);
  if (checksum !== expected) throw new Error(`${name} computed ${checksum} in ${guest.name}, and ${expected} before`);
  const key = `${guest.name} ${name}`;
  const samples = measured.get(key) ?? new Samples();
  measured.set(key, samples);
  samples.seconds.push(Number(seconds));
  const cpuSeconds = cpuBefore === undefined || cpuAfter === undefined ? undefined : cpuAfter - cpuBefore;
  if (cpuSeconds !== undefined) samples.cpuSeconds.push(cpuSeconds);
  if (before === undefined || after === undefined) return;
  samples.mips.push((after.instructions - before.instructions) / 1e6 / (after.busySeconds - before.busySeconds));
}

const folder = mkdtempSync(join(tmpdir(), 'vm9-bench-cpu-'));
const files = isInstalled(qemu) ? new QemuImages() : undefined;
const guests: Guest[] = [];
try {
  for (const { name } of programs) compileForGuest(name, folder);
  guests.push(await startVm9(folder), await startVm9(folder, 'interpreter'));
  if (files !== undefined) guests.push(await startQemu(files, folder));
  for (const guest of guests) await remount(guest, mountOptions('loose', 512_000));
  // The first time warms what compiles as it runs: V8's wasm tiers here, TCG there.
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    progress(`programs in the guest, ${repetition === 0 ? 'warming up' : `${repetition} of ${repetitions}`}`);
    if (repetition === 1) measured.clear();
    for (const { name, count } of programs) for (const guest of guests) await measure(guest, name, count);
  }
} finally {
  for (const guest of guests) await guest.dispose();
  files?.dispose();
  rmSync(folder, { recursive: true, force: true });
}

const rows = programs.map(({ name, what }) => {
  const own = measured.get(`vm9 ${name}`)!;
  const interpreted = measured.get(`vm9 interpreter ${name}`)!;
  const other = measured.get(`QEMU ${name}`) ?? new Samples();
  const [seconds, otherSeconds] = [spread(own.seconds), spreadOrNone(other.seconds)];
  const mips = spread(own.mips);
  return [
    `${name}: ${what}`,
    figures(mips),
    figures(spread(interpreted.mips)),
    figures(seconds),
    figures(otherSeconds),
    ratio(seconds, otherSeconds),
    ratio(spreadOrNone(own.cpuSeconds), spreadOrNone(other.cpuSeconds)),
    bar(mips.median, 3000),
  ];
});
print(
  `Median (least to greatest) of ${repetitions}. MIPS are of the CPU loop's non-idle time, with the translator and with ` +
    '`--cpu interpreter`; what is said to be by CPU time is of the processor time that the whole process used, which other ' +
    'programs disturb less.\n\n',
);
print(
  table(
    ['program', 'MIPS', 'interpreter, MIPS', 'vm9, s', 'QEMU, s', 'vm9 / QEMU', 'by CPU time', '|MIPS; full is 3,000'],
    rows,
  ),
);
if (files === undefined) print(`not run: QEMU beside it, for want of ${qemu} (make deps)\n\n`);
