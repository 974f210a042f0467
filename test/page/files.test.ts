// The shared folder from both sides: the guest's terminal, and the files panel beside it.
import { expect, test } from 'vitest';
import { LinuxPage, builtSite, serve } from './linux-page.ts';

const site = builtSite();

test('a file made in the guest is there after a reload, and in the panel at once', async () => {
  const linux = await LinuxPage.boot(await serve(site()));
  await linux.page.getByText('kept in this browser (OPFS)').waitFor();
  await linux.run('echo first > notes.txt; mkdir -p src; echo "int main;" > src/main.c');
  await linux.row('notes.txt').click();
  const editor = linux.page.getByRole('textbox', { name: 'Text of notes.txt' });
  await expect.poll(() => editor.inputValue()).toBe('first\n');

  // The open file follows the guest …
  await linux.run('echo second >> notes.txt');
  await expect.poll(() => editor.inputValue()).toBe('first\nsecond\n');
  // … and the guest the editor.
  await editor.fill('third\n');
  await editor.press('Control+s');
  await linux.page.getByText('Saved').waitFor();
  expect(await linux.run('cat notes.txt')).toBe('third');

  await linux.page.reload();
  await linux.prompt();
  expect(await linux.run('cat notes.txt src/main.c')).toBe('third\nint main;');
  expect(await linux.row('src').isVisible()).toBe(true);
});
