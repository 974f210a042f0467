// Twalk: from a fid to another, name by name.
import type { Bytes } from '../../ports.ts';
import { fileType } from '../backend.ts';
import type { Attributes, Awaitable, Backend, Node } from '../backend.ts';
import type { Coroutine } from '../coroutine.ts';
import { Errno } from '../errno.ts';
import { Fid } from '../fids.ts';
import { headerLength } from '../messages.ts';
import type { Body } from '../messages.ts';
import { checkName, isDot, isDotDot } from '../names.ts';
import { qidOf } from '../qid.ts';
import type { Handlers, Request } from '../request.ts';
import type { Qid } from '../wire.ts';

/** The node that `name` leads to from a folder, with a new reference; undefined where there is no such name. */
function step(backend: Backend, node: Node, name: Bytes): Awaitable<Node | undefined> {
  checkName(name);
  if (isDotDot(name)) return backend.parent(node);
  if (!isDot(name)) return backend.lookup(node, name);
  backend.retain(node);
  return node;
}

/**
 * A walk on its way. Not a generator as other handlers are: nearly every walk ends at once, and a generator would cost more
 * than all of it.
 */
interface Walk {
  readonly backend: Backend;
  readonly names: readonly Bytes[];
  /** Where the walk has come to. */
  node: Node;
  /** Whether it has a reference of its own to that; the first node is its fid's, as long as nothing has to be waited for. */
  owns: boolean;
  type: number;
  /** Of all that was reached. */
  readonly qids: Qid[];
  /** Whether the next thing to know is the attributes of `node`, rather than where the next name leads. */
  looks: boolean;
  /** Why it goes no further. */
  failure: Errno | undefined;
}

const noSuchName = new Errno('ENOENT');

/** Goes on until the walk is over (undefined), or something has to be waited for. */
function start(walk: Walk): Promise<unknown> | undefined {
  try {
    return walk.names.length === 0 ? undefined : advance(walk, nextNode(walk));
  } catch (error) {
    return fail(walk, error);
  }
}

/** Goes on with what was waited for. */
function resume(walk: Walk, value: unknown): Promise<unknown> | undefined {
  try {
    return advance(walk, value as Node | undefined | Attributes);
  } catch (error) {
    return fail(walk, error);
  }
}

function fail(walk: Walk, error: unknown): undefined {
  letGo(walk);
  if (!(error instanceof Errno)) throw error;
  walk.failure = error;
}

function letGo({ backend, node, owns }: Walk): void {
  if (owns) backend.forget(node);
}

/** Sees to it that the node stays while the walk waits. */
function hold(walk: Walk): void {
  if (!walk.owns) walk.backend.retain(walk.node);
  walk.owns = true;
}

function nextNode({ backend, names, node, type, qids }: Walk): Awaitable<Node | undefined> {
  if (type !== fileType.folder) throw new Errno('ENOTDIR');
  return step(backend, node, names[qids.length] as Bytes);
}

function advance(walk: Walk, first: Awaitable<Node | undefined | Attributes>): Promise<unknown> | undefined {
  const { backend, names, qids } = walk;
  for (let value = first; ;) {
    if (value instanceof Promise) {
      hold(walk);
      return value;
    }
    if (walk.looks) {
      const attributes = value as Attributes;
      walk.looks = false;
      walk.type = attributes.mode & fileType.mask;
      qids.push(qidOf(attributes));
      if (qids.length === names.length) return undefined;
      value = nextNode(walk);
    } else {
      letGo(walk);
      if (value === undefined) {
        walk.failure = noSuchName;
        return undefined;
      }
      walk.node = value as Node;
      walk.owns = true;
      walk.looks = true;
      value = backend.getattr(walk.node);
    }
  }
}

/** The answer of a walk that is over: the fid is made, or moved. */
function arrive(request: Request, walk: Walk, from: Fid, { fid, newfid }: Body<'Twalk'>): Body<'Rwalk'> | Errno {
  const { node, type, failure, qids } = walk;
  // walk(5): after the first name a failure shortens the reply, and newfid is not made.
  if (failure !== undefined) return qids.length > 0 ? { qids } : failure;
  try {
    request.throwIfFlushed();
    if (newfid !== fid) request.session.fids.add(newfid, new Fid(node, type, from.caller));
  } catch (error) {
    letGo(walk);
    throw error;
  }
  if (newfid !== fid) {
    hold(walk);
  } else if (walk.owns) {
    walk.backend.forget(from.node);
    request.session.fids.move(fid, node, type);
  }
  return { qids };
}

function* goOn(
  request: Request,
  walk: Walk,
  from: Fid,
  body: Body<'Twalk'>,
  first: Promise<unknown>,
): Coroutine<Body<'Rwalk'> | Errno> {
  for (let pending: Promise<unknown> | undefined = first; pending !== undefined;) {
    let value: unknown;
    try {
      value = yield pending;
    } catch (error) {
      pending = fail(walk, error);
      continue;
    }
    pending = resume(walk, value);
  }
  return arrive(request, walk, from, body);
}

export const walkHandlers: Handlers<'Twalk'> = {
  Twalk(request, body) {
    const { fid, newfid, names } = body;
    const { fids } = request.session;
    const from = fids.get(fid);
    if (newfid !== fid) fids.requireFree(newfid);
    // walk(5): an open fid can not be moved.
    else if (from.file !== undefined) throw new Errno('EINVAL', 'the fid is open');
    if (request.room < headerLength + 2 + 13 * names.length) throw new Errno('EMSGSIZE');

    const { node, type } = from;
    const { backend } = request.share;
    const walk: Walk = { backend, names, node, owns: false, type, qids: [], looks: false, failure: undefined };
    const pending = start(walk);
    return pending === undefined ? arrive(request, walk, from, body) : goOn(request, walk, from, body, pending);
  },
};
