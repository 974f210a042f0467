// Files by their paths, over a 9P client: what a C library is to the system calls.
import type { Bytes } from '../ports.ts';
import { noId, openFlags } from './backend.ts';
import type { AttributeChanges } from './backend.ts';
import type { Client } from './client.ts';
import { followLink, maximumLinks, reach, reachParent } from './client-walk.ts';
import type { Path } from './client-walk.ts';
import type { Coroutine } from './coroutine.ts';
import { Errno } from './errno.ts';
import type { ErrnoName } from './errno.ts';
import { getattrBits, payloadHeaderLength, removeFolder, setattrBits, writeHeaderLength } from './messages.ts';
import type { Body } from './messages.ts';

/** Bytes of an entry of Rreaddir before its name: qid, offset, type, length of the name. */
const entryHeader = 13 + 8 + 1 + 2;
/** Linux's DT_DIR. */
const folderEntry = 4;

export type FileAttributes = Omit<Body<'Rgetattr'>, 'valid' | 'btime' | 'gen' | 'dataVersion'>;

export interface FolderEntry {
  readonly name: Bytes;
  readonly ino: bigint;
  /** Where to read on behind it. */
  readonly cookie: bigint;
  /** Linux's DT_ number: the type bits of a mode, shifted right by 12. */
  readonly type: number;
}

function timeBits(time: bigint | 'now' | undefined, change: number, set: number): number {
  return time === undefined ? 0 : time === 'now' ? change : change | set;
}

function setattrBody(fid: number, { mode, uid, gid, size, atime, mtime }: AttributeChanges): Body<'Tsetattr'> {
  const valid =
    (mode === undefined ? 0 : setattrBits.mode) |
    (uid === undefined ? 0 : setattrBits.uid) |
    (gid === undefined ? 0 : setattrBits.gid) |
    (size === undefined ? 0 : setattrBits.size) |
    timeBits(atime, setattrBits.atime, setattrBits.atimeSet) |
    timeBits(mtime, setattrBits.mtime, setattrBits.mtimeSet);
  return {
    fid,
    valid,
    mode: mode ?? 0,
    uid: uid ?? noId,
    gid: gid ?? noId,
    size: size ?? 0,
    atime: typeof atime === 'bigint' ? atime : 0n,
    mtime: typeof mtime === 'bigint' ? mtime : 0n,
  };
}

function decodeEntries(data: Bytes): FolderEntry[] {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const entries: FolderEntry[] = [];
  for (let at = 0; at < data.length;) {
    const nameAt = at + entryHeader;
    const end = nameAt + view.getUint16(nameAt - 2, true);
    entries.push({
      ino: view.getBigUint64(at + 5, true),
      cookie: view.getBigUint64(at + 13, true),
      type: view.getUint8(at + 21),
      name: data.slice(nameAt, end),
    });
    at = end;
  }
  return entries;
}

/** Every method throws Errno. Those that take a fid leave it open. */
export class Files {
  readonly client: Client;

  constructor(client: Client) {
    this.client = client;
  }

  /** Does something with a fid of where the path leads, and closes it. */
  *at<R>(path: Path, follow: boolean, action: (fid: number, type: number) => Coroutine<R>): Coroutine<R> {
    const { fid, type } = yield* reach(this.client, path, follow);
    try {
      return yield* action(fid, type);
    } finally {
      this.client.drop(fid);
    }
  }

  /** Does something with the path's last name and the folder it is in. `ifNone` is thrown for a path without a name. */
  *in<R>(path: Path, ifNone: ErrnoName, action: (folder: number, name: Bytes) => Coroutine<R>): Coroutine<R> {
    const { folder, name } = yield* reachParent(this.client, path, ifNone);
    try {
      return yield* action(folder, name);
    } finally {
      this.client.drop(folder);
    }
  }

  *attributes(fid: number): Coroutine<FileAttributes> {
    return yield* this.client.call('Tgetattr', { fid, requestMask: getattrBits.basic });
  }

  *change(fid: number, changes: AttributeChanges): Coroutine<void> {
    yield* this.client.call('Tsetattr', setattrBody(fid, changes));
  }

  /** Opens as open(2) does, and returns the fid. `flags` are `openFlags`, `mode` is that of a new file. */
  *open(path: Path, flags: number, mode: number): Coroutine<number> {
    const creates = (flags & openFlags.create) !== 0;
    let place = path;
    for (let links = 0; links <= maximumLinks; links++) {
      if (!creates) return yield* this.#openExisting(place, flags);
      if ((flags & openFlags.exclusive) === 0) {
        try {
          return yield* this.#openExisting(place, flags);
        } catch (error) {
          if (!(error instanceof Errno) || error.code !== 'ENOENT') throw error;
        }
      }
      const made = yield* this.#create(place, flags, mode);
      if (typeof made === 'number') return made;
      place = made;
    }
    throw new Errno('ELOOP');
  }

  /** Up to `into.length` bytes, less only at the end of the file. Returns how many. */
  *read(fid: number, offset: number, into: Bytes): Coroutine<number> {
    const limit = this.client.messageSize - payloadHeaderLength;
    let done = 0;
    while (done < into.length) {
      const count = Math.min(limit, into.length - done);
      const { data } = yield* this.client.call('Tread', { fid, offset: offset + done, count });
      if (data.length === 0) break;
      into.set(data, done);
      done += data.length;
    }
    return done;
  }

  /** Writes all. Throws the error that stopped it, also where part of it was written. */
  *write(fid: number, offset: number, bytes: Bytes): Coroutine<void> {
    const limit = this.client.messageSize - writeHeaderLength;
    for (let done = 0; done < bytes.length;) {
      const part = bytes.subarray(done, done + limit);
      const body = { fid, offset: offset + done, count: part.length };
      const { count } = yield* this.client.call('Twrite', body, part);
      // Less than all says that the rest failed; the next write would tell how, unless nothing was written at all.
      if (count === 0) throw new Errno('ENOSPC');
      done += count;
    }
  }

  *sync(fid: number, dataOnly = false): Coroutine<void> {
    yield* this.client.call('Tfsync', { fid, datasync: dataOnly ? 1 : 0 });
  }

  /** Entries of an open folder behind `cookie` (0n: from the start), "." and ".." among them; none at the end. */
  *entries(fid: number, cookie: bigint): Coroutine<readonly FolderEntry[]> {
    const count = this.client.messageSize - payloadHeaderLength;
    const { data } = yield* this.client.call('Treaddir', { fid, offset: cookie, count });
    return decodeEntries(data);
  }

  /** All entries of the folder that a fid, not open, is of; without "." and "..". */
  *list(folder: number): Coroutine<readonly FolderEntry[]> {
    const fid = yield* this.client.child(folder);
    try {
      yield* this.client.call('Tlopen', { fid, flags: openFlags.readOnly | openFlags.directory });
      const all: FolderEntry[] = [];
      for (let cookie = 0n; ;) {
        const some = yield* this.entries(fid, cookie);
        const last = some.at(-1);
        if (last === undefined) return all.filter(({ name }) => !isDots(name));
        all.push(...some);
        cookie = last.cookie;
      }
    } finally {
      this.client.drop(fid);
    }
  }

  *readlink(fid: number): Coroutine<Bytes> {
    return (yield* this.client.call('Treadlink', { fid })).target;
  }

  *mkdir(path: Path, mode: number): Coroutine<void> {
    yield* this.in(path, 'EEXIST', (dfid, name) => this.client.call('Tmkdir', { dfid, name, mode, gid: noId }));
  }

  *symlink(path: Path, target: Bytes): Coroutine<void> {
    yield* this.in(path, 'EEXIST', (dfid, name) => this.client.call('Tsymlink', { dfid, name, target, gid: noId }));
  }

  /** Gives what `existing` leads to another name. */
  *link(existing: Path, path: Path, follow: boolean): Coroutine<void> {
    yield* this.at(existing, follow, (fid) =>
      this.in(path, 'EEXIST', (dfid, name) => this.client.call('Tlink', { dfid, fid, name })),
    );
  }

  *rename(from: Path, to: Path): Coroutine<void> {
    yield* this.in(from, 'EBUSY', (olddirfid, oldname) =>
      this.in(to, 'EBUSY', (newdirfid, newname) =>
        this.client.call('Trenameat', { olddirfid, oldname, newdirfid, newname }),
      ),
    );
  }

  /** Removes a name: a folder's, which is empty, or any other. */
  *unlink(path: Path, isFolder: boolean): Coroutine<void> {
    yield* this.in(path, isFolder ? 'EBUSY' : 'EISDIR', (dirfid, name) => this.#unlink(dirfid, name, isFolder));
  }

  /** Removes a folder and all that is in it. What others remove meanwhile is no error. */
  *unlinkTree(path: Path): Coroutine<void> {
    yield* this.in(path, 'EBUSY', (folder, name) => this.#unlinkTree(folder, name));
  }

  *#openExisting(path: Path, flags: number): Coroutine<number> {
    const { fid } = yield* reach(this.client, path, (flags & openFlags.nofollow) === 0);
    try {
      yield* this.client.call('Tlopen', { fid, flags: flags & ~openFlags.create });
      return fid;
    } catch (error) {
      this.client.drop(fid);
      throw error;
    }
  }

  /** Makes the file and returns its fid; where there is a link that leads to nothing, returns where that is. */
  *#create(path: Path, flags: number, mode: number): Coroutine<number | Path> {
    if (path.needsFolder) throw new Errno('EISDIR');
    const { folder: fid, name } = yield* reachParent(this.client, path, 'EISDIR');
    try {
      yield* this.client.call('Tlcreate', { fid, name, flags, mode, gid: noId });
      return fid;
    } catch (error) {
      const isLink = error instanceof Errno && error.code === 'ELOOP' && (flags & openFlags.nofollow) === 0;
      try {
        if (!isLink) throw error;
        return yield* this.#throughLink(path, fid, name);
      } finally {
        this.client.drop(fid);
      }
    }
  }

  *#throughLink(path: Path, folder: number, name: Bytes): Coroutine<Path> {
    const fid = yield* this.client.child(folder, name);
    try {
      const target = yield* followLink(this.client, fid, path);
      const before = target.isAbsolute ? [] : path.names.slice(0, -1);
      return { ...path, needsFolder: target.needsFolder, names: [...before, ...target.names] };
    } finally {
      this.client.drop(fid);
    }
  }

  *#unlink(dirfid: number, name: Bytes, isFolder: boolean): Coroutine<void> {
    yield* this.client.call('Tunlinkat', { dirfid, name, flags: isFolder ? removeFolder : 0 });
  }

  *#unlinkTree(parent: number, name: Bytes): Coroutine<void> {
    /** The way down to where the work is: a folder at a time, so that no tree is too deep. */
    const way = [yield* this.#enter(parent, name)];
    try {
      for (let here = way.at(-1); here !== undefined; here = way.at(-1)) {
        const next = here.folders.pop();
        if (next !== undefined) {
          way.push(yield* this.#enter(here.fid, next));
          continue;
        }
        yield* this.#unlink(here.parent, here.name, true);
        this.client.drop(here.fid);
        way.pop();
      }
    } finally {
      for (const { fid } of way) this.client.drop(fid);
    }
  }

  /** Removes what is in a folder, but for its folders, which are returned. */
  *#enter(parent: number, name: Bytes): Coroutine<{ parent: number; name: Bytes; fid: number; folders: Bytes[] }> {
    const fid = yield* this.client.child(parent, name);
    try {
      const folders: Bytes[] = [];
      for (const entry of yield* this.list(fid)) {
        if (entry.type === folderEntry) folders.push(entry.name);
        else yield* this.#removeIfThere(fid, entry.name);
      }
      return { parent, name, fid, folders };
    } catch (error) {
      this.client.drop(fid);
      throw error;
    }
  }

  *#removeIfThere(folder: number, name: Bytes): Coroutine<void> {
    try {
      yield* this.#unlink(folder, name, false);
    } catch (error) {
      if (!(error instanceof Errno) || error.code !== 'ENOENT') throw error;
    }
  }
}

function isDots(name: Bytes): boolean {
  return name.every((byte) => byte === 0x2e) && name.length <= 2;
}
