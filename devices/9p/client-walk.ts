// How a client gets from a path to a fid. A server never follows a symbolic link, so that is done here, as in a kernel.
import type { Bytes } from '../ports.ts';
import type { Client } from './client.ts';
import { splitPath } from './client-path.ts';
import type { PathNames } from './client-path.ts';
import type { Coroutine } from './coroutine.ts';
import { Errno } from './errno.ts';
import type { ErrnoName } from './errno.ts';
import { isDotDot } from './names.ts';
import { qidType } from './wire.ts';

/** Linux's limit of symbolic links in one path. */
export const maximumLinks = 40;
/** walk(5): names in one message. */
const namesInMessage = 16;
const dot = Uint8Array.of(0x2e);

/** A path that would leave the folder it is confined to: EXDEV, as Linux's openat2 has it with RESOLVE_BENEATH. */
export class PathEscape extends Errno {
  constructor(message: string) {
    super('EXDEV', message);
  }
}

export interface Path extends PathNames {
  /** The fid of the folder where the path begins. */
  readonly from: number;
  /**
   * PathEscape for what leads above the folder or, as an absolute link, away from it. Otherwise the folder is a root: ".."
   * of it is itself, and absolute links begin there.
   */
  readonly confined: boolean;
}

export interface Reached {
  /** A fid of its own, to be closed. */
  readonly fid: number;
  /** `qidType` bits. */
  readonly type: number;
}

/** Walks as far as the names lead, and moves or makes `fid`; returns the type bits of what each led to. */
function* walkOn(client: Client, at: number, fid: number, names: readonly Bytes[]): Coroutine<readonly number[]> {
  for (let some = names; ;) {
    const { qids } = yield* client.call('Twalk', { fid: at, newfid: fid, names: some });
    // walk(5): a walk that got only part of the way leaves the fids alone.
    if (qids.length === some.length) return qids.map(({ type }) => type);
    some = names.slice(0, qids.length);
  }
}

/** The names up to the next "..", as many as fit into a message. */
function nextNames(names: readonly Bytes[]): readonly Bytes[] {
  const dotDot = names.findIndex(isDotDot);
  return names.slice(0, Math.min(dotDot < 0 ? names.length : dotDot, namesInMessage));
}

/** Where a link leads: the names before it, and those that take its place. */
export function* followLink(client: Client, fid: number, { confined }: Path): Coroutine<PathNames> {
  const { target } = yield* client.call('Treadlink', { fid });
  const path = splitPath(target);
  if (path.isAbsolute && confined) throw new PathEscape('a link to an absolute path');
  return path;
}

/** Walks to where the path leads; through a link in its last place too, with `follow`. */
export function* reach(client: Client, path: Path, follow: boolean): Coroutine<Reached> {
  const { from, confined } = path;
  const fid = client.takeFid();
  let ahead = path.needsFolder ? [...path.names, dot] : [...path.names];
  /** The names from `from` to where `fid` is: no link and no ".." among them. Undefined while there is no fid. */
  let trail: Bytes[] | undefined;
  let type: number = qidType.folder;
  let links = 0;
  /** Begins anew: ".." and links are never left to the server, so that a folder moved meanwhile leads nowhere else. */
  function* restart(names: Bytes[]): Coroutine<void> {
    trail = undefined;
    ahead = names;
    type = qidType.folder;
    yield* client.call('Tclunk', { fid });
  }
  try {
    for (;;) {
      const names = nextNames(ahead);
      if (trail === undefined || names.length > 0) {
        const types = yield* walkOn(client, trail === undefined ? from : fid, fid, names);
        trail = [...(trail ?? []), ...ahead.splice(0, types.length)];
        type = types.at(-1) ?? type;
      }
      if (type === qidType.link && (follow || ahead.length > 0)) {
        if (++links > maximumLinks) throw new Errno('ELOOP');
        const target = yield* followLink(client, fid, path);
        const before = target.isAbsolute ? [] : trail.slice(0, -1);
        const after = target.needsFolder && ahead.length === 0 ? [dot] : ahead;
        yield* restart([...before, ...target.names, ...after]);
      } else if (ahead[0] !== undefined && isDotDot(ahead[0])) {
        if (type !== qidType.folder) throw new Errno('ENOTDIR');
        if (trail.length === 0 && confined) throw new PathEscape('a path that leads above its folder');
        yield* restart([...trail.slice(0, -1), ...ahead.slice(1)]);
      } else if (ahead.length === 0) {
        return { fid, type };
      }
    }
  } catch (error) {
    if (trail === undefined) client.returnFid(fid);
    else client.drop(fid);
    throw error;
  }
}

/** The folder that the path's last name is in, and that name. `ifNone` is thrown for a path without any. */
export function* reachParent(
  client: Client,
  path: Path,
  ifNone: ErrnoName,
): Coroutine<{ readonly folder: number; readonly name: Bytes }> {
  const name = path.names.at(-1);
  if (name === undefined) throw new Errno(ifNone);
  const { fid } = yield* reach(client, { ...path, names: path.names.slice(0, -1), needsFolder: true }, true);
  return { folder: fid, name };
}
