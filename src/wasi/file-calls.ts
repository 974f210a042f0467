// The file calls of WASI over shares: every `path_` function, and the `fd_` functions for descriptors from 3 on. They run
// to their end at once: the client under `Files` blocks the thread.
import { openFlags } from '../../devices/9p/backend.ts';
import type { FileAttributes, Files } from '../../devices/9p/client-files.ts';
import { splitPath } from '../../devices/9p/client-path.ts';
import { PathEscape, reach, type Path } from '../../devices/9p/client-walk.ts';
import { run, type Coroutine } from '../../devices/9p/coroutine.ts';
import { Errno } from '../../devices/9p/errno.ts';
import {
  direntLength,
  fault,
  fdFlags,
  folderFileType,
  openWords,
  ProgramMemory,
  rights,
  symlinkFollow,
  timeFlags,
  unknownFileType,
  wasiErrno,
  wasiFileType,
  type Dialect,
} from './abi.ts';
import { Descriptors, type Descriptor } from './descriptors.ts';

export interface Preopen {
  /** What the program calls it. */
  readonly name: string;
  readonly files: Files;
  /** A fid of the folder. */
  readonly fid: number;
}

/** A call of the program: numbers in, `errno` out. 64-bit parameters are bigints. */
export type WasiCall = (...parameters: never[]) => number;

const encoder = new TextEncoder();

function now<R>(coroutine: Coroutine<R>): R {
  const result = run(coroutine);
  if (result instanceof Promise) throw new Error('a file call that has to wait');
  return result;
}

function filetype(mode: number): number {
  return wasiFileType[mode >> 12] ?? unknownFileType;
}

export class FileCalls {
  readonly #descriptors = new Descriptors();
  readonly #dialect: Dialect;
  #memory: ProgramMemory | undefined;
  /** What a call threw that is no error of the program's. */
  defect: unknown;

  constructor(preopens: readonly Preopen[], dialect: Dialect) {
    this.#dialect = dialect;
    for (const { name, files, fid } of preopens) {
      this.#descriptors.add({
        files,
        fid,
        opened: undefined,
        isFolder: true,
        confined: name !== '/',
        preopen: encoder.encode(name),
        flags: 0,
        fdFlags: 0,
        rights: rights.all,
        inheriting: rights.all,
        offset: 0n,
      });
    }
  }

  /** The program's memory, from before its first call. */
  set memory(memory: { readonly buffer: ArrayBufferLike }) {
    this.#memory = new ProgramMemory(memory);
  }

  get #ram(): ProgramMemory {
    if (this.#memory === undefined) throw new Error('a call before there is a memory');
    return this.#memory;
  }

  /** The calls by their names. Each returns the errno of what went wrong, and throws for defects alone. */
  calls(): Record<string, WasiCall> {
    return Object.fromEntries(
      Object.entries(this.#table).map(([name, call]) => [
        name,
        (...parameters: never[]) => {
          try {
            (call as (...parameters: never[]) => void)(...parameters);
            return 0;
          } catch (error) {
            if (error instanceof PathEscape) return wasiErrno.ENOTCAPABLE;
            if (error instanceof Errno) return wasiErrno[error.code];
            // The program passed an address that it does not have.
            if (error instanceof RangeError) return fault;
            this.defect ??= error;
            throw error;
          }
        },
      ]),
    );
  }

  readonly #table = {
    fd_advise: (fd: number): void => void this.#descriptors.get(fd),

    fd_allocate: (fd: number, offset: bigint, length: bigint): void => {
      const { descriptor, fid } = this.#descriptors.file(fd);
      const end = safeNumber(offset + length);
      const { size } = now(descriptor.files.attributes(fid));
      if (end > size) now(descriptor.files.change(fid, { size: end }));
    },

    fd_close: (fd: number): void => this.#close(this.#descriptors.remove(fd)),

    fd_datasync: (fd: number): void => this.#sync(fd, true),

    fd_fdstat_get: (fd: number, result: number): void => {
      const { files, fid, fdFlags: flags, rights: base, inheriting } = this.#descriptors.get(fd);
      const view = this.#ram.view(result, 24);
      view.setUint8(0, filetype(now(files.attributes(fid)).mode));
      view.setUint16(2, flags, true);
      view.setBigUint64(8, base, true);
      view.setBigUint64(16, inheriting, true);
    },

    fd_fdstat_set_flags: (fd: number, flags: number): void => {
      const { descriptor } = this.#descriptors.file(fd);
      // A file's flags are those it was opened with: so it is opened once more.
      const opened = descriptor.opened;
      descriptor.opened = this.#open(descriptor, withFdFlags(descriptor.flags, flags));
      descriptor.flags = withFdFlags(descriptor.flags, flags);
      descriptor.fdFlags = flags;
      if (opened !== undefined) now(descriptor.files.client.clunk(opened));
    },

    fd_fdstat_set_rights: (fd: number, base: bigint, inheriting: bigint): void => {
      const descriptor = this.#descriptors.get(fd);
      // They can be given up, not won.
      const wins = (base & ~descriptor.rights) !== 0n || (inheriting & ~descriptor.inheriting) !== 0n;
      if (wins) throw new PathEscape('rights that the descriptor does not have');
      descriptor.rights = base;
      descriptor.inheriting = inheriting;
    },

    fd_filestat_get: (fd: number, result: number): void => {
      const { files, fid, opened } = this.#descriptors.get(fd);
      this.#putFilestat(result, now(files.attributes(opened ?? fid)));
    },

    fd_filestat_set_size: (fd: number, size: bigint): void => {
      const { descriptor, fid } = this.#descriptors.file(fd);
      now(descriptor.files.change(fid, { size: safeNumber(size) }));
    },

    fd_filestat_set_times: (fd: number, atime: bigint, mtime: bigint, flags: number): void => {
      const { files, fid, opened } = this.#descriptors.get(fd);
      now(files.change(opened ?? fid, timesOf(atime, mtime, flags)));
    },

    fd_pread: (fd: number, vectors: number, count: number, offset: bigint, result: number): void => {
      this.#ram.setU32(result, this.#read(fd, vectors, count, offset));
    },

    fd_prestat_get: (fd: number, result: number): void => {
      const { preopen } = this.#descriptors.get(fd);
      if (preopen === undefined) throw new Errno('EBADF');
      const view = this.#ram.view(result, 8);
      view.setUint32(0, 0, true); // preopentype: dir
      view.setUint32(4, preopen.length, true);
    },

    fd_prestat_dir_name: (fd: number, address: number, length: number): void => {
      const { preopen } = this.#descriptors.get(fd);
      if (preopen === undefined) throw new Errno('EBADF');
      if (length < preopen.length) throw new Errno('ENAMETOOLONG');
      this.#ram.bytes(address, preopen.length).set(preopen);
    },

    fd_pwrite: (fd: number, vectors: number, count: number, offset: bigint, result: number): void => {
      this.#ram.setU32(result, this.#write(fd, vectors, count, offset));
    },

    fd_read: (fd: number, vectors: number, count: number, result: number): void => {
      const { descriptor } = this.#descriptors.file(fd);
      const length = this.#read(fd, vectors, count, descriptor.offset);
      descriptor.offset += BigInt(length);
      this.#ram.setU32(result, length);
    },

    fd_readdir: (fd: number, address: number, length: number, cookie: bigint, result: number): void => {
      const descriptor = this.#descriptors.folder(fd);
      descriptor.opened ??= this.#open(descriptor, openFlags.readOnly | openFlags.directory);
      const into = this.#ram.bytes(address, length);
      let used = 0;
      let next = cookie;
      while (used < length) {
        const entries = now(descriptor.files.entries(descriptor.opened, next));
        if (entries.length === 0) break;
        for (const entry of entries) {
          if (used === length) break;
          const dirent = new Uint8Array(direntLength + entry.name.length);
          const view = new DataView(dirent.buffer);
          view.setBigUint64(0, entry.cookie, true);
          view.setBigUint64(8, entry.ino, true);
          view.setUint32(16, entry.name.length, true);
          view.setUint8(20, wasiFileType[entry.type] ?? unknownFileType);
          dirent.set(entry.name, direntLength);
          // An entry that is cut tells that there are more.
          const room = Math.min(dirent.length, length - used);
          into.set(dirent.subarray(0, room), used);
          used += room;
          next = entry.cookie;
        }
      }
      this.#ram.setU32(result, used);
    },

    fd_renumber: (from: number, to: number): void => {
      this.#descriptors.get(from);
      this.#descriptors.get(to);
      if (from !== to) this.#close(this.#descriptors.renumber(from, to));
    },

    fd_seek: (fd: number, offset: bigint, whence: number, result: number): void => {
      const { descriptor, fid } = this.#descriptors.file(fd);
      const { seek } = this.#dialect;
      let base: bigint;
      if (whence === seek.set) base = 0n;
      else if (whence === seek.current) base = descriptor.offset;
      else if (whence === seek.end) base = BigInt(now(descriptor.files.attributes(fid)).size);
      else throw new Errno('EINVAL');
      if (base + offset < 0n) throw new Errno('EINVAL');
      descriptor.offset = base + offset;
      this.#ram.setU64(result, descriptor.offset);
    },

    fd_sync: (fd: number): void => this.#sync(fd, false),

    fd_tell: (fd: number, result: number): void => {
      this.#ram.setU64(result, this.#descriptors.file(fd).descriptor.offset);
    },

    fd_write: (fd: number, vectors: number, count: number, result: number): void => {
      const { descriptor, fid } = this.#descriptors.file(fd);
      const length = this.#write(fd, vectors, count, descriptor.offset);
      const appends = (descriptor.fdFlags & fdFlags.append) !== 0;
      descriptor.offset = appends
        ? BigInt(now(descriptor.files.attributes(fid)).size)
        : descriptor.offset + BigInt(length);
      this.#ram.setU32(result, length);
    },

    path_create_directory: (fd: number, address: number, length: number): void => {
      const { files, path } = this.#path(fd, address, length);
      now(files.mkdir(path, 0o777));
    },

    path_filestat_get: (fd: number, lookup: number, address: number, length: number, result: number): void => {
      const { files, path } = this.#path(fd, address, length);
      this.#putFilestat(result, now(files.at(path, follows(lookup), (fid) => files.attributes(fid))));
    },

    path_filestat_set_times: (
      ...[fd, lookup, address, length, atime, mtime, flags]: [number, number, number, number, bigint, bigint, number]
    ): void => {
      const { files, path } = this.#path(fd, address, length);
      const changes = timesOf(atime, mtime, flags);
      now(files.at(path, follows(lookup), (fid) => files.change(fid, changes)));
    },

    path_link: (
      ...[oldFd, lookup, oldAddress, oldLength, newFd, newAddress, newLength]: [
        ...[number, number, number, number],
        ...[number, number, number],
      ]
    ): void => {
      const { files, path } = this.#path(oldFd, oldAddress, oldLength);
      const to = this.#path(newFd, newAddress, newLength);
      if (files !== to.files) throw new Errno('EXDEV');
      now(files.link(path, to.path, follows(lookup)));
    },

    path_open: (
      ...[fd, lookup, address, length, oflags, base, inheriting, fdflags, result]: [
        ...[number, number, number, number],
        ...[number, bigint, bigint, number, number],
      ]
    ): void => {
      const { files, path, descriptor: folder } = this.#path(fd, address, length);
      const isFolderWanted = (oflags & openWords.directory) !== 0;
      const flags = withFdFlags(flagsOf(oflags, base, lookup), fdflags);
      const made = now(openBoth(files, path, flags, isFolderWanted));
      const number = this.#descriptors.add({
        files,
        ...made,
        confined: true,
        preopen: undefined,
        flags: flags & ~onceFlags,
        fdFlags: fdflags,
        rights: base & folder.inheriting,
        inheriting: inheriting & folder.inheriting,
        offset: 0n,
      });
      this.#ram.setU32(result, number);
    },

    path_readlink: (
      ...[fd, address, length, into, room, result]: [number, number, number, number, number, number]
    ): void => {
      const { files, path } = this.#path(fd, address, length);
      const target = now(files.at(path, false, (fid) => files.readlink(fid)));
      const part = target.subarray(0, room);
      this.#ram.bytes(into, part.length).set(part);
      this.#ram.setU32(result, part.length);
    },

    path_remove_directory: (fd: number, address: number, length: number): void => {
      const { files, path } = this.#path(fd, address, length);
      now(files.unlink(path, true));
    },

    path_rename: (
      ...[oldFd, oldAddress, oldLength, newFd, newAddress, newLength]: [
        ...[number, number, number],
        ...[number, number, number],
      ]
    ): void => {
      const { files, path } = this.#path(oldFd, oldAddress, oldLength);
      const to = this.#path(newFd, newAddress, newLength);
      if (files !== to.files) throw new Errno('EXDEV');
      now(files.rename(path, to.path));
    },

    path_symlink: (
      ...[targetAddress, targetLength, fd, address, length]: [number, number, number, number, number]
    ): void => {
      const target = this.#ram.bytes(targetAddress, targetLength).slice();
      if (splitPath(target).isAbsolute) throw new PathEscape('a link to an absolute path');
      const { files, path } = this.#path(fd, address, length);
      now(files.symlink(path, target));
    },

    path_unlink_file: (fd: number, address: number, length: number): void => {
      const { files, path } = this.#path(fd, address, length);
      now(files.unlink(path, false));
    },
  };

  /** A path of the program, below the folder of a descriptor. */
  #path(fd: number, address: number, length: number): { files: Files; path: Path; descriptor: Descriptor } {
    const descriptor = this.#descriptors.folder(fd);
    const names = splitPath(this.#ram.bytes(address, length).slice());
    if (length === 0) throw new Errno('ENOENT');
    if (names.isAbsolute) throw new PathEscape('an absolute path');
    return {
      files: descriptor.files,
      path: { ...names, from: descriptor.fid, confined: descriptor.confined },
      descriptor,
    };
  }

  #open({ files, fid }: Descriptor, flags: number): number {
    return now(openClone(files, fid, flags));
  }

  #close({ files, fid, opened }: Descriptor): void {
    files.client.drop(fid);
    // Tells of data that could not be stored.
    if (opened !== undefined) now(files.client.clunk(opened));
  }

  #sync(fd: number, dataOnly: boolean): void {
    const descriptor = this.#descriptors.get(fd);
    descriptor.opened ??= this.#open(descriptor, openFlags.readOnly | openFlags.directory);
    now(descriptor.files.sync(descriptor.opened, dataOnly));
  }

  #read(fd: number, vectors: number, count: number, offset: bigint): number {
    const { descriptor, fid } = this.#descriptors.file(fd);
    const start = safeNumber(offset);
    let done = 0;
    for (const into of this.#ram.pieces(vectors, count)) {
      const length = now(descriptor.files.read(fid, start + done, into));
      done += length;
      if (length < into.length) break;
    }
    return done;
  }

  #write(fd: number, vectors: number, count: number, offset: bigint): number {
    const { descriptor, fid } = this.#descriptors.file(fd);
    const pieces = this.#ram.pieces(vectors, count);
    const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    // In one call: an append must not come apart.
    now(descriptor.files.write(fid, safeNumber(offset), all));
    return all.length;
  }

  #putFilestat(address: number, { qid, mode, nlink, size, atime, mtime, ctime }: FileAttributes): void {
    const wide = this.#dialect.wideLinkCount;
    const view = this.#ram.view(address, wide ? 64 : 56);
    view.setBigUint64(0, 0n, true);
    view.setBigUint64(8, qid.path, true);
    view.setBigUint64(16, 0n, true);
    view.setUint8(16, filetype(mode));
    if (wide) view.setBigUint64(24, BigInt(nlink), true);
    else view.setUint32(20, nlink, true);
    const at = wide ? 32 : 24;
    view.setBigUint64(at, BigInt(size), true);
    for (const [index, time] of [atime, mtime, ctime].entries()) {
      view.setBigUint64(at + 8 + index * 8, BigInt.asUintN(64, time), true);
    }
  }
}

/** Flags that act once, when a file is opened. */
const onceFlags = openFlags.create | openFlags.exclusive | openFlags.truncate;
const writingRights = rights.write | rights.datasync | rights.allocate | rights.setSize;

/** Linux's open flags from `oflags`, `rights` and `lookupflags`. */
function flagsOf(oflags: number, base: bigint, lookup: number): number {
  const reads = (base & (rights.read | rights.readdir)) !== 0n;
  const writes = (base & writingRights) !== 0n && (oflags & openWords.directory) === 0;
  return (
    (writes ? (reads ? openFlags.readWrite : openFlags.writeOnly) : openFlags.readOnly) |
    ((oflags & openWords.create) === 0 ? 0 : openFlags.create) |
    ((oflags & openWords.exclusive) === 0 ? 0 : openFlags.exclusive) |
    ((oflags & openWords.truncate) === 0 ? 0 : openFlags.truncate) |
    (follows(lookup) ? 0 : openFlags.nofollow)
  );
}

function withFdFlags(flags: number, fdflags: number): number {
  const kept = flags & ~(openFlags.append | openFlags.dsync | openFlags.sync);
  return (
    kept |
    ((fdflags & fdFlags.append) === 0 ? 0 : openFlags.append) |
    ((fdflags & fdFlags.dsync) === 0 ? 0 : openFlags.dsync) |
    ((fdflags & (fdFlags.sync | fdFlags.rsync)) === 0 ? 0 : openFlags.sync)
  );
}

function follows(lookup: number): boolean {
  return (lookup & symlinkFollow) !== 0;
}

/** A fid of what the path leads to, and one of the same that is open; of a folder only the first. */
function* openBoth(
  files: Files,
  path: Path,
  flags: number,
  isFolderWanted: boolean,
): Coroutine<Pick<Descriptor, 'fid' | 'opened' | 'isFolder'>> {
  const creates = (flags & openFlags.create) !== 0;
  if (isFolderWanted && creates) throw new Errno('EINVAL');
  if (creates) {
    const opened = yield* files.open(path, flags, 0o666);
    try {
      return { opened, isFolder: false, fid: yield* files.client.child(opened) };
    } catch (error) {
      files.client.drop(opened);
      throw error;
    }
  }
  const { fid } = yield* reach(files.client, path, (flags & openFlags.nofollow) === 0);
  try {
    const { mode } = yield* files.attributes(fid);
    const isFolder = filetype(mode) === folderFileType;
    if (isFolderWanted && !isFolder) throw new Errno('ENOTDIR');
    if (isFolder && (flags & openFlags.truncate) !== 0) throw new Errno('EISDIR');
    return { fid, isFolder, opened: isFolder ? undefined : yield* openClone(files, fid, flags) };
  } catch (error) {
    files.client.drop(fid);
    throw error;
  }
}

function* openClone(files: Files, fid: number, flags: number): Coroutine<number> {
  const opened = yield* files.client.child(fid);
  try {
    yield* files.client.call('Tlopen', { fid: opened, flags });
    return opened;
  } catch (error) {
    files.client.drop(opened);
    throw error;
  }
}

function timesOf(atime: bigint, mtime: bigint, flags: number): { atime?: bigint | 'now'; mtime?: bigint | 'now' } {
  const both = (set: number, present: number): boolean => (flags & set) !== 0 && (flags & present) !== 0;
  if (both(timeFlags.atime, timeFlags.atimeNow) || both(timeFlags.mtime, timeFlags.mtimeNow)) throw new Errno('EINVAL');
  return {
    ...((flags & timeFlags.atime) !== 0 && { atime }),
    ...((flags & timeFlags.atimeNow) !== 0 && { atime: 'now' as const }),
    ...((flags & timeFlags.mtime) !== 0 && { mtime }),
    ...((flags & timeFlags.mtimeNow) !== 0 && { mtime: 'now' as const }),
  };
}

/** EFBIG for offsets that no file reaches. Parameters of 64 bits arrive signed. */
function safeNumber(value: bigint): number {
  if (value < 0n) throw new Errno('EINVAL');
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Errno('EFBIG');
  return Number(value);
}
