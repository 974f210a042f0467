// The static build on hosts of several kinds: what its service worker adds, keeps, and replaces.
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { buildSite } from '../../scripts/build-site.js';
import { isolatingHeaders, serveFolder } from '../../scripts/static-server.js';
import { TestBrowser } from './browser.ts';

const site = mkdtempSync(join(tmpdir(), 'vm9-site-'));

beforeAll(() => buildSite(site, fileURLToPath(new URL('plain-page', import.meta.url))));
afterAll(() => rmSync(site, { recursive: true }));

/** Milliseconds for a page to boot, on a computer with other work. */
const patience = 60_000;

async function booted(page: Page): Promise<string> {
  await page.waitForFunction(() => document.title.startsWith('riscv64'), undefined, { timeout: patience });
  return page.title();
}

type Served = Awaited<ReturnType<typeof serveFolder>>;

async function serve(options?: Parameters<typeof serveFolder>[1], folder = site): Promise<Served> {
  const served = await serveFolder(folder, options);
  onTestFinished(() => served.close());
  return served;
}

/** Resolves when the page's service worker keeps every file of the site. */
async function complete(page: Page): Promise<void> {
  await page.waitForFunction(async () => {
    const kept = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()));
    const paths = kept.flat().map(({ url }) => new URL(url).pathname);
    return paths.some((path) => path.endsWith('vmlinux-riscv64.gz')) && paths.some((path) => path.endsWith('cpio.gz'));
  });
}

test.each([
  ['with', isolatingHeaders],
  ['without', {}],
])('below the root of a host %s headers: isolated, and offline after the first visit', async (_with, headers) => {
  const browser = await TestBrowser.launch();
  const { url, close } = await serve({ headers, base: '/courses/linux/' });
  const page = await browser.open(url);
  expect(await booted(page)).toBe('riscv64, isolated');
  await complete(page);
  await close();
  await expect(fetch(url)).rejects.toThrow('fetch failed');
  await page.reload();
  expect(await booted(page)).toBe('riscv64, isolated');
});

test('a page whose files cannot all be kept runs as it is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-incomplete-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(site, folder, { recursive: true });
  // Fetched only for a kernel in Zstandard: the page itself does not miss it.
  for (const name of readdirSync(folder).filter((file) => /^worker-esm-.*\.js$/.test(file))) rmSync(join(folder, name));
  const browser = await TestBrowser.launch();
  const page = await browser.context.newPage();
  const errors: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  await page.goto((await serve({}, folder)).url);
  expect(await booted(page)).toBe('riscv64, not isolated');
  expect(errors).toContainEqual(expect.stringMatching(/files of this page cannot be kept/));
});

test('inside a page that is not isolated itself it runs without shared memory', async () => {
  const browser = await TestBrowser.launch();
  const { url } = await serve();
  const lesson = mkdtempSync(join(tmpdir(), 'vm9-lesson-'));
  onTestFinished(() => rmSync(lesson, { recursive: true }));
  writeFileSync(join(lesson, 'index.html'), `<!doctype html><iframe src="${url}"></iframe>`);
  const page = await browser.open((await serve({}, lesson)).url);
  const frame = page.frames().find((candidate) => candidate.url() === url);
  await frame?.waitForFunction(() => document.title.startsWith('riscv64'), undefined, { timeout: patience });
  expect(await frame?.title()).toBe('riscv64, not isolated');
});

test('a new version is fetched beside the old one, and takes its place when it is told to', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-versions-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(site, folder, { recursive: true });
  const browser = await TestBrowser.launch();
  const { url } = await serve({}, folder);
  const page = await browser.open(url);
  await booted(page);
  await complete(page);

  const replaced = readFileSync(join(folder, 'index.html'), 'utf8').replace('lang="en"', 'lang="nb"');
  writeFileSync(join(folder, 'index.html'), replaced);
  await page.reload();
  // The digests that its service worker knows are those of the old files.
  expect(await page.evaluate(() => document.documentElement.lang)).toBe('en');

  const script = join(folder, 'service-worker.js');
  const digest = async (text: string): Promise<string> =>
    Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))).toString('base64');
  const old = await digest(readFileSync(join(site, 'index.html'), 'utf8'));
  writeFileSync(script, readFileSync(script, 'utf8').replace(old, await digest(replaced)));
  await page.reload();
  await page.waitForFunction(() => window.applyUpdate !== undefined);
  expect(await page.evaluate(() => document.documentElement.lang)).toBe('en');
  // Not at once: it ends the page that the call is answered by.
  await page.evaluate(() => setTimeout(() => window.applyUpdate?.()));
  await page.waitForFunction(() => document.documentElement.lang === 'nb', undefined, { timeout: patience });
  const htmlKept = await page.evaluate(async () => {
    const kept = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()));
    return kept.flat().filter(({ url: address }) => new URL(address).pathname.endsWith('.html')).length;
  });
  expect(htmlKept).toBe(1);
});
