// Programs that compute, in the guest of vm9 and in QEMU's by turns: seconds by the guest's own clock, and vm9's
// instructions per second of its CPU loop.
import { mipsBetween, mountPoint, notBesideQemu, withGuests, type Guest } from './guests.ts';
import { Measurements } from './measurements.ts';
import { Checksums, compilePrograms, programs, readOutput, type Program } from './programs.ts';
import { bar, figureOrNone, figures, print, progress, table } from './report.ts';
import { tinyEmuOnProgram } from './tinyemu.ts';

const repetitions = Number(process.env['TIMES'] ?? 5);

const seconds = new Measurements();
const cpuSeconds = new Measurements();
const mips = new Measurements();
const checksums = new Checksums();

async function measure(guest: Guest, { name, count }: Program): Promise<void> {
  const before = await guest.statistics?.();
  const cpuBefore = guest.cpuSeconds();
  const found = readOutput(await guest.run(`${mountPoint}/${name} ${count}`));
  const cpuAfter = guest.cpuSeconds();
  const after = await guest.statistics?.();
  checksums.check(name, found.checksum, guest.name);
  seconds.add(guest.name, name, found.seconds);
  if (cpuBefore !== undefined && cpuAfter !== undefined) cpuSeconds.add(guest.name, name, cpuAfter - cpuBefore);
  if (before !== undefined && after !== undefined) mips.add(guest.name, name, mipsBetween(before, after));
}

const isBesideQemu = await withGuests(
  compilePrograms,
  async (guests) => {
    // The first time warms what compiles as it runs: V8's wasm tiers here, TCG there.
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      progress(`programs in the guest, ${repetition === 0 ? 'warming up' : `${repetition} of ${repetitions}`}`);
      if (repetition === 1) for (const each of [seconds, cpuSeconds, mips]) each.clear();
      for (const program of programs) for (const guest of guests) await measure(guest, program);
    }
  },
  { interpreter: true },
);

const rows = programs.map(({ name, what }) => [
  `${name}: ${what}`,
  figures(mips.of('vm9', name)),
  figures(mips.of('vm9 interpreter', name)),
  figures(seconds.of('vm9', name)),
  figures(seconds.of('QEMU', name)),
  figureOrNone(seconds.speed('vm9', 'QEMU', name)),
  figureOrNone(cpuSeconds.speed('vm9', 'QEMU', name)),
  figureOrNone(tinyEmuOnProgram(name)),
  bar(mips.of('vm9', name)!.median, 3000),
]);
print(
  `Median (least to greatest) of ${repetitions}. MIPS are of the CPU loop's non-idle time, with the translator and with ` +
    "`--cpu interpreter`. Speed is how many times as fast as QEMU vm9 is: QEMU's seconds / vm9's. By CPU time it is of the " +
    'processor time that the whole process used, which other programs disturb less. TinyEMU, compiled to WebAssembly, was ' +
    'measured once beside QEMU on such a machine, with programs of the same kind: how many times as fast as QEMU.\n\n',
);
print(
  table(
    [
      'program',
      'MIPS',
      'interpreter, MIPS',
      'vm9, s',
      'QEMU, s',
      'speed',
      'by CPU time',
      'TinyEMU',
      '|MIPS; full is 3,000',
    ],
    rows,
  ),
);
const names = programs.map(({ name }) => name);
const [all, byCpuTime] = [seconds, cpuSeconds].map((each) => each.describeSpeeds('vm9', 'QEMU', names));
print(isBesideQemu ? `Speed: ${all}. By CPU time: ${byCpuTime}.\n\n` : notBesideQemu);
