// Places the page must work in: a frame without isolation, a phone, no connection, a browser that lacks something.
import { once } from 'node:events';
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isolatingHeaders, serveFolder } from '../../scripts/static-server.js';
import { TestBrowser } from './browser.ts';
import { LinuxPage, builtSite, serve } from './linux-page.ts';

const site = builtSite();

test('in the frame of a page that is not isolated it works with unshared memory, and says so', async () => {
  const url = await serve(site(), {});
  const parent = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html').end(`<iframe src="${url}" width="1000" height="700"></iframe>`);
  }).listen(0, 'localhost');
  await once(parent, 'listening');
  onTestFinished(() => void parent.close());
  const browser = await TestBrowser.launch();
  const page = await browser.open(`http://localhost:${(parent.address() as AddressInfo).port}/`);
  const frame = page.frameLocator('iframe');
  await frame.getByText('Running').waitFor();
  await frame.getByText('unshared memory').waitFor();
  await frame.locator('.xterm-helper-textarea').focus();
  await page.keyboard.type('echo 6*7=$((6*7)) > a.txt; cat a.txt\n');
  await expect.poll(() => frame.locator('.xterm-rows').innerText()).toContain('6*7=42');
  await frame.getByRole('treeitem', { name: 'a.txt' }).waitFor();
});

test('on the width of a phone every panel is reached by its tab', async () => {
  const browser = await TestBrowser.launch();
  const page = await browser.context.newPage();
  await page.setViewportSize({ width: 375, height: 700 });
  await page.goto(await serve(site()));
  const linux = new LinuxPage(browser, page);
  await linux.prompt();
  const tabs = page.getByRole('navigation', { name: 'Panels' });
  await tabs.getByRole('button', { name: 'Inspector' }).click();
  await tabs.getByRole('button', { name: 'Terminal' }).click();
  await linux.run('echo hello > hello.txt');
  await tabs.getByRole('button', { name: 'Files' }).click();
  await linux.row('hello.txt').click();
  await page.getByRole('textbox', { name: 'Text of hello.txt' }).waitFor();
  await tabs.getByRole('button', { name: 'Inspector' }).click();
  await page.getByRole('listbox').getByRole('option').filter({ hasText: 'Tlcreate' }).first().click();
  await page.getByRole('complementary', { name: 'Details of Tlcreate' }).waitFor();
  // Nothing is wider than the screen.
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(375);
});

test('offline, the page and the files in it are there', async () => {
  const { url, close } = await serveFolder(site(), { headers: isolatingHeaders, base: '/lab/' });
  const linux = await LinuxPage.boot(url);
  await linux.run('echo kept > kept.txt; sync -d kept.txt');
  await linux.page.waitForFunction(async () => {
    const kept = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()));
    return kept.flat().some((request) => request.url.endsWith('initramfs-riscv64.cpio.gz'));
  });
  await close();
  await linux.page.reload();
  await linux.prompt();
  expect(await linux.run('cat kept.txt')).toBe('kept');
});

test('without WebAssembly the page says what to do', async () => {
  const browser = await TestBrowser.launch();
  const page = await browser.context.newPage();
  await page.addInitScript(() => Reflect.deleteProperty(globalThis, 'WebAssembly'));
  await page.goto(await serve(site()));
  await page.getByRole('heading', { name: 'This browser runs no WebAssembly' }).waitFor();
});

test('without its image the page says what to do, and starts once the image is there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-incomplete-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(site(), folder, { recursive: true });
  const kernel = join(folder, 'images/vmlinux-riscv64.gz');
  renameSync(kernel, `${kernel}.away`);
  const browser = await TestBrowser.launch();
  const page = await browser.open(await serve(folder));
  const trouble = page.getByRole('alert').filter({ hasText: 'Linux could not be loaded' });
  await trouble.waitFor();
  renameSync(`${kernel}.away`, kernel);
  await trouble.getByRole('button', { name: 'Try again' }).click();
  await new LinuxPage(browser, page).prompt();
});

test('a kernel that panics is told of, with its lines, and started again', async () => {
  const linux = await LinuxPage.boot(await serve(site()));
  await linux.page.locator('.xterm-helper-textarea').focus();
  await linux.page.keyboard.type('echo c > /proc/sysrq-trigger\n');
  const trouble = linux.page.getByRole('alert').filter({ hasText: 'The kernel panicked' });
  await trouble.waitFor();
  expect(await trouble.innerText()).toContain('Kernel panic - not syncing: sysrq triggered crash');
  await trouble.getByRole('button', { name: 'Try again' }).click();
  await linux.prompt();
});
