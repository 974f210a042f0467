// Who owns the files, as the guest sees it. What the guest creates belongs to the user who runs the machine, and that user's
// files appear as root's: the guest's root is at home in the share. All other ids pass through. Nothing is ever given
// away, so that a guest can't make files of other users on the host, even where the machine runs as root. A guest's
// other users create files that appear as root's too.
import { noId } from '../../../devices/9p/backend.ts';
import type { AttributeChanges } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { HostStat } from './host.ts';

export class Owners {
  readonly #uid: number;
  readonly #gid: number;

  /** The ids of this process; undefined where the system has none. */
  constructor(uid = 0, gid = 0) {
    this.#uid = uid;
    this.#gid = gid;
  }

  static ofProcess(): Owners {
    return new Owners(process.geteuid?.(), process.getegid?.());
  }

  uidOf(stat: HostStat): number {
    const uid = Number(stat.uid);
    return uid === this.#uid ? 0 : uid;
  }

  gidOf(stat: HostStat): number {
    const gid = Number(stat.gid);
    return gid === this.#gid ? 0 : gid;
  }

  /** Refuses to change the owner. To set the one that it has is allowed: `tar x` and `cp -a` do so. Throws EPERM. */
  check({ uid = noId, gid = noId }: AttributeChanges, stat: HostStat): void {
    const keeps = (uid === noId || uid === this.uidOf(stat)) && (gid === noId || gid === this.gidOf(stat));
    if (!keeps) throw new Errno('EPERM', 'files of the share keep their owners');
  }
}
