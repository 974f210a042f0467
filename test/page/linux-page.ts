// The page as its user has it: booted, typed into, looked at.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { buildSite } from '../../scripts/build-site.js';
import { isolatingHeaders, serveFolder } from '../../scripts/static-server.js';
import { TestBrowser, temporaryProfile } from './browser.ts';

/** Milliseconds for something that takes a fraction of that on an idle computer. */
const patience = 60_000;

/** Builds the page for the tests of a file. Returns what gives its folder. */
export function builtSite(): () => string {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-site-'));
  beforeAll(() => buildSite(folder));
  afterAll(() => rmSync(folder, { recursive: true }));
  return () => folder;
}

type ServeOptions = NonNullable<Parameters<typeof serveFolder>[1]>;

/** Serves the site until the test is over, isolated unless told otherwise. */
export async function serve(folder: string, options: ServeOptions = { headers: isolatingHeaders }): Promise<string> {
  const { url, close } = await serveFolder(folder, options);
  onTestFinished(close);
  return url;
}

/** Resolves when the machine runs and says that it has begun so. */
export async function begunBy(page: Page, start: 'boot' | 'cache' | 'snapshot'): Promise<void> {
  await expect
    .poll(() => page.locator('.status.running').getAttribute('data-begun'), { timeout: patience })
    .toBe(start);
}

/** Resolves with the keys of the machines that are kept as they have booted, when there is one. */
export async function kept(page: Page): Promise<string[]> {
  const keys = (): Promise<string[]> =>
    page.evaluate(async () => {
      const names = (await caches.keys()).filter((name) => name.endsWith('booted machine'));
      const opened = await Promise.all(names.map((name) => caches.open(name)));
      const entries = await Promise.all(opened.map((cache) => cache.keys()));
      return entries.flat().map(({ url }) => url);
    });
  await expect.poll(async () => (await keys()).length, { timeout: patience }).toBe(1);
  return keys();
}

export class LinuxPage {
  readonly page: Page;
  readonly browser: TestBrowser;
  #commands = 0;

  constructor(browser: TestBrowser, page: Page) {
    this.browser = browser;
    this.page = page;
    page.setDefaultTimeout(patience);
    page.on('pageerror', (error) => {
      throw error;
    });
  }

  /** Opens the page in a browser of its own and waits for the prompt. */
  static async boot(
    url: string,
    { profile = temporaryProfile(), prepare }: { profile?: string; prepare?: (page: Page) => Promise<void> } = {},
  ): Promise<LinuxPage> {
    const browser = await TestBrowser.launch(profile);
    const linux = new LinuxPage(browser, await browser.context.newPage());
    await linux.page.setViewportSize({ width: 1200, height: 760 });
    await prepare?.(linux.page);
    await linux.page.goto(url);
    await linux.prompt();
    return linux;
  }

  /** Resolves when the shell of this boot waits for a command. */
  async prompt(): Promise<void> {
    await this.page.waitForSelector('.status.running', { timeout: patience });
    await this.sees(/# ?$/);
  }

  /** What the terminal shows, without the spaces at the ends of lines. */
  async screen(): Promise<string> {
    const lines = await this.page.locator('.xterm-rows > div').allInnerTexts();
    return lines
      .map((line) => line.replaceAll('\u00a0', ' ').trimEnd())
      .join('\n')
      .trimEnd();
  }

  /** Resolves when the terminal shows this. */
  async sees(text: RegExp): Promise<void> {
    await expect.poll(() => this.screen(), { timeout: patience, interval: 50 }).toMatch(text);
  }

  /** Gives the shell a command and waits for its end. Resolves with what it printed. */
  async run(command: string): Promise<string> {
    const mark = `end-${++this.#commands}`;
    // The mark is put together by the shell, so that the typed line does not hold it.
    const line = `clear; ${command}; echo "en""d-${this.#commands}:$?"\n`;
    // Pasted: a key takes the browser's debugger as long as a command takes the guest.
    await this.page.locator('.xterm-helper-textarea').evaluate((element, text) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', text);
      element.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
    }, line);
    await this.sees(new RegExp(`${mark}:\\d+$`, 'm'));
    const screen = await this.screen();
    return screen.slice(0, screen.indexOf(`${mark}:`)).trimEnd();
  }

  /** The row of the files panel with this name. */
  row(name: string) {
    return this.page.getByRole('treeitem', { name, exact: true });
  }
}
