// Pauses of a guest that works, and the memory of the process that it runs in, of vm9's command line and of QEMU one after the
// other: `node test/bench/run.js pauses`. SECONDS=N: how long each load is watched. Where there is a tree of `make debian`
// (debian-tree.ts), its gcc is a load too.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { defaultMemory } from 'vm9';
import { debianTree } from '../debian-tree.ts';
import { cProgram } from './c-program.ts';
import { mountPoint, notBesideQemu } from './guests.ts';
import { compilePrograms, programs } from './programs.ts';
import { figure, print, progress, table } from './report.ts';
import { compileSystemCalls, kernelPaths, systemCalls, unthrottle } from './system-calls.ts';
import { compileForGuest, isInstalled, qemu } from './tools.ts';
import { watchQemu, watchVm9, type Watched } from './watched.ts';

const seconds = Number(process.env['SECONDS'] ?? 30);
/** A load runs so long before it is watched: what it translates for the first time is part of its start. */
const startSeconds = Math.ceil(seconds / 3);
const hasTree = existsSync(join(debianTree, 'enter'));
const share = hasTree ? debianTree : mkdtempSync(join(tmpdir(), 'vm9-bench-share-'));
const folder = mkdtempSync(join(share, 'vm9-bench-'));

interface Load {
  readonly title: string;
  /** A shell's line that is repeated, in a folder with the bench's programs; none: the guest is at rest. */
  readonly line?: string;
}

const loads: Readonly<Record<string, Load>> = {
  rest: { title: 'at rest' },
  programs: {
    title: "the bench's programs and system calls, and generated code",
    line: [
      ...programs.map(({ name, count }) => `./${name} ${Math.ceil(count / 20)}`),
      ...Object.keys({ ...systemCalls, ...kernelPaths }).map((name) => `./system ${name}`),
      './generate 1',
    ].join(' && '),
  },
  ...(hasTree && {
    gcc: {
      title: 'a program of 1,000 lines compiled by Debian’s gcc',
      line: `${mountPoint}/enter gcc -O1 -o /tmp/program /${basename(folder)}/program.c`,
    },
  }),
};

function fill(): void {
  compilePrograms(folder);
  compileSystemCalls(folder);
  for (const name of ['generate', 'pauses']) compileForGuest(name, folder);
  writeFileSync(join(folder, 'program.c'), cProgram());
}

/** What the guest does. */
function script(): string {
  const watched = Object.entries(loads).map(([name, { line }]) =>
    line === undefined
      ? `./pauses spin ${seconds} > ${name}.pauses`
      : `{ while { ${line}; }; do echo round; done > ${name}.log 2>&1; } & sleep ${startSeconds}
        ./pauses wake ${seconds} > ${name}.pauses
        kill $! || true; status=0; wait $! || status=$?
        # SIGTERM has ended it, and no failure before.
        test $status = 143 || { cat ${name}.log >&2; exit 1; }
        grep -c round ${name}.log | sed 's/^/rounds /' >> ${name}.pauses`,
  );
  // After this all of the guest's RAM is resident that its kernel gives.
  const touchMemory = `dd if=/dev/zero of=/dev/null bs=${Math.floor(defaultMemory * 0.8)}M count=1 2> /dev/null`;
  return [
    'set -e',
    `cd ${mountPoint}/${basename(folder)}`,
    'cp * /tmp/',
    'cd /tmp',
    unthrottle,
    touchMemory,
    ...watched,
    'grep . *.pauses',
  ].join('\n');
}

const ends = [1, 2, 5, 10, 20, 50, Infinity];
const lengths = ends
  .slice(1)
  .map((end, index) => (end === Infinity ? `> ${ends[index]} ms` : `${ends[index]} to ${end} ms`));

/** The cells of a load: how often it ran, its windows, and its pauses by their length. */
function describePauses(output: string, load: string): string[] {
  const milliseconds = (kind: string): number[] =>
    [...output.matchAll(new RegExp(`^${load}\\.pauses:${kind} ([\\d.]+)$`, 'gm'))]
      .map((match) => Number(match[1]) / 1000)
      .sort((a, b) => a - b);
  const [windows, pauses] = [milliseconds('window'), milliseconds('pause')];
  if (windows.length === 0) throw new Error(`no pauses of ${load}: ${output.slice(0, 1000)}`);
  const atShare = (share: number): string => figure(windows[Math.ceil(share * windows.length) - 1]!);
  const long = windows.filter((longest) => longest > 10).length / windows.length;
  const isOfLength = (pause: number, index: number): boolean => pause > ends[index]! && pause <= ends[index + 1]!;
  const rounds = new RegExp(`^${load}\\.pauses:rounds (\\d+)$`, 'm').exec(output)?.[1] ?? '';
  return [
    rounds,
    ...[0.5, 0.99, 1].map(atShare),
    `${figure(long * 100)} %`,
    ...lengths.map((_, index) => String(pauses.filter((pause) => isOfLength(pause, index)).length)),
  ];
}

const found = new Map<string, Watched>();
try {
  fill();
  const line = script();
  progress(`pauses of vm9, ${Object.keys(loads).join(', ')}`);
  found.set('vm9', await watchVm9(share, line));
  if (isInstalled(qemu)) {
    progress('pauses of QEMU');
    found.set('QEMU', await watchQemu(share, line));
  }
} finally {
  for (const made of hasTree ? [folder] : [share]) rmSync(made, { recursive: true, force: true });
}

print(
  `Each load runs over and over and is watched for ${seconds} s after ${startSeconds} s of it. At rest a program reads the ` +
    'clock again and again, and a pause is what lies between two readings. Beside a load it asks to be woken every ' +
    'millisecond, before all other programs, and a pause is what lies between the time that it asked for and the time when ' +
    "it runs: stretches that the guest's kernel does not interrupt are in it, on both sides. Of each window of 10 ms the " +
    'longest pause counts, and one that reaches over several windows counts in each. The goal is at most 10 ms at the 99th ' +
    'percentile.\n\n',
);
print(
  table(
    ['load', '|', 'rounds', 'median, ms', '99 %, ms', 'longest, ms', 'windows > 10 ms', ...lengths],
    Object.entries(loads).flatMap(([load, { title }]) =>
      [...found].map(([name, { output }]) => [title, name, ...describePauses(output, load)]),
    ),
  ),
);
print(
  `Resident memory of the process in MiB, ${defaultMemory} of which are the guest's RAM, all of it used once before. The ` +
    'goal is at most that, 100 MB and the bound of translated code. A thread that waits for a processor is a pause of the ' +
    "host's making.\n\n",
);
print(
  table(
    ['', 'at the end', 'beyond the RAM', 'at most', 'time waited for a processor', '|translated'],
    [...found].map(([name, { process, translator = '' }]) => [
      name,
      figure(process.resident),
      figure(process.resident - defaultMemory),
      figure(process.mostResident),
      `${figure(process.waited)} %`,
      translator,
    ]),
  ),
);
if (!found.has('QEMU')) print(notBesideQemu);
