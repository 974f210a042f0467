// Txattrwalk and Txattrcreate: extended attributes, which are read and written like files (file.ts) and set by Tclunk.
import type { Bytes } from '../../ports.ts';
import type { Backend, Node } from '../backend.ts';
import { wait } from '../coroutine.ts';
import type { Coroutine } from '../coroutine.ts';
import { Errno } from '../errno.ts';
import type { Handlers } from '../request.ts';
import { checkXattrName, encodeXattrList, XattrReading, XattrSetting } from '../xattr.ts';

/** The value of an attribute, undefined where there is none; without a name the list of names. */
function* valueOf(backend: Backend, node: Node, name: Bytes): Coroutine<Bytes | undefined> {
  if (name.length === 0) return encodeXattrList(yield* wait(backend.listxattr(node)));
  checkXattrName(name);
  return yield* wait(backend.getxattr(node, name));
}

export const xattrHandlers: Handlers<'Txattrwalk' | 'Txattrcreate'> = {
  *Txattrwalk(request, { fid, newfid, name }) {
    const { fids } = request.session;
    const { node } = fids.get(fid);
    fids.requireFree(newfid);
    fids.requireXattrRoom();
    const bytes = yield* valueOf(request.share.backend, node, name);
    if (bytes === undefined) return new Errno('ENODATA');
    const reading = new XattrReading(bytes);
    request.throwIfFlushed();
    fids.add(newfid, reading);
    return { size: bytes.length };
  },

  Txattrcreate({ session: { fids } }, { fid: number, name, size, flags }) {
    const { node, file } = fids.get(number);
    if (file !== undefined) throw new Errno('EINVAL', 'the fid is open');
    fids.turnInto(number, new XattrSetting(node, name, size, flags));
    return {};
  },
};
