// Modes are real, and so are symbolic links; the user who runs the machine owns every file, and is root in the guest. An
// owner besides that one is kept in extended attributes, and so are SUID and SGID, which would lend the host user's rights to
// whoever runs the file on the host. Where there are no such attributes, other owners and those bits are refused; what a
// guest's other users create belongs to root there.
//
// A symbolic link can have no attributes of users. It takes any owner without an error, so that `tar x` and `rsync -a` get
// through, and goes on as the host user's: nobody asks for a link's permissions.
import { fileType, noId } from '../../../devices/9p/backend.ts';
import type { AttributeChanges } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { isErrno } from './host.ts';
import type { HostStat } from './host.ts';
import { placeOf } from './kept-attributes.ts';
import type { Kept, KeptAttributes } from './kept-attributes.ts';
import { permissions, setGroupId, setIds, withoutOwnersPrivileges, withoutPrivileges } from './modes.ts';
import type { Owners } from './owners.ts';
import type { Making, MakingPlace, Reach, Security, Seen } from './security.ts';
import type { Target } from './targets.ts';
import { typeOf } from './tree.ts';

const ownerMayRead = 0o400;
/** What a kept mode decides. What is kept is read with the owner's permission to read, so the host always has that. */
const keptBits = setIds | ownerMayRead;
const nothing: Kept = {};

interface DefaultSecurityOptions {
  readonly owners: Owners;
  /** Of this process. */
  readonly umask: number;
  /** Undefined where there are no extended attributes. */
  readonly kept: KeptAttributes | undefined;
  /** Whether the kernel leaves SUID and SGID to this process. */
  readonly sparesPrivileges: boolean;
  readonly log: (line: string) => void;
}

type Wanted = Omit<Seen, 'rdev'>;

/** The mode that the guest sees. A kept one counts until the host has set another. */
function guestMode(host: number, kept: number | undefined): number {
  if (kept === undefined || ((host ^ kept) & permissions & ~keptBits) !== 0) return host;
  return (host & ~ownerMayRead) | (kept & keptBits);
}

export class DefaultSecurity implements Security {
  readonly owners: Owners;
  readonly hidesTypes = false;
  readonly accessLists = 'kept';
  readonly makesSpecialFiles = false;
  epoch: number;
  readonly #umask: number;
  readonly #kept: KeptAttributes | undefined;
  readonly #log: (line: string) => void;

  constructor({ owners, umask, kept, sparesPrivileges, log }: DefaultSecurityOptions) {
    this.owners = owners;
    this.#umask = umask;
    this.#kept = kept;
    this.#log = log;
    this.epoch = sparesPrivileges || kept !== undefined ? 1 : 0;
  }

  seen(stat: HostStat, reach: Reach): Seen {
    return this.#seen(stat, this.#kept?.of(stat, reach) ?? nothing);
  }

  get keptEpoch(): number {
    return this.#kept?.epoch ?? 0;
  }

  isPlain(stat: HostStat): boolean {
    return this.#kept?.isPlain(stat) === true;
  }

  seenPlain(stat: HostStat): Seen {
    return this.#seen(stat, nothing);
  }

  hostMode({ mode }: Making, folder: () => MakingPlace): number {
    if ((mode & setIds) === 0) return mode & permissions;
    const { stat, reach } = folder();
    // In an SGID folder Linux's client asks for what the host does anyway.
    const inherited = (mode & fileType.mask) === fileType.folder ? Number(stat.mode) & setGroupId : 0;
    const added = mode & setIds & ~inherited;
    if (added !== 0 && this.#kept?.canKeep(stat, reach) !== true) this.#refuse('SUID and SGID bits');
    return mode & permissions & ~added;
  }

  makesInSteps(making: Making): boolean {
    return this.owners.makesInSteps(making, this.#umask);
  }

  made(target: Target, stat: HostStat, { mode, caller }: Making): void {
    const type = typeOf(stat);
    if (type === fileType.link) return;
    const own = { uid: this.owners.uidOf(stat), gid: this.owners.gidOf(stat) };
    const asked = {
      uid: caller.uid === noId ? own.uid : caller.uid,
      gid: caller.gid === noId ? own.gid : caller.gid,
    };
    const isOthers = asked.uid !== own.uid || asked.gid !== own.gid;
    const { uid, gid } = isOthers && this.#canKeep(target, stat) ? asked : own;
    const inherited = type === fileType.folder ? Number(stat.mode) & setGroupId : 0;
    const hostMode = this.#keep(target, stat, nothing, { mode: (mode & permissions) | inherited, uid, gid });
    if (hostMode === (Number(stat.mode) & permissions)) return;
    try {
      // A umask only takes away, so that nobody has had more permissions than asked for.
      target.chmod(hostMode);
    } catch (error) {
      // A file system without permissions has given what it has.
      if (!isErrno(error, 'EPERM', 'EOPNOTSUPP')) throw error;
    }
  }

  changing(target: Target, stat: HostStat, { mode, uid = noId, gid = noId }: AttributeChanges): () => void {
    const seen = this.seen(stat, () => placeOf(target));
    const setsOwner = uid !== noId || gid !== noId;
    const wanted = {
      mode: (mode ?? (setsOwner ? withoutOwnersPrivileges(seen.mode) : seen.mode)) & permissions,
      uid: uid === noId ? seen.uid : uid,
      gid: gid === noId ? seen.gid : gid,
    };
    const isLink = typeOf(stat) === fileType.link;
    const changesOwner = wanted.uid !== seen.uid || wanted.gid !== seen.gid;
    const canKeep = isLink ? this.#kept !== undefined : undefined;
    if (changesOwner && !(canKeep ?? this.#canKeep(target, stat))) this.#refuse('Owners other than root');
    if ((wanted.mode & setIds & ~seen.mode) !== 0 && !this.#canKeep(target, stat)) this.#refuse('SUID and SGID bits');
    return () => {
      if (isLink) {
        if (mode !== undefined) target.chmod(wanted.mode);
        return;
      }
      const hostMode = this.#keep(target, stat, this.#keptOf(target, stat), wanted);
      if (mode !== undefined || hostMode !== (Number(stat.mode) & permissions)) target.chmod(hostMode);
    };
  }

  dropPrivileges(target: Target, stat: HostStat): void {
    const { mode, uid, gid } = this.seen(stat, () => placeOf(target));
    const left = withoutPrivileges(mode);
    if (left === mode) return;
    target.chmod(this.#keep(target, stat, this.#keptOf(target, stat), { mode: left & permissions, uid, gid }));
  }

  #seen(stat: HostStat, kept: Kept): Seen {
    return {
      mode: guestMode(Number(stat.mode), kept.mode),
      uid: kept.uid ?? this.owners.uidOf(stat),
      gid: kept.gid ?? this.owners.gidOf(stat),
      rdev: stat.rdev,
    };
  }

  /** Keeps what the host does not have of `wanted`, and returns the permissions that it is to have. */
  #keep(target: Target, stat: HostStat, kept: Kept, { mode, uid, gid }: Wanted): number {
    const keptUid = uid === this.owners.uidOf(stat) ? undefined : uid;
    const keptGid = gid === this.owners.gidOf(stat) ? undefined : gid;
    const hostIds = mode & setIds & Number(stat.mode);
    const keptIds = mode & setIds & ~hostIds;
    if (keptIds !== 0) this.epoch++;
    const keepsOwner = keptUid !== undefined || keptGid !== undefined;
    const keepsMode = keptIds !== 0 || (keepsOwner && (mode & ownerMayRead) === 0);
    this.#kept?.keep(target, stat, kept, {
      uid: keptUid,
      gid: keptGid,
      mode: keepsMode ? typeOf(stat) | mode : undefined,
      rdev: kept.rdev,
    });
    return (mode & ~keptIds) | (keepsMode ? ownerMayRead : 0);
  }

  #keptOf(target: Target, stat: HostStat): Kept {
    return this.#kept?.of(stat, () => placeOf(target)) ?? nothing;
  }

  #canKeep(target: Target, stat: HostStat): boolean {
    const type = typeOf(stat);
    if (type !== fileType.file && type !== fileType.folder) return false;
    return this.#kept?.canKeep(stat, () => placeOf(target)) === true;
  }

  #refuse(what: string): never {
    this.#log(
      `${what} are refused on a share: they need koffi (npm install koffi), Linux, and a file system with extended attributes`,
    );
    throw new Errno('EPERM', 'the host can keep no attributes for it');
  }
}
