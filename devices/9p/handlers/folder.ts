// Messages on the names in folders.
import { fileType } from '../backend.ts';
import type { Backend, Node } from '../backend.ts';
import { nothing, wait, whenKnown } from '../coroutine.ts';
import type { Coroutine } from '../coroutine.ts';
import { Errno } from '../errno.ts';
import { Fid, noFile } from '../fids.ts';
import { payloadHeaderLength, removeFolder } from '../messages.ts';
import { checkLinkTarget, checkNewName, checkRemovedName, checkRenamedName } from '../names.ts';
import { qidOf, qidTypeOf } from '../qid.ts';
import type { Handlers } from '../request.ts';
import { scatter } from '../scatter.ts';
import { Writer } from '../wire.ts';
import type { Qid } from '../wire.ts';
import { letGo } from './session.ts';

/** Bytes of an entry of Rreaddir besides its name: qid, offset, type, length of the name. */
const entryOverhead = 13 + 8 + 1 + 2;
/** Entries are collected up to about this many bytes before they go to guest memory. */
const collectedLength = 4096;

/** The qid of a node just made, whose reference ends here. */
function* qidOfNew(backend: Backend, node: Node): Coroutine<Qid> {
  try {
    return qidOf(yield* wait(backend.getattr(node)));
  } finally {
    backend.forget(node);
  }
}

/** Linux's encoding of a device number (new_encode_dev): 12 bits of major, 20 of minor. */
function deviceNumber(type: number, major: number, minor: number): bigint {
  if (type !== fileType.block && type !== fileType.character) return 0n;
  if (major > 0xfff || minor > 0xf_ffff) throw new Errno('EINVAL', `a device number of ${major}, ${minor}`);
  return BigInt(((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0);
}

const typesOfMknod: readonly number[] = [
  fileType.file,
  fileType.fifo,
  fileType.socket,
  fileType.block,
  fileType.character,
];

export const folderHandlers: Handlers<
  'Treaddir' | 'Tmkdir' | 'Tmknod' | 'Tsymlink' | 'Tlink' | 'Trename' | 'Trenameat' | 'Tunlinkat' | 'Tremove'
> = {
  *Treaddir(request, { fid: number, offset, count }) {
    const { fids } = request.session;
    const file = fids.openedFolder(number);
    const fid = fids.get(number);
    const from = fid.moved?.from === offset ? fid.moved.to : offset;
    let lastCookie: bigint | undefined;
    /** Where the last name is among the bytes that were written, and stays until another is. */
    let [lastStart, lastEnd] = [0, 0];
    const room = Math.min(count, request.payloadRoom);
    const entries = new Writer();
    let written = 0;
    let isFull = false;
    const hand = (): void => {
      scatter(entries.bytes, entries.length, request.writable, payloadHeaderLength + written);
      written += entries.length;
      entries.length = 0;
    };
    yield* wait(
      request.share.backend.readdir(file, from, ({ name, cookie, ino, type }) => {
        isFull ||= written + entries.length + entryOverhead + name.length > room;
        if (isFull || request.flushed) return false;
        // The version is left out: it would take a look at every file, and no client asks for it here.
        const at = entries.room(entryOverhead + name.length);
        entries.u8At(at, qidTypeOf(type));
        entries.u32At(at + 1, 0);
        entries.u64At(at + 5, ino);
        entries.u64At(at + 13, cookie);
        // Linux's DT_ numbers are the type bits of the mode.
        entries.u8At(at + 21, type >> 12);
        entries.strAt(at + 22, name);
        lastCookie = cookie;
        lastEnd = entries.length;
        lastStart = lastEnd - name.length;
        if (entries.length >= collectedLength) hand();
        return true;
      }),
    );
    if (!request.flushed) hand();
    if (lastCookie !== undefined) fid.listed = { cookie: lastCookie, name: entries.bytes.slice(lastStart, lastEnd) };
    // An empty reply would say that the folder ends here.
    if (isFull && written === 0) throw new Errno('EINVAL', 'no room for one entry');
    return { count: written };
  },

  *Tmkdir({ share: { backend }, session }, { dfid, name, mode, gid }) {
    const folder = session.fids.folder(dfid);
    checkNewName(name);
    const node = yield* wait(backend.mkdir(folder.node, name, mode & 0o7777, folder.callerWith(gid)));
    return { qid: yield* qidOfNew(backend, node) };
  },

  *Tmknod({ share: { backend }, session }, { dfid, name, mode, major, minor, gid }) {
    const folder = session.fids.folder(dfid);
    checkNewName(name);
    const type = mode & fileType.mask || fileType.file;
    if (!typesOfMknod.includes(type)) throw new Errno('EINVAL', `mknod of type 0${type.toString(8)}`);
    const rdev = deviceNumber(type, major, minor);
    const caller = folder.callerWith(gid);
    const node = yield* wait(backend.mknod(folder.node, name, type | (mode & 0o7777), rdev, caller));
    return { qid: yield* qidOfNew(backend, node) };
  },

  *Tsymlink({ share: { backend }, session }, { dfid, name, target, gid }) {
    const folder = session.fids.folder(dfid);
    checkNewName(name);
    checkLinkTarget(target);
    const node = yield* wait(backend.symlink(folder.node, name, target, folder.callerWith(gid)));
    return { qid: yield* qidOfNew(backend, node) };
  },

  *Tlink({ share: { backend }, session }, { dfid, fid: number, name }) {
    const folder = session.fids.folder(dfid);
    const fid = session.fids.get(number);
    checkNewName(name);
    if (fid.isFolder) throw new Errno('EPERM', 'a second name for a folder');
    yield* wait(backend.link(fid.node, folder.node, name));
    return {};
  },

  *Trename({ share: { backend }, session }, { fid: number, dfid, name: newName }) {
    const { node } = session.fids.get(number);
    const newFolder = session.fids.folder(dfid);
    checkRenamedName(newName);
    const parent = yield* wait(backend.parent(node));
    try {
      const name = yield* wait(backend.name(node));
      yield* wait(backend.rename(parent, name, newFolder.node, newName, 0));
    } finally {
      backend.forget(parent);
    }
    return {};
  },

  *Trenameat({ share: { backend }, session }, { olddirfid, oldname, newdirfid, newname }) {
    const folder = session.fids.folder(olddirfid);
    const newFolder = session.fids.folder(newdirfid);
    checkRenamedName(oldname);
    checkRenamedName(newname);
    yield* wait(backend.rename(folder.node, oldname, newFolder.node, newname, 0));
    return {};
  },

  Tunlinkat({ share: { backend }, session }, { dirfid, name, flags }) {
    const folder = session.fids.folder(dirfid);
    if ((flags & ~removeFolder) !== 0) throw new Errno('EINVAL', `flags 0x${flags.toString(16)}`);
    checkRemovedName(name);
    return whenKnown(backend.unlink(folder.node, name, (flags & removeFolder) !== 0), nothing);
  },

  *Tremove({ share: { backend, readOnly }, session }, { fid: number }) {
    // remove(5): the fid is gone even if the file stays.
    const fid = session.fids.remove(number);
    try {
      if (!(fid instanceof Fid)) throw noFile(number, fid);
      if (readOnly) throw new Errno('EROFS');
      const parent = yield* wait(backend.parent(fid.node));
      try {
        const name = yield* wait(backend.name(fid.node));
        yield* wait(backend.unlink(parent, name, fid.isFolder));
      } finally {
        backend.forget(parent);
      }
    } finally {
      yield* wait(letGo(backend, fid));
    }
    return {};
  },
};
