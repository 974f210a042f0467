// What a cache mode and a message size of the mount cost: operations on the files of a share in vm9's guest, and at the
// largest message size in QEMU's by turns. The share is mounted anew for each measurement.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeSmallFiles, operations } from './file-operations.ts';
import { mountOptions, mountPoint, notBesideQemu, remount, withGuests, type Guest } from './guests.ts';
import { figure, figureOrNone, print, progress, ratio, spread, table, type Spread } from './report.ts';
import { tinyEmuOnFiles } from './tinyemu.ts';
import { compileForGuest } from './tools.ts';

const modes = ['none', 'readahead', 'mmap', 'loose'] as const;
const largest = 512_000;
/** In which TinyEMU was measured. */
const known = ['none', 'loose'] as const;
const messageSizes = [32_768, 131_072, largest];
/** What is measured in vm9; QEMU has those of the largest size. */
const columns = messageSizes.flatMap((size) =>
  modes.filter((mode) => mode !== 'readahead' || size === largest).map((mode) => ({ size, mode })),
);
const repetitions = Number(process.env['TIMES'] ?? 3);

const samples = new Map<string, number[]>();
const keyOf = (guest: Guest['name'], mode: string, size: number, operation: string): string =>
  `${guest} ${mode} ${size} ${operation}`;

function result(guest: Guest['name'], mode: string, size: number, operation: string): Spread | undefined {
  const found = samples.get(keyOf(guest, mode, size, operation));
  return found && spread(found);
}

async function measure(guest: Guest, mode: string, size: number): Promise<void> {
  await remount(guest, mountOptions(mode, size));
  // From a file system of its own: what runs is not part of what is measured.
  const output = await guest.run(`cp ${mountPoint}/files /tmp/ && /tmp/files ${mountPoint}`);
  for (const line of output.trimEnd().split('\n')) {
    const [operation = '', rate] = line.split(' ');
    const key = keyOf(guest.name, mode, size, operation);
    samples.set(key, [...(samples.get(key) ?? []), Number(rate)]);
  }
}

function prepare(folder: string): void {
  makeSmallFiles(folder);
  writeFileSync(join(folder, 'big'), Buffer.alloc(8 << 20, 'content '));
  compileForGuest('files', folder);
}

const isBesideQemu = await withGuests(prepare, async (guests) => {
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    progress(`files, ${repetition === 0 ? 'warming up' : `${repetition} of ${repetitions}`}`);
    if (repetition === 1) samples.clear();
    for (const { mode, size } of columns) {
      if (size !== largest && repetition === 0) continue;
      for (const guest of guests) if (guest.name === 'vm9' || size === largest) await measure(guest, mode, size);
    }
  }
});

print(`vm9, medians of ${repetitions}, by cache mode and msize:\n\n`);
print(
  table(
    ['', ...columns.map(({ mode, size }) => `${mode} ${size === largest ? '512000' : `${size / 1024}k`}`)],
    Object.entries(operations).map(([operation, title]) => [
      title,
      ...columns.map(({ mode, size }) => figure(result('vm9', mode, size, operation)!.median)),
    ]),
  ),
);
if (!isBesideQemu) {
  print(notBesideQemu);
} else {
  print(`At msize=${largest}: vm9, QEMU, and how many times as fast vm9 is.\n\n`);
  print(
    table(
      ['', ...modes.flatMap((mode) => [mode, 'QEMU', 'vm9 / QEMU'])],
      Object.entries(operations).map(([operation, title]) => [
        title,
        ...modes.flatMap((mode) => {
          const [own, other] = [result('vm9', mode, largest, operation), result('QEMU', mode, largest, operation)];
          return [figure(own!.median), figure(other!.median), ratio(own, other)];
        }),
      ]),
    ),
  );
  print(
    'How many times as fast as QEMU: vm9 in this run, and TinyEMU compiled to WebAssembly, measured once on such a ' +
      'machine beside QEMU.\n\n',
  );
  print(
    table(
      ['', ...known.flatMap((mode) => [`${mode}: vm9`, 'TinyEMU'])],
      Object.entries(operations)
        .filter(([operation]) => known.every((mode) => tinyEmuOnFiles(mode, operation) !== undefined))
        .map(([operation, title]) => [
          title,
          ...known.flatMap((mode) => [
            ratio(result('vm9', mode, largest, operation), result('QEMU', mode, largest, operation)),
            figureOrNone(tinyEmuOnFiles(mode, operation)),
          ]),
        ]),
    ),
  );
}
