// A file or folder that the guest has open.
import { constants } from 'node:fs';
import type { EmitEntry } from '../../../devices/9p/backend.ts';
import { fileType, openFlags } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { slice, totalLength } from '../../../devices/9p/scatter.ts';
import type { Bytes } from '../../../devices/ports.ts';
import { statOpened } from './attributes.ts';
import { Reclaimable } from './descriptors.ts';
import type { Descriptors } from './descriptors.ts';
import { host, isErrno, nameFromBytes, nameToBytes } from './host.ts';
import type { HostName } from './host.ts';
import type { InodeNumbers } from './inode-numbers.ts';
import { Listing } from './listings.ts';
import type { Listings } from './listings.ts';
import type { Native, Place } from './native.ts';
import type { Security } from './security.ts';
import { OpenTarget } from './targets.ts';
import { typeOf } from './tree.ts';
import type { Entry, OpenedFile } from './tree.ts';
import type { Walk } from './walk.ts';

const { O_APPEND, O_DSYNC, O_RDONLY, O_RDWR, O_SYNC, O_TRUNC, O_WRONLY, R_OK, W_OK } = constants;

/** Pieces of one readv or writev (IOV_MAX). */
const mostPieces = 1024;

/** The host's flags for the guest's: their numbers differ from system to system. */
export function hostFlags(flags: number): number {
  const access = flags & openFlags.accessMode;
  if (access === openFlags.accessMode) throw new Errno('EINVAL', 'an access mode of 3');
  return (
    (access === openFlags.writeOnly ? O_WRONLY : access === openFlags.readWrite ? O_RDWR : O_RDONLY) |
    ((flags & openFlags.truncate) === 0 ? 0 : O_TRUNC) |
    ((flags & openFlags.append) === 0 ? 0 : O_APPEND) |
    ((flags & openFlags.dsync) === 0 ? 0 : O_DSYNC) |
    ((flags & openFlags.sync) === 0 ? 0 : O_SYNC)
  );
}

/** The names that come first. */
const dots: readonly Bytes[] = [nameToBytes('.' as HostName), nameToBytes('..' as HostName)];

/** Number and type of a file, as listings have them. */
interface Identity {
  readonly ino: bigint;
  readonly type: number;
}

export interface Share {
  readonly walk: Walk;
  readonly descriptors: Descriptors;
  readonly numbers: InodeNumbers;
  readonly security: Security;
  readonly native: Native | undefined;
  readonly listings: Listings;
}

export class HostFile extends Reclaimable implements OpenedFile {
  readonly entry: Entry;
  readonly #share: Share;
  readonly #flags: number;
  #fd: number;
  /** Of a folder, once the guest lists it. An entry's cookie is one more than its place here. */
  #listing: Listing | undefined;
  /** Operations that run in another thread. */
  #pending = 0;
  #closesWhenDone: (() => void) | undefined;
  /** How closing it for want of descriptors failed: what was written may be lost, which fsync and close have to tell. */
  #lost: Errno | undefined;
  /** `security.epoch` when a write last looked for SUID and SGID. */
  #lookedAt = 0;

  /** Takes over `fd`, which was opened with the host's `flags`. */
  constructor(entry: Entry, fd: number, flags: number, share: Share) {
    super();
    this.entry = entry;
    this.#fd = fd;
    this.#flags = flags & ~O_TRUNC;
    this.#share = share;
    entry.opened(this);
    share.descriptors.openFiles++;
    share.descriptors.files.use(this);
  }

  get fd(): number {
    return this.#fd;
  }

  opened(): number {
    if (this.#fd < 0) {
      this.#fd = this.#openAgain();
      this.#share.descriptors.openFiles++;
    }
    this.#share.descriptors.files.use(this);
    return this.#fd;
  }

  #openAgain(): number {
    const { walk } = this.#share;
    try {
      return walk.open(this.entry, this.#flags);
    } catch (error) {
      // The host has taken the name; by another opening the file can still be had.
      const { openDescriptor } = this.entry;
      if (openDescriptor === undefined || !isErrno(error, 'ESTALE')) throw error;
      return walk.openAgain(openDescriptor, this.#flags);
    }
  }

  reclaim(): boolean {
    const access = this.#flags & (O_RDONLY | O_WRONLY | O_RDWR);
    const how = access === O_RDWR ? R_OK | W_OK : access === O_WRONLY ? W_OK : R_OK;
    if (this.#fd < 0 || this.#pending > 0 || !this.#share.walk.canReopen(this.entry, this.#fd, how)) return false;
    const fd = this.#fd;
    // close(2): gone whatever the error; another file may have the number by now.
    this.#fd = -1;
    this.#share.descriptors.openFiles--;
    try {
      host.close(fd);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      this.#lost = error;
    }
    return true;
  }

  #tellLost(): void {
    const error = this.#lost;
    this.#lost = undefined;
    if (error !== undefined) throw error;
  }

  read(offset: number, into: readonly Bytes[]): number {
    const fd = this.opened();
    const wanted = totalLength(into);
    let done = 0;
    let rest = into;
    while (done < wanted) {
      const [first] = rest;
      if (first === undefined) break;
      const position = offset + done;
      const count =
        rest.length === 1 ? host.read(fd, first, position) : host.readv(fd, rest.slice(0, mostPieces), position);
      if (count === 0) break;
      done += count;
      if (done < wanted) rest = slice(into, done, wanted - done);
    }
    return done;
  }

  write(offset: number, from: readonly Bytes[]): number {
    const fd = this.opened();
    if (this.#lookedAt !== this.#share.security.epoch) this.#dropPrivileges(fd);
    const wanted = totalLength(from);
    let done = 0;
    let rest = from;
    while (done < wanted) {
      const [first] = rest;
      if (first === undefined) break;
      const position = (this.#flags & O_APPEND) === 0 ? offset + done : null;
      try {
        const count =
          rest.length === 1 ? host.write(fd, first, position) : host.writev(fd, rest.slice(0, mostPieces), position);
        if (count === 0) throw new Errno('EIO', 'the host writes nothing');
        done += count;
      } catch (error) {
        // What is written is written; the next call will meet the error.
        if (done === 0 || !(error instanceof Errno)) throw error;
        break;
      }
      if (done < wanted) rest = slice(from, done, wanted - done);
    }
    return done;
  }

  /** Throws ENOMEM where the guest lists more than is kept (listings.ts). */
  list(cookie: bigint, emit: EmitEntry): void {
    const { entry } = this;
    // A folder that was removed lists nothing, not even itself.
    if (entry.isGone) return;
    const fd = this.opened();
    const { walk, listings, native } = this.#share;
    this.#listing ??= new Listing(listings);
    const { names, isFresh } = this.#listing.snapshot(
      cookie === 0n,
      () => walk.list(entry, fd),
      // Without native calls names are all that is listed.
      () => native?.stat(fd).ctimeNs,
    );
    for (let index = Number(cookie); index < dots.length + names.length; index++) {
      const dot = dots[index];
      const name = dot ?? names.name(index - dots.length);
      const known = isFresh && dot === undefined ? names.listed(index - dots.length) : undefined;
      const file = dot === undefined ? this.#identify(name, known, fd) : this.#identifyDot(dot);
      if (file === undefined) continue;
      const { ino, type } = file;
      if (!emit({ name, cookie: BigInt(index + 1), ino, type })) return;
    }
  }

  #identifyDot(name: Bytes): Identity {
    const { entry } = this;
    return {
      ino: this.#share.numbers.numberOf(name.length === 1 ? entry : (entry.parent ?? entry)),
      type: entry.type,
    };
  }

  /** `known` is what was just listed of it. Undefined where it has been removed since. */
  #identify(name: Bytes, known: Identity | undefined, fd: number): Identity | undefined {
    const { entry } = this;
    const { walk, numbers, security } = this.#share;
    if (known !== undefined && !(security.hidesTypes && known.type === fileType.file))
      return { ino: numbers.numberOf({ dev: entry.dev, ino: known.ino }), type: known.type };
    const hostName = nameFromBytes(name);
    const stat = walk.statListed(entry, fd, hostName);
    if (stat === undefined) return undefined;
    const place = (): Place => ({ folder: fd, name: hostName });
    const type = security.hidesTypes ? security.seen(stat, place).mode & fileType.mask : typeOf(stat);
    return { ino: numbers.numberOf(stat), type };
  }

  async sync(dataOnly: boolean): Promise<void> {
    const fd = this.opened();
    this.#tellLost();
    this.#pending++;
    try {
      await host.sync(fd, dataOnly);
    } finally {
      if (--this.#pending === 0) this.#closesWhenDone?.();
    }
  }

  /** Closes, at once unless an operation in another thread still needs the descriptor. Throws Errno. */
  close(): void | Promise<void> {
    this.#listing?.close();
    this.entry.closed(this);
    this.#share.descriptors.files.delete(this);
    const fd = this.#fd;
    this.#fd = -1;
    if (fd < 0) return this.#tellLost();
    this.#share.descriptors.openFiles--;
    if (this.#pending === 0) return host.close(fd);
    return new Promise((resolve, reject) => {
      this.#closesWhenDone = () => {
        try {
          host.close(fd);
          resolve();
        } catch (error) {
          reject(error);
        }
      };
    });
  }

  #dropPrivileges(fd: number): void {
    const { security, native } = this.#share;
    security.dropPrivileges(new OpenTarget(fd), statOpened(fd, native));
    this.#lookedAt = security.epoch;
  }
}
