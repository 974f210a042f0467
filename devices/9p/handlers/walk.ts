// Twalk: from a fid to another, name by name.
import type { Bytes } from '../../ports.ts';
import { fileType } from '../backend.ts';
import type { Awaitable, Backend, Node } from '../backend.ts';
import { wait } from '../coroutine.ts';
import type { Coroutine } from '../coroutine.ts';
import { Errno } from '../errno.ts';
import { Fid } from '../fids.ts';
import { headerLength } from '../messages.ts';
import { checkName, isDot, isDotDot } from '../names.ts';
import { qidOf } from '../qid.ts';
import type { Handlers } from '../request.ts';
import type { Qid } from '../wire.ts';

/** The node that `name` leads to from a folder, with a new reference; undefined where there is no such name. */
function step(backend: Backend, node: Node, name: Bytes): Awaitable<Node | undefined> {
  checkName(name);
  if (isDotDot(name)) return backend.parent(node);
  if (!isDot(name)) return backend.lookup(node, name);
  backend.retain(node);
  return node;
}

/** Where the names lead, with a new reference, or why not; the qids of all that was reached are added to `qids`. */
function* follow(
  backend: Backend,
  from: Fid,
  names: readonly Bytes[],
  qids: Qid[],
): Coroutine<{ node: Node; type: number } | Errno> {
  let { node, type } = from;
  backend.retain(node);
  try {
    for (const name of names) {
      if (type !== fileType.folder) throw new Errno('ENOTDIR');
      const next = yield* wait(step(backend, node, name));
      backend.forget(node);
      if (next === undefined) return new Errno('ENOENT');
      node = next;
      const attributes = yield* wait(backend.getattr(node));
      type = attributes.mode & fileType.mask;
      qids.push(qidOf(attributes));
    }
    return { node, type };
  } catch (error) {
    backend.forget(node);
    if (error instanceof Errno) return error;
    throw error;
  }
}

export const walkHandlers: Handlers<'Twalk'> = {
  *Twalk(request, { fid, newfid, names }) {
    const { fids } = request.session;
    const { backend } = request.share;
    const from = fids.get(fid);
    if (newfid !== fid) fids.requireFree(newfid);
    // walk(5): an open fid can not be moved.
    else if (from.file !== undefined) throw new Errno('EINVAL', 'the fid is open');
    if (request.room < headerLength + 2 + 13 * names.length) throw new Errno('EMSGSIZE');

    const qids: Qid[] = [];
    const end = yield* follow(backend, from, names, qids);
    // walk(5): after the first name a failure shortens the reply, and newfid is not made.
    if (end instanceof Errno) return qids.length > 0 ? { qids } : end;
    try {
      request.throwIfFlushed();
      if (newfid !== fid) fids.add(newfid, new Fid(end.node, end.type, from.caller));
    } catch (error) {
      backend.forget(end.node);
      throw error;
    }
    if (newfid === fid) {
      backend.forget(from.node);
      from.node = end.node;
      from.type = end.type;
    }
    return { qids };
  },
};
