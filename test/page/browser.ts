// A whole Chromium of a test's own: with a profile folder that can outlive it, and a process that can be killed.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright';
import { onTestFinished } from 'vitest';
import { chromiumArguments, chromiumPath } from '../chromium.ts';

/** As Playwright starts a browser itself: an isolated page that is kept for the way back would be taken for the present one. */
const driverArguments = [
  '--disable-back-forward-cache',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  '--password-store=basic',
];

/** A name of this computer that browsers do not trust as they trust localhost: as an address without https. */
export const untrustedName = 'vm9.test';

/** Milliseconds that a browser has to close by itself. */
const closingTime = 5000;

/** A folder for what a browser keeps, removed after the test: storage, caches, service workers, permissions. */
export function temporaryProfile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vm9-profile-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

export class TestBrowser {
  /** The context that the profile belongs to. */
  readonly context: BrowserContext;
  readonly #browser: Browser;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, browser: Browser, context: BrowserContext) {
    this.#process = process;
    this.#browser = browser;
    this.context = context;
  }

  /** Starts one on `profile`, which no other may be using. It is ended after the test at the latest. */
  static async launch(profile = temporaryProfile()): Promise<TestBrowser> {
    const child = spawn(
      chromiumPath(),
      [
        '--headless=new',
        `--user-data-dir=${profile}`,
        '--remote-debugging-port=0',
        `--host-resolver-rules=MAP ${untrustedName} localhost`,
        ...driverArguments,
        ...chromiumArguments,
        'about:blank',
      ],
      // Its processes are a group, which can be killed at once.
      { detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const killNow = (): void => killGroup(child);
    process.once('exit', killNow);
    onTestFinished(async () => {
      process.removeListener('exit', killNow);
      killGroup(child);
      await ended(child);
    }, 30_000);
    const browser = await chromium.connectOverCDP(await debuggingAddress(child));
    const [context] = browser.contexts();
    if (context === undefined) throw new Error('a browser has the context of its profile');
    return new TestBrowser(child, browser, context);
  }

  /** Opens a page. What it throws or logs as an error fails nothing by itself: `page.on` tells a test that cares. */
  async open(url: string): Promise<Page> {
    const page = await this.context.newPage();
    await page.goto(url);
    return page;
  }

  /** Ends the browser as its user would. */
  async close(): Promise<void> {
    const session = await this.#browser.newBrowserCDPSession();
    // The answer may be lost with the browser.
    void session.send('Browser.close').catch(() => undefined);
    const timer = setTimeout(() => killGroup(this.#process), closingTime);
    await ended(this.#process);
    clearTimeout(timer);
  }

  /** Ends all its processes at once, as a power failure would. */
  async kill(): Promise<void> {
    killGroup(this.#process);
    await ended(this.#process);
  }
}

function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** Where the browser listens for its debugger, as it prints it. */
async function debuggingAddress(child: ChildProcess): Promise<string> {
  if (child.stderr === null) throw new Error('stderr is a pipe');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    lines.push(line);
    const address = /^DevTools listening on (ws:\S+)$/.exec(line)?.[1];
    if (address === undefined) continue;
    // Read on, or the pipe would fill up and stop the browser.
    child.stderr.resume();
    return address;
  }
  throw new Error(`Chromium ended before it listened for its debugger:\n${lines.join('\n')}`);
}
