// What a 9P server needs of a store of files. Host backends (Node.js, IndexedDB, OPFS …) and the memory backend
// implement it; one suite of tests (test/backend-suite.ts) runs against each.
import type { Bytes } from '../ports.ts';

/**
 * A result that is there at once wherever the backend can have it at once, and a promise only where it must wait:
 * a promise per operation costs more than most operations do.
 */
export type Awaitable<T> = T | Promise<T>;

/**
 * A name in a folder, or the root: what a path leads to. Each call that returns a node adds a reference, `forget` takes
 * one away. A node follows its file through renames of it or of a folder above it, and stays usable (attributes, and
 * data through files that are open) after the name was removed, until it is forgotten.
 */
export type Node = number & { readonly brand: 'Node' };

/** An open file or folder. Independent of the node it was opened through; valid until `release`. */
export type OpenFile = number & { readonly brand: 'OpenFile' };

/** File types and permissions as in Linux's `st_mode`. */
export const fileType = {
  mask: 0o170000,
  socket: 0o140000,
  link: 0o120000,
  file: 0o100000,
  block: 0o060000,
  folder: 0o040000,
  character: 0o020000,
  fifo: 0o010000,
} as const;

/** Linux's generic open flags, as Tlopen and Tlcreate carry them. */
export const openFlags = {
  accessMode: 0o3,
  readOnly: 0o0,
  writeOnly: 0o1,
  readWrite: 0o2,
  create: 0o100,
  exclusive: 0o200,
  noctty: 0o400,
  truncate: 0o1000,
  append: 0o2000,
  nonblock: 0o4000,
  dsync: 0o10000,
  direct: 0o40000,
  largefile: 0o100000,
  directory: 0o200000,
  nofollow: 0o400000,
  noatime: 0o1000000,
  cloexec: 0o2000000,
  sync: 0o4000000,
} as const;

/** Flags of `rename`, as in Linux's renameat2. */
export const renameFlags = { noReplace: 1, exchange: 2 } as const;

/** Flags of `setxattr`, as in Linux's setxattr(2). */
export const xattrFlags = { create: 1, replace: 2 } as const;

/** Times are nanoseconds since 1970, negative before it. */
export interface Attributes {
  /** Inode number: the same for every name of one file, unique in the backend. */
  readonly ino: bigint;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  /** Linux's encoded device number of a device file; 0 otherwise. */
  readonly rdev: bigint;
  /** Bytes. */
  readonly size: number;
  /** Preferred size of a transfer in bytes. */
  readonly blockSize: number;
  /** Units of 512 bytes that are allocated. */
  readonly blocks: number;
  readonly atime: bigint;
  readonly mtime: bigint;
  readonly ctime: bigint;
}

/** What `setattr` is to change; a member that is absent is left alone. */
export interface AttributeChanges {
  /** Permission bits (07777). */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  /** Nanoseconds, or the time of the call. */
  readonly atime?: bigint | 'now';
  readonly mtime?: bigint | 'now';
}

/** Who asks, as the client names them: the uid of Tattach, the gid of the message, `noId` where it has none. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
}

/** No user or group: Linux's (uid_t)-1. */
export const noId = 0xffff_ffff;

export interface FilesystemStatistics {
  /** Linux's f_type magic number. */
  readonly type: number;
  readonly blockSize: number;
  readonly blocks: bigint;
  readonly blocksFree: bigint;
  readonly blocksAvailable: bigint;
  readonly files: bigint;
  readonly filesFree: bigint;
  readonly fsid: bigint;
  readonly nameLength: number;
}

/** Takes one entry of a folder; false means that there is no room and the entry was not taken. */
export type EmitEntry = (entry: {
  /** Until the call returns: the next one may have it in the same memory. */
  readonly name: Bytes;
  /** Hands back where to go on: the cookie of the next entry. Never 0; stable while other entries are removed. */
  readonly cookie: bigint;
  readonly ino: bigint;
  /** `fileType` bits. */
  readonly type: number;
}) => boolean;

/** A lock of a file's bytes from `start` up to `end`, or of none that is `endOfLocks`. */
export interface ByteLock {
  /** One of `lockType` (messages.ts). */
  readonly type: number;
  readonly start: bigint;
  readonly end: bigint;
}

/** The end of a lock that has none: behind the last byte of Linux's loff_t. */
export const endOfLocks = 2n ** 63n;

/**
 * What the users of a backend hold of one file, towards those who use the store otherwise: processes of the host. Between
 * its users the server keeps the peace (locks.ts). All throw Errno.
 */
export interface OutsideLocks {
  /** Holds a range in this way from now on. Returns false, with nothing changed, where others are in the way. */
  set(lock: ByteLock): boolean;
  /** Holds no more of a range than is among `held`, which are in the order of their starts. Never fails. */
  unlock(range: ByteLock, held: readonly ByteLock[]): void;
  /** The first lock of others that is in the way. */
  find(lock: ByteLock): (ByteLock & { readonly procId: number; readonly clientId: string }) | undefined;
  /** Calls `listener` within a few milliseconds of each moment from which a lock may be had, until the returned function is called. */
  watch(listener: () => void): () => void;
  /** Lets go of everything. Never fails. */
  close(): void;
}

/** A change of the store by others: a host's user, another page. */
export interface OutsideChange {
  readonly type: 'created' | 'changed' | 'removed' | 'renamed';
  /** Names from the root down; none for the root itself. */
  readonly path: readonly Bytes[];
  /** Where a renamed file was before. */
  readonly from?: readonly Bytes[];
}

/**
 * Every method throws Errno for what the guest is to be told. Names are bytes, one component, checked by the caller: not
 * empty, not "." or "..", without "/" and NUL, at most 255 bytes. No method follows a symbolic link in its last component
 * (or in any other: names have one component). Offsets and lengths are bytes, at most Number.MAX_SAFE_INTEGER.
 * Operations on one file take effect in the order of the calls. A node or a file stays referenced until every operation
 * on it has settled.
 */
export interface Backend {
  /**
   * Whether the backend has work of its own that comes through the event loop: changes that it will store in a moment. A
   * loop that runs the machine has to turn it meanwhile.
   */
  readonly busy?: boolean;

  /** The share's root folder. */
  root(): Awaitable<Node>;
  /** Adds one reference. Never fails. */
  retain(node: Node): void;
  /** Takes away one reference. Never fails. */
  forget(node: Node): void;

  /** Undefined where there is no such name: no exception, because that is daily business, and one costs 10 us. */
  lookup(parent: Node, name: Bytes): Awaitable<Node | undefined>;
  /** The folder that the node is in, with a new reference; the root's is the root. ENOENT after its name was removed. */
  parent(node: Node): Awaitable<Node>;
  /** The node's present name in its parent. ENOENT after it was removed; EBUSY for the root. */
  name(node: Node): Awaitable<Bytes>;

  getattr(node: Node): Awaitable<Attributes>;
  /** Applies every change or, as far as the host allows, none. With no member at all it sets ctime to now. */
  setattr(node: Node, changes: AttributeChanges, caller: Caller): Awaitable<void>;
  readlink(node: Node): Awaitable<Bytes>;

  mkdir(parent: Node, name: Bytes, mode: number, caller: Caller): Awaitable<Node>;
  mknod(parent: Node, name: Bytes, mode: number, rdev: bigint, caller: Caller): Awaitable<Node>;
  symlink(parent: Node, name: Bytes, target: Bytes, caller: Caller): Awaitable<Node>;
  link(node: Node, parent: Node, name: Bytes): Awaitable<void>;
  /** Removes a name: a folder's (which must be empty) with `folder`, anything else's without. ENOTDIR, EISDIR, ENOTEMPTY. */
  unlink(parent: Node, name: Bytes, folder: boolean): Awaitable<void>;
  rename(parent: Node, name: Bytes, newParent: Node, newName: Bytes, flags: number): Awaitable<void>;

  /**
   * Creates and opens; `create` is implied. An existing file is opened (and truncated where asked) unless `exclusive`;
   * never through a link.
   */
  create(
    parent: Node,
    name: Bytes,
    flags: number,
    mode: number,
    caller: Caller,
  ): Awaitable<{ readonly node: Node; readonly file: OpenFile }>;
  /** Opens a file or a folder (by its type, `directory` or not). ELOOP for a link, ENXIO for a FIFO, socket or device. */
  open(node: Node, flags: number): Awaitable<OpenFile>;
  /** Closes. The file is gone even if it fails, as with close(2). */
  release(file: OpenFile): Awaitable<void>;

  /** Attributes of what is open, whatever became of its name. */
  getattrOpen(file: OpenFile): Awaitable<Attributes>;
  setattrOpen(file: OpenFile, changes: AttributeChanges, caller: Caller): Awaitable<void>;
  /**
   * Reads at `offset` into the pieces of `into` (which may be guest RAM), one after another, until they are full or the
   * file ends, and returns the count: 0 at the end. A read that must wait hands over bytes of its own instead, at most as
   * many as asked for: by then the guest may have its buffer back.
   */
  read(file: OpenFile, offset: number, into: readonly Bytes[]): number | Promise<Bytes>;
  /**
   * Writes the pieces of `from` (which may be guest RAM) one after another and returns the count: less than all only when
   * the rest failed, as with a full disk. With `append` the offset is the file's end. A write that must wait copies `from`
   * before it returns: the guest may have its buffer back by then.
   */
  write(file: OpenFile, offset: number, from: readonly Bytes[]): Awaitable<number>;
  /**
   * Hands entries from `cookie` on (0: from the start; "." and ".." included) to `emit` until it returns false. It may be
   * called while the operation is pending; not after it has settled.
   */
  readdir(file: OpenFile, cookie: bigint, emit: EmitEntry): Awaitable<void>;
  fsync(file: OpenFile, dataOnly: boolean): Awaitable<void>;
  /**
   * Begins to hold locks of a file towards those who use the store otherwise, once for all openings of the file. Absent, or
   * undefined, where there are no others who could know of them.
   */
  openLocks?(file: OpenFile): OutsideLocks | undefined;

  /**
   * Extended attributes belong to the file of a node, also when its name is gone. Names are checked by the caller: 1 to 255
   * bytes without NUL; values are at most 65,536 bytes. All four are EOPNOTSUPP where the store keeps none.
   */
  /** The value, which nobody will change; undefined where there is none: Linux asks before each write. */
  getxattr(node: Node, name: Bytes): Awaitable<Bytes | undefined>;
  /** Takes over `value`. EEXIST or ENODATA as `xattrFlags` ask; ENOSPC. */
  setxattr(node: Node, name: Bytes, value: Bytes, flags: number): Awaitable<void>;
  /** The names: at most 65,536 bytes with a NUL behind each. */
  listxattr(node: Node): Awaitable<readonly Bytes[]>;
  /** ENODATA. */
  removexattr(node: Node, name: Bytes): Awaitable<void>;

  statfs(node: Node): Awaitable<FilesystemStatistics>;
  /**
   * Tells of changes that were not made through this backend, as soon as the store learns of them, until the returned
   * function is called. Absent where a store has no way to know, or no other users.
   */
  watch?(listener: (change: OutsideChange) => void): () => void;
  /** Releases everything; pending changes are stored first. No call may follow. */
  close(): Awaitable<void>;
}
