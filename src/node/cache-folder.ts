// The cache as a folder of the host, kept in bounds: booted machines, and the program as V8 has compiled it (cache-file.ts: each file).
import { createHash, randomUUID } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Bytes } from '../../devices/ports.ts';
import { isGzip } from '../gzip.ts';
import type { BootedMachine, StartCache } from '../start-cache.ts';
import { checkOwner, headerLength, headerOf, pathInCache, readFromCache, type CacheEnding } from './cache-file.ts';
import { guestImagePath } from './images.ts';

const endings: readonly CacheEnding[] = ['.vm9', '.code'];
/** Bytes that a file is read in. */
const pieceLength = 256 * 1024;

const unfinishedEnding = '.unfinished';

/** Milliseconds after which nobody is writing a file any more. */
const longestWrite = 10 * 60_000;

export interface CacheFolderOptions {
  /** Of all files together; the one that was used longest ago goes first. Default: 256 MiB, some seventeen machines. */
  readonly maximumBytes?: number;
  /** Days since it was used, after which a machine goes. Default: 30. */
  readonly maximumDays?: number;
  /** Given a line where the cache cannot be used, or a file of it could not: the machine boots then. */
  readonly onProblem?: (line: string) => void;
}

const defaults = { maximumBytes: 256 * 2 ** 20, maximumDays: 30 } as const;

/**
 * Keeps booted machines in a folder, which is made when the first is written: of this user alone, and what belongs to another, or
 * could be written to by another, is not used.
 */
export function cacheFolder(folder: string, options: CacheFolderOptions = {}): StartCache {
  return new CacheFolder(folder, options);
}

export class CacheFolder implements StartCache {
  readonly #folder: string;
  readonly #maximumBytes: number;
  readonly #maximumAge: number;
  readonly #onProblem: (line: string) => void;
  readonly #worker: Bytes | undefined;
  #hasTold = false;

  /** `worker`: the SHA-256 of dist/worker.cjs, where it is known. */
  constructor(folder: string, options: CacheFolderOptions, worker?: Bytes) {
    const { maximumBytes, maximumDays, onProblem = () => undefined } = { ...defaults, ...options };
    this.#folder = folder;
    this.#maximumBytes = maximumBytes;
    this.#maximumAge = maximumDays * 24 * 3600_000;
    this.#onProblem = onProblem;
    this.#worker = worker;
  }

  async keyOf({ kernel, initrd, shape }: BootedMachine): Promise<string> {
    const all = createHash('sha256').update(shape);
    all.update(kernel === undefined ? digestOfFile(guestImagePath('kernel')) : digestOf(kernel));
    all.update(initrd === undefined ? digestOfFile(guestImagePath('initrd')) : digestOf(initrd));
    all.update(process.version);
    // Devices whose code has changed may keep their state in another way, whatever the version says.
    all.update(this.#worker ?? digestOf(readFileSync(new URL('./worker.cjs', import.meta.url))));
    return all.digest('hex');
  }

  async unpack(initrd: Bytes): Promise<Bytes | undefined> {
    if (!isGzip(initrd)) return initrd;
    const { gunzipSync } = await import('node:zlib');
    try {
      return gunzipSync(initrd);
    } catch {
      // The boot will tell.
      return undefined;
    }
  }

  async read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const snapshot = readFromCache(this.#folder, key, '.vm9');
      if (snapshot !== 'damaged') return snapshot;
      const path = pathInCache(this.#folder, key, '.vm9');
      this.#onProblem(`${path} in the cache is damaged: the machine boots, and is kept anew`);
    } catch (error) {
      this.#tell('used', error);
    }
    return undefined;
  }

  write(key: string, snapshot: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#write(key, '.vm9', snapshot);
  }

  writeCode(key: string, code: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#write(key, '.code', code);
  }

  async #write(key: string, ending: CacheEnding, contents: Uint8Array<ArrayBuffer>): Promise<void> {
    if (headerLength + contents.length > this.#maximumBytes) return;
    const unfinished = join(this.#folder, `${key}.${randomUUID()}${unfinishedEnding}`);
    try {
      await makeFolder(this.#folder);
      checkOwner(await lstat(this.#folder), this.#folder);
      const file = await open(unfinished, 'wx', 0o600);
      try {
        // Not writev(), which tells of a full disk only by a number.
        for (const part of [headerOf(key, contents), contents]) await file.writeFile(part);
      } finally {
        await file.close();
      }
      await rename(unfinished, pathInCache(this.#folder, key, ending));
      await this.#bound();
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => undefined);
      this.#tell('written', error);
    }
  }

  /** Takes away what is too old, or too much, or was left by a process that was killed. */
  async #bound(): Promise<void> {
    const now = Date.now();
    const files: { readonly path: string; readonly size: number; readonly used: number }[] = [];
    for (const name of await readdir(this.#folder)) {
      const isUnfinished = name.endsWith(unfinishedEnding);
      if (!isUnfinished && !endings.some((ending) => name.endsWith(ending))) continue;
      const path = join(this.#folder, name);
      // Another process may have the same to do.
      const stat = await lstat(path).catch(() => undefined);
      if (stat === undefined) continue;
      const age = now - stat.mtimeMs;
      if (age > (isUnfinished ? longestWrite : this.#maximumAge)) await rm(path, { force: true });
      else files.push({ path, size: stat.size, used: stat.mtimeMs });
    }
    files.sort((a, b) => b.used - a.used);
    let total = 0;
    for (const { path, size } of files) {
      total += size;
      if (total > this.#maximumBytes) await rm(path, { force: true });
    }
  }

  /** Once: what is in the way of reading is in the way of writing, too. */
  #tell(how: 'used' | 'written', error: unknown): void {
    if (this.#hasTold) return;
    this.#hasTold = true;
    const reason = error instanceof Error ? error.message : String(error);
    this.#onProblem(`the cache ${this.#folder} cannot be ${how} (${reason}): each run boots; VM9_CACHE names another`);
  }
}

function digestOf(bytes: Bytes): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** In pieces: to get as much memory as the file is long takes longer than to read it. */
function digestOfFile(path: string): Buffer {
  const digest = createHash('sha256');
  const piece = Buffer.allocUnsafe(pieceLength);
  const file = openSync(path, 'r');
  try {
    for (;;) {
      const length = readSync(file, piece);
      if (length === 0) return digest.digest();
      digest.update(piece.subarray(0, length));
    }
  } finally {
    closeSync(file);
  }
}

/**
 * Makes a folder with those above it, each for this user alone. Node.js' own `recursive` never ends where a folder that is there takes
 * no new one and calls that ENOENT, as /proc does.
 */
async function makeFolder(path: string): Promise<void> {
  try {
    await makeOne(path);
  } catch (error) {
    const above = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === path) throw error;
    await makeFolder(above);
    await makeOne(path);
  }
}

/** What has the name already is for its user to look at. */
async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path, 0o700);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
