// The stores of the browser, when the browser itself is killed or has no room left.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isolatingHeaders, serveFolder } from '../../scripts/static-server.js';
import { TestBrowser, temporaryProfile } from './browser.ts';
import type { Command } from './store-page/worker.ts';

const folder = mkdtempSync(join(tmpdir(), 'vm9-stores-'));
let server: Awaited<ReturnType<typeof serveFolder>> | undefined;

/** One command after another: the worker answers each once. */
const script = `
  const worker = new Worker('worker.js', { type: 'module' });
  const ask = (message) => new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(message);
  });`;

beforeAll(async () => {
  await build({
    entryPoints: [fileURLToPath(new URL('store-page/worker.ts', import.meta.url))],
    outfile: join(folder, 'worker.js'),
    bundle: true,
    format: 'esm',
    logLevel: 'warning',
  });
  writeFileSync(join(folder, 'index.html'), `<!doctype html><title>stores</title><script>${script}</script>`);
  server = await serveFolder(folder, { headers: isolatingHeaders });
});

afterAll(async () => {
  await server?.close();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly value?: unknown;
  readonly code?: string;
}

async function ask(page: Page, ...message: readonly [Command, ...unknown[]]): Promise<unknown> {
  const answer: Answer = await page.evaluate(`ask(${JSON.stringify(message)})`);
  return answer.code ?? answer.value;
}

async function openPage(browser: TestBrowser): Promise<Page> {
  if (server === undefined) throw new Error('nothing is served');
  return browser.open(server.url);
}

describe.each(['indexeddb', 'opfs'])('%s', (kind) => {
  test('what fsync returned for, and what was closed two seconds ago, is there after the browser was killed', async () => {
    const profile = temporaryProfile();
    const first = await TestBrowser.launch(profile);
    const page = await openPage(first);
    await ask(page, 'open', kind);
    await ask(page, 'write', 'closed', 1, 3_000_000);
    await page.waitForTimeout(2000);
    await ask(page, 'write', 'synced', 2, 100);
    await ask(page, 'fsync');
    await first.kill();

    const second = await TestBrowser.launch(profile);
    const again = await openPage(second);
    expect(await ask(again, 'open', kind)).toBeUndefined();
    expect(await ask(again, 'read', 'closed')).toEqual({ length: 3_000_000, values: [1] });
    expect(await ask(again, 'read', 'synced')).toEqual({ length: 100, values: [2] });
    await ask(again, 'close');
    await second.close();
  });

  test('a full quota is ENOSPC and loses nothing; what is removed makes room', async () => {
    const profile = temporaryProfile();
    const browser = await TestBrowser.launch(profile);
    const page = await openPage(browser);
    const session = await browser.context.newCDPSession(page);
    const limit = async (quotaSize: number): Promise<void> => {
      await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(page.url()).origin, quotaSize });
    };
    // From the start: a browser that has room does not ask itself again for a while.
    await limit(45_000_000);
    await ask(page, 'open', kind);
    await ask(page, 'write', 'kept', 1, 20_000_000);
    await ask(page, 'write', 'large', 2, 8_000_000);
    expect(await ask(page, 'fsync')).toBeUndefined();
    // Until the commit the old data needs its room as well.
    expect(await ask(page, 'write', 'kept', 3, 18_000_000)).toBe(18_000_000);
    expect(await ask(page, 'fsync')).toBe('ENOSPC');
    expect(await ask(page, 'write', 'kept', 5, 1)).toBe('ENOSPC');
    expect(await ask(page, 'read', 'kept')).toEqual({ length: 20_000_000, values: [1, 3] });
    await limit(200_000_000);
    await ask(page, 'remove', 'large');
    expect(await ask(page, 'fsync')).toBeUndefined();
    expect(await ask(page, 'write', 'other', 4, 1)).toBe(1);
    expect(await ask(page, 'close')).toBeUndefined();

    const again = await openPage(browser);
    await ask(again, 'open', kind);
    expect(await ask(again, 'read', 'kept')).toEqual({ length: 20_000_000, values: [1, 3] });
    expect(await ask(again, 'read', 'large')).toBe('ENOENT');
    expect(await ask(again, 'read', 'other')).toEqual({ length: 1, values: [4] });
    await browser.close();
  });
});
