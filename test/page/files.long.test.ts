// Folders that are dropped on the files panel, and the panel without a mouse.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { LinuxPage, builtSite, serve } from './linux-page.ts';

const site = builtSite();

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-files-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('what is dropped is in the guest, and comes back as tar', async () => {
  const host = temporaryFolder();
  mkdirSync(join(host, 'lab/deep/empty'), { recursive: true });
  writeFileSync(join(host, 'lab/task.txt'), 'do it\n');
  const large = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 31) & 0xff));
  writeFileSync(join(host, 'lab/deep/large.bin'), large);
  writeFileSync(join(host, 'single.txt'), 'alone\n');
  const linux = await LinuxPage.boot(await serve(site()));
  const { page } = linux;

  const box = await page.getByRole('tree').boundingBox();
  const at = { x: box!.x + box!.width / 2, y: box!.y + box!.height - 20 };
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [join(host, 'lab'), join(host, 'single.txt')], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { type, ...at, data });
  }
  await page.getByText('3 files uploaded').waitFor();
  expect(
    await linux.run('find lab single.txt | sort; cat lab/task.txt single.txt; stat -c %s lab/deep/large.bin'),
  ).toBe(
    [
      'lab', 'lab/deep', 'lab/deep/empty', 'lab/deep/large.bin', 'lab/task.txt', 'single.txt', 'do it', 'alone', '3000000',
    ].join('\n'), // prettier-ignore
  );

  await linux.run('ln -s task.txt lab/link; chmod 750 lab/task.txt');
  // Without the dialog, which a test cannot answer, the page downloads as any page does.
  await page.evaluate(() => Reflect.deleteProperty(window, 'showSaveFilePicker'));
  await linux.row('lab').click({ button: 'right' });
  const downloading = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: 'Download as tar' }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe('lab.tar');
  const archive = join(host, 'back.tar');
  await download.saveAs(archive);
  mkdirSync(join(host, 'back'));
  execFileSync('tar', ['-xf', archive, '-C', join(host, 'back')]);
  expect(readFileSync(join(host, 'back/lab/deep/large.bin')).equals(large)).toBe(true);
  const listed = execFileSync('tar', ['-tvf', archive], { encoding: 'utf8' });
  expect(listed).toMatch(/^-rwxr-x--- .* 6 .* lab\/task\.txt$/m);
  expect(listed).toMatch(/^l.* lab\/link -> task\.txt$/m);
  expect(listed).toMatch(/^d.* lab\/deep\/empty\/$/m);
});

test('by the keyboard alone: open, make, rename, delete', async () => {
  const linux = await LinuxPage.boot(await serve(site()));
  const { page } = linux;
  await linux.run('mkdir a; echo text > a/file.txt; echo other > b.txt');
  await page.keyboard.press('Control+Shift+Digit2');
  await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('tree');
  await linux.row('b.txt').waitFor();

  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowRight');
  await linux.row('file.txt').waitFor();
  // Letters find a name.
  await page.keyboard.type('fi');
  await page.keyboard.press('F2');
  await page.getByRole('dialog').getByRole('textbox').fill('renamed.txt');
  await page.keyboard.press('Enter');
  await linux.row('renamed.txt').waitFor();

  await page.keyboard.press('Shift+F10');
  await page.getByRole('menuitem', { name: 'Delete' }).waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Delete');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).focus();
  await page.keyboard.press('Enter');
  await linux.row('renamed.txt').waitFor({ state: 'detached' });

  await page.keyboard.press('Control+Shift+Digit1');
  await expect.poll(() => page.evaluate(() => document.activeElement?.className)).toContain('xterm');
  expect(await linux.run('ls a; cat b.txt')).toBe('other');
});
