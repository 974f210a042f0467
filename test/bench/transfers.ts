// Contents of files of a share, in sequence and at random, in vm9's guest and in QEMU's by turns.
import { makeLargeFiles, randomOperations, sequentialOperations } from './file-operations.ts';
import { reportRates, type Goal } from './guest-rates.ts';

const sequential: Goal = { operations: sequentialOperations, modes: ['mmap', 'loose'], times: 2, of: 'each' };
const random: Goal = { operations: randomOperations, modes: ['none', 'mmap', 'loose'], times: 2, of: 'each' };

await reportRates({ name: 'transfers', fill: makeLargeFiles, modes: random.modes, goals: [sequential, random] });
