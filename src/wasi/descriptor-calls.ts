// The `fd_` functions of WASI for descriptors from 3 on.
import { openFlags } from '../../devices/9p/backend.ts';
import { PathEscape } from '../../devices/9p/client-walk.ts';
import { Errno } from '../../devices/9p/errno.ts';
import { direntLength, fdFlags, unknownFileType, wasiFileType, type Dialect, type ProgramMemory } from './abi.ts';
import { atOnce } from './blocking-transport.ts';
import type { Descriptor, Descriptors } from './descriptors.ts';
import { filetypeOf, putFilestat, timesOf } from './filestat.ts';
import { openAgain, withFdFlags } from './opening.ts';

export class DescriptorCalls {
  readonly #descriptors: Descriptors;
  readonly #dialect: Dialect;
  readonly #ram: () => ProgramMemory;

  constructor(descriptors: Descriptors, dialect: Dialect, ram: () => ProgramMemory) {
    this.#descriptors = descriptors;
    this.#dialect = dialect;
    this.#ram = ram;
  }

  /** The calls by their names. They throw Errno, PathEscape, and RangeError for addresses that the program does not have. */
  readonly table = {
    fd_advise: (fd: number): void => void this.#descriptors.get(fd),

    fd_allocate: (fd: number, offset: bigint, length: bigint): void => {
      const { descriptor, fid } = this.#descriptors.file(fd);
      const end = safeNumber(offset + length);
      const { size } = atOnce(descriptor.files.attributes(fid));
      if (end > size) atOnce(descriptor.files.change(fid, { size: end }));
    },

    fd_close: (fd: number): void => this.#close(this.#descriptors.remove(fd)),

    fd_datasync: (fd: number): void => this.#sync(fd, true),

    fd_fdstat_get: (fd: number, result: number): void => {
      const { files, fid, fdFlags: flags, rights: base, inheriting } = this.#descriptors.get(fd);
      const view = this.#ram().view(result, 24);
      view.setUint8(0, filetypeOf(atOnce(files.attributes(fid)).mode));
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
      if (opened !== undefined) atOnce(descriptor.files.client.clunk(opened));
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
      putFilestat(this.#ram(), result, this.#dialect, atOnce(files.attributes(opened ?? fid)));
    },

    fd_filestat_set_size: (fd: number, size: bigint): void => {
      const { descriptor, fid } = this.#descriptors.file(fd);
      atOnce(descriptor.files.change(fid, { size: safeNumber(size) }));
    },

    fd_filestat_set_times: (fd: number, atime: bigint, mtime: bigint, flags: number): void => {
      const { files, fid, opened } = this.#descriptors.get(fd);
      atOnce(files.change(opened ?? fid, timesOf(atime, mtime, flags)));
    },

    fd_pread: (fd: number, vectors: number, count: number, offset: bigint, result: number): void => {
      this.#ram().setU32(result, this.#read(fd, vectors, count, offset));
    },

    fd_prestat_get: (fd: number, result: number): void => {
      const { preopen } = this.#descriptors.get(fd);
      if (preopen === undefined) throw new Errno('EBADF');
      const view = this.#ram().view(result, 8);
      view.setUint32(0, 0, true); // preopentype: dir
      view.setUint32(4, preopen.length, true);
    },

    fd_prestat_dir_name: (fd: number, address: number, length: number): void => {
      const { preopen } = this.#descriptors.get(fd);
      if (preopen === undefined) throw new Errno('EBADF');
      if (length < preopen.length) throw new Errno('ENAMETOOLONG');
      this.#ram().bytes(address, preopen.length).set(preopen);
    },

    fd_pwrite: (fd: number, vectors: number, count: number, offset: bigint, result: number): void => {
      this.#ram().setU32(result, this.#write(fd, vectors, count, offset));
    },

    fd_read: (fd: number, vectors: number, count: number, result: number): void => {
      const { descriptor } = this.#descriptors.file(fd);
      const length = this.#read(fd, vectors, count, descriptor.offset);
      descriptor.offset += BigInt(length);
      this.#ram().setU32(result, length);
    },

    fd_readdir: (fd: number, address: number, length: number, cookie: bigint, result: number): void => {
      const descriptor = this.#descriptors.folder(fd);
      descriptor.opened ??= this.#open(descriptor, openFlags.readOnly | openFlags.directory);
      const into = this.#ram().bytes(address, length);
      let used = 0;
      let next = cookie;
      while (used < length) {
        const entries = atOnce(descriptor.files.entries(descriptor.opened, next));
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
      this.#ram().setU32(result, used);
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
      else if (whence === seek.end) base = BigInt(atOnce(descriptor.files.attributes(fid)).size);
      else throw new Errno('EINVAL');
      if (base + offset < 0n) throw new Errno('EINVAL');
      descriptor.offset = base + offset;
      this.#ram().setU64(result, descriptor.offset);
    },

    fd_sync: (fd: number): void => this.#sync(fd, false),

    fd_tell: (fd: number, result: number): void => {
      this.#ram().setU64(result, this.#descriptors.file(fd).descriptor.offset);
    },

    fd_write: (fd: number, vectors: number, count: number, result: number): void => {
      const { descriptor, fid } = this.#descriptors.file(fd);
      const length = this.#write(fd, vectors, count, descriptor.offset);
      const appends = (descriptor.fdFlags & fdFlags.append) !== 0;
      descriptor.offset = appends
        ? BigInt(atOnce(descriptor.files.attributes(fid)).size)
        : descriptor.offset + BigInt(length);
      this.#ram().setU32(result, length);
    },
  };

  #open({ files, fid }: Descriptor, flags: number): number {
    return atOnce(openAgain(files, fid, flags));
  }

  #close({ files, fid, opened }: Descriptor): void {
    files.client.drop(fid);
    // Tells of data that could not be stored.
    if (opened !== undefined) atOnce(files.client.clunk(opened));
  }

  #sync(fd: number, dataOnly: boolean): void {
    const descriptor = this.#descriptors.get(fd);
    descriptor.opened ??= this.#open(descriptor, openFlags.readOnly | openFlags.directory);
    atOnce(descriptor.files.sync(descriptor.opened, dataOnly));
  }

  #read(fd: number, vectors: number, count: number, offset: bigint): number {
    const { descriptor, fid } = this.#descriptors.file(fd);
    const start = safeNumber(offset);
    let done = 0;
    for (const into of this.#ram().pieces(vectors, count)) {
      const length = atOnce(descriptor.files.read(fid, start + done, into));
      done += length;
      if (length < into.length) break;
    }
    return done;
  }

  #write(fd: number, vectors: number, count: number, offset: bigint): number {
    const { descriptor, fid } = this.#descriptors.file(fd);
    const pieces = this.#ram().pieces(vectors, count);
    const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    // In one call: an append must not come apart.
    atOnce(descriptor.files.write(fid, safeNumber(offset), all));
    return all.length;
  }
}

/** EFBIG for offsets that no file reaches. Parameters of 64 bits arrive signed. */
function safeNumber(value: bigint): number {
  if (value < 0n) throw new Errno('EINVAL');
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Errno('EFBIG');
  return Number(value);
}
