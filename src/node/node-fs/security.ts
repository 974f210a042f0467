// What the guest sees of a file's owner, mode and type, and what becomes of those that it sets: the models that a share is
// opened with, in QEMU's words.
import type { AttributeChanges, Caller } from '../../../devices/9p/backend.ts';
import type { HostStat } from './host.ts';
import type { Place } from './native.ts';
import type { Owners } from './owners.ts';
import type { Target } from './targets.ts';
import type { AccessLists } from './xattrs.ts';

/**
 * default      modes are the host's; owners and SUID, which the host must not have, are kept in extended attributes
 * mapped       owner, mode, type and device number are kept in extended attributes, as QEMU's mapped-xattr keeps them
 * passthrough  all is the host's, which may refuse it
 * none         as passthrough, but owners that the host refuses are forgotten
 */
export const securityModels = ['default', 'mapped', 'passthrough', 'none'] as const;
export type SecurityModel = (typeof securityModels)[number];

export interface Seen {
  /** With the type. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: bigint;
}

/** What a new file is to be to the guest. */
export interface Making {
  /** With the type. */
  readonly mode: number;
  readonly rdev: bigint;
  readonly caller: Caller;
}

/** Where the extended attributes of a file are reached, asked for only where they are needed. */
export type Reach = () => Place;

/** The folder in which something is made. */
export interface MakingPlace {
  readonly stat: HostStat;
  readonly reach: Reach;
}

/** All but `seen` throw Errno for what the model, or the host, refuses. */
export interface Security {
  /** Whether symbolic links and special files are regular files on the host. */
  readonly hidesTypes: boolean;
  /** Which numbers of users and groups are which. */
  readonly owners: Owners;
  readonly accessLists: AccessLists;
  /** Whether device nodes, FIFOs and sockets are made as such on the host. */
  readonly makesSpecialFiles: boolean;
  /** Counts up whenever a file may have got SUID or SGID: the next write to any file has to look. 0: none has to. */
  readonly epoch: number;
  seen(stat: HostStat, reach: Reach): Seen;
  /** Counts up whenever what is kept of a file is changed here. */
  readonly keptEpoch: number;
  /** Whether it is known of a file that nothing is kept of it, as long as its ctime and `keptEpoch` stay. */
  isPlain(stat: HostStat): boolean;
  /** As `seen`, of such a file. */
  seenPlain(stat: HostStat): Seen;
  /** The permissions with which the host is to make a file. */
  hostMode(making: Making, folder: () => MakingPlace): number;
  /** Whether `made` changes what the host's making of a file did: a process that dies in between leaves it half made. */
  makesInSteps(making: Making): boolean;
  /** Gives a file that was just made what it is to be. Where it throws, the file is to be removed. */
  made(target: Target, stat: HostStat, making: Making): void;
  /** Looks whether owner and mode may change as `changes` names them, and returns what does it. */
  changing(target: Target, stat: HostStat, changes: AttributeChanges): () => void;
  /** Takes away what a change of the content must not leave: SUID, and SGID of a program. */
  dropPrivileges(target: Target, stat: HostStat): void;
}
