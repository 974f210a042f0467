// The command line from the start of its process to the first byte of a command's output, and to its end: booting, and going on
// from the cache, by turns. QEMU boots the same images to the first byte.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootQemu, word } from './boots.ts';
import { QemuImages } from './guests.ts';
import { figures, print, progress, spread, spreadOrNone, table, type Spread } from './report.ts';
import { isInstalled, qemu } from './tools.ts';

const repetitions = 7;
const runVm = fileURLToPath(new URL('../../run-vm.js', import.meta.url));

interface Run {
  /** Milliseconds. Undefined: nothing came. */
  readonly firstByte: number | undefined;
  readonly end: number;
}

function run(cache: string, words: readonly string[]): Promise<Run> {
  const start = performance.now();
  const child = spawn(process.execPath, [runVm, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, VM9_CACHE: cache },
  });
  let firstByte: number | undefined;
  child.stdout.on('data', () => (firstByte ??= performance.now() - start));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) resolve({ firstByte, end: performance.now() - start });
      else reject(new Error(`${words.join(' ')}: status ${status}`));
    });
  });
}

const folder = mkdtempSync(join(tmpdir(), 'vm9-bench-start-'));
const cache = join(folder, 'cache');
const images = isInstalled(qemu) ? new QemuImages() : undefined;
const commands = { 'echo ok': [], true: [], 'cat marker': ['--share', folder] } as const;
const rows: string[][] = [];
try {
  writeFileSync(join(folder, 'marker'), word);
  for (const [command, share] of Object.entries(commands)) {
    const words = [...share, '--exec', command];
    const runs: Record<'cold' | 'instant', Run[]> = { cold: [], instant: [] };
    const others: number[] = [];
    // The first time keeps the machine, and brings the files into the host's memory.
    await run(cache, words);
    for (let repetition = 1; repetition <= repetitions; repetition += 1) {
      progress(`${command}, ${repetition} of ${repetitions}`);
      runs.cold.push(await run(cache, ['--cold', ...words]));
      runs.instant.push(await run(cache, words));
      if (images !== undefined && share.length > 0) others.push((await bootQemu(images, folder)).seconds * 1000);
    }
    const firstBytes = (of: readonly Run[]): Spread | undefined =>
      spreadOrNone(of.flatMap((one) => one.firstByte ?? []));
    const row = (how: string, of: readonly Run[]): string[] => [
      [...share.slice(0, 1), `--exec '${command}'`].join(' '),
      how,
      figures(firstBytes(of)),
      figures(spread(of.map(({ end }) => end))),
    ];
    rows.push(row('boots', runs.cold), row('from the cache', runs.instant));
    if (others.length > 0) rows.push([command, qemu, figures(spread(others)), '']);
  }
} finally {
  images?.dispose();
  rmSync(folder, { recursive: true, force: true });
}
print(`Milliseconds from the start of the process, median (least to greatest) of ${repetitions}, by turns.\n\n`);
print(table(['', '|', 'to the first byte', 'to the end'], rows));
if (images === undefined) print(`not run: QEMU beside it, for want of ${qemu} (make deps)\n\n`);
