// A second visit goes on from the machine that the first has booted.
import { expect, test } from 'vitest';
import { LinuxPage, begunBy, builtSite, kept, serve } from './linux-page.ts';

const site = builtSite();

test('a second visit is there without a boot, with the folder of the first and nothing else of it', async () => {
  const linux = await LinuxPage.boot(await serve(site()));
  const { page } = linux;
  await begunBy(page, 'boot');
  await linux.run('echo mine > /tmp/notes; echo mine > notes; sync notes');
  await kept(page);
  await page.reload();
  await linux.prompt();
  await begunBy(page, 'cache');
  expect(await linux.run('cat notes; ls /tmp; pwd')).toBe('mine\n/mnt/host');
});
