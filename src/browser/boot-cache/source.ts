// The cache of booted machines in a browser, as a page holds it: what is behind it is fetched when it is used.
import type { StartCache } from '../../start-cache.ts';
import type { BootedAhead } from './read.ts';

export interface BrowserCacheOptions {
  /**
   * Names what the page has fetched or would fetch for a machine: the images that are not given to createVm, and the worker. A
   * machine that was kept under another version is not used, and goes when another is kept.
   */
  readonly version: string;
  /** Of pages with one origin, those with one name share a cache. Default: vm9. */
  readonly name?: string;
  /** The machine, where the page has begun to read it before: `readBootedAhead`. */
  readonly ahead?: Promise<BootedAhead | undefined>;
  /** Given a line where nothing can be kept, or what was kept could not be used: the machine boots then. */
  readonly onProblem?: (line: string) => void;
}

/**
 * Keeps the machine of a page as it has booted: one, in the browser's Cache Storage, which pages have at https and localhost. Makes
 * ready for a start at once.
 */
export function browserCache(options: BrowserCacheOptions): StartCache {
  // Asked for together, since the second is wanted as soon as the first has been.
  void import('../../snapshot/instant-start.ts').catch(() => undefined);
  const opened = import('./cache.ts').then(({ BootCache }) => new BootCache(options));
  return {
    keyOf: (machine) => opened.then((cache) => cache.keyOf(machine)),
    unpack: (initrd) => opened.then((cache) => cache.unpack(initrd)),
    read: (key) => opened.then((cache) => cache.read(key)),
    write: (key, snapshot) => opened.then((cache) => cache.write(key, snapshot)),
  };
}
