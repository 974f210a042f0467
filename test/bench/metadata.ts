// Operations on names and attributes of a share, in vm9's guest and in QEMU's by turns.
import { makeSmallFiles, metadataOperations } from './file-operations.ts';
import { reportRates } from './guest-rates.ts';

const modes = ['none', 'mmap'];

await reportRates({
  name: 'metadata',
  fill: makeSmallFiles,
  modes,
  goals: [{ operations: metadataOperations, modes, times: 3, of: 'mean' }],
});
