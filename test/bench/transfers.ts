// Contents of files of a share, in sequence and at random, in vm9's guest and in QEMU's by turns.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reportRates, type Goal } from './guest-rates.ts';

const size = 32 * 2 ** 20;
const pageSize = 4096;

function fill(folder: string): void {
  writeFileSync(join(folder, 'big'), Buffer.alloc(size, 'content '));
  const pages = Buffer.alloc(size);
  for (let page = 0; page < size / pageSize; page++) pages.writeUInt32LE(page, page * pageSize);
  writeFileSync(join(folder, 'random'), pages);
}

/** Operations by the word that guest/transfers.c prints. */
const sequential: Goal = {
  operations: { read: 'read in sequence, MiB/s', write: 'write in sequence and fsync, MiB/s' },
  modes: ['mmap', 'loose'],
  times: 2,
  of: 'each',
};
const random: Goal = {
  operations: {
    'random-read': 'read 4 KiB at random, /s',
    'random-write': 'write 4 KiB at random, then fsync, /s',
  },
  modes: ['none', 'mmap', 'loose'],
  times: 2,
  of: 'each',
};

await reportRates({ name: 'transfers', fill, modes: random.modes, goals: [sequential, random] });
