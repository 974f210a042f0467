// README's programs for a page, bundled with the commands that stand there, in Chromium.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { isolatingHeaders, serveFolder } from '../../scripts/static-server.js';
import { TestBrowser } from './browser.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const readme = readFileSync(join(repository, 'README.md'), 'utf8');

/** Bundles README's program for a page that uses `word`. Returns the folder to be served. */
function bundled(word: string): string {
  const project = mkdtempSync(join(tmpdir(), 'vm9-embedding-'));
  onTestFinished(() => rmSync(project, { recursive: true }));
  const programs = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, program]) => program ?? '');
  const program = programs.find((text) => text.includes('vm9/browser') && text.includes(word));
  const commands = /^```sh\n(npx esbuild .*?)^```$/ms.exec(readme)?.[1];
  if (program === undefined || commands === undefined)
    throw new Error(`README has a program with ${word}, and commands`);

  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(project, 'main.ts'), program);
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(repository, join(project, 'node_modules/vm9'));
  symlinkSync(join(repository, 'guest-images'), join(project, 'node_modules/vm9-guest-images'));
  symlinkSync(join(repository, 'node_modules/.bin'), join(project, 'node_modules/.bin'));
  execFileSync('bash', ['-ec', commands], { cwd: project, stdio: ['ignore', 'ignore', 'inherit'] });
  const site = join(project, 'site');
  writeFileSync(join(site, 'index.html'), '<!doctype html><body><script type="module" src="main.js"></script></body>');
  return site;
}

test('boots in a page, with and without isolation', async () => {
  const site = bundled('question.txt');
  const browser = await TestBrowser.launch();
  for (const headers of [isolatingHeaders, {}]) {
    const { url, close } = await serveFolder(site, { headers });
    onTestFinished(() => close());
    const page = await browser.open(url);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(headers === isolatingHeaders);
    await page.waitForFunction(() => document.body.textContent?.includes('42'));
    expect(await page.evaluate(() => document.body.textContent)).toContain('What is 6 times 7?\n42\n');
    await page.close();
  }
});

test('a lab: the task is there, the answer is seen and read, and a WASI program reads it too', async () => {
  const site = bundled('runWasi');
  copyFileSync(join(repository, 'test/wasi/files.wasm'), join(site, 'checker.wasm'));
  const { url, close } = await serveFolder(site, { headers: isolatingHeaders });
  onTestFinished(() => close());
  const browser = await TestBrowser.launch();
  const page = await browser.context.newPage();
  const lines: string[] = [];
  page.on('console', (message) => lines.push(message.text()));
  await page.goto(url);
  await page.waitForFunction(() => document.body.textContent?.includes('status'));
  const squares = '1\n4\n9\n16\n25\n';
  // The program ends what it prints of a file with a line feed of its own.
  expect(await page.evaluate(() => document.body.textContent)).toBe(`${squares}${squares}\nstatus 0`);
  expect(lines).toContain('created /squares.txt');
});
