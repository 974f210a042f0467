// System calls that Node.js does not have, on Linux: relative to a folder's descriptor, with times to the nanosecond, with
// inode numbers in listings, extended attributes, renameat2, linkat, locks. Without them everything works too (host.ts), by longer ways.
// Not among them: open(2). Node.js closes what a worker thread has left open, and only what node:fs has opened.
// Structures: statx(2), utimensat(2), fcntl(2), as every 64-bit little-endian Linux has them.
import { Errno } from '../../../devices/9p/errno.ts';
import type { Bytes } from '../../../devices/ports.ts';
import { errnoByNumber, join, magicLink, pathToBytes } from './host.ts';
import type { HostName, HostPath, HostStat } from './host.ts';
import { DirectoryEntries } from './name-lists.ts';
import type { NameList } from './name-lists.ts';
import type { NodeRows } from './node-rows.ts';

/** A call of the C library: numbers, and memory of which it gets the address. -1 for an error. */
type Call = (...parameters: readonly (number | Uint8Array | null)[]) => number | bigint;

/** The calls, by name. */
export type Calls = Readonly<Record<keyof typeof signatures, Call>> & { errno(): number };

/** Types of the results and parameters, in the words of C, and the call's name where it is another. */
export const signatures = {
  statx: ['int', ['int', 'void *', 'int', 'unsigned int', 'void *']],
  getdents64: ['int64_t', ['int', 'void *', 'uint64_t']],
  readlinkat: ['int64_t', ['int', 'void *', 'void *', 'uint64_t']],
  lseek: ['int64_t', ['int', 'int64_t', 'int']],
  utimensat: ['int', ['int', 'void *', 'void *', 'int']],
  renameat2: ['int', ['int', 'void *', 'int', 'void *', 'unsigned int']],
  unlinkat: ['int', ['int', 'void *', 'int']],
  linkat: ['int', ['int', 'void *', 'int', 'void *', 'int']],
  fcntl: ['int', ['int', 'int', 'void *']],
  fallocate: ['int', ['int', 'int', 'int64_t', 'int64_t']],
  getxattr: ['int64_t', ['void *', 'void *', 'void *', 'uint64_t']],
  lgetxattr: ['int64_t', ['void *', 'void *', 'void *', 'uint64_t']],
  setxattr: ['int', ['void *', 'void *', 'void *', 'uint64_t', 'int']],
  listxattr: ['int64_t', ['void *', 'void *', 'uint64_t']],
  llistxattr: ['int64_t', ['void *', 'void *', 'uint64_t']],
  flistxattr: ['int64_t', ['int', 'void *', 'uint64_t']],
  /** With the parameters of listxattrat(2), which C libraries do not have yet. */
  syscall: ['int64_t', ['int64_t', 'int', 'void *', 'unsigned int', 'void *', 'uint64_t']],
  removexattr: ['int', ['void *', 'void *']],
  /** With the parameters of mknodat(2), which C libraries have under other names before glibc 2.33. */
  syscallMknodat: ['int64_t', ['int64_t', 'int', 'void *', 'unsigned int', 'uint64_t'], 'syscall'],
} as const satisfies Readonly<Record<string, readonly [result: string, parameters: readonly string[], name?: string]>>;

/** Paths are absolute, or relative to this process's folder. */
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_SYMLINK_FOLLOW = 0x400;
/** No path: the descriptor's own file. */
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
/** Locks of an opening of a file (an open file description), not of a process. */
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_UNLCK = 2;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const UTIME_NOW = 0x3fff_ffffn;
const UTIME_OMIT = 0x3fff_fffen;
const perSecond = 1_000_000_000n;
/** XATTR_SIZE_MAX, and XATTR_LIST_MAX. */
const longestXattr = 65_536;
const longestPath = 4095;
/** listxattrat(2), since Linux 6.13; the same number on every architecture. */
const SYS_listxattrat = 465;

/** A name in a folder that is open. */
export interface NamePlace {
  readonly folder: number;
  readonly name: HostName;
}

/** mknodat(2): x86-64 has numbers of its own. */
const SYS_mknodat = process.arch === 'x64' ? 259 : 33;

/** A file by what leads to it: what is open; a name in a folder that is open; a path that is to be followed (targets.ts). */
export type Place = { readonly fd: number } | NamePlace | { readonly link: HostPath };

/** The path of a place, and whether to follow it if it is a link. */
export function pathOf(place: Place): readonly [path: HostPath, follows: boolean] {
  if ('link' in place) return [place.link, true];
  return 'fd' in place ? [magicLink(place.fd), true] : [join(magicLink(place.folder), place.name), false];
}

/** Bytes. */
const shortName = 24;
/** A path with nothing in it but its NUL. */
const noPath = new Uint8Array(1);

/** A path that a call reads, with its NUL. */
class PathArgument {
  readonly bytes = Buffer.alloc(longestPath + 1);
  readonly words = new Int32Array(this.bytes.buffer, this.bytes.byteOffset, (longestPath + 1) / 4);

  set(path: HostPath | HostName): Uint8Array {
    const { length } = path;
    if (length > longestPath) throw new Errno('ENAMETOOLONG');
    // Most names are short, and a call of Buffer's costs as much as 24 of these (60 ns).
    if (length > shortName) this.bytes.write(path, 0, 'latin1');
    else for (let index = 0; index < length; index++) this.bytes[index] = path.charCodeAt(index);
    this.bytes[length] = 0;
    return this.bytes;
  }
}

/** glibc's makedev: as node:fs has device numbers. */
function deviceNumber(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & ~0xfffn) << 32n) | ((high & 0xfffn) << 8n) | ((low & ~0xffn) << 12n) | (low & 0xffn);
}

function nanoseconds(seconds: bigint, fraction: number): bigint {
  return seconds * perSecond + BigInt(fraction);
}

/** Each throws Errno. Folders are descriptors, also ones opened with O_PATH. */
export class Native {
  readonly #calls: Calls;
  readonly #path = new PathArgument();
  readonly #otherPath = new PathArgument();
  readonly #stat = new BigInt64Array(32);
  readonly #statBytes = new Uint8Array(this.#stat.buffer);
  readonly #statWords = new Uint32Array(this.#stat.buffer);
  readonly #times = new BigInt64Array(4);
  readonly #timeBytes = new Uint8Array(this.#times.buffer);
  /** struct flock: type[2] whence[2] padding[4] start[8] length[8] pid[4] padding[4]. */
  readonly #lock = new DataView(new ArrayBuffer(32));
  readonly #lockBytes = new Uint8Array(this.#lock.buffer);
  /** Entries of a folder, or a value: what a call returns. */
  readonly #returned = Buffer.alloc(longestXattr);
  #hasListxattrat = true;
  /** The device of the file that was looked at last, which is mostly that of the next. */
  #device = { major: -1, minor: -1, number: 0n };

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Never follows a link. Undefined where there is nothing of that name. */
  statAt(folder: number, name: HostName): HostStat | undefined {
    return this.#statPath(folder, this.#path.set(name));
  }

  /** The same, of a node whose name is in its row. */
  statNode(folder: number, rows: NodeRows, node: number): HostStat | undefined {
    rows.copyName(node, this.#path.words);
    return this.#statPath(folder, this.#path.bytes);
  }

  /** Of what is open, also with O_PATH. */
  stat(fd: number): HostStat {
    this.#check(this.#calls.statx(fd, noPath, AT_EMPTY_PATH, STATX_BASIC_STATS, this.#statBytes));
    return this.#decodeStat();
  }

  /** Whether a link in a folder leads to this very place. A place with more than 4,095 bytes can not be told: false. */
  isLinkTo(folder: number, name: HostName, place: HostPath): boolean {
    const target = this.#returned;
    const length = Number(this.#calls.readlinkat(folder, this.#path.set(name), target, target.length));
    if (length < 0) {
      const error = this.#error();
      if (error.code === 'ENAMETOOLONG') return false;
      throw error;
    }
    if (length !== place.length) return false;
    // From the end: what is elsewhere has another name more often than other folders above it.
    for (let index = length - 1; index >= 0; index--) if (target[index] !== place.charCodeAt(index)) return false;
    return true;
  }

  /** The names in an open folder. */
  list(folder: number): NameList {
    const { lseek, getdents64 } = this.#calls;
    this.#check(lseek(folder, 0, 0));
    const list = new DirectoryEntries();
    for (;;) {
      const entries = this.#returned;
      const length = this.#check(getdents64(folder, entries, entries.length));
      if (length === 0) return list;
      list.add(entries.subarray(0, length));
    }
  }

  /** Follows links. A time that is undefined stays. */
  setTimes(path: HostPath, atime: bigint | 'now' | undefined, mtime: bigint | 'now' | undefined): void {
    for (const [index, time] of [atime, mtime].entries()) {
      if (typeof time !== 'bigint') {
        this.#times[2 * index] = 0n;
        this.#times[2 * index + 1] = time === 'now' ? UTIME_NOW : UTIME_OMIT;
        continue;
      }
      const fraction = ((time % perSecond) + perSecond) % perSecond;
      this.#times[2 * index] = (time - fraction) / perSecond;
      this.#times[2 * index + 1] = fraction;
    }
    this.#check(this.#calls.utimensat(AT_FDCWD, this.#path.set(path), this.#timeBytes, 0));
  }

  /** `flags` are `renameFlags`. EINVAL where the file system does not know them. */
  rename(from: HostPath, to: HostPath, flags: number): void {
    const { renameat2 } = this.#calls;
    this.#check(renameat2(AT_FDCWD, this.#path.set(from), AT_FDCWD, this.#otherPath.set(to), flags));
  }

  /** Removes a name in a folder, that of an empty folder if `isFolder`. */
  removeAt(folder: number, name: HostName, isFolder: boolean): void {
    const { unlinkat } = this.#calls;
    this.#check(unlinkat(folder, this.#path.set(name), isFolder ? AT_REMOVEDIR : 0));
  }

  /** Makes a special file. `mode` has its type, `rdev` is as Linux encodes it. EPERM for device nodes without CAP_MKNOD. */
  makeNode({ folder, name }: NamePlace, mode: number, rdev: bigint): void {
    const { syscallMknodat } = this.#calls;
    this.#check(syscallMknodat(SYS_mknodat, folder, this.#path.set(name), mode, Number(rdev)));
  }

  /** Gives a file another name. `link` leads to it; ENOENT where it has no name at all any more. */
  link(link: HostPath, to: HostPath): void {
    const { linkat } = this.#calls;
    this.#check(linkat(AT_FDCWD, this.#path.set(link), AT_FDCWD, this.#otherPath.set(to), AT_SYMLINK_FOLLOW));
  }

  /**
   * Sets a lock of the opening that a descriptor stands for (F_RDLCK 0, F_WRLCK 1), or unlocks (F_UNLCK 2); a length of 0
   * reaches to the end. Returns false where another's is in the way.
   */
  setLock(fd: number, type: number, start: bigint, length: bigint): boolean {
    if (this.#calls.fcntl(fd, F_OFD_SETLK, this.#describeLock(type, start, length)) === 0) return true;
    const error = this.#error();
    // POSIX leaves the choice between the two; Linux says EAGAIN.
    if (error.code === 'EAGAIN' || error.code === 'EACCES') return false;
    throw error;
  }

  /** A lock that would be in the way; `pid` is -1 for one of an opening. */
  findLock(
    fd: number,
    type: number,
    start: bigint,
    length: bigint,
  ): { readonly type: number; readonly start: bigint; readonly length: bigint; readonly pid: number } | undefined {
    this.#check(this.#calls.fcntl(fd, F_OFD_GETLK, this.#describeLock(type, start, length)));
    const lock = this.#lock;
    const found = lock.getInt16(0, true);
    if (found === F_UNLCK) return undefined;
    const [foundStart, foundLength] = [lock.getBigInt64(8, true), lock.getBigInt64(16, true)];
    return { type: found, start: foundStart, length: foundLength, pid: lock.getInt32(24, true) };
  }

  /** Makes a range zeros that take no room. Returns false where the file system cannot. */
  punchHole(fd: number, offset: number, length: number): boolean {
    if (this.#calls.fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) === 0) return true;
    const error = this.#error();
    if (error.code === 'EOPNOTSUPP' || error.code === 'ENOSYS') return false;
    throw error;
  }

  /** Undefined where there is none. Follows links unless told otherwise, as all of these do. */
  getxattr(path: HostPath, name: Bytes, follows = true): Bytes | undefined {
    const value = this.#returned;
    const call = follows ? this.#calls.getxattr : this.#calls.lgetxattr;
    const length = Number(call(this.#path.set(path), terminated(name), value, value.length));
    if (length >= 0) return new Uint8Array(value.subarray(0, length));
    const error = this.#error();
    if (error.code === 'ENODATA') return undefined;
    throw error;
  }

  setxattr(path: HostPath, name: Bytes, value: Bytes, flags: number): void {
    const { setxattr } = this.#calls;
    this.#check(setxattr(this.#path.set(path), terminated(name), new Uint8Array(value), value.length, flags));
  }

  /** Whether a file has extended attributes at all, of whatever kind: a third of what it costs to name them. */
  hasXattrs(place: Place): boolean {
    const { flistxattr, listxattr } = this.#calls;
    if ('fd' in place) return this.#check(flistxattr(place.fd, null, 0)) > 0;
    if ('link' in place) return this.#check(listxattr(this.#path.set(place.link), null, 0)) > 0;
    if (this.#hasListxattrat) {
      const path = this.#path.set(place.name);
      const length = Number(this.#calls.syscall(SYS_listxattrat, place.folder, path, AT_SYMLINK_NOFOLLOW, null, 0));
      if (length >= 0) return length > 0;
      const error = this.#error();
      // Containers answer EPERM for calls that they do not know.
      if (error.code !== 'ENOSYS' && error.code !== 'EPERM') throw error;
      this.#hasListxattrat = false;
    }
    return this.#check(this.#calls.llistxattr(this.#path.set(pathOf(place)[0]), null, 0)) > 0;
  }

  listxattr(path: HostPath, follows = true): Bytes[] {
    const list = this.#returned;
    const call = follows ? this.#calls.listxattr : this.#calls.llistxattr;
    const length = this.#check(call(this.#path.set(path), list, list.length));
    if (length === 0) return [];
    const names = list.toString('latin1', 0, length).split('\0').slice(0, -1);
    return names.map((name) => pathToBytes(name as HostPath));
  }

  removexattr(path: HostPath, name: Bytes): void {
    this.#check(this.#calls.removexattr(this.#path.set(path), terminated(name)));
  }

  #statPath(folder: number, path: Uint8Array): HostStat | undefined {
    const { statx } = this.#calls;
    if (statx(folder, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, this.#statBytes) === 0) return this.#decodeStat();
    const error = this.#error();
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }

  #describeLock(type: number, start: bigint, length: bigint): Uint8Array {
    this.#lockBytes.fill(0);
    this.#lock.setInt16(0, type, true);
    this.#lock.setBigInt64(8, start, true);
    this.#lock.setBigInt64(16, length, true);
    return this.#lockBytes;
  }

  #check(result: number | bigint): number {
    if (result < 0) throw this.#error();
    return Number(result);
  }

  #error(): Errno {
    return errnoByNumber(this.#calls.errno());
  }

  /** struct statx. */
  #decodeStat(): HostStat {
    const quads = this.#stat;
    const words = this.#statWords;
    const word = (index: number): number => words[index] as number;
    const quad = (index: number): bigint => quads[index] as bigint;
    const [major, minor] = [word(34), word(35)];
    if (major !== this.#device.major || minor !== this.#device.minor)
      this.#device = { major, minor, number: deviceNumber(major, minor) };
    const rdev = word(32) === 0 && word(33) === 0 ? 0n : deviceNumber(word(32), word(33));
    return {
      dev: this.#device.number,
      ino: quad(4),
      mode: BigInt(word(7) & 0xffff),
      nlink: BigInt(word(4)),
      uid: BigInt(word(5)),
      gid: BigInt(word(6)),
      rdev,
      size: quad(5),
      blksize: BigInt(word(1)),
      blocks: quad(6),
      atimeNs: nanoseconds(quad(8), word(18)),
      mtimeNs: nanoseconds(quad(14), word(30)),
      ctimeNs: nanoseconds(quad(12), word(26)),
    };
  }
}

function terminated(name: Bytes): Uint8Array {
  const bytes = new Uint8Array(name.length + 1);
  bytes.set(name);
  return bytes;
}

/** Whether the structures above are those of this system. */
export function isNativePossible(): boolean {
  return process.platform === 'linux' && ['x64', 'arm64', 'riscv64'].includes(process.arch);
}
