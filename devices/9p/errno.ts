// Error numbers of Linux (asm-generic), which is what Rlerror carries whatever the host is (9P2000.L).

export const errnos = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EMLINK: 31,
  ERANGE: 34,
  EDEADLK: 35,
  ENAMETOOLONG: 36,
  ENOLCK: 37,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EPROTO: 71,
  EOVERFLOW: 75,
  EMSGSIZE: 90,
  EOPNOTSUPP: 95,
  ETIMEDOUT: 110,
  ESTALE: 116,
  EDQUOT: 122,
} as const;

export type ErrnoName = keyof typeof errnos;

/**
 * An error to be told to the guest: becomes Rlerror with Linux's number. It has no stack: a name that is not there is daily
 * business, and capturing a stack costs ten times the rest of the request (10 us).
 */
export class Errno implements Error {
  readonly name = 'Errno';
  readonly message: string;
  readonly code: ErrnoName;
  readonly number: number;

  constructor(code: ErrnoName, message?: string) {
    this.message = message ?? code;
    this.code = code;
    this.number = errnos[code];
  }

  static {
    // An Error to whoever asks with instanceof, without Error's constructor and its stack.
    Object.setPrototypeOf(Errno.prototype, Error.prototype);
  }
}
