// Which security model a share has, and whether its host can have it.
import { readFileSync } from 'node:fs';
import type { HostPath, HostStat } from './host.ts';
import { DefaultSecurity } from './default-security.ts';
import { HostSecurity } from './host-security.ts';
import { KeptAttributes } from './kept-attributes.ts';
import { MappedSecurity, mappedModes } from './mapped-security.ts';
import type { Native } from './native.ts';
import { Owners } from './owners.ts';
import type { IdRange } from './owners.ts';
import type { Security, SecurityModel } from './security.ts';

export interface SecurityOptions {
  /** Default: 'default'. */
  readonly model?: SecurityModel | undefined;
  /**
   * Whose the files of the user who runs the machine are in the guest. Without it: root's; where there is a map, what that
   * says; in passthrough and none that user's own.
   */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** Numbers of users, and of groups, that are others on the host. Without them they pass through. */
  readonly uidMap?: readonly IdRange[] | undefined;
  readonly gidMap?: readonly IdRange[] | undefined;
  /** Permissions of new files and folders on the host, for 'mapped'. */
  readonly fileMode?: number | undefined;
  readonly folderMode?: number | undefined;
}

interface Surroundings {
  readonly stat: HostStat;
  /** A path to the root that the native calls may follow. */
  readonly root: HostPath;
  readonly native: Native | undefined;
  readonly log: (line: string) => void;
}

/** This process's umask. process.umask() would set it to 0 for a moment, for all threads. */
function currentUmask(): number {
  if (process.platform !== 'linux') return 0;
  const octal = /^Umask:\s+([0-7]+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  return octal === undefined ? 0 : Number.parseInt(octal, 8);
}

/** Throws Error that says what is missing. */
export function openSecurity(options: SecurityOptions, { stat, root, native, log }: Surroundings): Security {
  const { model = 'default', owner, uidMap, gidMap } = options;
  const isHosts = model === 'passthrough' || model === 'none';
  const as = (map: unknown): number | undefined => (isHosts || map !== undefined ? undefined : 0);
  const owners = new Owners(
    { own: process.geteuid?.(), as: owner?.uid ?? as(uidMap), map: uidMap },
    { own: process.getegid?.(), as: owner?.gid ?? as(gidMap), map: gidMap },
  );
  const umask = currentUmask();
  const sparesPrivileges = process.geteuid?.() === 0;
  if (isHosts) return new HostSecurity({ owners, umask, sparesPrivileges, isStrict: model === 'passthrough' });
  const kept = native && new KeptAttributes(native);
  if (model === 'default') return new DefaultSecurity({ owners, umask, kept, sparesPrivileges, log });
  if (kept === undefined)
    throw new Error(
      'security=mapped needs koffi, on Linux with /proc: install it with npm install koffi, or give security=default',
    );
  if (!kept.canKeep(stat, () => ({ link: root })))
    throw new Error(
      'security=mapped needs extended attributes, which the file system of this folder does not have: use a folder on ext4, XFS or Btrfs, or give security=default',
    );
  const { fileMode = mappedModes.file, folderMode = mappedModes.folder } = options;
  return new MappedSecurity({ owners, kept, fileMode, folderMode });
}
