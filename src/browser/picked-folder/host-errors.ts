// What the browser refuses, as the guest is told it.
import { Errno } from '../../../devices/9p/errno.ts';
import type { ErrnoName } from '../../../devices/9p/errno.ts';

/** By the names of DOMExceptions. */
const errnos: Readonly<Record<string, ErrnoName>> = {
  NotFoundError: 'ENOENT',
  /** The permission was taken back, or never given. */
  NotAllowedError: 'EACCES',
  SecurityError: 'EACCES',
  /** Another program or page writes to it, or its permissions on the host forbid it. */
  NoModificationAllowedError: 'EBUSY',
  InvalidModificationError: 'ENOTEMPTY',
  QuotaExceededError: 'ENOSPC',
  /** A file where a folder was expected, or the other way round: it was replaced a moment ago. */
  TypeMismatchError: 'ESTALE',
  /** It changed since the last look at it. */
  NotReadableError: 'EIO',
  InvalidStateError: 'EIO',
  AbortError: 'EIO',
  UnknownError: 'EIO',
};

/** Whether the browser's error has one of the names. */
export function isHostError(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}

/** Throws Errno for what the browser refuses; what is no error of the browser's is thrown as it is. */
export function throwErrno(error: unknown): never {
  const code = error instanceof Error && !(error instanceof Errno) ? errnos[error.name] : undefined;
  if (code === undefined) throw error;
  throw new Errno(code, (error as Error).message);
}

export async function hostCall<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    return throwErrno(error);
  }
}
