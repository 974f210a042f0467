// Access lists (acl(5)) as Linux has them in extended attributes: a version, then entries with the users and groups that they
// name, whose numbers may be others on the host.
// Format: posix_acl_xattr.h. version[4] = 2, then for each entry tag[2] permissions[2] id[4], little-endian.
import type { Bytes } from '../../../devices/ports.ts';
import type { Ids, Owners } from './owners.ts';

const version = 2;
const headerLength = 4;
const entryLength = 8;
/** Tags of entries that name somebody. */
const ACL_USER = 0x02;
const ACL_GROUP = 0x08;

function translated(list: Bytes, idsOf: (tag: number) => ((id: number) => number) | undefined): Bytes {
  const copy = new Uint8Array(list);
  const view = new DataView(copy.buffer);
  // What is no list is the host's to refuse.
  const isList = copy.length >= headerLength && (copy.length - headerLength) % entryLength === 0;
  if (!isList || view.getUint32(0, true) !== version) return copy;
  for (let at = headerLength; at < copy.length; at += entryLength) {
    const translate = idsOf(view.getUint16(at, true));
    if (translate !== undefined) view.setUint32(at + 4, translate(view.getUint32(at + 4, true)), true);
  }
  return copy;
}

function idsOfTag({ uids, gids }: Owners, tag: number): Ids | undefined {
  return tag === ACL_USER ? uids : tag === ACL_GROUP ? gids : undefined;
}

/** A guest's list with the host's numbers. Throws EINVAL for whom the host has none. */
export function listToHost(list: Bytes, owners: Owners): Bytes {
  return translated(list, (tag) => {
    const ids = idsOfTag(owners, tag);
    return ids && ((id) => ids.toHost(id));
  });
}

/** A host's list with the guest's numbers. */
export function listToGuest(list: Bytes, owners: Owners): Bytes {
  return translated(list, (tag) => {
    const ids = idsOfTag(owners, tag);
    return ids && ((id) => ids.toGuest(id));
  });
}
