// Which extended attributes of the host's files a guest may have. Those of users belong to whoever may write the file; the
// others (capabilities, labels, access lists) would lend rights on the host, as SUID would.
import type { Bytes } from '../../../devices/ports.ts';

const usersNamespace = Array.from('user.', (character) => character.charCodeAt(0));

export function isUsersXattr(name: Bytes): boolean {
  return usersNamespace.every((byte, index) => name[index] === byte);
}
