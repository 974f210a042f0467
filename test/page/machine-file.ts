// Files of saved machines, as the page's user has them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { LinuxPage } from './linux-page.ts';

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-saved-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Saves the machine by the menu. Resolves with the path of the file. */
export async function save({ page }: LinuxPage): Promise<string> {
  // Without the dialog, which a test cannot answer, the page downloads as any page does.
  await page.evaluate(() => Reflect.deleteProperty(window, 'showSaveFilePicker'));
  await page.getByRole('button', { name: 'Machine' }).click();
  const downloading = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: 'Save the machine…' }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toMatch(/^linux-[\d-]+\.vm9$/);
  const file = join(temporaryFolder(), 'linux.vm9');
  await download.saveAs(file);
  await page.getByText('The machine is saved.').waitFor();
  return file;
}

/** Chooses a file in the dialog that the menu opens. */
export async function choose({ page }: LinuxPage, file: string): Promise<void> {
  await page.getByRole('button', { name: 'Machine' }).click();
  const choosing = page.waitForEvent('filechooser');
  await page.getByRole('menuitem', { name: 'Resume from a file…' }).click();
  await (await choosing).setFiles(file);
}

/** Drops a file on the terminal. */
export async function drop({ page }: LinuxPage, file: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const box = await page.locator('#terminal').boundingBox();
  if (box === null) throw new Error('the terminal is shown');
  const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const data = { items: [], files: [file], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { type, ...at, data });
  }
}

/** Resolves when a machine from a file runs. */
export async function resumed({ page }: LinuxPage): Promise<void> {
  await page.waitForSelector('.status.running[data-begun=snapshot]');
}
