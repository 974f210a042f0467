// The same operations on the files of a share over virtio-pci and over virtio-mmio, in two guests by turns.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSmallFiles, operations } from './file-operations.ts';
import { mountOptions, mountPoint, remount, startVm9, type Guest } from './guests.ts';
import { figure, print, progress, ratio, spread, table, type Spread } from './report.ts';
import { compileForGuest } from './tools.ts';

const modes = ['none', 'loose'] as const;
const transports = ['mmio', 'pci'] as const;
const repetitions = Number(process.env['TIMES'] ?? 5);

const samples = new Map<string, number[]>();

async function measure(
  { transport, guest }: { readonly transport: string; readonly guest: Guest },
  mode: string,
): Promise<void> {
  await remount(guest, mountOptions(mode, 512_000));
  const output = await guest.run(`cp ${mountPoint}/files /tmp/ && /tmp/files ${mountPoint}`);
  for (const line of output.trimEnd().split('\n')) {
    const [operation = '', rate] = line.split(' ');
    const key = `${transport} ${mode} ${operation}`;
    samples.set(key, [...(samples.get(key) ?? []), Number(rate)]);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'vm9-bench-share-'));
const guests: { readonly transport: string; readonly guest: Guest }[] = [];
try {
  makeSmallFiles(folder);
  writeFileSync(join(folder, 'big'), Buffer.alloc(8 << 20, 'content '));
  compileForGuest('files', folder);
  for (const transport of transports) {
    guests.push({ transport, guest: await startVm9(folder, 'translator', {}, transport) });
  }
  for (let repetition = 0; repetition <= repetitions; repetition += 1) {
    progress(`transports, ${repetition === 0 ? 'warming up' : `${repetition} of ${repetitions}`}`);
    if (repetition === 1) samples.clear();
    // Each goes first in turn, so that neither has always the busier moment.
    const inTurn = repetition % 2 === 0 ? guests : guests.toReversed();
    for (const mode of modes) for (const guest of inTurn) await measure(guest, mode);
  }
} finally {
  for (const { guest } of guests) await guest.dispose();
  rmSync(folder, { recursive: true, force: true });
}

function result(transport: string, mode: string, operation: string): Spread {
  return spread(samples.get(`${transport} ${mode} ${operation}`) ?? []);
}

print(`Medians of ${repetitions}, msize 512000, and how many times as fast pci is.\n\n`);
print(
  table(
    ['', ...modes.flatMap((mode) => [`${mode}: mmio`, 'pci', 'pci / mmio'])],
    Object.entries(operations).map(([operation, title]) => [
      title,
      ...modes.flatMap((mode) => {
        const [mmio, pci] = [result('mmio', mode, operation), result('pci', mode, operation)];
        return [figure(mmio.median), figure(pci.median), ratio(pci, mmio)];
      }),
    ]),
  ),
);
