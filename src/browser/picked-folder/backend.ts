// A folder of the user's computer as a share: what the host has, with the overlay's names and attributes over it. Everything
// is looked up in memory while a look at the host is fresh; opening a file always looks again. Changes of names are made on the
// host at once, one after another; data is there after close and fsync.
import { run, wait } from '../../../devices/9p/coroutine.ts';
import type { Coroutine } from '../../../devices/9p/coroutine.ts';
import { fileType, openFlags } from '../../../devices/9p/backend.ts';
import type {
  AttributeChanges,
  Attributes,
  Awaitable,
  Backend,
  Caller,
  EmitEntry,
  FilesystemStatistics,
  Node,
  OpenFile,
  OutsideChange,
} from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { Entry } from '../../../devices/9p/memory/folder.ts';
import type { Inode } from '../../../devices/9p/memory/inode.ts';
import { rootIno } from '../../../devices/9p/memory/name-tree.ts';
import type { Bytes, Log } from '../../../devices/ports.ts';
import type { After } from '../../sleep.ts';
import type { FolderHandle } from './access.ts';
import type { HostData } from './host-data.ts';
import { HostFiles } from './host-files.ts';
import { HostFolders } from './host-folders.ts';
import { HostMoves } from './host-moves.ts';
import type { Observe } from './observer.ts';
import { NameChanges } from './name-changes.ts';
import { freshTime, OutsideChanges } from './outside-changes.ts';
import { dataOf, Overlay } from './overlay.ts';
import type { RecordStore } from './records.ts';
import { Sidecar } from './sidecar.ts';
import { Turns } from './turns.ts';

/** Bytes of changes in memory beyond which a write waits until its file is stored. */
const waitingLimit = 256 * 2 ** 20;
/** How often a name may come and go while it is being opened. */
const mostAttempts = 8;
/** Bytes that every folder claims. */
const folderSize = 4096;
export interface PickedFolderOptions {
  readonly records: RecordStore;
  /** Every change is refused with EROFS. */
  readonly readOnly: boolean;
  /** Nanoseconds since 1970. */
  readonly now: () => bigint;
  /** Milliseconds of any clock that only goes forward. */
  readonly clock: () => number;
  readonly after: After;
  readonly log: Log;
  readonly observe: Observe;
}

interface Opened {
  readonly inode: Inode;
  readonly writes: boolean;
}

export class PickedFolderBackend implements Backend {
  readonly #readOnly: boolean;
  readonly #sidecar: Sidecar;
  readonly #overlay: Overlay;
  readonly #folders: HostFolders;
  readonly #files: HostFiles;
  readonly #outside: OutsideChanges;
  readonly #opened = new Map<OpenFile, Opened>();
  readonly #listeners = new Set<(change: OutsideChange) => void>();
  readonly #names: NameChanges;
  readonly #log: Log;
  /** Whether the browser has taken back its permission. */
  #isRefused = false;

  static async open(root: FolderHandle, options: PickedFolderOptions): Promise<PickedFolderBackend> {
    const { records, after, log } = options;
    const sidecar = new Sidecar(records, { rootIno, after, log });
    await sidecar.load();
    const backend = new PickedFolderBackend(root, options, sidecar);
    await backend.#folders.refresh(backend.#overlay.rootInode);
    await backend.#outside.start(root, options.observe);
    return backend;
  }

  private constructor(root: FolderHandle, options: PickedFolderOptions, sidecar: Sidecar) {
    const { readOnly, now, clock, after, log } = options;
    this.#readOnly = readOnly;
    this.#log = log;
    this.#sidecar = sidecar;
    const changed = (change: OutsideChange): void => {
      for (const listener of this.#listeners) listener(change);
    };
    this.#files = new HostFiles({
      overlay: () => this.#overlay,
      folders: () => this.#folders,
      sidecar,
      clock,
      after,
      log,
      changed,
    });
    this.#overlay = new Overlay({ now, sidecar, newData: () => this.#files.newData() });
    this.#folders = new HostFolders(freshTime.alone, {
      root,
      overlay: this.#overlay,
      clock,
      log,
      changed,
      isNeeded: (entry) => this.#isNeeded(entry),
    });
    // Changes of names, by the guest and by others.
    const turns = new Turns();
    this.#outside = new OutsideChanges({
      overlay: this.#overlay,
      folders: this.#folders,
      files: this.#files,
      changed,
      turns,
      isWatched: () => this.#listeners.size > 0,
    });
    const parts = { overlay: this.#overlay, folders: this.#folders, files: this.#files };
    this.#names = new NameChanges({ ...parts, moves: new HostMoves({ ...parts, log }), turns });
  }

  /** Nodes that are referenced and files that are open, for those who look for leaks. */
  get handleCount(): number {
    return this.#overlay.handleCount;
  }

  get busy(): boolean {
    return this.#files.dirty.size > 0 || this.#sidecar.isBusy || this.#outside.isObserving;
  }

  root(): Node {
    return this.#overlay.root();
  }

  retain(node: Node): void {
    this.#overlay.retain(node);
  }

  forget(node: Node): void {
    this.#overlay.forget(node);
  }

  lookup(parent: Node, name: Bytes): Awaitable<Node | undefined> {
    const { inode } = this.#overlay.entry(parent);
    if (!this.#folders.isStale(inode)) return this.#overlay.lookup(parent, name);
    const copy = name.slice();
    return this.#refresh(inode).then(() => this.#overlay.lookup(parent, copy));
  }

  parent(node: Node): Node {
    return this.#overlay.parent(node);
  }

  name(node: Node): Bytes {
    return this.#overlay.name(node);
  }

  getattr(node: Node): Awaitable<Attributes> {
    const entry = this.#overlay.entry(node);
    const data = dataOf(entry.inode);
    if (data === undefined || entry.parent === undefined || this.#files.isFresh(data)) return attributesOf(entry.inode);
    return this.#look(entry).then(() => attributesOf(entry.inode));
  }

  setattr(node: Node, changes: AttributeChanges, _caller: Caller): Awaitable<void> {
    return run(this.#setattr(this.#overlay.entry(node), changes, () => this.#overlay.setattr(node, changes)));
  }

  readlink(node: Node): Bytes {
    return this.#overlay.readlink(node);
  }

  async mkdir(parent: Node, name: Bytes, mode: number, caller: Caller): Promise<Node> {
    this.#changing();
    return this.#told(this.#names.mkdir(parent, name.slice(), mode, caller));
  }

  async mknod(parent: Node, name: Bytes, mode: number, rdev: bigint, caller: Caller): Promise<Node> {
    if ((mode & fileType.mask) === fileType.file) {
      const { node, file } = await this.create(
        parent,
        name,
        openFlags.writeOnly | openFlags.exclusive,
        mode & 0o7777,
        caller,
      );
      await this.release(file);
      return node;
    }
    return this.#makeHere(parent, name, (copy) => this.#overlay.mknod(parent, copy, mode, rdev, caller));
  }

  async symlink(parent: Node, name: Bytes, target: Bytes, caller: Caller): Promise<Node> {
    const to = target.slice();
    return this.#makeHere(parent, name, (copy) => this.#overlay.symlink(parent, copy, to, caller));
  }

  async link(node: Node, parent: Node, name: Bytes): Promise<void> {
    this.#changing();
    await this.#told(this.#names.link(node, parent, name.slice()));
  }

  async unlink(parent: Node, name: Bytes, isFolder: boolean): Promise<void> {
    this.#changing();
    await this.#told(this.#names.unlink(parent, name.slice(), isFolder));
  }

  async rename(parent: Node, name: Bytes, newParent: Node, newName: Bytes, flags: number): Promise<void> {
    this.#changing();
    await this.#told(this.#names.rename(parent, name.slice(), newParent, newName.slice(), flags));
  }

  async create(
    parent: Node,
    name: Bytes,
    flags: number,
    mode: number,
    caller: Caller,
  ): Promise<{ readonly node: Node; readonly file: OpenFile }> {
    const copy = name.slice();
    for (let attempt = 1; ; attempt++) {
      const existing = await this.#lookupForCreate(parent, copy, flags);
      if (existing !== undefined) return existing;
      try {
        const made = await this.#told(this.#names.create(parent, copy, flags, mode, caller));
        this.#open(made.file, this.#overlay.entry(made.node).inode, flags);
        return made;
      } catch (error) {
        // Somebody was faster: it is there to be opened now.
        const isThere = error instanceof Errno && error.code === 'EEXIST' && (flags & openFlags.exclusive) === 0;
        if (!isThere || attempt === mostAttempts) throw error;
      }
    }
  }

  open(node: Node, flags: number): Awaitable<OpenFile> {
    const entry = this.#overlay.entry(node);
    const { inode } = entry;
    const changes = (flags & openFlags.accessMode) !== openFlags.readOnly || (flags & openFlags.truncate) !== 0;
    if (changes && inode.content.kind === 'file') this.#changing();
    const open = (): OpenFile => this.#open(this.#overlay.open(node, flags), entry.inode, flags);
    const data = dataOf(inode);
    if (data === undefined || data.isDirty || entry.parent === undefined) return open();
    return this.#look(entry).then(open);
  }

  async release(file: OpenFile): Promise<void> {
    const { inode, writes } = this.#opened.get(file) ?? { inode: this.#overlay.inode(file), writes: false };
    this.#opened.delete(file);
    const data = dataOf(inode);
    if (data !== undefined) {
      data.openings--;
      if (writes) data.writers--;
    }
    try {
      if (writes && data?.isDirty === true) await this.#store(data);
    } finally {
      this.#overlay.release(file);
    }
  }

  getattrOpen(file: OpenFile): Attributes {
    return attributesOf(this.#overlay.inode(file));
  }

  setattrOpen(file: OpenFile, changes: AttributeChanges, _caller: Caller): void {
    this.#changing();
    this.#overlay.setattrOpen(file, changes);
  }

  read(file: OpenFile, offset: number, into: readonly Bytes[]): number | Promise<Bytes> {
    return this.#overlay.read(file, offset, into);
  }

  write(file: OpenFile, offset: number, from: readonly Bytes[]): Awaitable<number> {
    const count = this.#overlay.write(file, offset, from);
    if (this.#files.space.used <= waitingLimit) return count;
    const data = dataOf(this.#overlay.inode(file));
    return data === undefined || data.names.size === 0 ? count : this.#store(data).then(() => count);
  }

  readdir(file: OpenFile, cookie: bigint, emit: EmitEntry): Awaitable<void> {
    const inode = this.#overlay.inode(file);
    if (cookie !== 0n || !this.#folders.isStale(inode)) return this.#overlay.readdir(file, cookie, emit);
    return this.#refresh(inode).then(() => this.#overlay.readdir(file, cookie, emit));
  }

  async fsync(file: OpenFile, _dataOnly: boolean): Promise<void> {
    const data = dataOf(this.#overlay.inode(file));
    if (data?.isDirty === true) await this.#store(data);
    await this.#overlay.fsync(file);
  }

  getxattr(node: Node, name: Bytes): Bytes | undefined {
    return this.#overlay.getxattr(node, name);
  }

  setxattr(node: Node, name: Bytes, value: Bytes, flags: number): void {
    this.#changing();
    this.#overlay.setxattr(node, name, value, flags);
  }

  listxattr(node: Node): readonly Bytes[] {
    return this.#overlay.listxattr(node);
  }

  removexattr(node: Node, name: Bytes): void {
    this.#changing();
    this.#overlay.removexattr(node, name);
  }

  statfs(): FilesystemStatistics {
    return this.#overlay.statfs();
  }

  watch(listener: (change: OutsideChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Throws what could not be stored, with everything else stored. */
  async close(): Promise<void> {
    this.#outside.stop();
    try {
      await this.#files.storeAll();
    } finally {
      await this.#outside.settled();
      this.#files.close();
      await this.#overlay.close();
    }
  }

  #changing(): void {
    if (this.#readOnly) throw new Errno('EROFS');
  }

  #refresh(inode: Inode): Promise<void> {
    return this.#told(this.#folders.freshen(inode));
  }

  #look(entry: Entry): Promise<void> {
    return this.#told(this.#files.look(entry));
  }

  #store(data: HostData): Promise<void> {
    return this.#told(this.#files.store(data));
  }

  /** Tells the user when the browser has taken back its permission: the guest sees no more than EACCES. */
  async #told<T>(result: Promise<T>): Promise<T> {
    try {
      const value = await result;
      this.#isRefused = false;
      return value;
    } catch (error) {
      if (error instanceof Errno && error.code === 'EACCES' && !this.#isRefused) {
        this.#isRefused = true;
        this.#log('the browser does not allow to use it any more: allow it in the page, then load the page again');
      }
      throw error;
    }
  }

  #open(file: OpenFile, inode: Inode, flags: number): OpenFile {
    const writes = (flags & openFlags.accessMode) !== openFlags.readOnly || (flags & openFlags.truncate) !== 0;
    this.#opened.set(file, { inode, writes });
    const data = dataOf(inode);
    if (data === undefined) return file;
    data.openings++;
    if (writes) data.writers++;
    return file;
  }

  *#setattr(entry: Entry, changes: AttributeChanges, change: () => void): Coroutine<void> {
    this.#changing();
    const data = dataOf(entry.inode);
    if (data !== undefined && entry.parent !== undefined && !data.isDirty) yield* wait(this.#look(entry));
    change();
    // truncate(2): there is no close to come.
    if (changes.size !== undefined && data !== undefined && data.writers === 0) yield* wait(this.#store(data));
  }

  /** Opens what is there, if there is something. Throws as `create` does. */
  async #lookupForCreate(
    parent: Node,
    name: Bytes,
    flags: number,
  ): Promise<{ readonly node: Node; readonly file: OpenFile } | undefined> {
    const node = await this.lookup(parent, name);
    if (node === undefined) {
      this.#changing();
      return undefined;
    }
    try {
      if ((flags & openFlags.exclusive) !== 0) throw new Errno('EEXIST');
      if (this.#overlay.entry(node).inode.content.kind === 'folder') throw new Errno('EISDIR');
      return { node, file: await this.open(node, flags) };
    } catch (error) {
      this.forget(node);
      throw error;
    }
  }

  /** Makes something that the host can not have. */
  async #makeHere(parent: Node, name: Bytes, make: (name: Bytes) => Node): Promise<Node> {
    this.#changing();
    const copy = name.slice();
    return this.#told(this.#names.makeHere(parent, copy, () => make(copy)));
  }

  /** Whether the guest has changes of the file, or of a file below the folder, that the host has not got yet. */
  #isNeeded(entry: Entry): boolean {
    for (const data of this.#files.dirty) {
      for (const name of data.names.keys()) {
        for (let at: Entry | undefined = name; at !== undefined; at = this.#overlay.above(at))
          if (at === entry) return true;
      }
    }
    return false;
  }
}

function attributesOf(inode: Inode): Attributes {
  const attributes = inode.attributes();
  if (inode.content.kind !== 'folder') return attributes;
  // What a folder has is known only once it was listed. A link count of 1 says that its folders are not counted.
  return { ...attributes, nlink: Math.min(inode.nlink, 1), size: folderSize };
}
