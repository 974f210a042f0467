// What the page promises about files: they are there after a crash of the browser.
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
