// Which extended attributes of the host's files a guest may have. Those of users belong to whoever may write the file; the
// others (capabilities, labels, access lists) would lend rights on the host, as SUID would. Of the users', those of
// kept-attributes.ts are not the guest's.
import type { Bytes } from '../../../devices/ports.ts';

const usersNamespace = ascii('user.');
const ourNamespace = ascii('user.virtfs.');

function ascii(text: string): readonly number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}

function beginsWith(name: Bytes, prefix: readonly number[]): boolean {
  return prefix.every((byte, index) => name[index] === byte);
}

/** Whether the name is one of those that say what the guest sees of a file's owner, mode and type. */
export function isKeptXattr(name: Bytes): boolean {
  return beginsWith(name, ourNamespace);
}

export function isUsersXattr(name: Bytes): boolean {
  return beginsWith(name, usersNamespace) && !isKeptXattr(name);
}
