// The system calls that the backend makes: paths as bytes, errors as Linux numbers and without the host's paths, which are
// none of the guest's business.
import {
  accessSync,
  chmodSync,
  chownSync,
  closeSync,
  fchmodSync,
  fchownSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  readvSync,
  renameSync,
  rmdirSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
  writevSync,
} from 'node:fs';
import type { BigIntStats, BigIntStatsFs, TimeLike } from 'node:fs';
import { Errno, errnos } from '../../../devices/9p/errno.ts';
import type { ErrnoName } from '../../../devices/9p/errno.ts';
import type { Bytes } from '../../../devices/ports.ts';

/**
 * A path of the host, one character per byte (latin1). File names are bytes; decoded as UTF-8 some of them could never be
 * opened again.
 */
export type HostPath = string & { readonly brand: 'HostPath' };

/** One component of a path, in the same form. */
export type HostName = string & { readonly brand: 'HostName' };

/** Of a file's attributes what is used here: node:fs has them so, and native.ts. Times are nanoseconds since 1970. */
export type HostStat = Pick<
  BigIntStats,
  | 'dev'
  | 'ino'
  | 'mode'
  | 'nlink'
  | 'uid'
  | 'gid'
  | 'rdev'
  | 'size'
  | 'blksize'
  | 'blocks'
  | 'atimeNs'
  | 'mtimeNs'
  | 'ctimeNs'
>;

/** Linux's O_PATH, which node:fs does not name: a descriptor that stands for a file without opening it. */
export const O_PATH = 0o1000_0000;

/** Codes of node:fs that have another name on Linux. */
const otherNames: ReadonlyMap<string, ErrnoName> = new Map([['ENOTSUP', 'EOPNOTSUPP']]);

const namesByNumber: ReadonlyMap<number, ErrnoName> = new Map(
  Object.entries(errnos).map(([name, number]) => [number, name as ErrnoName]),
);

/** What the guest is told of an error number of Linux. */
export function errnoByNumber(number: number): Errno {
  return new Errno(namesByNumber.get(number) ?? 'EIO');
}

function isErrnoName(code: string): code is ErrnoName {
  return Object.hasOwn(errnos, code);
}

/** What the guest is told of a host's error. An error that is not the host's is handed back: it is a mistake of ours. */
export function errnoOf(error: unknown): unknown {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return error;
  const code = String(error.code);
  if (isErrnoName(code)) return new Errno(code);
  const other = otherNames.get(code);
  if (other !== undefined) return new Errno(other);
  // libuv has no name for ESTALE and EDQUOT; on Linux the number says it.
  return errnoByNumber('errno' in error && process.platform === 'linux' ? -Number(error.errno) : 0);
}

export function isErrno(error: unknown, ...codes: readonly ErrnoName[]): error is Errno {
  return error instanceof Errno && codes.includes(error.code);
}

function told<A extends unknown[], R>(call: (...parameters: A) => R): (...parameters: A) => R {
  return (...parameters) => {
    try {
      return call(...parameters);
    } catch (error) {
      throw errnoOf(error);
    }
  };
}

/** As node:fs takes it. A string where that is the same: a Buffer costs 0.5 us more a call. */
function asBytes(path: string): string | Buffer {
  return /[\u0080-\u00ff]/.test(path) ? Buffer.from(path, 'latin1') : path;
}

/** The host's path for a path as people write it. */
export function hostPath(path: string): HostPath {
  return Buffer.from(path, 'utf8').toString('latin1') as HostPath;
}

function asBuffer({ buffer, byteOffset, byteLength }: Bytes): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

export function nameFromBytes(bytes: Bytes): HostName {
  // Most names are short, and a Buffer costs as much as 30 of these (0.3 us).
  if (bytes.length > shortName) return asBuffer(bytes).toString('latin1') as HostName;
  let name = '';
  for (const byte of bytes) name += String.fromCharCode(byte);
  return name as HostName;
}

export function nameToBytes(name: HostName): Bytes {
  return Buffer.from(name, 'latin1');
}

export function pathToBytes(path: HostPath): Bytes {
  return Buffer.from(path, 'latin1');
}

export function join(folder: HostPath, name: HostName): HostPath {
  return `${folder}/${name}` as HostPath;
}

/** By its number, as /proc has it: "self" is a link there, and to follow it costs every path 0.4 us. */
function ownProcess(): string {
  try {
    return readlinkSync('/proc/self');
  } catch {
    // No /proc: then nothing is reached through it.
    return 'self';
  }
}

/** Links to what this process has open, which have their numbers for names. */
export const ownDescriptors = `/proc/${ownProcess()}/fd` as HostPath;

/** A name in /proc for what a descriptor stands for. It leads there directly, never through a path. */
export function magicLink(fd: number): HostPath {
  return `${ownDescriptors}/${fd}` as HostPath;
}

/** Bytes. */
const shortName = 24;

const exact = { bigint: true } as const;
const exactIfThere = { bigint: true, throwIfNoEntry: false } as const;

/** Each throws Errno. */
export const host = {
  /** Never follows a link in the last component. Undefined where there is nothing of that name. */
  lstat: told((path: HostPath): HostStat | undefined => lstatSync(asBytes(path), exactIfThere)),
  fstat: told((fd: number): HostStat => fstatSync(fd, exact)),
  open: told((path: HostPath, flags: number, mode?: number) => openSync(asBytes(path), flags, mode)),
  close: told((fd: number) => closeSync(fd)),
  /** Whether this process may: `how` in terms of R_OK, W_OK, X_OK. Throws EACCES where not. */
  access: told((path: HostPath, how: number) => accessSync(asBytes(path), how)),
  readlink: told((path: HostPath) => readlinkSync(asBytes(path), 'latin1') as HostPath),
  /** Names without "." and "..". */
  list: told((path: HostPath) => readdirSync(asBytes(path), 'latin1') as HostName[]),
  mkdir: told((path: HostPath, mode: number) => mkdirSync(asBytes(path), mode)),
  symlink: told((target: Bytes, path: HostPath) => symlinkSync(asBuffer(target), asBytes(path))),
  /** A second name; of a link itself where `from` is one. */
  link: told((from: HostPath, to: HostPath) => linkSync(asBytes(from), asBytes(to))),
  unlink: told((path: HostPath) => unlinkSync(asBytes(path))),
  rmdir: told((path: HostPath) => rmdirSync(asBytes(path))),
  rename: told((from: HostPath, to: HostPath) => renameSync(asBytes(from), asBytes(to))),
  /** Follows links. */
  chmod: told((path: HostPath, mode: number) => chmodSync(asBytes(path), mode)),
  fchmod: told((fd: number, mode: number) => fchmodSync(fd, mode)),
  /** Follows links. */
  chown: told((path: HostPath, uid: number, gid: number) => chownSync(asBytes(path), uid, gid)),
  lchown: told((path: HostPath, uid: number, gid: number) => lchownSync(asBytes(path), uid, gid)),
  fchown: told((fd: number, uid: number, gid: number) => fchownSync(fd, uid, gid)),
  ftruncate: told((fd: number, size: number) => ftruncateSync(fd, size)),
  /** Follows links. */
  utimes: told((path: HostPath, atime: TimeLike, mtime: TimeLike) => utimesSync(asBytes(path), atime, mtime)),
  lutimes: told((path: HostPath, atime: TimeLike, mtime: TimeLike) => lutimesSync(asBytes(path), atime, mtime)),
  futimes: told((fd: number, atime: TimeLike, mtime: TimeLike) => futimesSync(fd, atime, mtime)),
  statfs: told((path: HostPath): BigIntStatsFs => statfsSync(asBytes(path), exact)),
  read: told((fd: number, into: Bytes, position: number) => readSync(fd, into, 0, into.length, position)),
  readv: told((fd: number, into: readonly Bytes[], position: number) => readvSync(fd, into, position)),
  /** At the descriptor's own position, the end of a file that was opened to append, where `position` is null. */
  write: told((fd: number, from: Bytes, position: number | null) => writeSync(fd, from, 0, from.length, position)),
  /** As `write`. */
  writev: told((fd: number, from: readonly Bytes[], position: number | null) =>
    writevSync(fd, from, position ?? undefined),
  ),
  /** On this thread. */
  syncData: told((fd: number) => fdatasyncSync(fd)),
  /** Off this thread: a disk takes milliseconds. */
  sync: (fd: number, dataOnly: boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const done = (error: unknown): void => (error === null ? resolve() : reject(errnoOf(error)));
      if (dataOnly) fdatasync(fd, done);
      else fsync(fd, done);
    }),
};
