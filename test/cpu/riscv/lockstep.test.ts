// Random programs on the hart and on the reference hart, which knows no caches and no decoded code: after each
// instruction everything is the same. The streams are those that are compared with QEMU, too.
import { describe, expect, it } from 'vitest';
import { runInLockstep } from './lockstep.ts';

// Blocks in all modes: see `chooseMode`.
describe.each([
  ['shared', true, 1],
  ['shared', true, 2],
  ['unshared', false, 3],
])('in %s memory', (_, shared, seed) => {
  it(`the stream of seed ${seed} runs in step with the reference`, () => {
    const { blocks, steps } = runInLockstep({ seed, blocks: 6, unitsPerBlock: 48, checksum: false }, shared);
    expect(blocks).toBe(6);
    expect(steps).toBeGreaterThan(250);
  });
});
