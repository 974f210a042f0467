// A session as plain data, for a snapshot of the machine whose guest is the client: each fid with the path of its file and what
// the file is, what it was opened for, where a listing has come to, and the locks. Going on from it finds each file again by
// its path in the share as it is then; what is not there any more, or is another file, leaves a fid that knows only ESTALE.
import type { Bytes } from '../ports.ts';
import type { Node, OpenFile } from './backend.ts';
import type { Fid } from './fids.ts';
import type { FidLocks } from './locks.ts';
import type { PresentSession, SessionParts } from './session-parts.ts';

/** A name in a folder that stands before it in the list. The first one is the share's root, and has none. */
export interface PathState {
  readonly parent: number;
  readonly name: Bytes;
}

/** What a fid leads to: an index in the list of paths, -1 where its name was removed; and the file's number, to know it again. */
interface FileState {
  readonly fid: number;
  readonly path: number;
  readonly ino: bigint;
}

export interface FidState extends FileState {
  readonly type: number;
  readonly uid: number;
  readonly isOpen: boolean;
  /** Of the open file: its flags, what the client takes for its size, and the last entry that was listed of a folder. */
  readonly flags: number;
  readonly knownSize: number;
  readonly cookie: bigint;
  readonly listed: Bytes;
}

export interface SessionState {
  /** 0 before a Tversion was accepted. */
  readonly messageSize: number;
  readonly paths: readonly PathState[];
  readonly fids: readonly FidState[];
  readonly lost: readonly number[];
  readonly readings: readonly { readonly fid: number; readonly bytes: Bytes }[];
  readonly settings: readonly (FileState & {
    readonly name: Bytes;
    readonly flags: number;
    readonly value: Bytes;
    readonly written: number;
  })[];
  readonly locks: readonly {
    readonly fid: number;
    readonly type: number;
    readonly start: bigint;
    readonly end: bigint;
    readonly procId: number;
    readonly clientId: string;
  }[];
}

const noBytes = new Uint8Array(0);

/** Of the flags of an open file, those that opening it again may have: nothing is made or cut off. */
function reopenFlags(flags: number, { openFlags }: SessionParts): number {
  const { accessMode, append, dsync, sync, directory, nofollow } = openFlags;
  return flags & (accessMode | append | dsync | sync | directory | nofollow);
}

/** A session with one of everything, to compare the shape of others with. */
export const exampleSession: SessionState = {
  messageSize: 0,
  paths: [{ parent: 0, name: noBytes }],
  fids: [
    {
      fid: 0,
      path: 0,
      ino: 0n,
      type: 0,
      uid: 0,
      isOpen: false,
      flags: 0,
      knownSize: 0,
      cookie: 0n,
      listed: noBytes,
    },
  ],
  lost: [0],
  readings: [{ fid: 0, bytes: noBytes }],
  settings: [{ fid: 0, path: 0, ino: 0n, name: noBytes, flags: 0, value: noBytes, written: 0 }],
  locks: [{ fid: 0, type: 0, start: 0n, end: 0n, procId: 0, clientId: '' }],
};

/** The paths of nodes, each name once. */
class Paths {
  readonly list: PathState[] = [{ parent: -1, name: noBytes }];
  readonly #present: PresentSession;
  readonly #indexes = new Map<Node, number>();
  /** Kept to the end: a number that is given back may come again for another node. */
  readonly #references: Node[] = [];

  constructor(present: PresentSession) {
    this.#present = present;
  }

  /** The index of a node's path, -1 where its name, or that of a folder above it, was removed. */
  async indexOf(node: Node): Promise<number> {
    const known = this.#indexes.get(node);
    if (known !== undefined) return known;
    const index = await this.#find(node);
    this.#indexes.set(node, index);
    return index;
  }

  forget(): void {
    for (const node of this.#references) this.#present.share.backend.forget(node);
  }

  async #find(node: Node): Promise<number> {
    const { share, parts } = this.#present;
    try {
      const name = await share.backend.name(node);
      const parent = await share.backend.parent(node);
      this.#references.push(parent);
      const above = await this.indexOf(parent);
      return above === -1 ? -1 : this.list.push({ parent: above, name: name.slice() }) - 1;
    } catch (error) {
      if (!(error instanceof parts.Errno)) throw error;
      // The root has no name.
      return error.code === 'EBUSY' ? 0 : -1;
    }
  }
}

/** What is known of the file of a fid. */
interface Identity {
  readonly path: number;
  readonly ino: bigint;
}

/**
 * Looks up the paths of a session's files, and returns what makes the record at once. No request but those that wait for
 * locks may be under way, nor come in between.
 */
export async function saveSession(present: PresentSession): Promise<() => SessionState> {
  const { session, parts } = present;
  const paths = new Paths(present);
  const identities = new Map<Node, Identity>();
  try {
    for (const fid of session.fids.all.keys()) {
      const entry = session.fids.all.get(fid);
      if (!(entry instanceof parts.Fid || entry instanceof parts.XattrSetting) || identities.has(entry.node)) continue;
      identities.set(entry.node, await identify(present, paths, entry.node));
    }
  } finally {
    paths.forget();
  }
  return () => recordOf(present, paths.list, (node) => identities.get(node) ?? { path: -1, ino: 0n });
}

async function identify({ share, parts }: PresentSession, paths: Paths, node: Node): Promise<Identity> {
  const path = await paths.indexOf(node);
  if (path === -1) return { path, ino: 0n };
  try {
    return { path, ino: (await share.backend.getattr(node)).ino };
  } catch (error) {
    if (!(error instanceof parts.Errno)) throw error;
    return { path: -1, ino: 0n };
  }
}

function recordOf(
  { session, parts }: PresentSession,
  paths: readonly PathState[],
  identity: (node: Node) => Identity,
): SessionState {
  const fids: FidState[] = [];
  const lost: number[] = [];
  const readings: { fid: number; bytes: Bytes }[] = [];
  const settings: SessionState['settings'][number][] = [];
  const byLocks = new Map<FidLocks, number>();
  for (const fid of session.fids.all.keys()) {
    const entry = session.fids.all.get(fid);
    if (entry === undefined) continue;
    if (entry instanceof parts.XattrReading) {
      readings.push({ fid, bytes: entry.bytes.slice() });
    } else if (entry instanceof parts.XattrSetting) {
      settings.push({ fid, ...identity(entry.node), ...entry.state });
    } else if (entry instanceof parts.LostFid) {
      lost.push(fid);
    } else {
      fids.push({ fid, ...identity(entry.node), ...stateOf(entry) });
      if (entry.locks !== undefined) byLocks.set(entry.locks, fid);
    }
  }
  const locks = session.locks.held().flatMap(({ through, type, start, end, procId, clientId }) => {
    const fid = byLocks.get(through);
    return fid === undefined ? [] : [{ fid, type, start, end, procId, clientId }];
  });
  return { messageSize: session.messageSize ?? 0, paths, fids, lost, readings, settings, locks };
}

function stateOf(fid: Fid): Omit<FidState, keyof FileState> {
  const { type, caller, flags, listed } = fid;
  return {
    type,
    uid: caller.uid,
    isOpen: fid.file !== undefined,
    flags,
    knownSize: fid.reading?.knownSize ?? 0,
    cookie: listed?.cookie ?? 0n,
    listed: listed?.name ?? noBytes,
  };
}

/** What could not be brought back. */
export interface SessionLosses {
  /** Fids whose files are not there any more, or are others. */
  readonly files: number;
  readonly locks: number;
}

/** Brings a session that nothing has happened in back to a record. What can not be found is lost, and counted. */
export async function restoreSession(present: PresentSession, state: SessionState): Promise<SessionLosses> {
  const { share, session, parts } = present;
  const { backend } = share;
  const { fids } = session;
  session.messageSize = state.messageSize === 0 ? undefined : state.messageSize;
  const lose = (fid: number): void => {
    fids.requireFree(fid);
    fids.all.set(fid, new parts.LostFid());
  };
  const nodes = await findNodes(present, state.paths);
  try {
    for (const { fid, bytes } of state.readings) fids.add(fid, new parts.XattrReading(bytes));
    for (const fid of state.lost) lose(fid);
    let files = 0;
    for (const saved of state.fids) {
      const entry = await findFile(present, nodes, saved);
      if (entry === undefined) files++;
      if (entry === undefined) lose(saved.fid);
      else fids.add(saved.fid, entry);
    }
    for (const saved of state.settings) {
      const node = await nodeOf(present, nodes, saved);
      if (node === undefined) {
        lose(saved.fid);
        continue;
      }
      fids.requireFree(saved.fid);
      fids.turnInto(saved.fid, parts.XattrSetting.restore(node, saved));
    }
    return { files, locks: setLocks(present, state.locks) };
  } finally {
    for (const node of nodes) if (node !== undefined) backend.forget(node);
  }
}

/** The node of each path, with a reference; undefined where there is none any more. */
async function findNodes(present: PresentSession, paths: readonly PathState[]): Promise<(Node | undefined)[]> {
  const { share, parts } = present;
  const lookup = async (folder: Node, name: Bytes): Promise<Node | undefined> => {
    parts.checkName(name);
    return share.backend.lookup(folder, name);
  };
  const nodes: (Node | undefined)[] = [await share.backend.root()];
  for (const { parent, name } of paths.slice(1)) {
    const folder = nodes[parent];
    nodes.push(folder === undefined ? undefined : await orLost(present, () => lookup(folder, name)));
  }
  return nodes;
}

async function orLost<T>({ parts }: PresentSession, find: () => Promise<T>): Promise<T | undefined> {
  try {
    return await find();
  } catch (error) {
    if (error instanceof parts.Errno) return undefined;
    throw error;
  }
}

/**
 * The node that a record means, with a reference of its own, if it is still the same file. The root is the share that was given,
 * whatever its number is there: a guest that knew only ESTALE of it could not use the share at all.
 */
async function nodeOf(
  present: PresentSession,
  nodes: readonly (Node | undefined)[],
  { path, ino }: FileState,
  type?: number,
): Promise<Node | undefined> {
  const node = nodes[path];
  if (node === undefined) return undefined;
  const { backend } = present.share;
  const { mask } = present.parts.fileType;
  const attributes = await orLost(present, async () => backend.getattr(node));
  if (attributes === undefined || (path !== 0 && attributes.ino !== ino)) return undefined;
  if (type !== undefined && (attributes.mode & mask) !== type) return undefined;
  backend.retain(node);
  return node;
}

async function findFile(
  present: PresentSession,
  nodes: readonly (Node | undefined)[],
  saved: FidState,
): Promise<Fid | undefined> {
  const { share, session, parts } = present;
  const { backend, readOnly } = share;
  const node = await nodeOf(present, nodes, saved, saved.type);
  if (node === undefined) return undefined;
  const caller = { uid: saved.uid, gid: parts.noId };
  if (!saved.isOpen) return new parts.Fid(node, saved.type, caller);
  // A record may be anybody's: it opens nothing that its client could not.
  const flags = reopenFlags(saved.flags, parts);
  const access = flags & parts.openFlags.accessMode;
  const mayOpen = !readOnly || access === parts.openFlags.readOnly;
  const file = mayOpen ? await orLost(present, async () => backend.open(node, flags)) : undefined;
  if (file === undefined) {
    backend.forget(node);
    return undefined;
  }
  const fid = new parts.Fid(node, saved.type, caller, file);
  fid.ino = saved.ino;
  fid.flags = flags;
  fid.access = access;
  if (saved.type === parts.fileType.file) fid.reading = session.fids.knownSizes.open(node, saved.knownSize);
  if (saved.cookie !== 0n) {
    fid.listed = { cookie: saved.cookie, name: saved.listed };
    fid.moved = await placeBehind(present, file, saved);
  }
  return fid;
}

/** Cookies are the listing's own: where a new one goes on that an old one stands for. */
async function placeBehind(
  present: PresentSession,
  file: OpenFile,
  { cookie: from, listed }: FidState,
): Promise<{ readonly from: bigint; readonly to: bigint } | undefined> {
  let to: bigint | undefined;
  await orLost(present, async () =>
    present.share.backend.readdir(file, 0n, ({ name, cookie }) => {
      const isIt = name.length === listed.length && name.every((byte, index) => byte === listed[index]);
      if (isIt) to = cookie;
      return !isIt;
    }),
  );
  // Of a name that was removed the place is lost: the listing goes on by the old cookie, as near as that comes.
  return to === undefined ? undefined : { from, to };
}

/** Takes locks again. Returns how many could not be had. */
function setLocks({ session, parts }: PresentSession, locks: SessionState['locks']): number {
  let lost = 0;
  for (const { fid: number, ...lock } of locks) {
    try {
      const fid = session.fids.get(number);
      const file = session.fids.opened(number);
      fid.locks ??= new parts.FidLocks(session.locks, fid.ino, file);
      if (fid.locks.set(lock, false) !== true) lost++;
    } catch (error) {
      if (!(error instanceof parts.Errno)) throw error;
      lost++;
    }
  }
  return lost;
}
