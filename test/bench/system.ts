// What programs ask of the kernel, in the guest of vm9 and in QEMU's by turns: microseconds by the guest's own clock.
import { mipsBetween, mountPoint, notBesideQemu, withGuests, type Guest } from './guests.ts';
import { Measurements } from './measurements.ts';
import { figureOrNone, figures, print, progress, table } from './report.ts';
import { compileSystemCalls, kernelPaths, systemCalls, unthrottle } from './system-calls.ts';

const repetitions = Number(process.env['TIMES'] ?? 5);

const microseconds = new Measurements();
const cpuSeconds = new Measurements();
const mips = new Measurements();

async function measure(guest: Guest, name: string): Promise<void> {
  const before = await guest.statistics?.();
  const cpuBefore = guest.cpuSeconds();
  const output = await guest.run(`cd /tmp && ./system ${name}`);
  const cpuAfter = guest.cpuSeconds();
  const after = await guest.statistics?.();
  microseconds.add(guest.name, name, Number(output));
  if (cpuBefore !== undefined && cpuAfter !== undefined) cpuSeconds.add(guest.name, name, cpuAfter - cpuBefore);
  if (before !== undefined && after !== undefined) mips.add(guest.name, name, mipsBetween(before, after));
}

const isBesideQemu = await withGuests(compileSystemCalls, async (guests) => {
  // To a file system of the guest's own: reading what is executed is no part of what is measured.
  for (const guest of guests) await guest.run(`cp ${mountPoint}/system ${mountPoint}/nothing /tmp/ && ${unthrottle}`);
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    progress(`system calls in the guest, ${repetition === 0 ? 'warming up' : `${repetition} of ${repetitions}`}`);
    if (repetition === 1) for (const each of [microseconds, cpuSeconds, mips]) each.clear();
    for (const name of Object.keys({ ...systemCalls, ...kernelPaths }))
      for (const guest of guests) await measure(guest, name);
  }
});

print(
  `Microseconds for each, median (least to greatest) of ${repetitions}. Speed is how many times as fast as QEMU vm9 is: ` +
    "QEMU's time / vm9's; by CPU time it is of the processor time that the whole process used meanwhile.\n\n",
);
for (const [title, operations] of [
  ['system calls', systemCalls],
  ['paths of the kernel', kernelPaths],
] as const) {
  const rows = Object.entries(operations).map(([name, what]) => [
    `${name}: ${what}`,
    figures(microseconds.of('vm9', name)),
    figures(microseconds.of('QEMU', name)),
    figureOrNone(microseconds.speed('vm9', 'QEMU', name)),
    figureOrNone(cpuSeconds.speed('vm9', 'QEMU', name)),
    figures(mips.of('vm9', name)),
  ]);
  print(table([title, 'vm9, us', 'QEMU, us', 'speed', 'by CPU time', 'MIPS, non-idle'], rows));
  const names = Object.keys(operations);
  const [all, byCpuTime] = [microseconds, cpuSeconds].map((each) => each.describeSpeeds('vm9', 'QEMU', names));
  if (isBesideQemu) print(`Speed: ${all}. By CPU time: ${byCpuTime}.\n\n`);
}
if (!isBesideQemu) print(notBesideQemu);
