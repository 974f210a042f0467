// What the guest sees of a file's attributes, and what it may change of them.
import { fileType } from '../../../devices/9p/backend.ts';
import type { AttributeChanges, Attributes } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { InodeNumbers } from './inode-numbers.ts';
import { host } from './host.ts';
import type { HostStat } from './host.ts';
import { placeOf } from './kept-attributes.ts';
import { permissions } from './modes.ts';
import type { Native } from './native.ts';
import type { Security, Seen } from './security.ts';
import type { Target } from './targets.ts';
import { setTimes } from './times.ts';
import type { TimeAbilities } from './times.ts';
import { typeOf } from './tree.ts';

export function attributesOf(stat: HostStat, { mode, uid, gid, rdev }: Seen, numbers: InodeNumbers): Attributes {
  return {
    ino: numbers.numberOf(stat),
    mode,
    nlink: Number(stat.nlink),
    uid,
    gid,
    rdev,
    size: Number(stat.size),
    blockSize: Number(stat.blksize),
    blocks: Number(stat.blocks),
    atime: stat.atimeNs,
    mtime: stat.mtimeNs,
    ctime: stat.ctimeNs,
  };
}

/** The attributes of an open file, by the native call where there is one. */
export function statOpened(fd: number, native: Native | undefined): HostStat {
  return native === undefined ? host.fstat(fd) : native.stat(fd);
}

interface Rules {
  readonly security: Security;
  readonly times: TimeAbilities;
}

/** Makes all changes, or none where one of them is refused here. Throws Errno. */
export function change(target: Target, changes: AttributeChanges, { security, times }: Rules): void {
  const { mode, uid, gid, size } = changes;
  const stat = target.stat();
  const isAsked = mode !== undefined || uid !== undefined || gid !== undefined;
  const changeOwnerAndMode = isAsked ? security.changing(target, stat, changes) : undefined;
  if (size !== undefined) {
    const type = security.hidesTypes ? security.seen(stat, () => placeOf(target)).mode & fileType.mask : typeOf(stat);
    if (type !== fileType.file) throw new Errno(type === fileType.folder ? 'EISDIR' : 'EINVAL');
    target.truncate(size);
    if (security.epoch > 0 && mode === undefined) security.dropPrivileges(target, target.stat());
  }
  changeOwnerAndMode?.();
  setTimes(target, changes, times);
  // Setting what is set makes it a change all the same, and so the ctime.
  if (Object.keys(changes).length === 0 && typeOf(stat) !== fileType.link)
    target.chmod(Number(stat.mode) & permissions);
}
