// What the end of a log tells of tests that failed: the results are vitest's own, of tests written here.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const script = join(root, 'scripts/count-results.js');

let folder: string;
let count: { stdout: string; status: number | null };

// Vitest is found only from below the project.
beforeAll(() => {
  folder = mkdtempSync(join(root, 'dist/count-results-'));
  writeFileSync(
    join(folder, 'first.test.js'),
    `import { expect, test } from 'vitest';
     test('one passes', () => undefined);
     test.each(['none', 'loose'])('differs, cache=%s', (mode) => {
       const lines = Array.from({ length: 20 }, (_, i) => '\\u001b[31mdiffers at ' + i + '\\u001b[39m');
       expect(mode, ['RANDOM_SEED=7 ' + 'x'.repeat(500), ...lines].join('\\n')).toBe('mmap');
     });
     test('says little', () => { throw new Error('\\u001b[1mRANDOM_SEED=7\\u001b[22m ' + 'x'.repeat(500)); });`,
  );
  writeFileSync(join(folder, 'second.test.js'), `throw new Error('RANDOM_SEED is no number');`);
  writeFileSync(join(folder, 'vitest.config.js'), `export default { test: { include: ['*.test.js'] } };`);
  const results = join(folder, 'results.json');
  const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=json', `--outputFile=${results}`];
  spawnSync(process.execPath, [...vitest, '--root', folder], { env: { ...process.env, FORCE_COLOR: '1' } });
  const { stdout, status } = spawnSync(process.execPath, [script, results, join(folder, 'absent.json')]);
  count = { stdout: stdout.toString(), status };
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('its last line counts, and what fails outside of tests is a failure', () => {
  expect(count.stdout.trimEnd().split('\n').slice(-2)).toEqual([
    `${join(folder, 'absent.json')} was not written: its suite has failed as a whole`,
    '1 passed, 5 failed',
  ]);
  expect(count.status).toBe(1);
});

test('each failure is named, with how its message begins and ends and where it failed, in plain text', () => {
  const lines = count.stdout.split('\n');
  const loose = lines.slice(lines.indexOf('FAILED differs, cache=loose') + 1, lines.indexOf('FAILED says little'));
  expect(loose).toHaveLength(15);
  expect(loose[0]).toMatch(/^ {2}AssertionError: RANDOM_SEED=7 x+…$/);
  expect(loose.slice(1, 13)).toEqual(Array.from({ length: 12 }, (_, i) => `  differs at ${i + 7}`));
  expect(loose[13]).toMatch(/^ {2}differs at 19: expected 'loose' to be 'mmap'/);
  expect(loose[14]).toMatch(/^ {4,}at .*first\.test\.js:\d+:\d+\)?$/);
  expect(lines).toContain('FAILED differs, cache=none');
  expect(lines).toContain(`FAILED ${join(folder, 'second.test.js')}, outside its tests`);
  expect(lines).toContain('  RANDOM_SEED is no number');
});

test('lines are short', () => {
  const lines = count.stdout.split('\n');
  expect(lines).toContain(`  Error: RANDOM_SEED=7 ${'x'.repeat(376)}…`);
  expect(Math.max(...lines.map((line) => line.length))).toBe(400);
});
