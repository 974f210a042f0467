// What guest/files.c measures.

/** By the word that it prints before a rate. */
export const operations: Readonly<Record<string, string>> = {
  readdir: 'readdir, entries/s',
  'stat-first': 'stat, the first, /s',
  'stat-again': 'stat of one file again, /s',
  'open-read-close': 'open, read 1 KiB, close, the first, /s',
  'open-read-close-again': 'open, read 1 KiB, close again, /s',
  create: 'create, write 100 bytes, close, /s',
  unlink: 'unlink, /s',
  read: 'read in sequence, MiB/s',
  write: 'write in sequence and fsync, MiB/s',
};
