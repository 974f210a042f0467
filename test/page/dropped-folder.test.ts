// A folder of the computer, dropped on a page: the page reads it through a share, and hears of its changes. Writing would
// need a user who answers the browser's question.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright';
import { expect, onTestFinished, test } from 'vitest';
import type { createVm, pickedFolder, Vm } from '../../src/browser/index.ts';
import { serveFolder } from '../../scripts/static-server.js';
import { TestBrowser } from './browser.ts';

declare global {
  interface Window {
    dropped: Promise<FileSystemHandle | null>;
    vm9: { readonly createVm: typeof createVm; readonly pickedFolder: typeof pickedFolder };
    vm: Vm;
    heard: string[];
  }
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-dropped-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Opens a page that has the package beside it, and drops a folder on it. */
async function drop(browser: TestBrowser, folder: string): Promise<Page> {
  const site = temporaryFolder();
  writeFileSync(
    join(site, 'index.html'),
    '<!doctype html><script type="module">import * as vm9 from "./browser.js"; window.vm9 = vm9;</script>',
  );
  const built = fileURLToPath(new URL('../../dist', import.meta.url));
  for (const name of readdirSync(built).filter((each) => /^browser.*\.js$/.test(each))) {
    cpSync(join(built, name), join(site, name));
  }
  const { url, close } = await serveFolder(site);
  onTestFinished(close);
  const page = await browser.open(url);
  await page.evaluate(() => {
    document.documentElement.style.height = '100%';
    document.addEventListener('dragover', (event) => event.preventDefault());
    window.dropped = new Promise((resolve, reject) => {
      document.addEventListener('drop', (event) => {
        event.preventDefault();
        const [item] = event.dataTransfer?.items ?? [];
        if (item === undefined) reject(new Error('nothing was dropped'));
        else resolve((item as never as { getAsFileSystemHandle(): Promise<FileSystemHandle> }).getAsFileSystemHandle());
      });
    });
  });
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [folder], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { type, x: 20, y: 20, data });
  }
  return page;
}

test('a dropped folder is read through a share, watched, and EROFS until writing is allowed', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'sub'));
  writeFileSync(join(folder, 'file.txt'), 'from the computer');
  writeFileSync(join(folder, 'sub/large'), 'x'.repeat(3_000_000));
  symlinkSync('file.txt', join(folder, 'link'));
  const page = await drop(await TestBrowser.launch(), folder);
  const found = await page.evaluate(async () => {
    const { vm9 } = window;
    const handle = await window.dropped;
    if (!(handle instanceof FileSystemDirectoryHandle)) throw new Error('a folder was dropped');
    const vm = (window.vm = vm9.createVm({ shares: [{ source: vm9.pickedFolder(handle) }] }));
    const heard: string[] = (window.heard = []);
    const files = vm.fs();
    files.watch(({ type, path }) => heard.push(`${type} ${path}`));
    const refusal = await files.writeFile('/new', 'x').then(
      () => 'written',
      (error: unknown) => String(error),
    );
    return {
      names: (await files.readdir('/')).map(({ name, type }) => `${name} ${type}`).toSorted(),
      text: new TextDecoder().decode(await files.readFile('/file.txt')),
      large: (await files.readFile('/sub/large')).length,
      mtime: (await files.stat('/file.txt')).mtimeMs > Date.now() - 60_000,
      refusal,
    };
  });
  expect(found).toEqual({
    // Browsers do not show links.
    names: ['file.txt file', 'sub directory'],
    text: 'from the computer',
    large: 3_000_000,
    mtime: true,
    refusal: expect.stringContaining('EROFS'),
  });

  writeFileSync(join(folder, 'file.txt'), 'edited on the computer');
  writeFileSync(join(folder, 'sub/new'), 'new');
  await page.waitForFunction(
    () => window.heard.includes('created /sub/new') && window.heard.includes('changed /file.txt'),
  );
  renameSync(join(folder, 'sub/new'), join(folder, 'renamed'));
  await page.waitForFunction(() => window.heard.includes('created /renamed'));
  const after = await page.evaluate(async () => {
    const files = window.vm.fs();
    const text = new TextDecoder().decode(await files.readFile('/file.txt'));
    const names = (await files.readdir('/sub')).map(({ name }) => name);
    await window.vm.dispose();
    return { text, names };
  });
  expect(after).toEqual({ text: 'edited on the computer', names: ['large'] });
});
