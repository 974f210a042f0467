// Owners and modes are the host's own: a guest's root can do with them what the user who runs the machine can. SUID and SGID
// as well: these models are for guests that are trusted as that user is.
import { fileType, noId } from '../../../devices/9p/backend.ts';
import type { AttributeChanges } from '../../../devices/9p/backend.ts';
import { isErrno } from './host.ts';
import type { HostStat } from './host.ts';
import { permissions, setIds, withoutPrivileges } from './modes.ts';
import type { Owners } from './owners.ts';
import type { Making, Security, Seen } from './security.ts';
import type { Target } from './targets.ts';
import { typeOf } from './tree.ts';
import type { AccessLists } from './xattrs.ts';

/** chown(2): leave it. */
const unchanged = -1;

interface HostSecurityOptions {
  readonly owners: Owners;
  /** Of this process. */
  readonly umask: number;
  /** Whether the kernel leaves SUID and SGID to this process. */
  readonly sparesPrivileges: boolean;
  /** Whether an owner that the host refuses is an error, or forgotten. */
  readonly isStrict: boolean;
}

export class HostSecurity implements Security {
  readonly owners: Owners;
  readonly hidesTypes = false;
  readonly accessLists: AccessLists;
  readonly makesSpecialFiles: boolean;
  epoch: number;
  readonly #umask: number;
  readonly #isStrict: boolean;

  constructor({ owners, umask, sparesPrivileges, isStrict }: HostSecurityOptions) {
    this.owners = owners;
    this.#umask = umask;
    this.#isStrict = isStrict;
    this.accessLists = isStrict ? 'host' : 'none';
    this.makesSpecialFiles = isStrict;
    this.epoch = sparesPrivileges ? 1 : 0;
  }

  seen(stat: HostStat): Seen {
    return {
      mode: Number(stat.mode),
      uid: this.owners.uidOf(stat),
      gid: this.owners.gidOf(stat),
      rdev: stat.rdev,
    };
  }

  get keptEpoch(): number {
    return 0;
  }

  isPlain(): boolean {
    // That would save nothing.
    return false;
  }

  seenPlain(stat: HostStat): Seen {
    return this.seen(stat);
  }

  hostMode({ mode }: Making): number {
    // A program must not have them while it is still this process's user's.
    return mode & permissions & ~setIds;
  }

  makesInSteps(making: Making): boolean {
    return this.owners.makesInSteps(making, this.#umask);
  }

  made(target: Target, stat: HostStat, { mode, caller }: Making): void {
    this.#setOwner(target, stat, caller);
    if (typeOf(stat) === fileType.link) return;
    // SGID of a folder that has come from the one above stays; a change of the owner has taken away the others.
    const inherited = typeOf(stat) === fileType.folder ? Number(stat.mode) & setIds : 0;
    const wanted = (mode & permissions) | inherited;
    if ((Number(target.stat().mode) & permissions) !== wanted) target.chmod(wanted);
  }

  changing(target: Target, stat: HostStat, { mode, uid = noId, gid = noId }: AttributeChanges): () => void {
    return () => {
      this.#setOwner(target, stat, { uid, gid });
      if (mode === undefined) return;
      if (this.epoch > 0 && (mode & setIds) !== 0) this.epoch++;
      target.chmod(mode & permissions);
    };
  }

  dropPrivileges(target: Target, stat: HostStat): void {
    const mode = Number(stat.mode) & permissions;
    const left = withoutPrivileges(mode);
    if (left !== mode) target.chmod(left);
  }

  #setOwner(target: Target, stat: HostStat, { uid, gid }: { readonly uid: number; readonly gid: number }): void {
    try {
      const hostUid = uid === noId ? unchanged : this.owners.uids.toHost(uid);
      const hostGid = gid === noId ? unchanged : this.owners.gids.toHost(gid);
      if (hostUid === unchanged && hostGid === unchanged) return;
      const isSame =
        (hostUid === unchanged || BigInt(hostUid) === stat.uid) &&
        (hostGid === unchanged || BigInt(hostGid) === stat.gid);
      // chown(2) takes SUID also where the owner stays.
      if (!isSame || (Number(stat.mode) & setIds) !== 0) target.chown(hostUid, hostGid);
    } catch (error) {
      if (this.#isStrict || !isErrno(error, 'EPERM', 'EINVAL')) throw error;
    }
  }
}
