// The guest's work on the files of a share in Chromium, by store: `node test/bench/run.js browser-files`.
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright';
import { isolatingHeaders, serveFolder } from '../../scripts/static-server.js';
import { chromiumArguments, chromiumPath } from '../chromium.ts';
import { operations } from './file-operations.ts';
import { figure, print, progress, spread, table } from './report.ts';
import type { GuestOrder, GuestSamples, StoreKind } from './store-figures.ts';
import { compileForGuest } from './tools.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const stores: readonly StoreKind[] = ['memory', 'opfs', 'indexeddb', 'picked-folder'];
const modes = ['none', 'loose'] as const;
const times = Number(process.env['TIMES'] ?? 3);

const folder = mkdtempSync(join(tmpdir(), 'vm9-bench-browser-files-'));
const site = join(folder, 'site');
mkdirSync(join(site, 'images'), { recursive: true });
await build({
  entryPoints: {
    main: join(repository, 'test/browser/bench/guest-load.ts'),
    'browser-worker': join(repository, 'dist/browser-worker.js'),
  },
  alias: { 'vm9/browser': join(repository, 'dist/browser.js') },
  outdir: site,
  bundle: true,
  format: 'esm',
  logLevel: 'warning',
});
for (const image of readdirSync(join(repository, 'guest-images/images'))) {
  copyFileSync(join(repository, 'guest-images/images', image), join(site, 'images', image));
}
compileForGuest('files', site);
writeFileSync(
  join(site, 'index.html'),
  '<!doctype html><title>bench</title><script type="module" src="main.js"></script>',
);

const server = await serveFolder(site, { headers: isolatingHeaders });
const browser = await chromium.launchPersistentContext(join(folder, 'profile'), {
  executablePath: chromiumPath(),
  args: [...chromiumArguments],
});
const found = new Map<string, GuestSamples>();
try {
  for (const store of stores) {
    for (const mode of modes) {
      progress(`files in Chromium, ${store}, cache=${mode}`);
      const page = await browser.newPage();
      await page.goto(server.url);
      const order: GuestOrder = { store, mode, times };
      await page.waitForFunction('globalThis.measureGuest !== undefined');
      found.set(`${store} ${mode}`, await page.evaluate(`measureGuest(${JSON.stringify(order)})`));
      await page.close();
    }
  }
} finally {
  await browser.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

print(`Medians of ${times}, by store and cache mode, msize 512,000.\n\n`);
const columns = [...found.keys()];
print(
  table(
    ['', ...columns],
    Object.entries(operations).map(([operation, title]) => [
      title,
      ...columns.map((column) => figure(spread(found.get(column)?.[operation] ?? []).median)),
    ]),
  ),
);
