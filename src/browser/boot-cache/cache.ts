// A booted machine in Cache Storage: a response whose header has a tag of its body. An entry is there as a whole or not at
// all, so a tab that ends while it writes leaves what was there before.
import type { Bytes } from '../../../devices/ports.ts';
import { isGzip } from '../../gzip.ts';
import type { BootedMachine, StartCache } from '../../start-cache.ts';
import { gunzip } from '../gunzip.ts';
import { hex, openBootCache, readBootedAhead, tagHeader, tagOf, type BootedAhead } from './read.ts';
import type { BrowserCacheOptions } from './source.ts';

/** Bytes above which a machine is not kept: one that has booted with 256 MiB has some fifteen million. */
const largest = 64 * 2 ** 20;

export class BootCache implements StartCache {
  readonly #version: string;
  readonly #name: string;
  readonly #onProblem: (line: string) => void;
  /** The machine that is kept, read before it is known which is wanted: there is one, and who makes a cache is about to start. */
  #ahead: Promise<BootedAhead | undefined> | undefined;

  constructor({ version, name = 'vm9', ahead, onProblem = () => undefined }: BrowserCacheOptions) {
    this.#version = version;
    this.#name = name;
    this.#onProblem = onProblem;
    this.#ahead = ahead ?? readBootedAhead(name);
    // Who waits for it is told.
    this.#ahead.catch(() => undefined);
  }

  async keyOf({ kernel, initrd, shape }: BootedMachine): Promise<string> {
    // An address without https has no digests either. That nothing is kept there `read` tells.
    if (!isSecureContext) return 'none';
    // As it is: a digest of it would be asked for in another thread, and its answer would wait for what the page draws meanwhile.
    return JSON.stringify([this.#version, shape, kernel && (await sha256(kernel)), initrd && (await sha256(initrd))]);
  }

  async unpack(initrd: Bytes): Promise<Bytes | undefined> {
    if (!isGzip(initrd)) return initrd;
    // The boot will tell what is wrong with it.
    return gunzip(initrd).catch(() => undefined);
  }

  async read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const reading = this.#ahead ?? readBootedAhead(this.#name);
      this.#ahead = undefined;
      const kept = await reading;
      if (kept?.address !== addressOf(key)) return undefined;
      if (kept.isWhole) return kept.bytes;
      this.#onProblem('the machine that was kept is damaged: Linux boots, and is kept anew');
    } catch (error) {
      this.#tell('used', error);
    }
    return undefined;
  }

  async write(key: string, snapshot: Uint8Array<ArrayBuffer>): Promise<void> {
    if (snapshot.length > largest) return;
    try {
      const cache = await openBootCache(this.#name);
      const address = addressOf(key);
      this.#ahead = undefined;
      // What is there before has no use any more, and its room may be needed.
      for (const { url } of await cache.keys()) if (url !== address) await cache.delete(url);
      await cache.put(address, new Response(snapshot, { headers: { [tagHeader]: await tagOf(snapshot) } }));
    } catch (error) {
      this.#tell('kept', error);
    }
  }

  #tell(how: 'used' | 'kept', error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#onProblem(`the machine that has booted cannot be ${how} (${reason}): each start boots`);
  }
}

async function sha256(bytes: Bytes): Promise<string> {
  // The interface takes no view of shared memory.
  const own = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
  return hex(await crypto.subtle.digest('SHA-256', own));
}

/** No such file is fetched. Cache Storage wants an address, whatever the page's own is. */
function addressOf(key: string): string {
  return `https://vm9.invalid/${encodeURIComponent(key)}`;
}
