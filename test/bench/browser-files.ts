// The guest's work on the files of a share in Chromium, by store: `node test/bench/run.js browser-files`.
import { withSite } from './chromium-site.ts';
import { operations } from './file-operations.ts';
import { figure, print, progress, spread, table } from './report.ts';
import type { GuestOrder, GuestSamples, StoreKind } from './store-figures.ts';
import { compileForGuest } from './tools.ts';

const stores: readonly StoreKind[] = ['memory', 'opfs', 'indexeddb', 'picked-folder'];
const modes = ['none', 'loose'] as const;
const times = Number(process.env['TIMES'] ?? 3);

const found = new Map<string, GuestSamples>();
await withSite(
  'bench/guest-load',
  (site) => compileForGuest('files', site),
  async (openPage) => {
    for (const store of stores) {
      for (const mode of modes) {
        progress(`files in Chromium, ${store}, cache=${mode}`);
        const page = await openPage();
        const order: GuestOrder = { store, mode, times };
        found.set(`${store} ${mode}`, await page.evaluate(`measureGuest(${JSON.stringify(order)})`));
        await page.close();
      }
    }
  },
);

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
