// Symbolic links that are regular files on the host, with the target as their content: of the models that hide types.
import { constants } from 'node:fs';
import { fileType } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { Bytes } from '../../../devices/ports.ts';
import { host } from './host.ts';
import { placeOf } from './kept-attributes.ts';
import type { Security } from './security.ts';
import { linkOf } from './targets.ts';
import type { Target } from './targets.ts';
import { typeOf } from './tree.ts';

const { O_NOCTTY, O_NONBLOCK, O_RDONLY } = constants;

/** Bytes of a symbolic link (PATH_MAX). */
const longestTarget = 4095;

/** Throws Errno: EINVAL where the file is no link to the guest. */
export function readHiddenLink(target: Target, security: Security): Bytes {
  const stat = target.stat();
  const isLink =
    security.hidesTypes &&
    typeOf(stat) === fileType.file &&
    (security.seen(stat, () => placeOf(target)).mode & fileType.mask) === fileType.link;
  if (!isLink) throw new Errno('EINVAL');
  const fd = host.open(linkOf(target), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  try {
    const content = new Uint8Array(longestTarget);
    return content.subarray(0, host.read(fd, content, 0));
  } finally {
    host.close(fd);
  }
}
