import { expect, test } from 'vitest';
import { coreLimit, coreSize, parts } from '../../scripts/size-report.js';

test('what a page fetches before a guest can boot is at most 100 KB', async () => {
  const all = await parts();
  const core = all.filter(({ isCore }) => isCore);
  // The API and the machine are in it, and not empty.
  expect(core.filter(({ minified }) => minified > 20_000).length).toBeGreaterThanOrEqual(2);
  expect(coreSize(all)).toBeLessThanOrEqual(coreLimit);
});
