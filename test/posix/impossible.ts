// Cases of the suite that a file system of the guest can not pass, with the reason. One of them that passes is a mistake here.
import type { Backend, Mode } from './machine.ts';

interface Impossible {
  /** Default: all but the yardstick. */
  readonly backends?: readonly Backend[];
  /** Default: all. */
  readonly modes?: readonly Mode[];
  readonly cases: readonly string[];
  readonly reason: string;
}

const shares = ['folder', 'mapped', 'passthrough', 'memory', 'opfs', 'indexeddb', 'picked-folder'] as const;
const onHost = ['folder', 'mapped', 'passthrough'] as const;
const uncached = ['none', 'readahead'] as const;

const table: readonly Impossible[] = [
  {
    backends: ['tmpfs'],
    cases: ['mmaps: mmap(2): nor are they seen when it becomes longer'],
    reason: 'tmpfs keeps its only copy in the page itself',
  },
  {
    cases: [
      'renames: renameat2(2): RENAME_NOREPLACE to a free name',
      'renames: renameat2(2): RENAME_EXCHANGE',
      'sparse: fallocate(2): reserves',
      'sparse: fallocate(2): FALLOC_FL_PUNCH_HOLE',
      'unlinked: open(2): O_TMPFILE makes a file without a name',
    ],
    reason: 'Linux’s 9P client does not know them, and 9P2000.L has no messages for them',
  },
  {
    cases: [
      'times: utimensat(2): to the nanosecond',
      'times: utimensat(2): UTIME_OMIT leaves one',
      'times: utimensat(2): times before 1970',
      'times: utimensat(2): times after 2106',
      'times: futimens(3): sets the times',
      "times: utimensat(2): and not its target's",
    ],
    reason: 'Linux’s 9P client cuts times that it sets to whole seconds since 1970',
  },
  {
    modes: uncached,
    cases: [
      'mmaps: mmap(2): MAP_SHARED, to read and write',
      'mmaps: mmap(2): shows the file',
      'mmaps: mmap(2): read(2) sees what is written to it',
      'mmaps: mmap(2): shows what is written by write(2)',
      'mmaps: mmap(2): two processes share it',
      "mmaps: mmap(2): and see each other's bytes",
      'mmaps: msync(2): MS_SYNC stores it',
      'mmaps: mmap(2): zeros behind the end of the file, in its last page',
      'mmaps: mmap(2): lives on when the file is closed',
      'mmaps: mmap(2): bytes behind the end do not make the file longer',
      'mmaps: mmap(2): nor are they seen when it becomes longer',
    ],
    reason: 'Linux’s 9P client shares mappings to write only where it keeps written pages',
  },
  {
    modes: ['none', 'readahead', 'mmap'],
    cases: [
      'links: link(2): who has one name open reads nothing that was cut off by the other',
      'links: link(2): nor where a read begins before that',
    ],
    reason:
      'without cache=loose Linux’s 9P client has an inode for each name, and does not ask for the size before it reads; where ' +
      'it keeps no pages, it would ask for ever for what was cut off (devices/9p/stale-ends.ts)',
  },
  {
    modes: ['readahead', 'mmap'],
    cases: ['links: link(2): who has one name open reads what was written by the other'],
    reason: 'the same: each name has its own cached pages',
  },
  {
    modes: ['readahead'],
    cases: ['append: read(2): who has the file open reads what is appended'],
    reason: 'Linux’s 9P client forgets what it has cached at the offset of the call, not where it has written',
  },
  {
    modes: ['mmap'],
    cases: ['links: link(2): and is told the new size'],
    reason: 'the same: what was written by one name is not stored when the other is asked for',
  },
  {
    backends: onHost,
    modes: ['none', 'readahead', 'mmap'],
    cases: ['setid: capabilities(7): CAP_FSETID keeps them when root writes'],
    reason: 'on the host a write takes SUID and SGID, whoever writes',
  },
  {
    backends: onHost,
    cases: ['xattrs: setxattr(2): root sets trusted ones', 'xattrs: getxattr(2): and reads them'],
    reason: 'of a host’s attributes a guest has only those of users',
  },
  {
    backends: onHost,
    cases: [
      'capabilities: setxattr(2): root gives a file capabilities',
      'capabilities: read(2): of a file with capabilities',
      'capabilities: capabilities(7): stay when the data and the owner do',
      "capabilities: write(2): takes capabilities, root's too",
      'capabilities: write(2): takes no other attributes',
      'capabilities: write(2): takes them with O_APPEND',
      'capabilities: write(2): takes them by another name',
      'capabilities: write(2): leaves what was given afterwards',
      'capabilities: fsync(2): leaves it',
      'capabilities: truncate(2): takes them',
      'capabilities: open(2): O_TRUNC takes them',
      'capabilities: chown(2): takes them',
    ],
    reason: 'the same: what lends a program rights is not kept on a host',
  },
  {
    backends: ['folder'],
    cases: [
      'symlinks: lchown(2): which the link remembers',
      'permissions: symlink(2): who makes a link owns it',
      'setid: inode(7): a link in an SGID folder has its group',
    ],
    reason: 'a link of the host has no attributes of users in which its owner could be kept',
  },
  {
    backends: ['picked-folder'],
    cases: [
      'renames: rename(2): a folder more is a link more',
      'folders: inode(7): an empty folder has two links',
      'folders: inode(7): the folder above has one more',
      'folders: inode(7): twenty folders are twenty links',
    ],
    reason:
      'the folders in one would have to be counted on the host: it says one link, which means that it does not count',
  },
  {
    backends: ['picked-folder'],
    modes: ['none', 'readahead', 'mmap'],
    cases: ['sparse: stat(2): a hole takes no blocks'],
    reason: 'a browser does not tell how many blocks a file takes, nor keeps holes',
  },
  {
    backends: ['folder'],
    cases: [
      'specials: mkfifo(3): makes a pipe',
      'specials: stat(2): which is one',
      'specials: fifo(7): passes bytes',
      'specials: mknod(2): makes a device',
      'specials: stat(2): with its numbers',
      'specials: open(2): the device',
      "specials: write(2): which is the guest's own",
      'specials: mknod(2): makes a block device with wide numbers',
      'specials: unix(7): a socket has a name',
      'specials: unix(7): by which it is reached',
    ],
    reason: 'special files are made with security=mapped only',
  },
];

/** What can not pass there. */
export function impossibleCases(backend: Backend, mode: Mode): string[] {
  const isMeant = ({ backends = shares, modes }: Impossible): boolean =>
    backends.includes(backend) && (modes === undefined || modes.includes(mode));
  return table.filter(isMeant).flatMap(({ cases }) => cases);
}
