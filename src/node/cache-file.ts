// A file of the user's cache: [magic 8][tag of all that follows, and of its name, 16][contents]. Read at once by one process,
// written beside its place by another. Each run of the command line begins with this module, before it has its program.
import { createCipheriv, createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, futimesSync, lstatSync, openSync, readSync, type Stats } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

const magic = Buffer.from('vm9start', 'latin1');
const tagLength = 16;
export const headerLength = magic.length + tagLength;

/** What the names of files end with: machines as they have booted, and the program as V8 has compiled it. */
export type CacheEnding = '.vm9' | '.code';

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

export function pathInCache(folder: string, key: string, ending: CacheEnding): string {
  return join(folder, `${key}${ending}`);
}

/** What is before the contents in the file of that key. */
export function headerOf(key: string, contents: Uint8Array<ArrayBuffer>): Buffer {
  return Buffer.concat([magic, tagOf(key, contents)]);
}

/**
 * The contents of a file, in a buffer of its own; 'damaged' where it is not as it was written, undefined where there is none. Throws
 * Error where it may not be used, or cannot be read.
 */
export function readFromCache(
  folder: string,
  key: string,
  ending: CacheEnding,
): Uint8Array<ArrayBuffer> | 'damaged' | undefined {
  const path = pathInCache(folder, key, ending);
  let file: number | undefined;
  try {
    checkOwner(lstatSync(folder), folder);
    // Not O_NOFOLLOW alone: whoever could put a link there could put a file there.
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    const stat = fstatSync(file);
    checkOwner(stat, path);
    const bytes = readWhole(file, stat.size);
    if (bytes === undefined || !isAsWritten(key, bytes)) return 'damaged';
    touch(file);
    return bytes.subarray(headerLength);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Whoever writes a file of the cache rules the guest, which rules the shares, or the program itself. Throws where that is another user. */
export function checkOwner(stat: Stats, path: string): void {
  // On Windows the folder of a user is closed to others by its access list, and there are no such bits.
  if (process.getuid === undefined) return;
  if (stat.isSymbolicLink()) throw new Error(`${path} is a link`);
  const { uid, mode } = stat;
  if (uid !== process.getuid()) throw new Error(`${path} belongs to another user`);
  if ((mode & 0o022) !== 0) throw new Error(`other users may write to ${path}`);
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
  const tag = bytes.subarray(magic.length, headerLength);
  return magic.equals(bytes.subarray(0, magic.length)) && tagOf(key, bytes.subarray(headerLength)).equals(tag);
}

/**
 * GMAC (NIST SP 800-38D), only to see damage: of 15 MB it takes 2 to 3 ms, SHA-256 takes 9. Who could forge one of the two could write
 * the other, too.
 */
function tagOf(key: string, contents: Uint8Array<ArrayBuffer>): Buffer {
  const name = createHash('sha256').update(key).digest();
  const mac = createCipheriv('aes-128-gcm', name.subarray(0, 16), name.subarray(16, 28));
  mac.setAAD(contents).final();
  return mac.getAuthTag();
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
