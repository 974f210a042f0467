// Operations on names and attributes of a share, in vm9's guest and in QEMU's by turns.
import { makeSmallFiles } from './file-operations.ts';
import { reportRates } from './guest-rates.ts';

/** By the word that guest/metadata.c prints. */
const operations = {
  stat: 'stat, /s',
  open: 'open, read 1 KiB, close, /s',
  create: 'create, close, /s',
  unlink: 'unlink, /s',
  rename: 'rename, /s',
  mkdir: 'mkdir, /s',
  symlink: 'symlink, /s',
  readdir: 'readdir, entries/s',
};
const modes = ['none', 'mmap'];

await reportRates({
  name: 'metadata',
  fill: makeSmallFiles,
  modes,
  goals: [{ operations, modes, times: 3, of: 'mean' }],
});
