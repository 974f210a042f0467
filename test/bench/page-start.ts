// The page as `make dist` builds it, in Chromium: from the start of its navigation until the terminal shows the shell's prompt.
// Its files are in the cache of its service worker; Linux boots there, or goes on from where the visit before has booted.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type BrowserContext, type Page } from 'playwright';
import { isolatingHeaders, serveFolder } from '../../scripts/static-server.js';
import { chromiumArguments, chromiumPath } from '../chromium.ts';
import { figures, print, progress, spread, table } from './report.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const repetitions = 5;

/**
 * Given to each page before its own scripts: looks at the terminal when something has changed, and takes the time of the frame that
 * shows it. Whoever looks with every frame, as Playwright's waits do, keeps the page drawing.
 */
const watch = `
  window.prompted = new Promise((resolve) => {
    const observer = new MutationObserver(() => {
      if (document.querySelector('.status.running') === null) return;
      const rows = [...document.querySelectorAll('.xterm-rows > div')].map(({ textContent }) => textContent.trim());
      if (!/# ?$/.test(rows.findLast((row) => row !== '') ?? '')) return;
      observer.disconnect();
      requestAnimationFrame(() => resolve(performance.now()));
    });
    observer.observe(document, { subtree: true, childList: true, characterData: true });
  });
`;

/** Milliseconds from the start of the navigation, in a tab of its own. */
async function visit(
  context: BrowserContext,
  url: string,
  start: 'boot' | 'cache',
  until?: (page: Page) => Promise<void>,
): Promise<number> {
  const page = await context.newPage();
  await page.addInitScript(watch);
  await page.goto(url);
  const milliseconds = await promptTime(page);
  await page.waitForSelector(`.status[data-begun=${start}]`);
  await until?.(page);
  // It lets go of its folder.
  await page.close({ runBeforeUnload: false });
  return milliseconds;
}

/** Of the last page, where one is loaded once more so that its service worker isolates it. */
async function promptTime(page: Page): Promise<number> {
  for (;;) {
    try {
      return await page.evaluate<number>('window.prompted');
    } catch (error) {
      if (!/context was destroyed/.test(String(error))) throw error;
    }
  }
}

/** Resolves when the files of the page and the machine are kept. */
async function everythingKept(page: Page): Promise<void> {
  await page.waitForFunction(`(async () => {
    const counts = await Promise.all((await caches.keys()).map(async (name) => (await (await caches.open(name)).keys()).length));
    return counts.length === 2 && Math.min(...counts) >= 1 && Math.max(...counts) > 10;
  })()`);
  await page.waitForTimeout(2000);
}

async function measure(title: string, headers: Readonly<Record<string, string>>): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-page-start-'));
  const site = join(folder, 'site');
  execFileSync(process.execPath, [join(repository, 'scripts/build-site.js'), site], { stdio: 'ignore' });
  const server = await serveFolder(site, { headers });
  const context = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath: chromiumPath(),
    args: [...chromiumArguments],
  });
  try {
    const first = await visit(context, server.url, 'boot', everythingKept);
    const cold: number[] = [];
    const warm: number[] = [];
    for (let turn = 0; turn < repetitions; turn += 1) {
      progress(`page, ${title}, ${turn + 1} of ${repetitions}`);
      cold.push(await visit(context, `${server.url}?cold`, 'boot'));
      warm.push(await visit(context, server.url, 'cache'));
    }
    return [title, String(Math.round(first)), figures(spread(cold)), figures(spread(warm))];
  } finally {
    await context.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

print('Milliseconds from the start of the navigation to the prompt in the terminal: median (least to most).\n\n');
print(
  table(
    ['page', '|first visit', '|later, booting', '|later, from the kept machine'],
    [await measure('isolated by its host', isolatingHeaders), await measure('isolated by its service worker', {})],
  ),
);
