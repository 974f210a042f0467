// Random programs on the hart and on the reference hart, which knows no caches and no decoded code: after each
// instruction everything is the same. The streams are those that are compared with QEMU, too.
import { describe, expect, it } from 'vitest';
import { runInLockstep } from './lockstep.ts';

// Blocks in all modes: see `chooseMode`.
describe.each([
  ['shared', true, 1, false],
  ['shared', true, 2, true],
  ['unshared', false, 3, false],
])('in %s memory', (_, shared, seed, bitsFault) => {
  it(`the stream of seed ${seed} runs in step with the reference`, () => {
    const options = { seed, blocks: 6, unitsPerBlock: 48, checksum: false, bitsFault };
    const { blocks, steps } = runInLockstep(options, shared);
    expect(blocks).toBe(6);
    expect(steps).toBeGreaterThan(250);
  });
});
