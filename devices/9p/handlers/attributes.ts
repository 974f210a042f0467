// Messages on what is known of a file besides its data.
import { fileType, noId, openFlags } from '../backend.ts';
import type { AttributeChanges, Attributes, Node } from '../backend.ts';
import { wait, whenKnown } from '../coroutine.ts';
import { Errno } from '../errno.ts';
import type { Fid, FidTable } from '../fids.ts';
import { setattrBits } from '../messages.ts';
import type { Body } from '../messages.ts';
import type { Handlers } from '../request.ts';

/** The range of Linux's ktime_t. */
const latestTime = 2n ** 63n - 1n;
const earliestTime = -(2n ** 63n);

function within(nanoseconds: bigint): bigint {
  return nanoseconds > latestTime ? latestTime : nanoseconds < earliestTime ? earliestTime : nanoseconds;
}

/**
 * What a Tsetattr changes. A ctime alone leaves no member: any change sets ctime, also none. An owner of `noId` is no owner
 * to set, as with chown(2).
 */
function changesOf({ valid, mode, uid, gid, size, atime, mtime }: Body<'Tsetattr'>): AttributeChanges {
  return {
    ...((valid & setattrBits.mode) !== 0 && { mode: mode & 0o7777 }),
    ...((valid & setattrBits.uid) !== 0 && uid !== noId && { uid }),
    ...((valid & setattrBits.gid) !== 0 && gid !== noId && { gid }),
    ...((valid & setattrBits.size) !== 0 && { size }),
    ...((valid & setattrBits.atime) !== 0 && { atime: (valid & setattrBits.atimeSet) !== 0 ? within(atime) : 'now' }),
    ...((valid & setattrBits.mtime) !== 0 && { mtime: (valid & setattrBits.mtimeSet) !== 0 ? within(mtime) : 'now' }),
  };
}

function checkResize(fid: Fid, size: number): void {
  if (fid.isFolder) throw new Errno('EISDIR');
  if (fid.type !== fileType.file) throw new Errno('EINVAL', 'only files have a size to set');
  if (size > Number.MAX_SAFE_INTEGER) throw new Errno('EFBIG');
}

/** What the client is told of a node. */
function told({ knownSizes }: FidTable, node: Node, attributes: Attributes): Attributes {
  knownSizes.tell(node, attributes.size);
  return attributes;
}

export const attributeHandlers: Handlers<'Tgetattr' | 'Tsetattr' | 'Tstatfs' | 'Treadlink'> = {
  Tgetattr({ share: { backend }, session }, { fid: number }) {
    const { fids } = session;
    const unopened = fids.unopened(number);
    const { file, node } = unopened === 0 ? fids.get(number) : { file: undefined, node: unopened };
    const attributes = file === undefined ? backend.getattr(node) : backend.getattrOpen(file);
    if (attributes instanceof Promise) return whenKnown(attributes, (known) => told(fids, node, known));
    return told(fids, node, attributes);
  },

  *Tsetattr({ share: { backend }, session }, body) {
    const fid = session.fids.get(body.fid);
    const changes = changesOf(body);
    if (changes.size !== undefined) checkResize(fid, changes.size);
    // A file that is open for reading only can not be resized through that, but its owner may resize it by name.
    const byName = fid.file === undefined || (changes.size !== undefined && fid.access === openFlags.readOnly);
    if (byName) yield* wait(backend.setattr(fid.node, changes, fid.caller));
    else if (fid.file !== undefined) yield* wait(backend.setattrOpen(fid.file, changes, fid.caller));
    if (changes.size !== undefined) session.fids.knownSizes.tell(fid.node, changes.size);
    return {};
  },

  *Tstatfs({ share, session }, { fid }) {
    const statistics = yield* wait(share.backend.statfs(session.fids.get(fid).node));
    return {
      type: statistics.type,
      bsize: statistics.blockSize,
      blocks: statistics.blocks,
      bfree: statistics.blocksFree,
      bavail: statistics.blocksAvailable,
      files: statistics.files,
      ffree: statistics.filesFree,
      fsid: statistics.fsid,
      namelen: statistics.nameLength,
    };
  },

  *Treadlink({ share, session }, { fid: number }) {
    const { node, type } = session.fids.get(number);
    if (type !== fileType.link) throw new Errno('EINVAL', 'not a symbolic link');
    return { target: yield* wait(share.backend.readlink(node)) };
  },
};
