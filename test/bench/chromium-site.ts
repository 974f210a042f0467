// Pages in Chromium that run guests: for the parts of the bench that measure there, and for the POSIX suite.
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium, type Page } from 'playwright';
import { isolatingHeaders, serveFolder } from '../../scripts/static-server.js';
import { chromiumArguments, chromiumPath } from '../chromium.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const images = join(repository, 'guest-images/images');

export interface ChromiumSite {
  /** Opens its page anew. */
  openPage(): Promise<Page>;
  /** Nothing is left then. */
  close(): Promise<void>;
}

/**
 * Makes a site of test/browser/LOAD.ts with the built product, the guest's images and what `fill` puts into its folder, and
 * a browser for it.
 */
export async function openSite(load: string, fill: (site: string) => void): Promise<ChromiumSite> {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-site-'));
  const site = join(folder, 'site');
  mkdirSync(join(site, 'images'), { recursive: true });
  await build({
    entryPoints: {
      main: join(repository, `test/browser/${load}.ts`),
      'browser-worker': join(repository, 'dist/browser-worker.js'),
    },
    alias: { 'vm9/browser': join(repository, 'dist/browser.js') },
    outdir: site,
    bundle: true,
    format: 'esm',
    logLevel: 'warning',
  });
  for (const image of readdirSync(images)) copyFileSync(join(images, image), join(site, 'images', image));
  writeFileSync(
    join(site, 'index.html'),
    '<!doctype html><title>guests</title><script type="module" src="main.js"></script>',
  );
  fill(site);
  const server = await serveFolder(site, { headers: isolatingHeaders });
  const browser = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath: chromiumPath(),
    args: [...chromiumArguments],
  });
  return {
    openPage: async () => {
      const page = await browser.newPage();
      await page.goto(server.url, { waitUntil: 'load' });
      return page;
    },
    close: async () => {
      await browser.close();
      await server.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Hands a function that opens the page of such a site anew to `use`. */
export async function withSite(
  load: string,
  fill: (site: string) => void,
  use: (openPage: () => Promise<Page>) => Promise<void>,
): Promise<void> {
  const site = await openSite(load, fill);
  try {
    await use(() => site.openPage());
  } finally {
    await site.close();
  }
}
