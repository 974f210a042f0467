// Floating point in translated code against the exact oracle, as in the unit tests, for longer. VM9_SCALE=full runs ten
// times as many cases; CPU_SEED repeats a run.
import { describe, expect, it } from 'vitest';
import { enableNewerWebAssembly } from '../../src/node/engine-flags.ts';
import { FloatCases, floatRows, TranslatedFloat } from '../cpu/riscv/translated-float.ts';

enableNewerWebAssembly();

const wanted = process.env['VM9_SCALE'] === 'full' ? 5_000_000 : 500_000;
const seed = Number(process.env['CPU_SEED'] ?? Date.now() % 2 ** 31);

describe.each([
  ['the host’s fused multiply-add, where it has one', true],
  ['no fused multiply-add', false],
])('with %s', (_, relaxed) => {
  it('every operation gives the exact result rounded once, its flags, and what mstatus tells', () => {
    console.log(`CPU_SEED=${seed}, ${wanted} cases`);
    const translated = new TranslatedFloat(relaxed);
    const cases = new FloatCases(seed);
    const fused = floatRows.filter(({ name }) => /^fn?m(add|sub)/.test(name));
    // Half of them for the operation that is hardest to get right.
    for (let count = 0; count < wanted; count += 1) {
      const rows = count % 2 === 0 ? fused : floatRows;
      translated.check(cases.next(rows[(count >>> 1) % rows.length]!));
    }
    const { checked, translated: retired } = translated.counts;
    expect(retired).toBeGreaterThanOrEqual(2 * checked);
  });
});
