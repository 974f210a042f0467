// What a host's file does not tell of the guest's, kept in extended attributes of the file: the names and encodings are those of
// QEMU's security_model=mapped-xattr (hw/9pfs/9p-local.c), so that one folder serves both.
import type { Bytes } from '../../../devices/ports.ts';
import { fileType } from '../../../devices/9p/backend.ts';
import { isErrno } from './host.ts';
import type { HostPath, HostStat } from './host.ts';
import { setIds } from './modes.ts';
import { pathOf } from './native.ts';
import type { Native, Place } from './native.ts';
import { linkOf } from './targets.ts';
import type { Target } from './targets.ts';
import { typeOf } from './tree.ts';
import { isKeptXattr } from './xattrs.ts';

/** Each may be missing. */
export interface Kept {
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** With the type, as in `st_mode`. */
  readonly mode?: number | undefined;
  /** Linux's encoded device number. */
  readonly rdev?: bigint | undefined;
}

/** Little-endian numbers of 32 bits, the device's of 64. */
const names = {
  uid: attributeName('uid'),
  gid: attributeName('gid'),
  mode: attributeName('mode'),
  rdev: attributeName('rdev'),
} as const;

function attributeName(last: string): Bytes {
  return new TextEncoder().encode(`user.virtfs.${last}`);
}

export function placeOf(target: Target): Place {
  return target.opened === undefined ? { link: linkOf(target) } : { fd: target.opened };
}

const nothing: Kept = {};
/** Files that are remembered with what is kept of them, about 150 bytes each; and those of which nothing is. */
const mostKnown = 1 << 15;
const plainPlaces = 1 << 17;
/**
 * Milliseconds after which a file's ctime says whether its attributes have changed since: it moves in steps of the kernel's
 * clock for files, up to 10 ms, within which a second change leaves it as it is.
 */
const settleTime = 100;
const ownerMayReadAndWrite = 0o600;
const permissions = 0o7777;

/**
 * Files of which nothing is kept, which most are: by inode number, and one that comes later may take another's place. 24 bytes
 * for each, and one read from memory where a table of objects takes five.
 */
class PlainFiles {
  /** Of each: inode number, ctime, device. No file has only zeros. */
  readonly #words = new BigInt64Array(3 * plainPlaces);

  has({ dev, ino, ctimeNs }: HostStat): boolean {
    const words = this.#words;
    const at = this.#placeOf(ino);
    return words[at] === ino && words[at + 1] === ctimeNs && words[at + 2] === dev;
  }

  add({ dev, ino, ctimeNs }: HostStat): void {
    this.#words.set([ino, ctimeNs, dev], this.#placeOf(ino));
  }

  delete({ ino }: HostStat): void {
    this.#words.set([0n, 0n, 0n], this.#placeOf(ino));
  }

  #placeOf(ino: bigint): number {
    return 3 * (Number(ino) & (plainPlaces - 1));
  }
}

interface Known {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly ctime: bigint;
  readonly kept: Kept;
}

/** In the place of what is known no more: no file has such a ctime. */
const forgotten: Known = { dev: 0n, ino: 0n, ctime: -(2n ** 63n), kept: nothing };

export class KeptAttributes {
  /** Counts up whenever attributes are set or removed here (32 bits). */
  epoch = 0;
  readonly #native: Native;
  /**
   * What the last look found, by inode number (as a double: a place in the table, no proof). Every change of an extended
   * attribute sets ctime, whoever makes it.
   */
  readonly #known = new Map<number, Known>();
  readonly #plain = new PlainFiles();
  /** Goes on where it was: a table that is asked anew passes over all that has been deleted, which took 10 us. */
  #oldest = this.#known.keys();
  /** Whether a device keeps attributes. */
  readonly #devices = new Map<bigint, boolean>();

  constructor(native: Native) {
    this.#native = native;
  }

  /** What is kept of the file that `stat` is of. `place` is asked for only where it is not known. */
  of(stat: HostStat, place: () => Place): Kept {
    if (this.#plain.has(stat)) return nothing;
    const known = this.#known.get(Number(stat.ino));
    if (known?.ctime === stat.ctimeNs && known.ino === stat.ino && known.dev === stat.dev) return known.kept;
    const type = typeOf(stat);
    // Linux keeps users' attributes of nothing else.
    if (type !== fileType.file && type !== fileType.folder) return nothing;
    let kept: Kept;
    try {
      kept = this.#read(place());
    } catch (error) {
      // It has just gone, or may not be read: then the host's own attributes have to do.
      if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ESTALE', 'EACCES', 'EPERM', 'EOPNOTSUPP')) return nothing;
      throw error;
    }
    if (Date.now() - Number(stat.ctimeNs) / 1e6 > settleTime) this.#remember(stat, kept);
    return kept;
  }

  /** Whether it is known that nothing is kept of a file, as long as its ctime stays and nothing is set here. */
  isPlain(stat: HostStat): boolean {
    return this.#plain.has(stat);
  }

  /** Whether the file system of `stat` keeps attributes of users; `place` is of a file or folder there. */
  canKeep({ dev }: HostStat, place: () => Place): boolean {
    let can = this.#devices.get(dev);
    if (can !== undefined) return can;
    const [path, follows] = pathOf(place());
    try {
      this.#native.getxattr(path, names.mode, follows);
      can = true;
    } catch (error) {
      if (isErrno(error, 'EOPNOTSUPP', 'ENOSYS')) can = false;
      // One that may not be read tells nothing.
      else if (isErrno(error, 'EACCES', 'EPERM')) return true;
      else throw error;
    }
    this.#devices.set(dev, can);
    return can;
  }

  /** Sets what has a value in `wanted`, and removes what has none there but has one in `present`. Throws Errno. */
  keep(target: Target, stat: HostStat, present: Kept, wanted: Kept): void {
    if (isSame(present, wanted)) return;
    // Not deleted: as long as no file had to go, `#oldest` would hold on to all that the map was before.
    if (this.#known.has(Number(stat.ino))) this.#known.set(Number(stat.ino), forgotten);
    this.#plain.delete(stat);
    this.epoch = (this.epoch + 1) & 0x7fff_ffff;
    try {
      this.#write(linkOf(target), present, wanted);
    } catch (error) {
      if (!isErrno(error, 'EACCES')) throw error;
      // Linux asks for permission to write the file, which its owner may give for a moment.
      const mode = Number(stat.mode) & permissions;
      target.chmod(mode | ownerMayReadAndWrite);
      try {
        this.#write(linkOf(target), present, wanted);
      } finally {
        target.chmod(mode);
      }
    }
  }

  #remember(stat: HostStat, kept: Kept): void {
    if (kept === nothing) return this.#plain.add(stat);
    const { dev, ino, ctimeNs } = stat;
    if (this.#known.size >= mostKnown) this.#forgetOldest();
    this.#known.set(Number(ino), { dev, ino, ctime: ctimeNs, kept });
  }

  #forgetOldest(): void {
    let oldest = this.#oldest.next();
    if (oldest.done === true) {
      this.#oldest = this.#known.keys();
      oldest = this.#oldest.next();
    }
    if (oldest.done !== true) this.#known.delete(oldest.value);
  }

  #read(place: Place): Kept {
    if (!this.#native.hasXattrs(place)) return nothing;
    const [path, follows] = pathOf(place);
    const listed = new Set(this.#native.listxattr(path, follows).filter(isKeptXattr).map(textOf));
    if (listed.size === 0) return nothing;
    const value = (key: keyof Kept, length: number): DataView | undefined => {
      const found = listed.has(textOf(names[key])) ? this.#native.getxattr(path, names[key], follows) : undefined;
      return found?.length === length ? view(found) : undefined;
    };
    return {
      uid: value('uid', 4)?.getUint32(0, true),
      gid: value('gid', 4)?.getUint32(0, true),
      mode: value('mode', 4)?.getUint32(0, true),
      rdev: value('rdev', 8)?.getBigUint64(0, true),
    };
  }

  #write(path: HostPath, present: Kept, wanted: Kept): void {
    // SUID must not outlive the owner that it was for, even if this process dies in between.
    const losesIds = ((present.mode ?? 0) & ~(wanted.mode ?? 0) & setIds) !== 0;
    const order = losesIds ? (['mode', 'uid', 'gid', 'rdev'] as const) : (['uid', 'gid', 'mode', 'rdev'] as const);
    for (const key of order) {
      const value = wanted[key];
      if (value === present[key]) continue;
      if (value === undefined) this.#remove(path, names[key]);
      else this.#native.setxattr(path, names[key], encoded(value), 0);
    }
  }

  #remove(path: HostPath, name: Bytes): void {
    try {
      this.#native.removexattr(path, name);
    } catch (error) {
      if (!isErrno(error, 'ENODATA')) throw error;
    }
  }
}

function isSame(one: Kept, other: Kept): boolean {
  return one.uid === other.uid && one.gid === other.gid && one.mode === other.mode && one.rdev === other.rdev;
}

function textOf(name: Bytes): string {
  return String.fromCharCode(...name);
}

function view({ buffer, byteOffset, byteLength }: Bytes): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function encoded(value: number | bigint): Bytes {
  const bytes = new Uint8Array(typeof value === 'bigint' ? 8 : 4);
  if (typeof value === 'bigint') view(bytes).setBigUint64(0, value, true);
  else view(bytes).setUint32(0, value, true);
  return bytes;
}
