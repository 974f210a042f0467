// The `path_` functions of WASI: names below the folders that a program has descriptors of.
import type { Files } from '../../devices/9p/client-files.ts';
import { splitPath } from '../../devices/9p/client-path.ts';
import { PathEscape, type Path } from '../../devices/9p/client-walk.ts';
import { Errno } from '../../devices/9p/errno.ts';
import { openWords, symlinkFollow, type Dialect, type ProgramMemory } from './abi.ts';
import { atOnce } from './blocking-transport.ts';
import type { Descriptor, Descriptors } from './descriptors.ts';
import { putFilestat, timesOf } from './filestat.ts';
import { flagsOf, onceFlags, openPath, withFdFlags } from './opening.ts';

export class PathCalls {
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
    path_create_directory: (fd: number, address: number, length: number): void => {
      const { files, path } = this.#path(fd, address, length);
      atOnce(files.mkdir(path, 0o777));
    },

    path_filestat_get: (fd: number, lookup: number, address: number, length: number, result: number): void => {
      const { files, path } = this.#path(fd, address, length);
      const attributes = atOnce(files.at(path, follows(lookup), (fid) => files.attributes(fid)));
      putFilestat(this.#ram(), result, this.#dialect, attributes);
    },

    path_filestat_set_times: (
      ...[fd, lookup, address, length, atime, mtime, flags]: [number, number, number, number, bigint, bigint, number]
    ): void => {
      const { files, path } = this.#path(fd, address, length);
      const changes = timesOf(atime, mtime, flags);
      atOnce(files.at(path, follows(lookup), (fid) => files.change(fid, changes)));
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
      atOnce(files.link(path, to.path, follows(lookup)));
    },

    path_open: (
      ...[fd, lookup, address, length, oflags, base, inheriting, fdflags, result]: [
        ...[number, number, number, number],
        ...[number, bigint, bigint, number, number],
      ]
    ): void => {
      const { files, path, descriptor: folder } = this.#path(fd, address, length);
      const isFolderWanted = (oflags & openWords.directory) !== 0;
      const flags = withFdFlags(flagsOf(oflags, base, follows(lookup)), fdflags);
      const made = atOnce(openPath(files, path, flags, isFolderWanted));
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
      this.#ram().setU32(result, number);
    },

    path_readlink: (
      ...[fd, address, length, into, room, result]: [number, number, number, number, number, number]
    ): void => {
      const { files, path } = this.#path(fd, address, length);
      const target = atOnce(files.at(path, false, (fid) => files.readlink(fid)));
      const part = target.subarray(0, room);
      this.#ram().bytes(into, part.length).set(part);
      this.#ram().setU32(result, part.length);
    },

    path_remove_directory: (fd: number, address: number, length: number): void => {
      const { files, path } = this.#path(fd, address, length);
      atOnce(files.unlink(path, true));
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
      atOnce(files.rename(path, to.path));
    },

    path_symlink: (
      ...[targetAddress, targetLength, fd, address, length]: [number, number, number, number, number]
    ): void => {
      const target = this.#ram().bytes(targetAddress, targetLength).slice();
      if (splitPath(target).isAbsolute) throw new PathEscape('a link to an absolute path');
      const { files, path } = this.#path(fd, address, length);
      atOnce(files.symlink(path, target));
    },

    path_unlink_file: (fd: number, address: number, length: number): void => {
      const { files, path } = this.#path(fd, address, length);
      atOnce(files.unlink(path, false));
    },
  };

  /** A path of the program, below the folder of a descriptor. */
  #path(fd: number, address: number, length: number): { files: Files; path: Path; descriptor: Descriptor } {
    const descriptor = this.#descriptors.folder(fd);
    const names = splitPath(this.#ram().bytes(address, length).slice());
    if (length === 0) throw new Errno('ENOENT');
    if (names.isAbsolute) throw new PathEscape('an absolute path');
    return {
      files: descriptor.files,
      path: { ...names, from: descriptor.fid, confined: descriptor.confined },
      descriptor,
    };
  }
}

function follows(lookup: number): boolean {
  return (lookup & symlinkFollow) !== 0;
}
