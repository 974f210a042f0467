// The terminal: what is copied and pasted, its size, and shells that come and go with the guest.
import { expect, test } from 'vitest';
import { LinuxPage, builtSite, serve } from './linux-page.ts';

const site = builtSite();

test('copy and paste by the keyboard; the guest knows the size; a shell that ends, a guest that reboots', async () => {
  const linux = await LinuxPage.boot(await serve(site()));
  const { page } = linux;
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await linux.run('echo word-to-copy');
  await page.locator('.xterm-rows > div', { hasText: /^word/ }).dblclick({ position: { x: 20, y: 8 }, force: true });
  await page.keyboard.press('Control+Shift+KeyC');
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toMatch(/^word/);
  await page.evaluate(() => navigator.clipboard.writeText('echo 6*7=$((6*7))'));
  await page.keyboard.press('Control+Shift+KeyV');
  await page.keyboard.press('Enter');
  await linux.sees(/^6\*7=42$/m);

  const columns = async (): Promise<number> => Number((await linux.run('stty size')).split(' ')[1]);
  const wide = await columns();
  await page.setViewportSize({ width: 1000, height: 760 });
  await expect.poll(columns).toBeLessThan(wide);

  await page.keyboard.type('exit\n');
  await linux.sees(/the shell has ended; here is another/);
  await linux.prompt();
  await page.keyboard.type('reboot\n');
  await page.waitForSelector('.status.booting');
  await linux.prompt();
  expect(await linux.run('cut -d. -f1 /proc/uptime')).toMatch(/^\d$/);
});

test('files can be used while Linux is off, and are there when it runs again', async () => {
  const linux = await LinuxPage.boot(await serve(site()));
  const { page } = linux;
  await page.getByRole('button', { name: 'Machine' }).click();
  await page.getByRole('menuitem', { name: 'Switch off' }).click();
  await page.getByRole('heading', { name: 'Linux is switched off' }).waitFor();
  await page.getByRole('button', { name: 'New folder' }).click();
  await page.getByRole('dialog').getByRole('textbox').fill('made while off');
  await page.keyboard.press('Enter');
  await linux.row('made while off').waitFor();
  await page.getByRole('button', { name: 'Start Linux' }).click();
  await linux.prompt();
  expect(await linux.run('ls')).toBe('made while off');
});
