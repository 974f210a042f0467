// What becomes of the machine that a visit has booted and kept: what makes another of it, what is in the way of it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { expect, test } from 'vitest';
import { isolatingHeaders } from '../../scripts/static-server.js';
import { untrustedName } from './browser.ts';
import { LinuxPage, begunBy, builtSite, kept, serve } from './linux-page.ts';

const site = builtSite();

async function load(linux: LinuxPage, url: string, start: 'boot' | 'cache'): Promise<void> {
  await linux.page.goto(url);
  await linux.prompt();
  await begunBy(linux.page, start);
}

/** Whether the machine that is kept there is what its tag tells. */
function isWhole(page: Page, address: string): Promise<boolean> {
  return page.evaluate(async (url) => {
    const response = await caches.match(url);
    if (response === undefined) return false;
    const key = await crypto.subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', false, ['encrypt']);
    const algorithm = { name: 'AES-GCM', iv: new Uint8Array(12), additionalData: await response.arrayBuffer() };
    const tag = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, new Uint8Array(0)));
    const hex = Array.from(tag, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return hex === response.headers.get('X-Vm9-Tag');
  }, address);
}

/** Its files then come from the server, and not from the visit before. */
const withoutServiceWorker = (page: Page): Promise<unknown> =>
  page.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'serviceWorker'));

test('each visit has a clock that is right and randomness of its own; ?cold and the menu boot from nothing', async () => {
  const url = await serve(site());
  const linux = await LinuxPage.boot(url);
  const { page } = linux;
  // Without sync a file is stored within a second.
  await linux.run('echo mine > notes; sync notes');
  await kept(page);
  const randoms = new Set<string>();
  for (const cold of [false, true, false]) {
    await load(linux, cold ? `${url}?cold` : url, cold ? 'boot' : 'cache');
    const text = await linux.run('cat notes; date +%s; od -An -tx8 -N8 /dev/urandom');
    const [notes, seconds, random = ''] = text.split('\n');
    expect(notes).toBe('mine');
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(30);
    randoms.add(random);
  }
  expect(randoms.size).toBe(3);

  await page.getByRole('button', { name: 'Machine' }).click();
  await page.getByRole('menuitem', { name: 'Boot from nothing' }).click();
  await begunBy(page, 'boot');
  await linux.prompt();
  await page.getByRole('button', { name: 'Machine' }).click();
  await page.getByRole('menuitem', { name: 'Restart Linux' }).click();
  await begunBy(page, 'cache');
  await linux.prompt();
  // A guest that goes on from there can restart, with its folder.
  await page.keyboard.type('reboot\n');
  await page.waitForSelector('.status.booting');
  await linux.prompt();
  expect(await linux.run('cat notes')).toBe('mine');
});

test.each([
  ['isolated', isolatingHeaders],
  ['not isolated', {}],
])('in a page that is %s another version boots anew, and so does a damaged machine', async (name, headers) => {
  const folder = site();
  const url = await serve(folder, { headers });
  const linux = await LinuxPage.boot(url, { prepare: async (page) => void (await withoutServiceWorker(page)) });
  const { page } = linux;
  const warnings: string[] = [];
  page.on('console', (message) => warnings.push(message.text()));
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(name === 'isolated');
  let [present] = await kept(page);
  /** Resolves with where another machine is kept by now: that takes a moment longer than its boot. */
  const replaced = async (): Promise<string> => {
    const before = present;
    await expect.poll(async () => ([present] = await kept(page))[0], { timeout: 20_000 }).not.toBe(before);
    return present ?? '';
  };
  await load(linux, url, 'cache');

  // With more memory it is another machine, which takes the place of the first.
  await load(linux, `${url}?memory=128`, 'boot');
  await replaced();
  await load(linux, `${url}?memory=128`, 'cache');

  const program = join(folder, 'page.js');
  const text = readFileSync(program, 'utf8');
  const version = /version:"([\w+/]{43}=)"/.exec(text)?.[1];
  if (version === undefined) throw new Error('the page has the version of its machine');
  writeFileSync(program, text.replace(version, `${'0'.repeat(43)}=`));
  await load(linux, `${url}?memory=128`, 'boot');
  await replaced();
  writeFileSync(program, text);
  await load(linux, url, 'boot');
  const again = await replaced();
  await load(linux, url, 'cache');

  expect(warnings).toEqual([]);
  await page.evaluate(async (address) => {
    for (const cacheName of await caches.keys()) {
      const cache = await caches.open(cacheName);
      const whole = await cache.match(address);
      if (whole === undefined) continue;
      const bytes = new Uint8Array(await whole.arrayBuffer());
      bytes[bytes.length >> 1]! ^= 1;
      await cache.put(address, new Response(bytes, { headers: whole.headers }));
    }
  }, again);
  await load(linux, url, 'boot');
  expect(warnings).toEqual(['vm9: the machine that was kept is damaged: Linux boots, and is kept anew']);
  await page.getByRole('button', { name: 'Help' }).click();
  await page.getByRole('dialog').getByText('the machine that was kept is damaged').waitFor();
  await page.keyboard.press('Escape');
  // It is replaced when the machine has booted, which takes a moment.
  await expect.poll(() => isWhole(page, again), { timeout: 20_000 }).toBe(true);
  await load(linux, url, 'cache');
});

test('where nothing can be kept each visit boots, and the help says why', async () => {
  const linux = await LinuxPage.boot(await serve(site()), {
    prepare: async (page) => {
      await page.addInitScript(() => {
        Cache.prototype.put = () => Promise.reject(new DOMException('no room for this', 'QuotaExceededError'));
      });
    },
  });
  await begunBy(linux.page, 'boot');
  await linux.page.getByRole('button', { name: 'Help' }).click();
  await linux.page.getByRole('dialog').getByText('cannot be kept (no room for this): each start boots').waitFor();
});

test('at an address without https nothing is kept: the page says so, and boots at each visit with a folder in memory', async () => {
  const url = new URL(await serve(site(), {}));
  url.hostname = untrustedName;
  const { page } = await LinuxPage.boot(`${url.href}?store=memory`);
  expect(await page.evaluate(() => isSecureContext)).toBe(false);
  await begunBy(page, 'boot');
  await page.getByRole('button', { name: 'Help' }).click();
  await page.getByRole('dialog').getByText('this address has no Cache Storage: it is not https').waitFor();
  await page.goto(url.href);
  await page.getByText('can be kept only for a page that was loaded over HTTPS or from localhost').first().waitFor();
});
