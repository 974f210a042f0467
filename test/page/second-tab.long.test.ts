// One folder, two tabs: one has it, the other says what to do.
import { expect, test } from 'vitest';
import { builtSite, LinuxPage, serve } from './linux-page.ts';

const site = builtSite();

test('a second tab on the same folder is told what to do, and goes on once it can', async () => {
  const linux = await LinuxPage.boot(await serve(site()));
  await linux.run('echo mine > file.txt; sync -d file.txt');
  const second = new LinuxPage(linux.browser, await linux.browser.open(linux.page.url()));
  await second.page.getByRole('heading', { name: 'The folder is open in another tab' }).waitFor();

  await second.page.getByRole('button', { name: 'Start with a folder in memory' }).click();
  await second.prompt();
  expect(await second.run('ls')).toBe('');
  expect(await second.page.locator('.store-status').innerText()).toContain('gone when the page is closed');

  await linux.page.close();
  await second.page.reload();
  await second.prompt();
  expect(await second.run('cat file.txt')).toBe('mine');
});
