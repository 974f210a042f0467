// A WASI program in the page, on the folder that the guest has.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { LinuxPage, builtSite, serve } from './linux-page.ts';

const site = builtSite();
const program = fileURLToPath(new URL('../wasi/files.wasm', import.meta.url));

test('uploaded with the button, run on the shared folder: the guest sees what it wrote', async () => {
  const linux = await LinuxPage.boot(await serve(site()));
  const { page } = linux;
  await linux.run('echo by the guest > guest.txt');
  const choosing = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Upload files or a folder' }).click();
  await page.getByRole('menuitem', { name: 'Upload files' }).click();
  await (await choosing).setFiles(program);
  await linux.row('files.wasm').click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Run with WASI' }).click();
  const dialog = page.getByRole('dialog', { name: 'Run a WASI program' });
  await dialog.getByRole('textbox', { name: 'Arguments' }).fill('cat /guest.txt write /wasi.txt "by the program"');
  await page.keyboard.press('Enter');
  await dialog.getByText('The program has ended with status 0.').waitFor();
  expect(await dialog.locator('.wasi-output').innerText()).toContain('by the guest');
  await page.keyboard.press('Escape');
  expect(await linux.run('cat wasi.txt')).toBe('by the program');
});
