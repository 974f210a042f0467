// Floating point in translated code in the browser's engine, which has relaxed SIMD and branch hints without being told.
import { describe, expect, it } from 'vitest';
import { FloatCases, floatRows, TranslatedFloat } from '../cpu/riscv/translated-float.ts';

describe.each([
  ['the host’s fused multiply-add, where it has one', true],
  ['no fused multiply-add', false],
])('with %s', (_, relaxed) => {
  it('every operation gives the exact result rounded once, its flags, and what mstatus tells', () => {
    const translated = new TranslatedFloat(relaxed);
    const cases = new FloatCases(3);
    for (let round = 0; round < 200; round += 1) for (const row of floatRows) translated.check(cases.next(row));
    const { checked, translated: retired } = translated.counts;
    expect(retired).toBeGreaterThanOrEqual(2 * checked);
  });
});
