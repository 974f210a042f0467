// The 9P server alone beside the one of v86, a machine that runs in a page as well: both keep files in memory, and get the same
// requests, each in a process of its own and by turns. v86 is no dependency: it is fetched into a folder that is removed in the
// end.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeRatios } from './measurements.ts';
import { rateCells, rateTitles, repetitions } from './rate.ts';
import { figure, print, progress, ratio, spread, table } from './report.ts';
import { writers } from './side.ts';
import { installV86, release } from './v86-package.ts';
import type { Introduction, Order } from './v86-side.ts';

const goal = 3;

const bundle = new URL(`file://${process.argv[1]!}`);

/** Starts v86-side.ts. */
async function start(...words: string[]): Promise<{ readonly child: ChildProcess } & Introduction> {
  const child = fork(new URL('v86-side.mjs', bundle), words);
  const [introduction] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([status]) => {
      throw new Error(`a server ended with ${status}`);
    }),
  ])) as [Introduction];
  return { child, ...introduction };
}

async function sample(child: ChildProcess, order: Order): Promise<number> {
  child.send(order);
  const [rate] = (await once(child, 'message')) as [number];
  return rate;
}

async function report(folder: string): Promise<void> {
  progress(`v86 ${release}`);
  const own = await start();
  const other = await start(folder);
  const rates = [];
  for (const [index, { name, unit = 'per s' }] of own.operations.entries()) {
    const samples: [number[], number[]] = [[], []];
    // The first round is for V8 to compile in, and does not count.
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      const pair = [await sample(own.child, index), await sample(other.child, index)] as const;
      if (repetition > 0) for (const of of [0, 1] as const) samples[of].push(pair[of]);
    }
    const [ours, theirs] = [spread(samples[0]), spread(samples[1])];
    rates.push({ name, ours: { name, unit, rate: ours }, theirs: { name, unit, rate: theirs } });
  }
  await sample(own.child, -1);
  const driver = await sample(own.child, -1);
  for (const { child } of [own, other]) child.kill();

  print(
    `v86 ${release}. Both keep files in memory, and are measured without their virtqueues, each in a process of its own and ` +
      `by turns, by its processor time. The driver waits for a promise only where an answer is not there yet; it takes ${figure(1e9 / driver)} ns of ` +
      'each request.\n\n',
  );
  print(
    table(
      ['', 'vm9, minimum', ...rateTitles.slice(1), 'v86, minimum', 'median', 'maximum', '|', 'vm9 / v86'],
      rates.map(({ name, ours, theirs }) => [
        name,
        ...rateCells(ours),
        ...rateCells(theirs),
        ratio(ours.rate, theirs.rate),
      ]),
    ),
  );
  const ratios = rates.map(({ name, ours, theirs }) => [name, ours.rate.median / theirs.rate.median] as const);
  print(`vm9 / v86: ${describeRatios(ratios)}; goal: at least ${goal}.\n\n`);
  print(`${writers} writers at once to one file that grows: vm9: ${own.writing}; v86: ${other.writing}.\n\n`);
}

const folder = mkdtempSync(join(tmpdir(), 'vm9-bench-v86-'));
try {
  if (installV86(folder)) await report(folder);
  else print(`not run: v86 ${release}, which npm does not get here\n\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
