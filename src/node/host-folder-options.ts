// What a share of a host's folder can be told of its files, and what of that makes no sense.
import { HiddenNames } from '../../devices/9p/hidden-names.ts';
import type { SecurityOptions } from './node-fs/open-security.ts';
import type { IdRange } from './node-fs/owners.ts';
import type { SecurityModel } from './node-fs/security.ts';

export { securityModels } from './node-fs/security.ts';

export interface HostFolderOptions {
  /**
   * Who owns the files. 'default': modes and links are real; owners that the host does not have, and SUID, are kept in
   * extended attributes. 'mapped': all is kept there, as QEMU's security_model=mapped-xattr does. 'passthrough': as on the
   * host, which may refuse. 'none': as passthrough, but refused owners are forgotten.
   */
  readonly security?: SecurityModel;
  /** Whose the files of the user who runs the machine are in the guest. Default: root's, unless a map says otherwise. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Which numbers of users are others on the host. Without it they are the same; with it, the rest is nobody (65534). */
  readonly uidMap?: readonly IdRange[];
  /** The same for groups. */
  readonly gidMap?: readonly IdRange[];
  /** Permissions of what is made on the host in 'mapped'. Default: 0o600. */
  readonly fileMode?: number;
  /** The same for folders. Default: 0o700. */
  readonly folderMode?: number;
  /**
   * What the guest does not have, as in .gitignore: `*.pem` or `.env` in any folder, `/secrets` or `build/*.key` from the
   * folder on, `**` for any number of folders.
   */
  readonly hide?: readonly string[];
}

/** Linux's largest number of a user; one more is "none". */
const largestId = 0xffff_fffe;
const ownerReadsAndWrites = 0o600;
const ownerUses = 0o700;

/** `problem` makes the error. */
export function checkHostFolder(options: HostFolderOptions, problem: (what: string) => Error): void {
  const { security = 'default', owner, uidMap = [], gidMap = [], fileMode, folderMode, hide = [] } = options;
  try {
    hiddenNames(hide);
  } catch (error) {
    throw problem(`hide: ${(error as Error).message}`);
  }
  for (const id of owner === undefined ? [] : [owner.uid, owner.gid])
    if (!isId(id)) throw problem(`owner: ${id} is no number of a user or group, 0 to ${largestId}`);
  checkMap('uidMap', uidMap, problem);
  checkMap('gidMap', gidMap, problem);
  if ((fileMode ?? folderMode) === undefined) return;
  if (security !== 'mapped')
    throw problem('modes on the host (fmode, dmode) are for security=mapped: elsewhere the guest sets them');
  // The share itself has to read and write them.
  checkMode('fmode', fileMode ?? ownerReadsAndWrites, ownerReadsAndWrites, problem);
  checkMode('dmode', folderMode ?? ownerUses, ownerUses, problem);
}

/** The backend's part of the options. */
export function securityOf(options: HostFolderOptions): SecurityOptions {
  const { security: model, owner, uidMap, gidMap, fileMode, folderMode } = options;
  return { model, owner, uidMap, gidMap, fileMode, folderMode };
}

/** Throws Error where a pattern is none. */
export function hiddenNames(patterns: readonly string[]): HiddenNames {
  // There a name can be written in several ways. Short names of Windows are yet others, and not known here.
  return new HiddenNames(patterns, { ignoreCase: process.platform === 'darwin' || process.platform === 'win32' });
}

function isId(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id <= largestId;
}

function checkMap(name: string, map: readonly IdRange[], problem: (what: string) => Error): void {
  for (const { guest, host, count } of map) {
    const text = `${name}: ${guest}:${host}:${count}`;
    if (![guest, host, count].every(isId) || count < 1 || !isId(guest + count - 1) || !isId(host + count - 1))
      throw problem(`${text} is no range of numbers from 0 to ${largestId}, GUEST:HOST:COUNT`);
  }
  for (const [index, one] of map.entries())
    for (const other of map.slice(index + 1))
      for (const side of ['guest', 'host'] as const)
        if (one[side] < other[side] + other.count && other[side] < one[side] + one.count)
          throw problem(
            `${name}: two ranges have the ${side}'s number ${Math.max(one[side], other[side])}: give each one only once`,
          );
}

function checkMode(name: string, mode: number, least: number, problem: (what: string) => Error): void {
  const text = Number.isInteger(mode) ? `0${mode.toString(8)}` : String(mode);
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) throw problem(`${name}: ${text} is no mode from 0 to 0777`);
  if ((mode & least) !== least)
    throw problem(`${name}: ${text} keeps this user from the files: it has to include 0${least.toString(8)}`);
}
