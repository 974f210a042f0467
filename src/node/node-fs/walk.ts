// How the files of a share are reached, and nothing else is. Two ways: through descriptors, which no change on the host can
// lead astray (descriptor-walk.ts), and, where the host has no /proc, by paths that are checked again and again
// (portable-walk.ts).
import { Errno } from '../../../devices/9p/errno.ts';
import type { Bytes } from '../../../devices/ports.ts';
import { nameFromBytes } from './host.ts';
import type { HostName, HostPath, HostStat } from './host.ts';
import type { NameList } from './name-lists.ts';
import type { NamePlace } from './native.ts';
import type { Target } from './targets.ts';
import type { Entry } from './tree.ts';

/**
 * A name that the guest gave, as one component of a path. The server has looked at it too; this is the last place before
 * the host's system calls. Throws EINVAL.
 */
export function componentOf(name: Bytes): HostName {
  // Decoded once, then looked at: the bytes may be the guest's to change.
  const component = nameFromBytes(name);
  if (component === '' || component === '.' || component === '..' || /[/\0]/.test(component))
    throw new Errno('EINVAL', 'not one component of a path');
  return component;
}

/** All throw Errno; ESTALE where an entry's name does not lead to its file any more. */
export interface Walk {
  /**
   * The path of a name in a folder, for the system calls that come next: another use of the walk may close the descriptor
   * that it goes through.
   */
  child(folder: Entry, name: HostName): HostPath;
  /** As `child`, for native calls: only where they are used. */
  place(folder: Entry, name: HostName): NamePlace;
  /** The descriptor of a folder, for the native calls that come next. */
  descriptor(folder: Entry): number;
  /** The paths of two names in two folders, both for the system calls that come next. */
  children(folder: Entry, name: HostName, otherFolder: Entry, otherName: HostName): readonly [HostPath, HostPath];
  /** The attributes of a name in a folder, never through a link; undefined where there is nothing of that name. */
  stat(folder: Entry, name: HostName): HostStat | undefined;
  /** An entry's name was just seen, by `stat`, to lead to its file. */
  found(entry: Entry): void;
  /** The names in a folder that is open as `fd`: the one that was opened, whatever became of its name. */
  list(folder: Entry, fd: number): NameList;
  /** As `stat`, of a name in a folder that is open as `fd`. */
  statListed(folder: Entry, fd: number, name: HostName): HostStat | undefined;
  /** Removes a name, of an empty folder if `isFolder`. */
  remove(folder: Entry, name: HostName, isFolder: boolean): void;
  /** The path of a folder, for the system calls that come next. */
  folder(folder: Entry): HostPath;
  /** Hands over the file of an entry, whatever its type and whether or not it still has a name. */
  withTarget<T>(entry: Entry, action: (target: Target) => T): T;
  /** Opens the file of an entry, which is a file or a folder; `flags` are the host's. */
  open(entry: Entry, flags: number): number;
  /** Opens once more what is open as `fd`, whatever became of its name. */
  openAgain(fd: number, flags: number): number;
  /** Keeps the file of an entry in reach while it has no name, as far as descriptors suffice. */
  pin(entry: Entry): void;
  unpin(entry: Entry): void;
  /** Releases what is held for an entry that nobody refers to. */
  freed(entry: Entry): void;
  /** Whether an open file could be opened again as it is now. */
  canReopen(entry: Entry, fd: number, access: number): boolean;
  close(): void;
}
