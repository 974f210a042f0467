// Work by Debian's programs in the guest of vm9 and in QEMU's by turns, with the tree of `make debian` as the share: seconds by
// the guest's own clock.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { debianTree, makeDebianTree } from '../debian-tree.ts';
import {
  mipsBetween,
  mountOptions,
  mountPoint,
  notBesideQemu,
  QemuImages,
  remount,
  startQemu,
  startVm9,
  type Guest,
} from './guests.ts';
import { Measurements } from './measurements.ts';
import { figure, figures, print, progress, ratio, table } from './report.ts';
import { isInstalled, qemu } from './tools.ts';

const repetitions = Number(process.env['TIMES'] ?? 5);
/** On a busy machine they are fewer: none after these milliseconds but the first three. */
const patience = 6 * 60_000;

/** A folder of the tree that is there while the bench runs, as the guest sees it. */
export const work = '/var/tmp/vm9-bench';
/** Forgets names, attributes and contents of files that the guest has seen. */
export const forget = 'sync; echo 3 >/proc/sys/vm/drop_caches';

export interface Task {
  readonly title: string;
  /** Lines of bash in the tree. What they print is the same whenever they run, and in each guest. */
  readonly run: string | ((guest: Guest) => string);
  /** Lines of bash that are not measured. */
  readonly before?: string;
  readonly after?: string;
}

export interface Work {
  readonly title: string;
  readonly tasks: readonly Task[];
  /** Fills the folder of the host that the guests see as `work`. */
  readonly fill: (folder: string) => void;
  /** Lines of bash that each guest runs before it begins. */
  readonly prepare?: string;
  /** How many times as fast as QEMU each is to be. */
  readonly goal?: number;
}

const seconds = new Measurements();
const cpuSeconds = new Measurements();
const mips = new Measurements('more');
const outputs = new Map<string, string>();

/** Runs lines of bash in the tree and resolves with what they have printed. */
const inDebian = (guest: Guest, lines: string): Promise<string> =>
  guest.run(`${mountPoint}/enter bash -euc '${lines.replaceAll("'", `'\\''`)}'`);

async function measure(guest: Guest, { title, run, before, after }: Task): Promise<void> {
  if (before !== undefined) await inDebian(guest, before);
  const lines = typeof run === 'string' ? run : run(guest);
  const statistics = await guest.statistics?.();
  const cpuBefore = guest.cpuSeconds();
  const printed = await inDebian(guest, `began=$EPOCHREALTIME\n${lines}\necho $began $EPOCHREALTIME`);
  const cpuAfter = guest.cpuSeconds();
  const later = await guest.statistics?.();
  const [, output = '', began, ended] = /^(.*?)(\S+) (\S+)\n$/s.exec(printed) ?? [];
  const taken = Number(ended) - Number(began);
  if (!(taken > 0)) throw new Error(`${title} in ${guest.name}: no time in "${printed}"`);

  const result = output + (after === undefined ? '' : await inDebian(guest, after));
  const expected = outputs.get(title) ?? result;
  outputs.set(title, expected);
  if (result !== expected) throw new Error(`${title} in ${guest.name} printed ${result}, and ${expected} before`);

  seconds.add(guest.name, title, taken);
  if (cpuBefore !== undefined && cpuAfter !== undefined) cpuSeconds.add(guest.name, title, cpuAfter - cpuBefore);
  if (statistics !== undefined && later !== undefined) mips.add(guest.name, title, mipsBetween(statistics, later));
}

/** Resolves with how often each task was measured. */
async function measureAll({ title, tasks, fill, prepare }: Work): Promise<number> {
  const files = isInstalled(qemu) ? new QemuImages() : undefined;
  const guests: Guest[] = [];
  const folder = join(debianTree, work);
  try {
    // What a run left that was killed.
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    fill(folder);
    guests.push(await startVm9(debianTree));
    if (files !== undefined) guests.push(await startQemu(files, debianTree));
    for (const guest of guests) {
      await remount(guest, mountOptions('loose', 512_000));
      if (prepare !== undefined) await inDebian(guest, prepare);
    }
    const began = performance.now();
    // The first time warms what compiles as it runs, and python3 keeps what it has compiled of its library.
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      if (repetition > 3 && performance.now() - began > patience) return repetition - 1;
      progress(`${title}, ${repetition === 0 ? 'warming up' : `${repetition} of ${repetitions}`}`);
      if (repetition === 1) for (const each of [seconds, cpuSeconds, mips, outputs]) each.clear();
      for (const task of tasks) for (const guest of guests) await measure(guest, task);
    }
    return repetitions;
  } finally {
    for (const guest of guests) await guest.dispose();
    files?.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

function report({ tasks, goal }: Work, count: number): void {
  print(
    `Median (least to greatest) of ${count}. What is said to be by CPU time is of the processor time that the whole process ` +
      'used, which other programs disturb less.\n\n',
  );
  const rows = tasks.map(({ title }) => [
    title,
    figures(seconds.of('vm9', title)),
    figures(seconds.of('QEMU', title)),
    ratio(seconds.of('vm9', title), seconds.of('QEMU', title)),
    ratio(cpuSeconds.of('vm9', title), cpuSeconds.of('QEMU', title)),
    figures(mips.of('vm9', title)),
  ]);
  print(table(['work', 'vm9, s', 'QEMU, s', 'vm9 / QEMU', 'by CPU time', 'vm9, MIPS'], rows));
  const names = tasks.map(({ title }) => title);
  const [speeds, byCpuTime] = [seconds, cpuSeconds].map((each) => each.describeSpeeds('vm9', 'QEMU', names));
  const wanted = goal === undefined ? '' : `; goal: each at least ${figure(goal)}`;
  const sentences = `QEMU’s seconds / vm9’s: ${speeds}${wanted}. By CPU time: ${byCpuTime}.\n\n`;
  print(speeds === undefined ? notBesideQemu : sentences);
}

/** Measures and prints what was found, or why nothing was. */
export async function reportWork(ordered: Work): Promise<void> {
  progress('unpacking Debian, if it is not there');
  const obstacle = makeDebianTree();
  if (obstacle === undefined) report(ordered, await measureAll(ordered));
  else print(`not run: ${obstacle}\n\n`);
}
