// What guest/files.c, guest/metadata.c and guest/transfers.c measure, and what they work on.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Makes the folders `many`, of 2,000 empty files, and `small`, of 300 of 1 KiB. */
export function makeSmallFiles(folder: string): void {
  for (const name of ['many', 'small']) mkdirSync(join(folder, name));
  for (let index = 0; index < 2000; index++) writeFileSync(join(folder, 'many', String(index)), '');
  for (let index = 0; index < 300; index++) writeFileSync(join(folder, 'small', String(index)), 'x'.repeat(1024));
}

/** Makes the files `big` and `random`, of 32 MiB each, on which guest/transfers.c works: see there. */
export function makeLargeFiles(folder: string): void {
  const size = 32 * 2 ** 20;
  const pageSize = 4096;
  writeFileSync(join(folder, 'big'), Buffer.alloc(size, 'content '));
  const pages = Buffer.alloc(size);
  for (let page = 0; page < size / pageSize; page++) pages.writeUInt32LE(page, page * pageSize);
  writeFileSync(join(folder, 'random'), pages);
}

/** By the word that guest/metadata.c prints before a rate. */
export const metadataOperations: Readonly<Record<string, string>> = {
  stat: 'stat, /s',
  open: 'open, read 1 KiB, close, /s',
  create: 'create, close, /s',
  unlink: 'unlink, /s',
  rename: 'rename, /s',
  mkdir: 'mkdir, /s',
  symlink: 'symlink, /s',
  readdir: 'readdir, entries/s',
};

/** By the word that guest/transfers.c prints. */
export const sequentialOperations: Readonly<Record<string, string>> = {
  read: 'read in sequence, MiB/s',
  write: 'write in sequence and fsync, MiB/s',
};
export const randomOperations: Readonly<Record<string, string>> = {
  'random-read': 'read 4 KiB at random, /s',
  'random-write': 'write 4 KiB at random, then fsync, /s',
};

/** By the word that guest/files.c prints. */
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
