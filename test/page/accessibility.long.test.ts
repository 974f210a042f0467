// axe-core looks over the page as it is used: contrast, names, roles, order, what the keyboard reaches.
import axe, { type AxeResults } from 'axe-core';
import type { Page } from 'playwright';
import { expect, test } from 'vitest';
import { LinuxPage, builtSite, serve } from './linux-page.ts';

const site = builtSite();

/** What axe finds wrong: a line for each element. */
async function problems(page: Page, rules?: readonly string[]): Promise<string[]> {
  const options = JSON.stringify({ resultTypes: ['violations'], ...(rules && { runOnly: rules }) });
  const { violations } = await page.evaluate<AxeResults>(`axe.run(${options})`);
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary = help }) => `${id}: ${target.join(' ')}: ${failureSummary}`),
  );
}

/** In both colour schemes, of which the dark one differs in colours only. */
async function inBothSchemes(page: Page): Promise<string[]> {
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  const light = await problems(page);
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  const dark = await problems(page, ['color-contrast']);
  return [...light.map((problem) => `light: ${problem}`), ...dark.map((problem) => `dark: ${problem}`)];
}

test('axe finds nothing in any view, light and dark, wide and narrow', async () => {
  const url = await serve(site());
  const linux = await LinuxPage.boot(url);
  const { page } = linux;
  await page.evaluate(axe.source);
  await linux.run('mkdir -p src; echo text > src/file.txt; echo hello > notes.txt; head -c 5000 /dev/zero > p.wasm');
  await linux.row('p.wasm').click();
  await page.locator('.viewer pre').waitFor();
  expect.soft(await inBothSchemes(page)).toEqual([]);
  await linux.row('src').click();
  await linux.row('notes.txt').click();
  await page.getByRole('textbox', { name: 'Text of notes.txt' }).waitFor();
  expect.soft(await inBothSchemes(page)).toEqual([]);

  await page.keyboard.press('Control+Shift+Digit3');
  await linux.run('cat notes.txt; cat missing.txt');
  await page.getByRole('searchbox', { name: 'Filter by words' }).fill('twalk');
  await page.getByRole('listbox').getByRole('option').first().click();
  await page.getByRole('complementary', { name: 'Details of Twalk' }).waitFor();
  expect.soft(await inBothSchemes(page)).toEqual([]);

  await page.getByRole('button', { name: 'Help' }).click();
  await page.getByRole('dialog', { name: 'Linux in this page' }).waitFor();
  expect.soft(await inBothSchemes(page)).toEqual([]);
  await page.keyboard.press('Escape');

  await page.getByRole('button', { name: 'Machine' }).click();
  await page.getByRole('menuitem', { name: 'Save the machine…' }).waitFor();
  expect.soft(await inBothSchemes(page)).toEqual([]);
  await page.keyboard.press('Escape');

  await linux.row('p.wasm').click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Run with WASI' }).waitFor();
  expect.soft(await inBothSchemes(page)).toEqual([]);
  await page.getByRole('menuitem', { name: 'Run with WASI' }).click();
  await page.getByRole('dialog', { name: 'Run a WASI program' }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').getByText('the WASI program: ').waitFor();
  expect.soft(await inBothSchemes(page)).toEqual([]);
  await page.keyboard.press('Escape');

  await page.setViewportSize({ width: 390, height: 760 });
  for (const tab of ['Terminal', 'Files', 'Inspector']) {
    await page.getByRole('navigation', { name: 'Panels' }).getByRole('button', { name: tab }).click();
    expect.soft(await inBothSchemes(page)).toEqual([]);
  }

  await page.goto(`${url}?memory=1`);
  await page.getByRole('alert').getByText('memory=1 in the address: it is a whole number of MiB').waitFor();
  await page.evaluate(axe.source);
  expect.soft(await inBothSchemes(page)).toEqual([]);
  await page.getByRole('link', { name: 'Open it without options' }).click();
  await page.waitForSelector('.status.running');
});
