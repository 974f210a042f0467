// The 9P inspector: the messages of a command as they pass, and the descriptor chain of one of them.
import { expect, test } from 'vitest';
import { LinuxPage, builtSite, serve } from './linux-page.ts';

const site = builtSite();

test('a cat is seen as walk, open, read and clunk; the chain of its walk is drawn over guest memory', async () => {
  const linux = await LinuxPage.boot(await serve(site()));
  const { page } = linux;
  await linux.run('echo hello > hello.txt');
  await page.keyboard.press('Control+Shift+Digit3');
  await linux.run('cat hello.txt; cat missing.txt');

  const rows = page.getByRole('listbox').getByRole('option');
  const typesOf = async (path: string): Promise<string[]> => {
    const texts = await rows.filter({ hasText: path }).locator('.type').allInnerTexts();
    return [...new Set(texts)];
  };
  expect(await typesOf('/hello.txt')).toEqual(expect.arrayContaining(['Twalk', 'Tlopen', 'Tread', 'Tclunk']));

  await page.getByRole('searchbox', { name: 'Filter by words' }).fill('twalk hello');
  await rows.first().click();
  const details = page.getByRole('complementary', { name: 'Details of Twalk' });
  expect(await details.innerText()).toMatch(/names\s+“hello\.txt”/);
  // One of RAM's addresses for each part: the driver uses an indirect table.
  const drawn = await details.locator('.descriptor text.strong').allTextContents();
  expect(drawn.map((text) => text.replace(/^\d+ · /, ''))).toEqual(['indirect table', 'device reads', 'device writes']);
  expect(await details.locator('.region').count()).toBe(3);
  expect(await details.locator('.steps').innerText()).toMatch(/puts the head, descriptor \d+, into slot \d+/);

  await page.getByRole('searchbox', { name: 'Filter by words' }).fill('');
  await page.getByRole('checkbox', { name: 'Errors only' }).check();
  await expect.poll(() => rows.locator('.path').allInnerTexts()).toContain('/missing.txt');
  expect(new Set(await rows.locator('.result').allInnerTexts())).toEqual(new Set(['ENOENT']));

  await page.getByRole('checkbox', { name: 'Errors only' }).uncheck();
  await page.getByRole('button', { name: 'Clear the list' }).click();
  await page.getByRole('button', { name: 'Pause' }).click();
  await linux.run('cat hello.txt');
  await expect.poll(() => page.locator('.count').innerText()).toMatch(/^0, \d+ passed by$/);
});

test('thousands of requests: the page stays at work, the list keeps few rows and follows the end', async () => {
  const linux = await LinuxPage.boot(await serve(site()));
  const { page } = linux;
  await page.keyboard.press('Control+Shift+Digit3');
  await linux.run('i=0; while [ $i -lt 1500 ]; do [ -e f$i ]; i=$((i+1)); done');
  await expect
    .poll(async () => Number((await page.locator('.count').innerText()).replace(',', '')))
    .toBeGreaterThan(1500);
  expect(await page.getByRole('listbox').getByRole('option').count()).toBeLessThan(60);
  await expect.poll(() => page.getByRole('listbox').getByRole('option').last().innerText()).toContain('/f1499');

  await page.getByRole('listbox', { name: 'Requests' }).focus();
  await page.keyboard.press('Home');
  await expect
    .poll(() => page.getByRole('listbox').getByRole('option').first().getAttribute('aria-selected'))
    .toBe('true');
  await page.keyboard.press('PageDown');
  await page.keyboard.press('ArrowUp');
  const chosen = page.getByRole('listbox').getByRole('option', { selected: true });
  expect(Number(await chosen.getAttribute('aria-posinset'))).toBeGreaterThan(4);
});
