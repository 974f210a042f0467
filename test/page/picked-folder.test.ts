// A folder of the computer in the page: picked, used from both sides, and offered again on the next visit.
import type { Page } from 'playwright';
import { expect, test } from 'vitest';
import { LinuxPage, builtSite, serve } from './linux-page.ts';

const site = builtSite();

/**
 * A test cannot answer the browser's dialogs: "picked" is a folder of the origin's private file system, which has the same
 * interface, and whose handle is kept and found again like any other.
 */
async function answerDialogs(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const pick = async (): Promise<FileSystemDirectoryHandle> =>
      (await navigator.storage.getDirectory()).getDirectoryHandle('my-lab', { create: true });
    Object.assign(window, { showDirectoryPicker: pick });
    // As for a real folder: after a reload the user is to be asked, and says yes.
    let asked = false;
    Object.assign(FileSystemHandle.prototype, {
      queryPermission: () => Promise.resolve(asked ? 'granted' : 'prompt'),
      requestPermission: () => {
        asked = true;
        return Promise.resolve('granted');
      },
    });
  });
}

test('picked once, mounted beside the home folder, two-way, offered again with one click', async () => {
  const linux = await LinuxPage.boot(await serve(site()), { prepare: answerDialogs });
  const { page } = linux;
  await page.getByRole('button', { name: 'Share a folder of this computer' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Choose the folder' }).click();
  await linux.row('/mnt/my-lab').waitFor();
  await linux.prompt();
  await linux.run('echo from-the-guest > /mnt/my-lab/guest.txt; echo home > home.txt; sync -d home.txt');
  await linux.row('guest.txt').waitFor();
  const host = await page.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('my-lab');
    const writable = await (await folder.getFileHandle('host.txt', { create: true })).createWritable();
    await writable.write('from-the-host');
    await writable.close();
    return (await (await folder.getFileHandle('guest.txt')).getFile()).text();
  });
  expect(host).toBe('from-the-guest\n');
  await linux.row('host.txt').waitFor();
  expect(await linux.run('cat /mnt/my-lab/host.txt')).toBe('from-the-host');

  await page.reload();
  await linux.prompt();
  await page.getByText('Last time you shared').waitFor();
  await page.getByRole('button', { name: 'Share it again' }).click();
  await linux.row('/mnt/my-lab').waitFor();
  await linux.prompt();
  expect(await linux.run('cat /mnt/my-lab/guest.txt home.txt')).toBe('from-the-guest\nhome');
  await page.getByRole('button', { name: 'Machine' }).click();
  await page.getByRole('menuitem', { name: 'Stop sharing my-lab' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Stop sharing' }).click();
  await linux.row('/mnt/my-lab').waitFor({ state: 'detached' });
});
