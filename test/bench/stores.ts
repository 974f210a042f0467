// The stores of the browser, in Chromium, without guest and server: `node test/bench/run.js stores`.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { chromium } from 'playwright';
import { isolatingHeaders, serveFolder } from '../../scripts/static-server.js';
import { chromiumArguments, chromiumPath } from '../chromium.ts';
import { figure, print, spread, table } from './report.ts';
import type { Answer, Order, StoreKind } from './store-figures.ts';

const kinds: readonly StoreKind[] = ['memory', 'opfs', 'indexeddb', 'picked-folder'];
const times = Number(process.env['TIMES'] ?? 3);

const folder = mkdtempSync(join(tmpdir(), 'vm9-bench-stores-'));
await build({
  entryPoints: ['store-load', 'picked-folder-load'].map(
    (load) => new URL(`../browser/bench/${load}.ts`, import.meta.url).pathname,
  ),
  outdir: folder,
  bundle: true,
  format: 'esm',
  logLevel: 'warning',
});
writeFileSync(
  join(folder, 'index.html'),
  `<!doctype html><title>bench</title><script>
    const measure = (order) => new Promise((resolve) => {
      const worker = new Worker(order.kind === 'picked-folder' ? 'picked-folder-load.js' : 'store-load.js', { type: 'module' });
      worker.onmessage = ({ data }) => { worker.terminate(); resolve(data); };
      worker.onerror = ({ message }) => resolve(message);
      worker.postMessage(order);
    });
  </script>`,
);
const server = await serveFolder(folder, { headers: isolatingHeaders });
const browser = await chromium.launchPersistentContext(join(folder, 'profile'), {
  executablePath: chromiumPath(),
  args: [...chromiumArguments],
});
try {
  const page = await browser.newPage();
  await page.goto(server.url);
  for (const kind of kinds) {
    const order: Order = { kind, times };
    const figures: Answer = await page.evaluate(`measure(${JSON.stringify(order)})`);
    if (typeof figures === 'string') throw new Error(figures);
    const rows = figures.map(({ name, unit, samples }) => {
      const { minimum, median, maximum } = spread(samples);
      return [name, figure(minimum), figure(median), figure(maximum), unit];
    });
    print(`### ${kind}\n\n${table(['', 'minimum', 'median', 'maximum', '|'], rows)}\n`);
  }
} finally {
  await browser.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
