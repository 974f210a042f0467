// Messages on the data of a file: open, create, read, write, fsync.
import type { Bytes } from '../../ports.ts';
import { fileType, openFlags } from '../backend.ts';
import type { Attributes, Awaitable, Node, OpenFile } from '../backend.ts';
import { isCoroutine, wait, whenKnown } from '../coroutine.ts';
import type { Coroutine } from '../coroutine.ts';
import { Errno } from '../errno.ts';
import type { Fid } from '../fids.ts';
import { payloadHeaderLength } from '../messages.ts';
import type { Body } from '../messages.ts';
import { checkNewName } from '../names.ts';
import { qidOf } from '../qid.ts';
import type { Handlers, Request, Share } from '../request.ts';
import { scatter } from '../scatter.ts';
import { XattrReading, XattrSetting } from '../xattr.ts';

/**
 * The flags that a backend gets. The others are the client's own business (close-on-exec, terminals, signals), meaningless
 * behind 9P (O_DIRECT would ask the host for aligned guest memory), or implied by the message (O_CREAT).
 */
const passedFlags =
  openFlags.accessMode |
  openFlags.exclusive |
  openFlags.truncate |
  openFlags.append |
  openFlags.dsync |
  openFlags.sync |
  openFlags.directory |
  openFlags.nofollow;

function checkedFlags(flags: number, { writeBack }: Share): number {
  if ((flags & openFlags.accessMode) === openFlags.accessMode) throw new Errno('EINVAL', 'an access mode of 3');
  return flags & (writeBack ? passedFlags & ~openFlags.append : passedFlags);
}

/** Refuses what the type of the file does not allow. Tlopen of a folder comes without O_DIRECTORY. */
function checkOpen(fid: Fid, flags: number): void {
  if (fid.file !== undefined) throw new Errno('EINVAL', 'the fid is open already');
  if (fid.type === fileType.link) throw new Errno('ELOOP');
  const changes = (flags & openFlags.accessMode) !== openFlags.readOnly || (flags & openFlags.truncate) !== 0;
  if (fid.isFolder && changes) throw new Errno('EISDIR');
  if (!fid.isFolder && (flags & openFlags.directory) !== 0) throw new Errno('ENOTDIR');
}

/** The answer to a read of `length` bytes that found `count`. */
function readReply(fid: Fid, offset: number, length: number, count: number): Body<'Rread'> | Errno {
  const isEndless = count < length && fid.reading?.isEndless(offset, length, count);
  return isEndless ? new Errno('ENODATA', 'the file has become shorter than its reader knows') : { count };
}

function* readLater(
  request: Request,
  fid: Fid,
  offset: number,
  length: number,
  into: readonly Bytes[],
  result: Promise<Bytes>,
): Coroutine<Body<'Rread'> | Errno> {
  const bytes = yield* wait(result);
  if (!request.flushed) scatter(bytes, bytes.length, into, 0);
  return readReply(fid, offset, length, bytes.length);
}

/** The answer to who has opened `file` through `fid`, which is at `node` from now on; another than before was made with it. */
function opened(
  request: Request,
  fid: Fid,
  node: Node,
  flags: number,
  file: OpenFile,
): Body<'Rlopen'> | Coroutine<Body<'Rlopen'>> {
  let attributes: Awaitable<Attributes>;
  try {
    attributes = request.share.backend.getattrOpen(file);
    if (!(attributes instanceof Promise)) return nowOpen(request, fid, node, flags, file, attributes);
  } catch (error) {
    return giveUp(request, fid, node, file, error);
  }
  return lookedAtLater(request, fid, node, flags, file, attributes);
}

function nowOpen(
  request: Request,
  fid: Fid,
  node: Node,
  flags: number,
  file: OpenFile,
  attributes: Attributes,
): Body<'Rlopen'> {
  request.throwIfFlushed();
  const { fids } = request.session;
  const { fid: number } = request.body as Body<'Tlopen' | 'Tlcreate'>;
  const isNew = node !== fid.node;
  if (isNew) {
    request.share.backend.forget(fid.node);
    fids.move(number, node, attributes.mode);
  }
  fids.open(number, file);
  fid.ino = attributes.ino;
  fid.access = flags & openFlags.accessMode;
  fid.flags = flags & ~(openFlags.truncate | openFlags.exclusive);
  if (fid.type === fileType.file) {
    fid.reading = fids.knownSizes.open(node, attributes.size);
    if (!isNew && (flags & openFlags.truncate) !== 0) fids.knownSizes.tell(node, attributes.size);
  }
  // An iounit of 0 leaves the size of transfers to the client: as much as a message holds.
  return { qid: qidOf(attributes), iounit: 0 };
}

/** Lets go of a file whose opening failed after all. */
function* giveUp(request: Request, fid: Fid, node: Node, file: OpenFile, error: unknown): Coroutine<never> {
  const { backend } = request.share;
  if (node !== fid.node) backend.forget(node);
  yield* wait(backend.release(file));
  throw error;
}

function* lookedAtLater(
  request: Request,
  fid: Fid,
  node: Node,
  flags: number,
  file: OpenFile,
  looked: Promise<Attributes>,
): Coroutine<Body<'Rlopen'>> {
  try {
    return nowOpen(request, fid, node, flags, file, yield* wait(looked));
  } catch (error) {
    return yield* giveUp(request, fid, node, file, error);
  }
}

function* openedLater(
  request: Request,
  fid: Fid,
  node: Node,
  flags: number,
  file: Promise<OpenFile>,
): Coroutine<Body<'Rlopen'>> {
  return yield* settled(opened(request, fid, node, flags, yield* wait(file)));
}

function* createdLater(
  request: Request,
  fid: Fid,
  flags: number,
  created: Promise<{ readonly node: Node; readonly file: OpenFile }>,
): Coroutine<Body<'Rlopen'>> {
  const { node, file } = yield* wait(created);
  return yield* settled(opened(request, fid, node, flags, file));
}

/** What a coroutine comes to, or what is there already. */
function* settled<R extends object>(answer: R | Coroutine<R>): Coroutine<R> {
  return isCoroutine(answer) ? yield* answer : answer;
}

export const fileHandlers: Handlers<'Tlopen' | 'Tlcreate' | 'Tread' | 'Twrite' | 'Tfsync'> = {
  Tlopen(request, { fid: number, flags: asked }) {
    const { backend, readOnly } = request.share;
    const fid = request.session.fids.get(number);
    const flags = checkedFlags(asked, request.share) & ~openFlags.exclusive;
    checkOpen(fid, flags);
    const access = flags & openFlags.accessMode;
    if (readOnly && (access !== openFlags.readOnly || (flags & openFlags.truncate) !== 0)) throw new Errno('EROFS');
    const file = backend.open(fid.node, flags);
    if (file instanceof Promise) return openedLater(request, fid, fid.node, flags, file);
    return opened(request, fid, fid.node, flags, file);
  },

  Tlcreate(request, { fid: number, name, flags: asked, mode, gid }) {
    const { backend } = request.share;
    const fid = request.session.fids.folder(number);
    if (fid.file !== undefined) throw new Errno('EINVAL', 'the fid is open already');
    checkNewName(name);
    const flags = checkedFlags(asked, request.share);
    // open(2): O_CREAT makes no folder, so that nothing could ever satisfy both.
    if ((flags & openFlags.directory) !== 0) throw new Errno('EINVAL', 'O_DIRECTORY for a new file');
    const created = backend.create(fid.node, name, flags, mode & 0o7777, fid.callerWith(gid));
    if (created instanceof Promise) return createdLater(request, fid, flags, created);
    return opened(request, fid, created.node, flags, created.file);
  },

  Tread(request, { fid: number, offset, count: asked }) {
    const { fids } = request.session;
    const length = Math.min(asked, request.payloadRoom);
    const xattr = fids.xattr(number);
    if (xattr instanceof XattrReading) {
      const value = xattr.at(offset, length);
      scatter(value, value.length, request.writable, payloadHeaderLength);
      return { count: value.length };
    }
    const fid = fids.readable(number);
    // No file reaches beyond 2^53.
    if (length === 0 || offset > Number.MAX_SAFE_INTEGER - length) return { count: 0 };
    const into = request.replyPayload(length);
    const result = request.share.backend.read(fid.file, offset, into);
    if (typeof result !== 'number') return readLater(request, fid, offset, length, into, result);
    return readReply(fid, offset, length, result);
  },

  Twrite(request, { fid: number, offset, count }) {
    const { fids } = request.session;
    const xattr = fids.xattr(number);
    if (xattr instanceof XattrSetting) {
      xattr.write(offset, request.writePayload(count), count);
      return { count };
    }
    const fid = fids.writable(number);
    if (count === 0) return { count: 0 };
    if (offset > Number.MAX_SAFE_INTEGER - count) throw new Errno('EFBIG');
    return whenKnown(request.share.backend.write(fid.file, offset, request.writePayload(count)), (written) => {
      fid.reading?.written(offset + written);
      return { count: written };
    });
  },

  *Tfsync({ share, session }, { fid, datasync }) {
    yield* wait(share.backend.fsync(session.fids.opened(fid), datasync !== 0));
    return {};
  },
};
