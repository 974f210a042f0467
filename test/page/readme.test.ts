// README's program for a page, bundled with the commands that stand there, in Chromium.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { isolatingHeaders, serveFolder } from '../../scripts/static-server.js';
import { TestBrowser } from './browser.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));

test('boots in a page, with and without isolation', async () => {
  const project = mkdtempSync(join(tmpdir(), 'vm9-embedding-'));
  onTestFinished(() => rmSync(project, { recursive: true }));
  const readme = readFileSync(join(repository, 'README.md'), 'utf8');
  const program = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].find(([block]) => block.includes('vm9/browser'))?.[1];
  const commands = /^```sh\n(npx esbuild .*?)^```$/ms.exec(readme)?.[1];
  if (program === undefined || commands === undefined) throw new Error('README has a program and its commands');

  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(project, 'main.ts'), program);
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(repository, join(project, 'node_modules/vm9'));
  symlinkSync(join(repository, 'guest-images'), join(project, 'node_modules/vm9-guest-images'));
  symlinkSync(join(repository, 'node_modules/.bin'), join(project, 'node_modules/.bin'));
  execFileSync('bash', ['-ec', commands], { cwd: project, stdio: ['ignore', 'ignore', 'inherit'] });
  writeFileSync(
    join(project, 'site/index.html'),
    '<!doctype html><body><script type="module" src="main.js"></script></body>',
  );

  const browser = await TestBrowser.launch();
  for (const headers of [isolatingHeaders, {}]) {
    const { url, close } = await serveFolder(join(project, 'site'), { headers });
    onTestFinished(() => close());
    const page = await browser.open(url);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(headers === isolatingHeaders);
    await page.waitForFunction(() => document.body.textContent?.includes('42'));
    expect(await page.evaluate(() => document.body.textContent)).toContain('What is 6 times 7?\n42\n');
    await page.close();
  }
});
