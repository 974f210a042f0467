// A guest that compiles and runs programs for a long time neither grows nor slows. Timings are printed; what is tested is
// counted. With full counts Debian's gcc works too.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { defaultMemory, type VmStatistics } from 'vm9';
import { expect, test } from 'vitest';
import { engineWeight } from '../../src/cpu/riscv/translation-bounds.ts';
import { cProgram } from '../bench/c-program.ts';
import { compilePrograms } from '../bench/programs.ts';
import { compileSystemCalls } from '../bench/system-calls.ts';
import { compileForGuest } from '../bench/tools.ts';
import { debianTree, debianTreeTime, makeDebianTree } from '../debian-tree.ts';
import { temporaryFolder } from './command-line.ts';

const isFull = process.env['VM9_SCALE'] === 'full';
const seconds = isFull ? 30 * 60 : 20;
const rounds = 8;

/** MiB that translated code may take. */
const jitCache = 256;

/** After a round, since the start. */
interface Round extends Pick<VmStatistics, 'instructions' | 'busySeconds' | 'translator'> {
  readonly round: number;
  readonly output: string;
  readonly threads: number;
  readonly descriptors: number;
  readonly residentMebibytes: number;
}

/** The same in every round: code that is made and run, programs that compute, processes, pipes, files. */
const work = `set -e
./generate 1 | sed 's/.* //'
for program in 'compress 1' 'bytecode 1' 'sort 1' 'strings 3' 'records 100000' 'chase 100' 'matmul 1'; do
  ./$program | sed 's/.* //'
done
cp nothing /tmp && (cd /tmp && for call in fork exec mmap signal pipe; do /mnt/host/system $call > /dev/null; done)
i=0; while [ $i -lt 15 ]; do echo $i | sed 's/1/one/' | tr a-z A-Z; i=$((i + 1)); done | sha256sum
head -c 100000 /bin/busybox | gzip | gunzip | sha256sum
tar -c /etc /init | tar -t | sort | sha256sum
awk 'BEGIN { for (i = 0; i < 5000; i++) sum += i % 7 * length(i ""); print sum }'
`;
/** The first line mounts the Debian's /tmp, which is in memory. */
const compiling = `/mnt/debian/enter true
cp program.c /mnt/debian/tmp/
/mnt/debian/enter sh -c 'gcc -O1 -o /tmp/program /tmp/program.c && /tmp/program'
`;

async function live(hasTree: boolean): Promise<readonly Round[]> {
  const folder = temporaryFolder();
  compilePrograms(folder);
  compileSystemCalls(folder);
  compileForGuest('generate', folder);
  writeFileSync(join(folder, 'program.c'), cProgram());
  writeFileSync(join(folder, 'round.sh'), hasTree ? work + compiling : work);
  const script = fileURLToPath(new URL('steady.js', import.meta.url));
  const words = [
    '--expose-gc',
    script,
    folder,
    ...[seconds, rounds, jitCache].map(String),
    ...(hasTree ? [debianTree] : []),
  ];
  const { stdout } = await promisify(execFile)(process.execPath, words, { maxBuffer: 2 ** 26 });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Round);
}

/** The median of what `quantity` grew by in each of some rounds but the first. */
function growth(some: readonly Round[], quantity: (round: Round) => number): number {
  const grown = some.slice(1).map((round, index) => quantity(round) - quantity(some[index]!));
  return grown.sort((a, b) => a - b)[grown.length >> 1]!;
}

test(
  'a guest that works for long neither grows nor slows',
  { timeout: seconds * 1000 + debianTreeTime + 30 * 60_000 },
  async () => {
    const obstacle = isFull ? makeDebianTree() : 'only with full counts';
    if (obstacle !== undefined) console.log(`without gcc: ${obstacle}`);
    const hasTree = obstacle === undefined;
    const all = await live(hasTree);
    // The first round reads everything for the first time, and finds nothing translated.
    const [early, late] = [all.slice(0, 4), all.slice(-4)];
    const rate = (some: readonly Round[]): string => {
      const instructions = growth(some, (round) => round.instructions) / 1e6;
      return `${instructions.toFixed(1)} million instructions in ${growth(some, (round) => round.busySeconds).toFixed(2)} s`;
    };
    const last = all.at(-1)!;
    console.log(
      `${all.length} rounds${hasTree ? ', with gcc' : ''}: ${rate(early)} at the start, ${rate(late)} at the end; ` +
        `${early.at(-1)!.residentMebibytes} MiB resident, then ${last.residentMebibytes}; ${JSON.stringify(last.translator)}`,
    );

    expect(new Set(all.map(({ output }) => output)).size).toBe(1);
    const instructions = (some: readonly Round[]): number => growth(some, (round) => round.instructions);
    expect(instructions(late) / instructions(early)).toBeGreaterThan(0.95);
    expect(instructions(late) / instructions(early)).toBeLessThan(1.05);
    // Nor does less of it run translated.
    const translated = (some: readonly Round[]): number => growth(some, ({ translator }) => translator!.retired);
    expect(translated(late) / instructions(late)).toBeGreaterThan(translated(early) / instructions(early) - 0.05);
    // What has been translated is not translated over and over.
    const regions = (some: readonly Round[]): number => growth(some, ({ translator }) => translator!.regions);
    expect(regions(late)).toBeLessThan(2 * regions(early));
    for (const { translator } of all)
      expect(translator!.bytes).toBeLessThanOrEqual((jitCache * 2 ** 20) / engineWeight);

    expect({ threads: last.threads, descriptors: last.descriptors }).toEqual({
      threads: early.at(-1)!.threads,
      descriptors: early.at(-1)!.descriptors,
    });
    const bound = defaultMemory + 100e6 / 2 ** 20 + jitCache;
    for (const { residentMebibytes } of all) expect(residentMebibytes).toBeLessThan(bound);
  },
);
