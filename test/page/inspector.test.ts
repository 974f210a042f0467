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
