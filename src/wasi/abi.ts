// WASI preview 1 (wasi_snapshot_preview1) and its predecessor wasi_unstable: the numbers and layouts that programs are
// compiled against. Names are those of the specification's witx files.
import type { ErrnoName } from '../../devices/9p/errno.ts';

/** `errno` by Linux's names, as far as shares have them. */
export const wasiErrno: Readonly<Record<ErrnoName, number>> & {
  readonly ENOTCAPABLE: number;
} = {
  E2BIG: 1,
  EACCES: 2,
  EAGAIN: 6,
  EBADF: 8,
  EBUSY: 10,
  EDEADLK: 16,
  EDQUOT: 19,
  EEXIST: 20,
  EFBIG: 22,
  EINTR: 27,
  EINVAL: 28,
  EIO: 29,
  EISDIR: 31,
  ELOOP: 32,
  EMFILE: 33,
  EMLINK: 34,
  EMSGSIZE: 35,
  ENAMETOOLONG: 37,
  ENFILE: 41,
  ENODEV: 43,
  ENOENT: 44,
  ENOLCK: 46,
  ENOMEM: 48,
  ENOSPC: 51,
  ENOSYS: 52,
  ENOTDIR: 54,
  ENOTEMPTY: 55,
  EOPNOTSUPP: 58,
  ENXIO: 60,
  EOVERFLOW: 61,
  EPERM: 63,
  EPROTO: 65,
  ERANGE: 68,
  EROFS: 69,
  ESPIPE: 70,
  ESTALE: 72,
  ETIMEDOUT: 73,
  ETXTBSY: 74,
  EXDEV: 75,
  // There is none of its own: "no message" comes nearest.
  ENODATA: 49,
  ENOTCAPABLE: 76,
};

/** `errno` for an address that the program does not have. */
export const fault = 21;

/** `filetype` by the type bits of st_mode, shifted right by 12: Linux's DT_ numbers. */
export const wasiFileType: Readonly<Record<number, number>> = { 2: 2, 4: 3, 6: 1, 8: 4, 10: 7, 12: 6 };
export const unknownFileType = 0;
export const folderFileType = 3;

/** `fdflags`. */
export const fdFlags = { append: 1, dsync: 2, nonblock: 4, rsync: 8, sync: 16 } as const;
/** `oflags`. */
export const openWords = { create: 1, directory: 2, exclusive: 4, truncate: 8 } as const;
/** `lookupflags`. */
export const symlinkFollow = 1;
/** `fstflags`. */
export const timeFlags = { atime: 1, atimeNow: 2, mtime: 4, mtimeNow: 8 } as const;

/** `rights`: those that decide in which way a file is opened. */
export const rights = {
  datasync: 1n << 0n,
  read: 1n << 1n,
  write: 1n << 6n,
  allocate: 1n << 8n,
  readdir: 1n << 14n,
  setSize: 1n << 22n,
  all: (1n << 30n) - 1n,
} as const;

/** What differs between the two versions. */
export interface Dialect {
  /** `whence` of fd_seek. */
  readonly seek: { readonly set: number; readonly current: number; readonly end: number };
  /** `filestat`: whether nlink has 64 bits. */
  readonly wideLinkCount: boolean;
}

export const dialects: Readonly<Record<string, Dialect>> = {
  wasi_snapshot_preview1: { seek: { set: 0, current: 1, end: 2 }, wideLinkCount: true },
  wasi_unstable: { seek: { current: 0, end: 1, set: 2 }, wideLinkCount: false },
};

/** Bytes of a `dirent` without its name. */
export const direntLength = 24;

/** A program's memory while one of its calls is served. It may grow between calls. */
export class ProgramMemory {
  readonly #bytes: () => Uint8Array;

  constructor(memory: { readonly buffer: ArrayBufferLike }) {
    this.#bytes = () => new Uint8Array(memory.buffer);
  }

  /** Throws RangeError for what reaches beyond the memory. */
  bytes(address: number, length: number): Uint8Array {
    const all = this.#bytes();
    const start = address >>> 0;
    if (start + length > all.length) throw new RangeError(`${length} bytes at ${start} of a memory of ${all.length}`);
    return all.subarray(start, start + length);
  }

  view(address: number, length: number): DataView {
    const { buffer, byteOffset } = this.bytes(address, length);
    return new DataView(buffer, byteOffset, length);
  }

  setU32(address: number, value: number): void {
    this.view(address, 4).setUint32(0, value, true);
  }

  setU64(address: number, value: bigint): void {
    this.view(address, 8).setBigUint64(0, value, true);
  }

  /** The pieces of an array of `iovec`. */
  pieces(address: number, count: number): Uint8Array[] {
    const vectors = this.view(address, count * 8);
    return Array.from({ length: count }, (_, index) =>
      this.bytes(vectors.getUint32(index * 8, true), vectors.getUint32(index * 8 + 4, true)),
    );
  }
}
