// What the page promises about files: they are there after a crash of the browser, and one tab at a time has them.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { temporaryProfile } from './browser.ts';
import { LinuxPage, builtSite, serve } from './linux-page.ts';

const site = builtSite();

test('after fsync, or two seconds after close, a killed browser has lost nothing', async () => {
  const url = await serve(site());
  const profile = temporaryProfile();

  let linux = await LinuxPage.boot(url, { profile });
  await linux.run('seq 1 8000 > closed.txt; mkdir d; echo moved > m.txt; mv m.txt d/moved.txt');
  await sleep(2000);
  await linux.run('seq 1 9000 > synced.txt && sync -d synced.txt');
  await linux.browser.kill();

  linux = await LinuxPage.boot(url, { profile });
  expect(await linux.run('ls . d')).toBe('.:\nclosed.txt  d           synced.txt\n\nd:\nmoved.txt');
  expect(await linux.run('md5sum < closed.txt; seq 1 8000 | md5sum')).toMatch(/^(\S+) {2}-\n\1 {2}-$/);
  expect(await linux.run('md5sum < synced.txt; seq 1 9000 | md5sum')).toMatch(/^(\S+) {2}-\n\1 {2}-$/);
});

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
