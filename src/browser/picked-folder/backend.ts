// A folder of the user's computer as a share: what the host has, with the overlay's names and attributes over it. Everything
// is looked up in memory while a look at the host is fresh; opening a file always looks again. Changes of names are made on the
// host at once, one after another; data is there after close and fsync.
import { run, wait } from '../../../devices/9p/coroutine.ts';
import type { Coroutine } from '../../../devices/9p/coroutine.ts';
import { fileType, openFlags, renameFlags } from '../../../devices/9p/backend.ts';
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
import { rootIno } from '../../../devices/9p/memory/file-tree.ts';
import type { Inode } from '../../../devices/9p/memory/inode.ts';
import type { Bytes, Log } from '../../../devices/ports.ts';
import type { After } from '../../sleep.ts';
import type { FolderHandle } from './access.ts';
import { hostCall } from './host-errors.ts';
import type { HostData } from './host-data.ts';
import { HostFiles } from './host-files.ts';
import { HostFolders } from './host-folders.ts';
import { HostMoves } from './host-moves.ts';
import type { Observe } from './observer.ts';
import { freshTime, OutsideChanges } from './outside-changes.ts';
import { dataOf, Overlay } from './overlay.ts';
import type { RecordStore } from './records.ts';
import { Sidecar } from './sidecar.ts';
import { Turns } from './turns.ts';

/** Bytes of changes in memory beyond which a write waits until its file is stored. */
const waitingLimit = 256 * 2 ** 20;
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
  readonly #moves: HostMoves;
  readonly #outside: OutsideChanges;
  readonly #opened = new Map<OpenFile, Opened>();
  readonly #listeners = new Set<(change: OutsideChange) => void>();
  /** Changes of names, one after another. */
  readonly #names = new Turns();
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
    this.#outside = new OutsideChanges({
      overlay: this.#overlay,
      folders: this.#folders,
      files: this.#files,
      changed,
      turns: this.#names,
      isWatched: () => this.#listeners.size > 0,
    });
    this.#moves = new HostMoves({ overlay: this.#overlay, folders: this.#folders, files: this.#files, log });
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
    if (!this.#isStale(inode)) return this.#overlay.lookup(parent, name);
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
    return this.#make(parent, name, async (folder, hostName) => {
      const handle = await this.#folders.handle(folder);
      await hostCall(handle.getDirectoryHandle(hostName, { create: true }));
      const node = this.#overlay.mkdir(parent, name, mode, caller);
      this.#overlay.setHostName(this.#overlay.entry(node), hostName);
      return node;
    });
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
    return this.#makeHere(parent, name, () => this.#overlay.mknod(parent, name, mode, rdev, caller));
  }

  async symlink(parent: Node, name: Bytes, target: Bytes, caller: Caller): Promise<Node> {
    const copy = target.slice();
    return this.#makeHere(parent, name, () => this.#overlay.symlink(parent, name, copy, caller));
  }

  async link(node: Node, parent: Node, name: Bytes): Promise<void> {
    const entry = this.#overlay.entry(node);
    const data = dataOf(entry.inode);
    if (data === undefined) {
      await this.#makeHere(parent, name, () => this.#overlay.link(node, parent, name));
      return;
    }
    if (entry.inode.nlink === 0) throw new Errno('ENOENT');
    await this.#store(data);
    await this.#make(parent, name, (folder, hostName) =>
      data.turns.take(async () => {
        const [first] = data.names.keys();
        if (first === undefined) throw new Errno('ENOENT');
        const file = await this.#moves.copyFile(first, { folder, hostName, isFree: true });
        this.#overlay.link(node, parent, name);
        for (const added of data.names.keys()) {
          if (this.#overlay.isOnHost(added)) continue;
          this.#overlay.setHostName(added, hostName);
          this.#files.noteStored(added, file);
        }
      }),
    );
  }

  async unlink(parent: Node, name: Bytes, isFolder: boolean): Promise<void> {
    this.#changing();
    await this.#changeNames(async () => {
      const { inode: folder } = this.#overlay.entry(parent);
      await this.#refresh(folder);
      const below = this.#overlay.find(folder, name);
      if (isFolder && below?.inode.content.kind === 'folder') await this.#refresh(below.inode);
      const entry = this.#overlay.checkUnlink(parent, name, isFolder);
      await this.#removing(entry, async () => {
        if (this.#overlay.isOnHost(entry)) await this.#removeFromHost(folder, this.#overlay.hostNameOf(entry));
        this.#overlay.unlink(parent, name, isFolder);
      });
    });
  }

  async rename(parent: Node, name: Bytes, newParent: Node, newName: Bytes, flags: number): Promise<void> {
    this.#changing();
    if ((flags & renameFlags.exchange) !== 0) throw new Errno('EINVAL', 'a browser can not exchange names');
    await this.#changeNames(async () => {
      const { inode: folder } = this.#overlay.entry(parent);
      const { inode: newFolder } = this.#overlay.entry(newParent);
      await this.#refresh(folder);
      if (newFolder !== folder) await this.#refresh(newFolder);
      const there = this.#overlay.find(newFolder, newName);
      if (there?.inode.content.kind === 'folder') await this.#refresh(there.inode);
      const { source, target } = this.#overlay.checkRename(parent, name, newParent, newName, flags);
      const act = (): void => this.#overlay.rename(parent, name, newParent, newName, flags);
      if (target?.inode === source.inode) return;
      if (target === undefined) await this.#move(source, newFolder, undefined, newName, act);
      else await this.#removing(target, () => this.#move(source, newFolder, target, newName, act));
    });
  }

  async create(
    parent: Node,
    name: Bytes,
    flags: number,
    mode: number,
    caller: Caller,
  ): Promise<{ readonly node: Node; readonly file: OpenFile }> {
    const existing = await this.#lookupForCreate(parent, name, flags);
    if (existing !== undefined) return existing;
    return this.#make(parent, name, async (folder, hostName) => {
      const handle = await this.#folders.handle(folder);
      const stored = await hostCall((await hostCall(handle.getFileHandle(hostName, { create: true }))).getFile());
      // Somebody on the host was faster.
      if (stored.size > 0) throw new Errno('EEXIST');
      const made = this.#overlay.create(parent, name, flags, mode, caller);
      const entry = this.#overlay.entry(made.node);
      this.#overlay.setHostName(entry, hostName);
      this.#files.noteStored(entry, stored);
      this.#open(made.file, entry.inode, flags);
      return made;
    });
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
    if (cookie !== 0n || !this.#isStale(inode)) return this.#overlay.readdir(file, cookie, emit);
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

  /** Whether the folder has to be looked at again. What has no name any more is as it is. */
  #isStale(inode: Inode): boolean {
    return inode.content.kind === 'folder' && inode.nlink > 0 && !this.#folders.isFresh(inode);
  }

  #refresh(inode: Inode): Promise<void> {
    return this.#isStale(inode) ? this.#told(this.#folders.refresh(inode)) : Promise.resolve();
  }

  #look(entry: Entry): Promise<void> {
    return this.#told(this.#files.look(entry));
  }

  #store(data: HostData): Promise<void> {
    return this.#told(this.#files.store(data));
  }

  #changeNames<T>(action: () => Promise<T>): Promise<T> {
    return this.#told(this.#names.take(action));
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

  /** Makes something under a name that the host gets too. */
  async #make<T>(parent: Node, name: Bytes, make: (folder: Inode, hostName: string) => Promise<T>): Promise<T> {
    this.#changing();
    const copy = name.slice();
    return this.#changeNames(async () => {
      const { inode: folder } = this.#overlay.entry(parent);
      await this.#refresh(folder);
      this.#overlay.checkFree(parent, copy);
      const hostName = await this.#folders.freeName(folder, copy);
      return this.#folders.changing(folder, () => make(folder, hostName));
    });
  }

  /** Makes something that the host can not have. */
  async #makeHere<T>(parent: Node, name: Bytes, make: () => T): Promise<T> {
    this.#changing();
    return this.#changeNames(async () => {
      const { inode: folder } = this.#overlay.entry(parent);
      await this.#refresh(folder);
      this.#overlay.checkFree(parent, name);
      return make();
    });
  }

  /** Runs what takes a name from a file, which keeps its content for those who have it open. */
  async #removing(entry: Entry, remove: () => Promise<void>): Promise<void> {
    const data = dataOf(entry.inode);
    if (data === undefined) return remove();
    await data.turns.take(async () => {
      if (data.openings > 0 && data.names.size === 1) await data.preserveShown();
      await remove();
    });
  }

  async #removeFromHost(folder: Inode, hostName: string): Promise<void> {
    const handle = await this.#folders.handle(folder);
    await this.#folders.changing(folder, async () => {
      try {
        await hostCall(handle.removeEntry(hostName));
      } catch (error) {
        // The host was faster.
        if (!(error instanceof Errno) || error.code !== 'ENOENT') throw error;
      }
    });
  }

  async #move(
    source: Entry,
    newFolder: Inode,
    target: Entry | undefined,
    newName: Bytes,
    act: () => void,
  ): Promise<void> {
    const folder = source.parent;
    if (folder === undefined) throw new Errno('ENOENT');
    const replaced =
      target !== undefined && this.#overlay.isOnHost(target) ? this.#overlay.hostNameOf(target) : undefined;
    if (!this.#overlay.isOnHost(source)) {
      if (replaced !== undefined) await this.#removeFromHost(newFolder, replaced);
      act();
      return;
    }
    const hostName = replaced ?? (await this.#folders.freeName(newFolder, newName));
    const place = { folder: newFolder, hostName, isFree: replaced === undefined };
    await this.#folders.changing(folder, () =>
      this.#folders.changing(newFolder, async () => {
        const data = dataOf(source.inode);
        if (data === undefined) {
          if (replaced !== undefined) await this.#removeFromHost(newFolder, replaced);
          await this.#moves.moveFolder(source, place);
          act();
          this.#overlay.setHostName(source, hostName);
          return;
        }
        await data.turns.take(async () => {
          const file = await this.#moves.moveFile(source, place);
          act();
          this.#overlay.setHostName(source, hostName);
          this.#files.noteStored(source, file);
        });
      }),
    );
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
