// Errors of file operations as the API tells them.
import { Errno, type ErrnoName } from '../devices/9p/errno.ts';
import { VmError } from './errors.ts';

const sentences: Partial<Record<ErrnoName, string>> = {
  EPERM: 'operation not permitted',
  ENOENT: 'no such file or directory',
  EIO: 'the share can no longer be reached',
  ENXIO: 'no such device',
  EBADF: 'the file is not open for that',
  EAGAIN: 'too much at once',
  EACCES: 'permission denied',
  EBUSY: 'in use',
  EEXIST: 'it exists already',
  EXDEV: 'on another file system',
  ENOTDIR: 'not a directory',
  EISDIR: 'is a directory',
  EINVAL: 'invalid argument',
  EFBIG: 'too large',
  ENOSPC: 'no space left',
  EROFS: 'the share is read-only',
  EMLINK: 'too many links',
  ENAMETOOLONG: 'name too long',
  ENOTEMPTY: 'directory not empty',
  ELOOP: 'too many symbolic links',
  EOPNOTSUPP: 'the share cannot do that',
  ESTALE: 'it was replaced meanwhile',
  EDQUOT: 'quota exceeded',
};

/** What an operation on a path threw, as the API's error: `ENOENT: no such file or directory, open "/a"`. */
export function fileError(error: unknown, operation: string, path: string): unknown {
  if (!(error instanceof Errno)) return error;
  const { code } = error;
  const sentence = sentences[code] ?? error.message;
  return new VmError('file-error', `${code}: ${sentence}, ${operation} ${JSON.stringify(path)}`, {
    errno: code,
    cause: error,
  });
}
