// Files of a share in memory as programs in the guest find them, beside v86, a machine that runs in a page as well: the programs
// of the other tables, in Linux for x86 on v86 and in vm9's, each machine in a process of its own and by turns.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultMemory } from 'vm9';
import {
  makeLargeFiles,
  makeSmallFiles,
  metadataOperations,
  randomOperations,
  sequentialOperations,
} from './file-operations.ts';
import { mountOptions, mountPoint, remount, type Guest } from './guests.ts';
import { describeRatios, Measurements } from './measurements.ts';
import { figureOrNone, figures, print, progress, table } from './report.ts';
import { compileForGuest, compileForX86, cpuSecondsOf } from './tools.ts';
import type { SideAnswer, SideOptions } from './v86-guest-side.ts';
import { installV86, release, shareTag } from './v86-package.ts';
import { makeX86System, type X86System } from './v86-system.ts';

const goal = 3;
const repetitions = Number(process.env['TIMES'] ?? 5);
/** The most that Linux's virtio transport of 9P takes, in both guests. */
const messageSize = 512_000;
const modes = ['none', 'mmap', 'loose'];
const programs = ['metadata', 'transfers'];
const operations: Readonly<Record<string, string>> = {
  ...metadataOperations,
  ...sequentialOperations,
  ...randomOperations,
};

const bundle = new URL(`file://${process.argv[1]!}`);

/** Starts v86-guest-side.ts. */
async function start(name: 'vm9' | 'v86', options: SideOptions): Promise<Guest> {
  const child = fork(new URL('v86-guest-side.mjs', bundle), [JSON.stringify(options)]);
  const exited = once(child, 'exit');
  const answer = async (): Promise<string> => {
    const ended = exited.then(([status]): [SideAnswer] => [{ error: `${name} ended with ${status}` }]);
    const [said] = (await Promise.race([once(child, 'message'), ended])) as [SideAnswer];
    if ('error' in said) throw new Error(`${name}: ${said.error}`);
    return said.output;
  };
  const guest: Guest = {
    name,
    run(line) {
      child.send(line);
      return answer();
    },
    cpuSeconds: () => cpuSecondsOf(child.pid),
    async dispose() {
      child.kill();
      await exited;
    },
  };
  try {
    await answer();
  } catch (error) {
    await guest.dispose();
    throw error;
  }
  return guest;
}

/** Seconds since a guest has booted, by its own clock and by the host's. */
async function readClocks(guest: Guest): Promise<{ own: number; host: number }> {
  const own = parseFloat(await guest.run('cat /proc/uptime'));
  return { own, host: performance.now() / 1000 };
}

async function measure(guest: Guest, program: string, mode: string): Promise<void> {
  await remount(guest, mountOptions(mode, messageSize), shareTag);
  const before = guest.cpuSeconds();
  const output = await guest.run(`/tmp/${program} ${mountPoint}`);
  const after = guest.cpuSeconds();
  for (const line of output.trimEnd().split('\n')) {
    const [operation = '', rate] = line.split(' ');
    if (!(operation in operations) || !(Number(rate) > 0)) throw new Error(`${guest.name}: ${program} said: ${line}`);
    rates.add(`${guest.name} ${mode}`, operation, Number(rate));
  }
  if (before !== undefined && after !== undefined) {
    cpuSeconds.add(guest.name, `${program} of cache=${mode}`, after - before);
  }
}

async function measureAll(guests: readonly Guest[]): Promise<void> {
  // From a file system of its own: what runs is not part of what is measured.
  for (const guest of guests) {
    await remount(guest, mountOptions('none', messageSize), shareTag);
    for (const program of programs) {
      await guest.run(`cp ${mountPoint}/${program} /tmp/ && chmod +x /tmp/${program}`);
    }
  }
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    progress(`v86-guest, ${repetition === 0 ? 'warming up' : `${repetition} of ${repetitions}`}`);
    if (repetition === 1) for (const each of [rates, cpuSeconds]) each.clear();
    for (const program of programs) {
      for (const mode of modes) for (const guest of guests) await measure(guest, program, mode);
    }
  }
}

const speedOf = (mode: string, operation: string): number | undefined =>
  rates.speed(`vm9 ${mode}`, `v86 ${mode}`, operation);

function describe(chosen: readonly string[]): string {
  return describeRatios(
    chosen.flatMap((mode) =>
      Object.keys(operations).map((operation): [string, number] => [
        `${operation} of cache=${mode}`,
        speedOf(mode, operation)!,
      ]),
    ),
  );
}

function report(): void {
  for (const mode of modes) {
    print(
      table(
        [`cache=${mode}`, 'vm9', 'v86', 'vm9 / v86'],
        Object.entries(operations).map(([operation, title]) => [
          title,
          figures(rates.of(`vm9 ${mode}`, operation)),
          figures(rates.of(`v86 ${mode}`, operation)),
          figureOrNone(speedOf(mode, operation)),
        ]),
      ),
    );
  }
  const each = modes.map((mode) => `cache=${mode}: ${describe([mode])}`).join('. ');
  print(`vm9 / v86: ${describe(modes)}; goal: at least ${goal}. ${each}.\n\n`);
  const names = programs.flatMap((program) => modes.map((mode) => `${program} of cache=${mode}`));
  const byCpuTime = cpuSeconds.describeSpeeds('vm9', 'v86', names);
  if (byCpuTime !== undefined) {
    print(
      `By the processor time that each process used for a program, which other programs disturb less: ${byCpuTime}.\n\n`,
    );
  }
}

async function compare(folder: string, system: X86System): Promise<void> {
  const [share, own, other] = ['share', 'own', 'other'].map((name) => join(folder, name)) as [string, string, string];
  for (const path of [share, own, other]) mkdirSync(path);
  makeSmallFiles(share);
  makeLargeFiles(share);
  for (const program of programs) {
    compileForGuest(program, own);
    compileForX86(program, other);
  }
  const guests: Guest[] = [];
  try {
    progress('boots vm9 and v86');
    guests.push(await start('vm9', { folders: [share, own], v86: undefined }));
    guests.push(await start('v86', { folders: [share, other], v86: { folder, system } }));
    const clocks = new Map<Guest, Awaited<ReturnType<typeof readClocks>>>();
    for (const guest of guests) clocks.set(guest, await readClocks(guest));
    const kernels: string[] = [];
    for (const guest of guests) kernels.push(`${guest.name} runs Linux ${(await guest.run('uname -rm')).trim()}`);
    await measureAll(guests);
    const speeds: string[] = [];
    for (const guest of guests) {
      const [first, last] = [clocks.get(guest)!, await readClocks(guest)];
      speeds.push(`${guest.name} ${((last.own - first.own) / (last.host - first.host)).toFixed(3)}`);
    }
    print(
      `v86 ${release}. ${kernels.join('; ')}; each has ${defaultMemory} MiB, and its share in memory, with msize=${messageSize}. ` +
        `Median (least to greatest) of ${repetitions}, by the guests' own clocks: of a second of the host they counted ` +
        `${speeds.join(', ')}. With cache=none a message has as many pages of a program's memory as fit in it: Linux 6.1 does ` +
        'so, and vm9’s Linux 6.12 by a patch of its own.\n\n',
    );
    report();
  } finally {
    for (const guest of guests) await guest.dispose();
  }
}

/** What is compared with, or why it is not there. */
function prepare(folder: string): X86System | string {
  if (!installV86(folder)) return `v86 ${release}, which npm does not get here`;
  try {
    return makeX86System(folder);
  } catch (error) {
    return `v86’s Linux for x86, which apt does not get here: ${(error as Error).message}`;
  }
}

const rates = new Measurements('more');
/** Of a whole program. */
const cpuSeconds = new Measurements();
const folder = mkdtempSync(join(tmpdir(), 'vm9-bench-v86-guest-'));
try {
  progress(`v86 ${release}, and Linux for it`);
  const system = prepare(folder);
  if (typeof system === 'string') print(`not run: ${system}\n\n`);
  else await compare(folder, system);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
