// What guest/files.c measures, and what it and guest/metadata.c work on.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Makes the folders `many`, of 2,000 empty files, and `small`, of 300 of 1 KiB. */
export function makeSmallFiles(folder: string): void {
  for (const name of ['many', 'small']) mkdirSync(join(folder, name));
  for (let index = 0; index < 2000; index++) writeFileSync(join(folder, 'many', String(index)), '');
  for (let index = 0; index < 300; index++) writeFileSync(join(folder, 'small', String(index)), 'x'.repeat(1024));
}

/** By the word that it prints before a rate. */
export const operations: Readonly<Record<string, string>> = {
  readdir: 'readdir, entries/s',
  'stat-first': 'stat, the first, /s',
  'stat-again': 'stat of one file again, /s',
  'open-read-close': 'open, read 1 KiB, close, the first, /s',
  'open-read-close-again': 'open, read 1 KiB, close again, /s',
  create: 'create, write 100 bytes, close, /s',
  rename: 'rename, /s',
  unlink: 'unlink, /s',
  read: 'read in sequence, MiB/s',
  write: 'write in sequence and fsync, MiB/s',
};
