// Twalk: from a fid to another, name by name.
import type { Bytes } from '../../ports.ts';
import { fileType } from '../backend.ts';
import type { Backend, Node } from '../backend.ts';
import { wait } from '../coroutine.ts';
import type { Coroutine } from '../coroutine.ts';
import { Errno } from '../errno.ts';
import { Fid } from '../fids.ts';
import { headerLength } from '../messages.ts';
import { checkName, isDot, isDotDot } from '../names.ts';
import { qidOf } from '../qid.ts';
import type { Handlers } from '../request.ts';
import type { Qid } from '../wire.ts';

/** The node that `name` leads to from a folder, with a new reference. */
function* step(backend: Backend, node: Node, name: Bytes): Coroutine<Node> {
  checkName(name);
  if (isDotDot(name)) return yield* wait(backend.parent(node));
  if (isDot(name)) {
    backend.retain(node);
    return node;
  }
  return yield* wait(backend.lookup(node, name));
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
    let { node, type } = from;
    backend.retain(node);
    try {
      for (const name of names) {
        if (type !== fileType.folder) throw new Errno('ENOTDIR');
        const next = yield* step(backend, node, name);
        backend.forget(node);
        node = next;
        const attributes = yield* wait(backend.getattr(node));
        type = attributes.mode & fileType.mask;
        qids.push(qidOf(attributes));
      }
      request.throwIfFlushed();
      if (newfid !== fid) fids.add(newfid, new Fid(node, type, from.caller));
    } catch (error) {
      backend.forget(node);
      // walk(5): after the first name a failure shortens the reply, and newfid is not made.
      if (error instanceof Errno && qids.length > 0) return { qids };
      throw error;
    }
    if (newfid === fid) {
      backend.forget(from.node);
      from.node = node;
      from.type = type;
    }
    return { qids };
  },
};
