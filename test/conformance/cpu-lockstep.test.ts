// The hart in step with the reference hart, as in the unit tests, for longer. CPU_SEED repeats a run.
import { expect, it } from 'vitest';
import { runInLockstep } from '../cpu/riscv/lockstep.ts';

const wanted = process.env['VM9_SCALE'] === 'full' ? 1_000_000 : 100_000;
const seed = Number(process.env['CPU_SEED'] ?? Date.now() % 2 ** 31);

it('every instruction of a long stream leaves what the reference leaves', () => {
  console.log(`CPU_SEED=${seed}, ${wanted} instructions`);
  let steps = 0;
  for (let round = 0; steps < wanted; round += 1) {
    const options = { seed: seed + round, blocks: 100, unitsPerBlock: 64, checksum: false, bitsFault: round % 3 === 2 };
    steps += runInLockstep(options, round % 2 === 0).steps;
  }
  expect(steps).toBeGreaterThanOrEqual(wanted);
});
