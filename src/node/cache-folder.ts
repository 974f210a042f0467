// The cache of booted machines as a folder of the host. A file is [magic 8][SHA-256 of all that follows, and of its name, 32][snapshot]:
// read at once by one process, written beside its place by another.
import { createHash, randomUUID, type Hash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  futimesSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  type Stats,
} from 'node:fs';
import { lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import type { Bytes } from '../../devices/ports.ts';
import { isGzip } from '../gzip.ts';
import type { BootedMachine, StartCache } from '../start-cache.ts';
import { guestImagePath } from './images.ts';

const magic = Buffer.from('vm9start', 'latin1');
const digestLength = 32;
const headerLength = magic.length + digestLength;
const ending = '.vm9';
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
 * The folder that the command line uses: VM9_CACHE; else as the XDG Base Directory Specification has it, where users look for what
 * can be thrown away.
 */
export function userCacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const { VM9_CACHE: own, XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = env;
  if (own !== undefined && own !== '') return own;
  // A relative one is to be ignored, the specification says.
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'vm9');
  if (process.platform === 'win32' && local !== undefined) return join(local, 'vm9', 'cache');
  return join(homedir(), '.cache', 'vm9');
}

/**
 * Keeps booted machines in a folder, which is made when the first is written: of this user alone, and what belongs to another, or
 * could be written to by another, is not used.
 */
export function cacheFolder(folder: string, options: CacheFolderOptions = {}): StartCache {
  return new CacheFolder(folder, options);
}

class CacheFolder implements StartCache {
  readonly #folder: string;
  readonly #maximumBytes: number;
  readonly #maximumAge: number;
  readonly #onProblem: (line: string) => void;
  #hasTold = false;

  constructor(folder: string, options: CacheFolderOptions) {
    const { maximumBytes, maximumDays, onProblem = () => undefined } = { ...defaults, ...options };
    this.#folder = folder;
    this.#maximumBytes = maximumBytes;
    this.#maximumAge = maximumDays * 24 * 3600_000;
    this.#onProblem = onProblem;
  }

  async keyOf({ kernel, initrd, shape }: BootedMachine): Promise<string> {
    const all = createHash('sha256').update(shape);
    const add = (bytes: Bytes): Hash => all.update(createHash('sha256').update(bytes).digest());
    add(kernel ?? readFileSync(guestImagePath('kernel')));
    add(initrd ?? readFileSync(guestImagePath('initrd')));
    all.update(process.version);
    // Devices whose code has changed may keep their state in another way, whatever the version says.
    add(readFileSync(new URL('./worker.js', import.meta.url)));
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
    const path = this.#pathOf(key);
    let file: number | undefined;
    try {
      this.#checkOwner(lstatSync(this.#folder), this.#folder);
      // Not O_NOFOLLOW alone: whoever could put a link there could put a file there.
      file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
      const stat = fstatSync(file);
      this.#checkOwner(stat, path);
      const bytes = readWhole(file, stat.size);
      if (bytes === undefined || !isAsWritten(key, bytes)) {
        this.#onProblem(`${path} in the cache is damaged: the machine boots, and is kept anew`);
        return undefined;
      }
      touch(file);
      return bytes.subarray(headerLength);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#tell('used', error);
      return undefined;
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  async write(key: string, snapshot: Uint8Array<ArrayBuffer>): Promise<void> {
    if (headerLength + snapshot.length > this.#maximumBytes) return;
    const unfinished = join(this.#folder, `${key}.${randomUUID()}${unfinishedEnding}`);
    try {
      await makeFolder(this.#folder);
      this.#checkOwner(await lstat(this.#folder), this.#folder);
      const file = await open(unfinished, 'wx', 0o600);
      try {
        // Not writev(), which tells of a full disk only by a number.
        for (const part of [magic, digestOf(key, snapshot), snapshot]) await file.writeFile(part);
      } finally {
        await file.close();
      }
      await rename(unfinished, this.#pathOf(key));
      await this.#bound();
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => undefined);
      this.#tell('written', error);
    }
  }

  #pathOf(key: string): string {
    return join(this.#folder, `${key}${ending}`);
  }

  /** Whoever writes a snapshot rules the guest, which rules the shares. Throws where that is another user. */
  #checkOwner(stat: Stats, path: string): void {
    // On Windows the folder of a user is closed to others by its access list, and there are no such bits.
    if (process.getuid === undefined) return;
    if (stat.isSymbolicLink()) throw new Error(`${path} is a link`);
    const { uid, mode } = stat;
    if (uid !== process.getuid()) throw new Error(`${path} belongs to another user`);
    if ((mode & 0o022) !== 0) throw new Error(`other users may write to ${path}`);
  }

  /** Takes away what is too old, or too much, or was left by a process that was killed. */
  async #bound(): Promise<void> {
    const now = Date.now();
    const files: { readonly path: string; readonly size: number; readonly used: number }[] = [];
    for (const name of await readdir(this.#folder)) {
      const isUnfinished = name.endsWith(unfinishedEnding);
      if (!isUnfinished && !name.endsWith(ending)) continue;
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

/** Undefined where the file is too short to be one. */
function readWhole(file: number, size: number): Uint8Array<ArrayBuffer> | undefined {
  if (size <= headerLength) return undefined;
  // Not of the pool, so that the buffer can be given away, nor filled with zeros before.
  const { buffer } = Buffer.allocUnsafeSlow(size);
  const bytes = new Uint8Array(buffer);
  let length = 0;
  while (length < size) {
    const count = readSync(file, bytes, length, size - length, length);
    if (count === 0) return undefined;
    length += count;
  }
  return bytes;
}

function isAsWritten(key: string, bytes: Uint8Array<ArrayBuffer>): boolean {
  const digest = bytes.subarray(magic.length, headerLength);
  return magic.equals(bytes.subarray(0, magic.length)) && digestOf(key, bytes.subarray(headerLength)).equals(digest);
}

function digestOf(key: string, snapshot: Bytes): Buffer {
  return createHash('sha256').update(key).update(snapshot).digest();
}

/** Notes that a file was used now. */
function touch(file: number): void {
  const now = new Date();
  try {
    futimesSync(file, now, now);
  } catch {
    // A cache that can only be read is one that somebody else keeps in bounds.
  }
}
