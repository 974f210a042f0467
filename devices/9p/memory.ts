// Files in memory, complete with hard links, holes, orphans and nanoseconds, and every operation at once. Also the core
// that stores with slow media build on.
import type { Bytes } from '../ports.ts';
import { fileType, noId, openFlags, renameFlags } from './backend.ts';
import type {
  AttributeChanges,
  Attributes,
  Backend,
  Caller,
  EmitEntry,
  FilesystemStatistics,
  Node,
  OpenFile,
} from './backend.ts';
import { Errno } from './errno.ts';
import { dotCookie, dotDotCookie, Entry, Folder } from './memory/folder.ts';
import { Handles } from './memory/handles.ts';
import { Inode } from './memory/inode.ts';
import type { Content } from './memory/inode.ts';
import { SparseData } from './memory/sparse-data.ts';
import type { Space } from './memory/sparse-data.ts';

/** Bytes of file data by default: half of what a page can have without being killed on small machines. */
const defaultCapacity = 2 ** 30;
/** The most names. Each costs about 500 bytes with its inode. */
const maximumNames = 1 << 21;
/** Linux's magic number of tmpfs, which this is most like. */
const tmpfsMagic = 0x0102_1994;
const statfsBlockSize = 4096;
const nameLength = 255;

export interface MemoryBackendOptions {
  /** Nanoseconds since 1970. */
  readonly now: () => bigint;
  /** Bytes of file data. Default 1 GiB. */
  readonly capacity?: number;
  /** Permissions of the root folder. Default 0755. */
  readonly rootMode?: number;
}

interface Open {
  readonly inode: Inode;
  readonly appends: boolean;
}

function dataOf({ content }: Inode): SparseData {
  if (content.kind === 'file') return content.data;
  throw new Errno(content.kind === 'folder' ? 'EISDIR' : 'EINVAL');
}

function folderOf({ content }: Inode): Folder {
  if (content.kind !== 'folder') throw new Errno('ENOTDIR');
  return content.folder;
}

function checkLength(name: Bytes): void {
  if (name.length > nameLength) throw new Errno('ENAMETOOLONG');
}

export class MemoryBackend implements Backend {
  readonly #now: () => bigint;
  readonly #space: Space;
  readonly #root: Entry;
  readonly #nodes = new Handles<Entry, Node>('node');
  readonly #files = new Handles<Open, OpenFile>('open file');
  #nextIno = 1n;
  #names = 0;

  constructor({ now, capacity, rootMode }: MemoryBackendOptions) {
    this.#now = now;
    this.#space = { capacity: capacity ?? defaultCapacity, used: 0 };
    const folder = new Folder();
    const inode = this.#newInode(fileType.folder | (rootMode ?? 0o755), { kind: 'folder', folder }, { uid: 0, gid: 0 });
    inode.nlink = 2;
    this.#root = new Entry(inode, new Uint8Array(0));
    this.#root.parent = inode;
    folder.self = this.#root;
  }

  /** Nodes that are referenced and files that are open, for those who look for leaks. */
  get handleCount(): number {
    return this.#nodes.count + this.#files.count;
  }

  /** Bytes of memory that file data takes. */
  get usedSpace(): number {
    return this.#space.used;
  }

  root(): Node {
    return this.#reference(this.#root);
  }

  retain(node: Node): void {
    this.#nodes.get(node).references++;
  }

  forget(node: Node): void {
    const entry = this.#nodes.get(node);
    if (--entry.references > 0) return;
    this.#nodes.remove(node);
    entry.node = 0;
    this.#unpin(entry.inode);
  }

  lookup(parent: Node, name: Bytes): Node | undefined {
    const entry = folderOf(this.#inode(parent)).get(name);
    return entry === undefined ? undefined : this.#reference(entry);
  }

  parent(node: Node): Node {
    const { parent } = this.#nodes.get(node);
    const self = parent === undefined ? undefined : folderOf(parent).self;
    if (self === undefined) throw new Errno('ENOENT');
    return this.#reference(self);
  }

  name(node: Node): Bytes {
    const entry = this.#nodes.get(node);
    if (entry === this.#root) throw new Errno('EBUSY');
    if (entry.parent === undefined) throw new Errno('ENOENT');
    return entry.name;
  }

  getattr(node: Node): Attributes {
    return this.#inode(node).attributes();
  }

  setattr(node: Node, changes: AttributeChanges): void {
    this.#change(this.#inode(node), changes);
  }

  readlink(node: Node): Bytes {
    const inode = this.#inode(node);
    if (inode.content.kind !== 'link') throw new Errno('EINVAL');
    inode.accessed(this.#now());
    return inode.content.target;
  }

  mkdir(parent: Node, name: Bytes, mode: number, caller: Caller): Node {
    const folder = new Folder();
    return this.#make(parent, name, fileType.folder | mode, { kind: 'folder', folder }, caller);
  }

  mknod(parent: Node, name: Bytes, mode: number, rdev: bigint, caller: Caller): Node {
    const isFile = (mode & fileType.mask) === fileType.file;
    const content: Content = isFile ? { kind: 'file', data: new SparseData(this.#space) } : { kind: 'special', rdev };
    return this.#make(parent, name, mode, content, caller);
  }

  symlink(parent: Node, name: Bytes, target: Bytes, caller: Caller): Node {
    return this.#make(parent, name, fileType.link | 0o777, { kind: 'link', target: target.slice() }, caller);
  }

  link(node: Node, parent: Node, name: Bytes): void {
    const inode = this.#inode(node);
    if (inode.content.kind === 'folder') throw new Errno('EPERM');
    if (inode.nlink === 0) throw new Errno('ENOENT');
    this.#checkFree(parent, name);
    this.#attach(new Entry(inode, name.slice()), this.#inode(parent));
    inode.ctime = this.#now();
  }

  unlink(parent: Node, name: Bytes, isFolder: boolean): void {
    const entry = folderOf(this.#inode(parent)).get(name);
    if (entry === undefined) throw new Errno('ENOENT');
    const { content } = entry.inode;
    if (isFolder && content.kind !== 'folder') throw new Errno('ENOTDIR');
    if (!isFolder && content.kind === 'folder') throw new Errno('EISDIR');
    if (content.kind === 'folder' && content.folder.size > 0) throw new Errno('ENOTEMPTY');
    this.#detach(entry);
    this.#dropName(entry.inode);
  }

  rename(parent: Node, name: Bytes, newParent: Node, newName: Bytes, flags: number): void {
    const source = folderOf(this.#inode(parent)).get(name);
    const newFolder = this.#inode(newParent);
    const target = folderOf(newFolder).get(newName);
    checkLength(newName);
    if (source === undefined) throw new Errno('ENOENT');
    if (folderOf(newFolder).self?.parent === undefined) throw new Errno('ENOENT');
    this.#checkNotBelow(source.inode, newFolder);
    if ((flags & renameFlags.exchange) !== 0) return this.#exchange(source, target, this.#inode(parent));
    if (target !== undefined) {
      if ((flags & renameFlags.noReplace) !== 0) throw new Errno('EEXIST');
      // rename(2): two names of one file both stay.
      if (target.inode === source.inode) return;
      this.#checkReplaceable(source.inode, target.inode);
      this.#detach(target);
      this.#dropName(target.inode);
    }
    this.#detach(source);
    source.name = newName.slice();
    this.#attach(source, newFolder);
    source.inode.ctime = this.#now();
  }

  create(parent: Node, name: Bytes, flags: number, mode: number, caller: Caller): { node: Node; file: OpenFile } {
    const existing = folderOf(this.#inode(parent)).get(name);
    if (existing !== undefined && (flags & openFlags.exclusive) !== 0) throw new Errno('EEXIST');
    // open(2) with O_CREAT: a folder can not be created by it, even for reading.
    if (existing?.inode.content.kind === 'folder') throw new Errno('EISDIR');
    const node =
      existing === undefined
        ? this.#make(parent, name, fileType.file | mode, { kind: 'file', data: new SparseData(this.#space) }, caller)
        : this.#reference(existing);
    try {
      return { node, file: this.open(node, flags) };
    } catch (error) {
      this.forget(node);
      throw error;
    }
  }

  open(node: Node, flags: number): OpenFile {
    const inode = this.#inode(node);
    const { kind } = inode.content;
    const truncates = (flags & openFlags.truncate) !== 0;
    if (kind === 'link') throw new Errno('ELOOP');
    if (kind !== 'folder' && (flags & openFlags.directory) !== 0) throw new Errno('ENOTDIR');
    if (kind === 'special') throw new Errno('ENXIO');
    if (kind === 'folder' && ((flags & openFlags.accessMode) !== 0 || truncates)) throw new Errno('EISDIR');
    if (truncates) {
      dataOf(inode).resize(0);
      inode.modified(this.#now());
    }
    inode.pins++;
    return this.#files.add({ inode, appends: (flags & openFlags.append) !== 0 });
  }

  release(file: OpenFile): void {
    this.#unpin(this.#files.remove(file).inode);
  }

  getattrOpen(file: OpenFile): Attributes {
    return this.#files.get(file).inode.attributes();
  }

  setattrOpen(file: OpenFile, changes: AttributeChanges): void {
    this.#change(this.#files.get(file).inode, changes);
  }

  read(file: OpenFile, offset: number, into: readonly Bytes[]): number {
    const { inode } = this.#files.get(file);
    const count = dataOf(inode).read(offset, into);
    inode.accessed(this.#now());
    return count;
  }

  write(file: OpenFile, offset: number, from: readonly Bytes[]): number {
    const { inode, appends } = this.#files.get(file);
    const data = dataOf(inode);
    const count = data.write(appends ? data.length : offset, from);
    inode.modified(this.#now());
    return count;
  }

  readdir(file: OpenFile, cookie: bigint, emit: EmitEntry): void {
    const { inode } = this.#files.get(file);
    const folder = folderOf(inode);
    const parent = folder.self?.parent;
    // A folder that was removed lists nothing, not even itself.
    if (parent === undefined) return;
    inode.accessed(this.#now());
    const { folder: type } = fileType;
    const after = Number(cookie);
    const dots = [
      { name: Uint8Array.of(0x2e), cookie: dotCookie, ino: inode.ino },
      { name: Uint8Array.of(0x2e, 0x2e), cookie: dotDotCookie, ino: parent.ino },
    ];
    for (const dot of dots) {
      if (dot.cookie > after && !emit({ ...dot, cookie: BigInt(dot.cookie), type })) return;
    }
    for (const entry of folder.after(after)) {
      const { ino, type: entryType } = entry.inode;
      if (!emit({ name: entry.name, cookie: BigInt(entry.cookie), ino, type: entryType })) return;
    }
  }

  fsync(file: OpenFile): void {
    // Nothing outlives the process; the handle has to be one all the same.
    this.#files.get(file);
  }

  statfs(): FilesystemStatistics {
    const { capacity, used } = this.#space;
    const free = BigInt(Math.floor((capacity - used) / statfsBlockSize));
    return {
      type: tmpfsMagic,
      blockSize: statfsBlockSize,
      blocks: BigInt(Math.floor(capacity / statfsBlockSize)),
      blocksFree: free,
      blocksAvailable: free,
      files: BigInt(maximumNames),
      filesFree: BigInt(maximumNames - this.#names),
      fsid: 0n,
      nameLength,
    };
  }

  close(): void {
    // Memory goes with the object.
  }

  #inode(node: Node): Inode {
    return this.#nodes.get(node).inode;
  }

  #newInode(mode: number, content: Content, { uid, gid }: Caller): Inode {
    return new Inode(this.#nextIno++, mode, content, uid === noId ? 0 : uid, gid === noId ? 0 : gid, this.#now());
  }

  #reference(entry: Entry): Node {
    if (entry.references++ === 0) {
      entry.node = this.#nodes.add(entry);
      entry.inode.pins++;
    }
    return entry.node as Node;
  }

  #unpin(inode: Inode): void {
    inode.pins--;
    this.#freeIfOrphan(inode);
  }

  #freeIfOrphan({ pins, nlink, content }: Inode): void {
    if (pins === 0 && nlink === 0 && content.kind === 'file') content.data.resize(0);
  }

  /** Refuses a name that is taken, in a folder that was removed, or beyond the limit. */
  #checkFree(parent: Node, name: Bytes): void {
    const folder = folderOf(this.#inode(parent));
    checkLength(name);
    if (folder.get(name) !== undefined) throw new Errno('EEXIST');
    if (folder.self?.parent === undefined) throw new Errno('ENOENT');
    if (this.#names >= maximumNames) throw new Errno('ENOSPC');
  }

  #make(parent: Node, name: Bytes, mode: number, content: Content, caller: Caller): Node {
    this.#checkFree(parent, name);
    const inode = this.#newInode(mode, content, caller);
    const entry = new Entry(inode, name.slice());
    // "." is a folder's second name.
    if (content.kind === 'folder') inode.nlink = 1;
    this.#attach(entry, this.#inode(parent));
    return this.#reference(entry);
  }

  /** Puts an entry that is in no folder into one. */
  #attach(entry: Entry, parent: Inode): void {
    folderOf(parent).add(entry);
    entry.parent = parent;
    entry.inode.nlink++;
    this.#names++;
    if (entry.inode.content.kind === 'folder') {
      entry.inode.content.folder.self = entry;
      parent.nlink++;
    }
    parent.modified(this.#now());
  }

  #detach(entry: Entry): void {
    const { parent, inode } = entry;
    if (parent === undefined) throw new Error('an entry that is in no folder');
    folderOf(parent).remove(entry);
    entry.parent = undefined;
    inode.nlink--;
    this.#names--;
    if (inode.content.kind === 'folder') parent.nlink--;
    parent.modified(this.#now());
  }

  /** Notes that the inode has lost a name for good. */
  #dropName(inode: Inode): void {
    // An empty folder without a name has no "." either.
    if (inode.content.kind === 'folder') inode.nlink = 0;
    inode.ctime = this.#now();
    this.#freeIfOrphan(inode);
  }

  /** Refuses to move a folder into itself or below. */
  #checkNotBelow(moved: Inode, folder: Inode): void {
    for (let above: Inode | undefined = folder; above !== undefined; above = folderOf(above).self?.parent) {
      if (above === moved) throw new Errno('EINVAL');
      if (above === this.#root.inode) return;
    }
  }

  #checkReplaceable(moved: Inode, replaced: Inode): void {
    if (replaced.content.kind !== 'folder') {
      if (moved.content.kind === 'folder') throw new Errno('ENOTDIR');
      return;
    }
    if (moved.content.kind !== 'folder') throw new Errno('EISDIR');
    if (replaced.content.folder.size > 0) throw new Errno('ENOTEMPTY');
  }

  #exchange(source: Entry, target: Entry | undefined, parent: Inode): void {
    if (target?.parent === undefined) throw new Errno('ENOENT');
    this.#checkNotBelow(target.inode, parent);
    const newParent = target.parent;
    const { name } = source;
    this.#detach(source);
    this.#detach(target);
    source.name = target.name;
    target.name = name;
    this.#attach(source, newParent);
    this.#attach(target, parent);
    source.inode.ctime = this.#now();
    target.inode.ctime = this.#now();
  }

  #change(inode: Inode, { mode, uid, gid, size, atime, mtime }: AttributeChanges): void {
    const now = this.#now();
    if (size !== undefined) {
      dataOf(inode).resize(size);
      inode.mtime = now;
    }
    if (mode !== undefined) inode.mode = inode.type | (mode & 0o7777);
    if (uid !== undefined) inode.uid = uid;
    if (gid !== undefined) inode.gid = gid;
    if (atime !== undefined) inode.atime = atime === 'now' ? now : atime;
    if (mtime !== undefined) inode.mtime = mtime === 'now' ? now : mtime;
    inode.ctime = now;
  }
}
