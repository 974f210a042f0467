// Real work by Debian's programs, in the guest of vm9 and in QEMU's by turns, with the tree of `make debian` as the share:
// seconds by the guest's own clock.
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { debianTree, makeDebianTree } from '../debian-tree.ts';
import { cProgram } from './c-program.ts';
import { mountOptions, mountPoint, QemuImages, remount, startQemu, startVm9, type Guest } from './guests.ts';
import { figures, print, progress, ratio, spread, spreadOrNone, table } from './report.ts';
import { isInstalled, qemu } from './tools.ts';

const repetitions = 5;
/** On a busy machine they are fewer: none after these minutes but the first three. */
const patience = 6 * 60_000;
const work = '/var/tmp/vm9-bench';
const archiveSize = 20_000_000;

interface Task {
  readonly title: string;
  /** Lines of bash in the tree. What they print is the same whenever they run, and in each guest. */
  readonly run: string;
  /** Lines of bash that are not measured. */
  readonly before?: string;
  readonly after?: string;
}

/** Forgets names, attributes and contents of files that the guest has seen. */
const forget = 'sync; echo 3 >/proc/sys/vm/drop_caches';
const loop = `
total, words = 0, {}
for n in range(300000):
    total = (total * 31 + n) % 1000003
    word = "w%d" % (total % 997)
    words[word] = words.get(word, 0) + 1
print(total, len(words), max(words.values()))`;
const tasks: readonly Task[] = [
  {
    title: `gcc -O1 of ${cProgram().split('\n').length - 1} lines`,
    run: 'gcc -O1 -o /tmp/program /tmp/program.c',
    after: '/tmp/program',
  },
  { title: 'python3 -c, a loop of 300,000', run: `python3 -c '${loop}'` },
  { title: 'find / -type f, nothing cached', before: forget, run: 'find / -xdev -type f | wc -l' },
  {
    title: `tar of ${archiveSize / 1e6} MB, nothing cached`,
    before: forget,
    run: `tar -cf /tmp/files.tar --owner=0 --group=0 -C / -T ${work}/files`,
    after: 'cksum </tmp/files.tar',
  },
  { title: 'gzip of that', run: 'gzip -nc /tmp/files.tar >/tmp/files.tar.gz', after: 'cksum </tmp/files.tar.gz' },
];

/** Files of the tree with as many bytes as are asked for: headers, scripts and programs as they come. */
function someFiles(bytes: number): string[] {
  const paths: string[] = [];
  for (const folder of ['usr/include', 'usr/share/perl', 'usr/lib/git-core', 'usr/lib/gcc']) {
    const entries = readdirSync(join(debianTree, folder), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
    for (const path of files.toSorted()) {
      const { size } = statSync(path);
      if (size > bytes) continue;
      bytes -= size;
      paths.push(path.slice(debianTree.length + 1));
    }
  }
  return paths;
}

class Samples {
  readonly seconds: number[] = [];
  readonly cpuSeconds: number[] = [];
  readonly mips: number[] = [];
}

const measured = new Map<string, Samples>();
const outputs = new Map<string, string>();

/** Runs lines of bash in the tree and resolves with what they have printed. */
const inDebian = (guest: Guest, lines: string): Promise<string> =>
  guest.run(`${mountPoint}/enter bash -euc '${lines.replaceAll("'", `'\\''`)}'`);

async function measure(guest: Guest, { title, run, before, after }: Task): Promise<void> {
  if (before !== undefined) await inDebian(guest, before);
  const statistics = await guest.statistics?.();
  const cpuBefore = guest.cpuSeconds();
  const printed = await inDebian(guest, `began=$EPOCHREALTIME\n${run}\necho $began $EPOCHREALTIME`);
  const cpuAfter = guest.cpuSeconds();
  const later = await guest.statistics?.();
  const [, output = '', began, ended] = /^(.*?)(\S+) (\S+)\n$/s.exec(printed) ?? [];
  const seconds = Number(ended) - Number(began);
  if (!(seconds > 0)) throw new Error(`${title} in ${guest.name}: no time in "${printed}"`);

  const result = output + (after === undefined ? '' : await inDebian(guest, after));
  const expected = outputs.get(title) ?? result;
  outputs.set(title, expected);
  if (result !== expected) throw new Error(`${title} in ${guest.name} printed ${result}, and ${expected} before`);

  const key = `${guest.name} ${title}`;
  const samples = measured.get(key) ?? new Samples();
  measured.set(key, samples);
  samples.seconds.push(seconds);
  if (cpuBefore !== undefined && cpuAfter !== undefined) samples.cpuSeconds.push(cpuAfter - cpuBefore);
  if (statistics === undefined || later === undefined) return;
  samples.mips.push(
    (later.instructions - statistics.instructions) / 1e6 / (later.busySeconds - statistics.busySeconds),
  );
}

async function measureAll(): Promise<void> {
  const files = isInstalled(qemu) ? new QemuImages() : undefined;
  const guests: Guest[] = [];
  const folder = join(debianTree, work);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'program.c'), cProgram());
    writeFileSync(join(folder, 'files'), `${someFiles(archiveSize).join('\n')}\n`);
    guests.push(await startVm9(debianTree));
    if (files !== undefined) guests.push(await startQemu(files, debianTree));
    for (const guest of guests) {
      await remount(guest, mountOptions('loose', 512_000));
      await inDebian(guest, `cp ${work}/program.c /tmp/`);
    }
    const began = performance.now();
    // The first time warms what compiles as it runs, and python3 keeps what it has compiled of its library.
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      if (repetition > 3 && performance.now() - began > patience) break;
      progress(`Debian’s programs, ${repetition === 0 ? 'warming up' : `${repetition} of ${repetitions}`}`);
      if (repetition === 1) for (const map of [measured, outputs]) map.clear();
      for (const task of tasks) for (const guest of guests) await measure(guest, task);
    }
  } finally {
    for (const guest of guests) await guest.dispose();
    files?.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(): void {
  const rows = tasks.map(({ title }) => {
    const own = measured.get(`vm9 ${title}`)!;
    const other = measured.get(`QEMU ${title}`) ?? new Samples();
    const [seconds, otherSeconds] = [spread(own.seconds), spreadOrNone(other.seconds)];
    return [
      title,
      figures(seconds),
      figures(otherSeconds),
      ratio(seconds, otherSeconds),
      ratio(spreadOrNone(own.cpuSeconds), spreadOrNone(other.cpuSeconds)),
      figures(spread(own.mips)),
    ];
  });
  const count = measured.values().next().value?.seconds.length;
  print(
    `Median (least to greatest) of ${count}. What is said to be by CPU time is of the processor time that the whole process ` +
      'used, which other programs disturb less.\n\n',
  );
  print(table(['work', 'vm9, s', 'QEMU, s', 'vm9 / QEMU', 'by CPU time', 'vm9, MIPS'], rows));
  if (!isInstalled(qemu)) print(`not run: QEMU beside it, for want of ${qemu} (make deps)\n\n`);
}

progress('unpacking Debian, if it is not there');
const obstacle = makeDebianTree();
if (obstacle === undefined) {
  await measureAll();
  report();
} else {
  print(`not run: ${obstacle}\n\n`);
}
