// The page that `--profile` writes, opened as its user does: from the disk.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { flameGraph } from '../../src/node/profile/flame-graph.ts';
import { TestBrowser } from './browser.ts';

const template = readFileSync(new URL('../../src/node/profile/flame-graph.html', import.meta.url), 'utf8');

test('frames are as wide as they were met; one enlarges what is above it; names are found', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-profile-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'profile.html');
  const stacks = new Map([
    ['awk;main (awk);split (awk)', 60],
    ['awk;main (awk)', 20],
    ['awk;handle_exception_[k];vfs_read_[k]', 15],
    ['sh;</script><b>$& (sh)', 5],
  ]);
  writeFileSync(file, flameGraph(stacks, template));

  const browser = await TestBrowser.launch();
  const page = await browser.context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(pathToFileURL(file).href);

  const frame = (name: string) => page.getByRole('main').getByRole('button', { name, exact: true });
  const box = async (name: string) => {
    const found = await frame(name).boundingBox();
    if (found === null) throw new Error(`there is no frame ${name}`);
    return found;
  };
  const whole = await box('all');
  expect((await box('split (awk)')).width / whole.width).toBeCloseTo(0.6, 2);
  expect((await box('main (awk)')).width / whole.width).toBeCloseTo(0.8, 2);
  expect((await box('vfs_read_[k]')).width / whole.width).toBeCloseTo(0.15, 2);
  expect((await box('</script><b>$& (sh)')).width / whole.width).toBeCloseTo(0.05, 2);
  // What is called stands above what calls.
  expect((await box('split (awk)')).y).toBeLessThan((await box('main (awk)')).y);
  expect(await frame('split (awk)').getAttribute('title')).toBe('split (awk): 60 samples, 60.00 %');

  await frame('main (awk)').click();
  expect((await box('split (awk)')).width / whole.width).toBeCloseTo(0.75, 2);
  expect(await frame('vfs_read_[k]').count()).toBe(0);
  await page.getByRole('button', { name: 'Show all' }).click();
  expect(await frame('vfs_read_[k]').count()).toBe(1);

  const plain = await frame('split (awk)').evaluate((element) => getComputedStyle(element).backgroundColor);
  await page.getByRole('searchbox', { name: 'Search' }).fill('SPLIT');
  expect(await page.getByRole('status').textContent()).toBe('found in 60 samples, 60.00 %');
  expect(await frame('split (awk)').evaluate((element) => getComputedStyle(element).backgroundColor)).not.toBe(plain);

  expect(complaints).toEqual([]);
  expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([pathToFileURL(file).href]);
});
