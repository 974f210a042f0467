// Tauth, Tattach and Tclunk: how a client comes to its first fid, and gets rid of one.
import type { Awaitable, Backend, OpenFile } from '../backend.ts';
import { nothing, wait, whenKnown } from '../coroutine.ts';
import type { Coroutine } from '../coroutine.ts';
import { Errno } from '../errno.ts';
import { callerOf, Fid, LostFid } from '../fids.ts';
import type { FidEntry } from '../fids.ts';
import { noFid } from '../messages.ts';
import { qidOf } from '../qid.ts';
import type { Handlers } from '../request.ts';
import { XattrReading, XattrSetting } from '../xattr.ts';

/** Releases what a fid held that is in no table any more. */
export function letGo(backend: Backend, fid: FidEntry): Awaitable<void> {
  if (fid instanceof XattrReading || fid instanceof LostFid) return;
  if (fid instanceof Fid && fid.file !== undefined) return letGoOpen(backend, fid, fid.file);
  backend.forget(fid.node);
}

function letGoOpen(backend: Backend, fid: Fid, file: OpenFile): Awaitable<void> {
  const forget = (): void => backend.forget(fid.node);
  let released: Awaitable<void>;
  try {
    fid.locks?.end();
    fid.reading?.close();
    released = backend.release(file);
  } catch (error) {
    forget();
    throw error;
  }
  if (released instanceof Promise) return released.finally(forget);
  forget();
}

function* commit(backend: Backend, setting: XattrSetting): Coroutine<Record<string, never>> {
  try {
    yield* setting.commit(backend);
  } finally {
    yield* wait(letGo(backend, setting));
  }
  return nothing();
}

export const sessionHandlers: Handlers<'Tauth' | 'Tattach' | 'Tclunk'> = {
  Tauth() {
    // Linux asks only if told to; who may open the share is decided where the machine is started.
    throw new Errno('EOPNOTSUPP');
  },

  // `aname` would choose among several trees; there is one, and clients pass whatever they like.
  *Tattach(request, { fid, afid, uid }) {
    const { session, share } = request;
    if (afid !== noFid) throw new Errno('EBADF', 'an afid where no Tauth was answered');
    session.fids.requireFree(fid);
    const node = yield* wait(share.backend.root());
    try {
      const attributes = yield* wait(share.backend.getattr(node));
      request.throwIfFlushed();
      session.fids.add(fid, new Fid(node, attributes.mode, callerOf(uid)));
      return { qid: qidOf(attributes) };
    } catch (error) {
      share.backend.forget(node);
      throw error;
    }
  },

  Tclunk({ session, share: { backend } }, { fid: number }) {
    // clunk(5): the fid is gone even if the reply is an error.
    const fid = session.fids.remove(number);
    return fid instanceof XattrSetting ? commit(backend, fid) : whenKnown(letGo(backend, fid), nothing);
  },
};
