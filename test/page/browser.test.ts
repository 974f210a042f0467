// The page tests' own tools: a served folder, and a browser that can be ended both ways.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isolatingHeaders, serveFolder } from '../../scripts/static-server.js';
import { TestBrowser, temporaryProfile } from './browser.ts';

/** Serves one empty page until the test is over. */
async function servePage(options?: Parameters<typeof serveFolder>[1]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-page-'));
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>a page</title>');
  const { url, close } = await serveFolder(folder, options);
  onTestFinished(async () => {
    await close();
    rmSync(folder, { recursive: true });
  });
  return url;
}

test('headers decide whether a page is isolated', async () => {
  const browser = await TestBrowser.launch();
  const isolated = await browser.open(await servePage({ headers: isolatingHeaders, base: '/courses/linux/' }));
  expect(isolated.url()).toMatch(/\/courses\/linux\/$/);
  expect(await isolated.title()).toBe('a page');
  expect(await isolated.evaluate(() => crossOriginIsolated)).toBe(true);
  const plain = await browser.open(await servePage());
  expect(await plain.evaluate(() => crossOriginIsolated)).toBe(false);
});

test('nothing is served outside the base', async () => {
  const url = await servePage({ base: '/courses/linux/' });
  expect((await fetch(url)).status).toBe(200);
  expect((await fetch(new URL('/', url))).status).toBe(404);
  expect((await fetch(`${url}missing.txt`)).status).toBe(404);
});

test.each(['close', 'kill'] as const)('a profile outlives its browser: %s', async (end) => {
  const profile = temporaryProfile();
  const url = await servePage();
  const first = await TestBrowser.launch(profile);
  const page = await first.open(url);
  await page.evaluate(
    () =>
      new Promise<void>((resolve, reject) => {
        const opening = indexedDB.open('kept');
        opening.onerror = () => reject(opening.error ?? new Error('no database'));
        opening.onupgradeneeded = () => opening.result.createObjectStore('words');
        opening.onsuccess = () => {
          const transaction = opening.result.transaction('words', 'readwrite', { durability: 'strict' });
          transaction.objectStore('words').put('still there', 'word');
          transaction.oncomplete = () => resolve();
        };
      }),
  );
  await first[end]();
  const second = await TestBrowser.launch(profile);
  const word = await (
    await second.open(url)
  ).evaluate(
    () =>
      new Promise((resolve, reject) => {
        const opening = indexedDB.open('kept');
        opening.onerror = () => reject(opening.error ?? new Error('no database'));
        opening.onsuccess = () => {
          const request = opening.result.transaction('words').objectStore('words').get('word');
          request.onsuccess = () => resolve(request.result);
        };
      }),
  );
  expect(word).toBe('still there');
});
