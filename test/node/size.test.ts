import { expect, test } from 'vitest';
import { coreLimit, coreParts, total } from '../../scripts/size-report.js';

test('what a page fetches before a guest can boot is at most 100 KB', async () => {
  const parts = await coreParts();
  expect(parts).toHaveLength(2);
  // Each has what it is named after: an empty bundle would be small too.
  for (const { minified } of parts) expect(minified).toBeGreaterThan(20_000);
  expect(total(parts).brotli).toBeLessThanOrEqual(coreLimit);
});
