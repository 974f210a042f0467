// Who owns the files, as far as the host's own numbers tell: which number of the host's is which of the guest's.
import { noId } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { HostStat } from './host.ts';
import { setIds } from './modes.ts';
import type { Making } from './security.ts';

/** `count` numbers from `guest` on in the guest are those from `host` on here. */
export interface IdRange {
  readonly guest: number;
  readonly host: number;
  readonly count: number;
}

/** Linux's overflow id, "nobody": whoever has no number in a map. */
export const overflowId = 65_534;

export interface IdRules {
  /** The user who runs the machine; undefined where the system has no such numbers. */
  readonly own: number | undefined;
  /** What that user is in the guest; undefined: what the map, or else the number itself says. */
  readonly as: number | undefined;
  /** Everybody else. Without a map numbers pass through. */
  readonly map?: readonly IdRange[] | undefined;
}

/** Users, or groups. */
export class Ids {
  readonly #own: number;
  readonly #as: number | undefined;
  readonly #map: readonly IdRange[] | undefined;

  constructor({ own = 0, as, map }: IdRules) {
    this.#own = own;
    this.#as = as;
    this.#map = map;
  }

  /** Whether a new file of this process is that guest's without further ado. */
  isOwn(guest: number): boolean {
    return guest === this.toGuest(this.#own);
  }

  toGuest(host: number): number {
    if (host === this.#own && this.#as !== undefined) return this.#as;
    if (this.#map === undefined) return host;
    for (const range of this.#map)
      if (host >= range.host && host - range.host < range.count) return range.guest + (host - range.host);
    return overflowId;
  }

  /** Throws EINVAL for whom the host has no number, as chown(2) does in a user namespace. */
  toHost(guest: number): number {
    if (guest === this.#as) return this.#own;
    if (this.#map === undefined) return guest;
    for (const range of this.#map)
      if (guest >= range.guest && guest - range.guest < range.count) return range.host + (guest - range.guest);
    throw new Errno('EINVAL', 'an owner that has no number on the host');
  }
}

export class Owners {
  readonly uids: Ids;
  readonly gids: Ids;

  constructor(uids: IdRules, gids: IdRules) {
    this.uids = new Ids(uids);
    this.gids = new Ids(gids);
  }

  /** Whether the host is to do more for a new file than to make it. `umask` is this process's. */
  makesInSteps({ mode, caller: { uid, gid } }: Making, umask: number): boolean {
    const isOwn = (uid === noId || this.uids.isOwn(uid)) && (gid === noId || this.gids.isOwn(gid));
    return !isOwn || (mode & (setIds | umask)) !== 0;
  }

  uidOf(stat: HostStat): number {
    return this.uids.toGuest(Number(stat.uid));
  }

  gidOf(stat: HostStat): number {
    return this.gids.toGuest(Number(stat.gid));
  }
}
