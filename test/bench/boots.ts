// From the start of a process to the output of a command that reads a file of the mounted share: `node run-vm.js` and
// QEMU by turns, with the same kernel, initial file system and command line. QEMU gets our own unpacked.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtInCommandLine, shareDefaults } from 'vm9';
import { mountOptions, mountPoint, QemuImages, runByAgent, spawnQemu } from './guests.ts';
import { bar, figures, print, progress, ratio, spread, spreadOrNone, table, type Spread } from './report.ts';
import { cpuSecondsOf, isInstalled, qemu } from './tools.ts';

/** A kernel and its initial file system, as files. */
export interface BootedFiles {
  readonly kernel: string;
  readonly initrd: string;
}

const repetitions = 5;
const runVm = fileURLToPath(new URL('../../run-vm.js', import.meta.url));
/** What the file in the share holds. */
export const word = 'mounted';
const command = 'cat marker';

interface Boot {
  /** To the command's output. */
  readonly seconds: number;
  /** Of processor time until then, all threads together. */
  readonly cpuSeconds: number | undefined;
  /** What `--stats` says in its lines `boot:` and `guest:`. */
  readonly instructions?: number;
  readonly mips?: number;
}

function bootVm9(share: string, files: BootedFiles | undefined): Promise<Boot> {
  const start = performance.now();
  const own = files === undefined ? [] : ['--kernel', files.kernel, '--initrd', files.initrd];
  const child = spawn(process.execPath, [runVm, ...own, '--cold', '--share', share, '--stats', '--exec', command], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let seconds: number | undefined;
  let cpuSeconds: number | undefined;
  let stderr = '';
  child.stdout.on('data', (bytes: Buffer) => {
    if (!bytes.toString().includes(word)) return;
    seconds = (performance.now() - start) / 1000;
    cpuSeconds = cpuSecondsOf(child.pid);
  });
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      const match = /^guest: ([\d.]+) million instructions, (\d+) MIPS/m.exec(stderr);
      if (seconds === undefined || match === null) reject(new Error(`vm9 did not reach the share: ${stderr}`));
      else resolve({ seconds, cpuSeconds, instructions: Number(match[1]), mips: Number(match[2]) });
    });
  });
}

/** Boots to the output of `cat marker` in the share. */
export async function bootQemu(images: BootedFiles, share: string): Promise<Boot> {
  const start = performance.now();
  const { child, agent } = spawnQemu(images, share);
  const exited = new Promise((resolve) => {
    child.once('exit', resolve);
  });
  try {
    const { cache, maximumMessageSize } = shareDefaults;
    await agent.mount({ tag: 'host', path: mountPoint, options: mountOptions(cache, maximumMessageSize) });
    const { stdout, stderr } = await runByAgent(agent, command, mountPoint);
    if (stdout !== word) throw new Error(`QEMU's guest did not reach the share: ${stderr}`);
    return { seconds: (performance.now() - start) / 1000, cpuSeconds: cpuSecondsOf(child.pid) };
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
}

/** Boots `files`, or else vm9's own image, again and again, and prints a table. */
export async function measureBoots(files?: BootedFiles): Promise<void> {
  const share = mkdtempSync(join(tmpdir(), 'vm9-bench-boot-'));
  const unpacked = files === undefined && isInstalled(qemu) ? new QemuImages() : undefined;
  const images = isInstalled(qemu) ? (files ?? unpacked) : undefined;
  const own: Boot[] = [];
  const others: Boot[] = [];
  try {
    writeFileSync(join(share, 'marker'), word);
    // The first time brings the files into the host's memory.
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      progress(`boot, ${repetition} of ${repetitions}`);
      const boots = [await bootVm9(share, files), images && (await bootQemu(images, share))] as const;
      if (repetition === 0) continue;
      own.push(boots[0]);
      if (boots[1] !== undefined) others.push(boots[1]);
    }
  } finally {
    unpacked?.dispose();
    rmSync(share, { recursive: true, force: true });
  }
  printBoots(own, others);
  if (images === undefined) print(`not run: QEMU beside it, for want of ${qemu} (make deps)\n\n`);
}

function printBoots(own: readonly Boot[], others: readonly Boot[]): void {
  const seconds = spread(own.map((boot) => boot.seconds));
  const otherSeconds = spreadOrNone(others.map((boot) => boot.seconds));
  const cpuSeconds = (boots: readonly Boot[]): Spread | undefined =>
    spreadOrNone(boots.flatMap((boot) => boot.cpuSeconds ?? []));
  const slower = Math.max(seconds.median, otherSeconds?.median ?? 0);
  print(
    `Seconds from the start of the process to the output of \`${command}\` in the share, median (least to greatest) of ` +
      `${repetitions}. Command line: \`${builtInCommandLine}\`.\n\n`,
  );
  print(
    table(
      ['', 'seconds', 'vm9 / QEMU', 'CPU seconds', 'million instructions', 'MIPS, non-idle', '|'],
      [
        [
          'node run-vm.js',
          figures(seconds),
          ratio(seconds, otherSeconds),
          figures(cpuSeconds(own)),
          figures(spread(own.map(({ instructions }) => instructions!))),
          figures(spread(own.map(({ mips }) => mips!))),
          bar(seconds.median, slower),
        ],
        ...(otherSeconds === undefined
          ? []
          : [[qemu, figures(otherSeconds), '', figures(cpuSeconds(others)), '', '', bar(otherSeconds.median, slower)]]),
      ],
    ),
  );
}
