// Which extended attributes of the host's files a guest may have. Those of users belong to whoever may write the file; the
// others (capabilities, labels, access lists) would lend rights on the host, as SUID would. Of the users', those of
// kept-attributes.ts are not the guest's. Access lists of the guest, which its kernel obeys, are kept as QEMU's mapped-xattr
// keeps them: under a name that means nothing to the host. In passthrough they are the host's own, as owners and modes are.
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

function isUsersXattr(name: Bytes): boolean {
  return beginsWith(name, usersNamespace) && !isKeptXattr(name);
}

/** Linux's names of access lists (acl(5)). */
const accessLists = [ascii('system.posix_acl_access'), ascii('system.posix_acl_default')];

/** Whether it is one of them. */
export function isAccessList(name: Bytes): boolean {
  return accessLists.some((list) => list.length === name.length && beginsWith(name, list));
}

/** What becomes of the guest's access lists: kept under another name, set on the host, or refused. */
export type AccessLists = 'kept' | 'host' | 'none';

/** The name under which the host has an attribute of the guest's; undefined: it can not have it. */
export function hostXattr(name: Bytes, accessLists: AccessLists): Bytes | undefined {
  if (isUsersXattr(name)) return name;
  if (accessLists === 'none' || !isAccessList(name)) return undefined;
  return accessLists === 'host' ? name : Uint8Array.of(...ourNamespace, ...name);
}

/** The guest's name of an attribute of the host's; undefined: it is not the guest's. */
export function guestXattr(name: Bytes, accessLists: AccessLists): Bytes | undefined {
  if (isUsersXattr(name)) return name;
  if (accessLists === 'host') return isAccessList(name) ? name : undefined;
  const own = name.subarray(ourNamespace.length);
  return accessLists === 'kept' && isKeptXattr(name) && isAccessList(own) ? own : undefined;
}
