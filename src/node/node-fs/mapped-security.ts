// QEMU's security_model=mapped-xattr: what the guest sets is kept in extended attributes, and the host sees regular files and
// folders of its own user. A symbolic link is a file with its target as content; device nodes, FIFOs and sockets are empty
// files. A file without such attributes is what it is on the host, and its owner as in the default model.
import { fileType, noId } from '../../../devices/9p/backend.ts';
import type { AttributeChanges } from '../../../devices/9p/backend.ts';
import type { HostStat } from './host.ts';
import { placeOf } from './kept-attributes.ts';
import type { Kept, KeptAttributes } from './kept-attributes.ts';
import { permissions, setIds, withoutOwnersPrivileges, withoutPrivileges } from './modes.ts';
import type { Owners } from './owners.ts';
import type { Making, Reach, Security, Seen } from './security.ts';
import type { Target } from './targets.ts';
import { typeOf } from './tree.ts';

/** QEMU's modes of what is made on the host. */
export const mappedModes = { file: 0o600, folder: 0o700 } as const;

interface MappedSecurityOptions {
  readonly owners: Owners;
  readonly kept: KeptAttributes;
  /** Permissions on the host. */
  readonly fileMode: number;
  readonly folderMode: number;
}

/** A kept type must not make a folder of what the host knows as a file, or the other way round. */
function guestMode(host: number, kept: number | undefined): number {
  if (kept === undefined) return host;
  const [hostType, keptType] = [host & fileType.mask, kept & fileType.mask];
  const isPossible = hostType === keptType || (hostType === fileType.file && isHidden(keptType));
  return (isPossible ? keptType : hostType) | (kept & permissions);
}

function isHidden(type: number): boolean {
  const hidden: readonly number[] = [fileType.link, fileType.socket, fileType.fifo, fileType.block, fileType.character];
  return hidden.includes(type);
}

export class MappedSecurity implements Security {
  readonly owners: Owners;
  readonly hidesTypes = true;
  readonly accessLists = 'kept';
  readonly makesSpecialFiles = false;
  /** The kernel knows nothing of the bits that are kept. */
  epoch = 1;
  readonly #kept: KeptAttributes;
  readonly #fileMode: number;
  readonly #folderMode: number;

  constructor({ owners, kept, fileMode, folderMode }: MappedSecurityOptions) {
    this.owners = owners;
    this.#kept = kept;
    this.#fileMode = fileMode;
    this.#folderMode = folderMode;
  }

  seen(stat: HostStat, reach: Reach): Seen {
    return this.#seen(stat, this.#kept.of(stat, reach));
  }

  get keptEpoch(): number {
    return this.#kept.epoch;
  }

  isPlain(stat: HostStat): boolean {
    return this.#kept.isPlain(stat);
  }

  seenPlain(stat: HostStat): Seen {
    return this.#seen(stat, {});
  }

  hostMode({ mode }: Making): number {
    return (mode & fileType.mask) === fileType.folder ? this.#folderMode : this.#fileMode;
  }

  makesInSteps(): boolean {
    return true;
  }

  made(target: Target, stat: HostStat, { mode, rdev, caller: { uid, gid } }: Making): void {
    const type = mode & fileType.mask;
    const isDevice = type === fileType.block || type === fileType.character;
    const kept: Kept = {
      uid: uid === noId ? 0 : uid,
      gid: gid === noId ? 0 : gid,
      mode,
      rdev: isDevice ? rdev : undefined,
    };
    if ((mode & setIds) !== 0) this.epoch++;
    this.#kept.keep(target, stat, {}, kept);
  }

  changing(target: Target, stat: HostStat, { mode, uid = noId, gid = noId }: AttributeChanges): () => void {
    return () => {
      const kept = this.#kept.of(stat, () => placeOf(target));
      const seen = guestMode(Number(stat.mode), kept.mode);
      const left = uid === noId && gid === noId ? seen : withoutOwnersPrivileges(seen);
      const wanted = mode === undefined ? left : (seen & fileType.mask) | (mode & permissions);
      if ((wanted & setIds) !== 0) this.epoch++;
      this.#kept.keep(target, stat, kept, {
        ...kept,
        ...(uid !== noId && { uid }),
        ...(gid !== noId && { gid }),
        ...(wanted !== seen && { mode: wanted }),
      });
    };
  }

  dropPrivileges(target: Target, stat: HostStat): void {
    const kept = this.#kept.of(stat, () => placeOf(target));
    const seen = guestMode(Number(stat.mode), kept.mode);
    const left = withoutPrivileges(seen);
    if (left === seen || typeOf(stat) !== fileType.file) return;
    this.#kept.keep(target, stat, kept, { ...kept, mode: left });
  }

  #seen(stat: HostStat, { mode, uid, gid, rdev }: Kept): Seen {
    return {
      mode: guestMode(Number(stat.mode), mode),
      uid: uid ?? this.owners.uidOf(stat),
      gid: gid ?? this.owners.gidOf(stat),
      rdev: rdev ?? stat.rdev,
    };
  }
}
