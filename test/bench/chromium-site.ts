// Pages in Chromium that run guests, for the parts of the bench that measure there.
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

/**
 * Makes a site of test/browser/bench/LOAD.ts with the built product, the guest's images and what `fill` puts into its
 * folder, and hands over a function that opens its page anew. Resolves when `use` has; nothing is left then.
 */
export async function withSite(
  load: string,
  fill: (site: string) => void,
  use: (openPage: () => Promise<Page>) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-bench-site-'));
  const site = join(folder, 'site');
  mkdirSync(join(site, 'images'), { recursive: true });
  await build({
    entryPoints: {
      main: join(repository, `test/browser/bench/${load}.ts`),
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
    '<!doctype html><title>bench</title><script type="module" src="main.js"></script>',
  );
  fill(site);
  const server = await serveFolder(site, { headers: isolatingHeaders });
  const browser = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath: chromiumPath(),
    args: [...chromiumArguments],
  });
  try {
    await use(async () => {
      const page = await browser.newPage();
      await page.goto(server.url, { waitUntil: 'load' });
      return page;
    });
  } finally {
    await browser.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
