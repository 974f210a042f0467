// Bits of a mode that mean more than permission.
import { fileType } from '../../../devices/9p/backend.ts';

export const permissions = 0o7777;
export const setUserId = 0o4000;
export const setGroupId = 0o2000;
/** Those that lend the rights of a file's owner or group to whoever runs it. */
export const setIds = setUserId | setGroupId;
const groupExecute = 0o010;

/** What of a mode is left by a change of the content: SGID without permission to execute says something else. */
export function withoutPrivileges(mode: number): number {
  return mode & ~(setUserId | ((mode & groupExecute) === 0 ? 0 : setGroupId));
}

/** What of a mode, with its type, is left by a change of the owner: as chown(2), also for root. */
export function withoutOwnersPrivileges(mode: number): number {
  return (mode & fileType.mask) === fileType.folder ? mode : withoutPrivileges(mode);
}
