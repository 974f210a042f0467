// What the guest sees of a file's attributes, and what it may change of them.
import { fileType } from '../../../devices/9p/backend.ts';
import type { AttributeChanges, Attributes } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { InodeNumbers } from './inode-numbers.ts';
import { host, isErrno } from './host.ts';
import type { HostStat } from './host.ts';
import type { Native } from './native.ts';
import type { Owners } from './owners.ts';
import type { Target } from './targets.ts';
import { setTimes } from './times.ts';
import type { TimeAbilities } from './times.ts';
import { typeOf } from './tree.ts';

const setUserId = 0o4000;
export const setGroupId = 0o2000;
const permissions = 0o7777;
const groupExecute = 0o010;

export function attributesOf(stat: HostStat, numbers: InodeNumbers, owners: Owners): Attributes {
  return {
    ino: numbers.numberOf(stat),
    mode: Number(stat.mode),
    nlink: Number(stat.nlink),
    uid: owners.uidOf(stat),
    gid: owners.gidOf(stat),
    rdev: stat.rdev,
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

/**
 * Refuses bits that would lend the owner's rights to whoever runs the file on the host. The ones that `present` has may
 * stay. Throws EPERM.
 */
export function checkMode(mode: number, present: number): void {
  if ((mode & (setUserId | setGroupId) & ~present) !== 0) throw new Errno('EPERM', 'SUID and SGID bits are not set');
}

/** Sets permissions where a umask or the parent's bits have left others. */
export function completeMode(target: Target, stat: HostStat, mode: number): void {
  const inherited = typeOf(stat) === fileType.folder ? Number(stat.mode) & setGroupId : 0;
  const wanted = mode | inherited;
  if ((Number(stat.mode) & permissions) === wanted) return;
  try {
    target.chmod(wanted);
  } catch (error) {
    // A file system without permissions has given what it has.
    if (!isErrno(error, 'EPERM', 'EOPNOTSUPP')) throw error;
  }
}

/**
 * Takes away what a change of the content must not leave: SUID, and SGID of a program. The kernel does it for every user
 * but root.
 */
export function dropPrivileges(target: Target, stat: HostStat): void {
  const mode = Number(stat.mode) & permissions;
  const dropped = setUserId | ((mode & groupExecute) === 0 ? 0 : setGroupId);
  if ((mode & dropped) !== 0) target.chmod(mode & ~dropped);
}

export function runsAsRoot(): boolean {
  return process.geteuid?.() === 0;
}

interface Rules {
  readonly owners: Owners;
  readonly times: TimeAbilities;
}

/** Makes all changes, or none where one of them is refused here. Throws Errno. */
export function change(target: Target, changes: AttributeChanges, { owners, times }: Rules): void {
  const { mode, size } = changes;
  const stat = target.stat();
  const present = Number(stat.mode) & permissions;
  owners.check(changes, stat);
  if (mode !== undefined) checkMode(mode, present);
  if (size !== undefined) {
    const type = typeOf(stat);
    if (type !== fileType.file) throw new Errno(type === fileType.folder ? 'EISDIR' : 'EINVAL');
    target.truncate(size);
    if (runsAsRoot()) dropPrivileges(target, stat);
  }
  if (mode !== undefined) target.chmod(mode & permissions);
  setTimes(target, changes, times);
  // Setting what is set makes it a change all the same, and so the ctime.
  if (Object.keys(changes).length === 0 && typeOf(stat) !== fileType.link) target.chmod(present);
}
