// The inspector under load.
import { expect, test } from 'vitest';
import { LinuxPage, builtSite, serve } from './linux-page.ts';

const site = builtSite();

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
