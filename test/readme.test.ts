// The table of what runs names tests that are there.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../', import.meta.url);
const rows =
  readFileSync(new URL('README.md', root), 'utf8')
    .split('## What runs')[1]
    ?.match(/^\| .*$/gm)
    ?.slice(2) ?? [];

test('what runs is many things', () => {
  expect(rows.length).toBeGreaterThan(10);
});

test.each(rows)('%s', (row) => {
  const files = row.match(/test\/\S+\.test\.ts/g) ?? [];
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) expect(readFileSync(new URL(file, root), 'utf8')).toMatch(/^ *(test|describe)\b/m);
});
