// Names and inodes in memory: hard links, renames, orphans, nanoseconds, listings that removals do not disturb. Where the
// data of files is, and whether any of it outlives the process, is the business of the classes that extend this one.
import type { Bytes } from '../../ports.ts';
import { fileType, noId, openFlags, renameFlags } from '../backend.ts';
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
} from '../backend.ts';
import { Errno } from '../errno.ts';
import { dotCookie, dotDotCookie, Entry, Folder } from './folder.ts';
import { Handles } from './handles.ts';
import { Inode } from './inode.ts';
import type { Content, FileData } from './inode.ts';
import type { Space } from './sparse-data.ts';
import { Xattrs } from './xattrs.ts';

/** The most names. Each costs about 500 bytes with its inode. */
const maximumNames = 1 << 21;
const statfsBlockSize = 4096;
const nameLength = 255;
export const rootIno = 1n;

/** What a tree starts with. */
export interface FileTreeState {
  /** The root folder, with everything below. */
  readonly root: Inode;
  /** The number of the next new inode. */
  readonly nextIno: bigint;
  /** Names in all folders. */
  readonly names: number;
}

export interface FileTreeOptions extends FileTreeState {
  /** Nanoseconds since 1970. */
  readonly now: () => bigint;
  readonly space: Space;
  /** Linux's magic number of the file system that it is most like. */
  readonly magic: number;
}

interface Open {
  readonly inode: Inode;
  readonly appends: boolean;
}

function dataOf({ content }: Inode): FileData {
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

/** A tree of one empty folder. */
export function emptyTree(now: bigint, mode: number): FileTreeState {
  const inode = new Inode(rootIno, fileType.folder | mode, { kind: 'folder', folder: new Folder() }, 0, 0, now);
  inode.nlink = 2;
  return { root: inode, nextIno: rootIno + 1n, names: 0 };
}

export abstract class FileTree implements Backend {
  protected readonly now: () => bigint;
  protected readonly space: Space;
  readonly #magic: number;
  readonly #root: Entry;
  readonly #nodes = new Handles<Entry, Node>('node');
  readonly #files = new Handles<Open, OpenFile>('open file');
  #nextIno: bigint;
  #names: number;

  constructor({ now, space, magic, root, nextIno, names }: FileTreeOptions) {
    this.now = now;
    this.space = space;
    this.#magic = magic;
    this.#nextIno = nextIno;
    this.#names = names;
    this.#root = new Entry(root, new Uint8Array(0));
    this.#root.parent = root;
    folderOf(root).self = this.#root;
  }

  /** Makes the data of a new file. */
  protected abstract newData(): FileData;

  /** The number for a new inode that gets the name. */
  protected inoFor(_folder: Inode, _name: Bytes): bigint {
    return this.#nextIno++;
  }

  /** Refuses a new name, with ENOSPC, where nothing more can be stored. */
  protected checkRoom(): void {
    if (this.#names >= maximumNames) throw new Errno('ENOSPC');
  }

  /** Hears of each inode that was made. */
  protected created(_inode: Inode): void {}

  /** Hears of each change of an inode's attributes (or its data, which changes mtime), and of its end: see `isGone`. */
  protected changed(_inode: Inode): void {}

  /** Hears of each access that has set atime. */
  protected accessed(_inode: Inode): void {}

  /** Hears of each entry that was put into a folder. */
  protected attached(_entry: Entry): void {}

  /** Hears of each entry that is about to be taken out of its folder. */
  protected detaching(_entry: Entry): void {}

  /** Nodes that are referenced and files that are open, for those who look for leaks. */
  get handleCount(): number {
    return this.#nodes.count + this.#files.count;
  }

  /** Bytes that file data takes. */
  get usedSpace(): number {
    return this.space.used;
  }

  /** The number of the next new inode. */
  protected get nextIno(): bigint {
    return this.#nextIno;
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
    this.#access(inode);
    return inode.content.target;
  }

  mkdir(parent: Node, name: Bytes, mode: number, caller: Caller): Node {
    const folder = new Folder();
    return this.#make(parent, name, fileType.folder | mode, { kind: 'folder', folder }, caller);
  }

  mknod(parent: Node, name: Bytes, mode: number, rdev: bigint, caller: Caller): Node {
    const isFile = (mode & fileType.mask) === fileType.file;
    const content: Content = isFile ? { kind: 'file', data: this.newData() } : { kind: 'special', rdev };
    return this.#make(parent, name, mode, content, caller);
  }

  symlink(parent: Node, name: Bytes, target: Bytes, caller: Caller): Node {
    return this.#make(parent, name, fileType.link | 0o777, { kind: 'link', target: target.slice() }, caller);
  }

  link(node: Node, parent: Node, name: Bytes): void {
    const inode = this.#inode(node);
    if (inode.content.kind === 'folder') throw new Errno('EPERM');
    if (inode.nlink === 0) throw new Errno('ENOENT');
    this.checkFree(parent, name);
    this.#attach(new Entry(inode, name.slice()), this.#inode(parent));
    this.#touch(inode);
  }

  unlink(parent: Node, name: Bytes, isFolder: boolean): void {
    const entry = this.checkUnlink(parent, name, isFolder);
    this.#detach(entry);
    this.dropName(entry.inode);
  }

  /** The entry that `unlink` would remove. Throws as `unlink` does. */
  protected checkUnlink(parent: Node, name: Bytes, isFolder: boolean): Entry {
    const entry = folderOf(this.#inode(parent)).get(name);
    if (entry === undefined) throw new Errno('ENOENT');
    const { content } = entry.inode;
    if (isFolder && content.kind !== 'folder') throw new Errno('ENOTDIR');
    if (!isFolder && content.kind === 'folder') throw new Errno('EISDIR');
    if (content.kind === 'folder' && content.folder.size > 0) throw new Errno('ENOTEMPTY');
    return entry;
  }

  rename(parent: Node, name: Bytes, newParent: Node, newName: Bytes, flags: number): void {
    const { source, target } = this.checkRename(parent, name, newParent, newName, flags);
    const newFolder = this.#inode(newParent);
    if ((flags & renameFlags.exchange) !== 0) return this.#exchange(source, target, this.#inode(parent));
    if (target !== undefined) {
      // rename(2): two names of one file both stay.
      if (target.inode === source.inode) return;
      this.#detach(target);
      this.dropName(target.inode);
    }
    this.#detach(source);
    source.name = newName.slice();
    this.#attach(source, newFolder);
    this.#touch(source.inode);
  }

  /** The entry that `rename` would move, and the one that it would replace. Throws as `rename` does. */
  protected checkRename(
    parent: Node,
    name: Bytes,
    newParent: Node,
    newName: Bytes,
    flags: number,
  ): { readonly source: Entry; readonly target: Entry | undefined } {
    const source = folderOf(this.#inode(parent)).get(name);
    const newFolder = this.#inode(newParent);
    const target = folderOf(newFolder).get(newName);
    checkLength(newName);
    if (source === undefined) throw new Errno('ENOENT');
    if (folderOf(newFolder).self?.parent === undefined) throw new Errno('ENOENT');
    this.#checkNotBelow(source.inode, newFolder);
    if (target === undefined || (flags & renameFlags.exchange) !== 0) return { source, target };
    if ((flags & renameFlags.noReplace) !== 0) throw new Errno('EEXIST');
    if (target.inode !== source.inode) this.#checkReplaceable(source.inode, target.inode);
    return { source, target };
  }

  create(parent: Node, name: Bytes, flags: number, mode: number, caller: Caller): { node: Node; file: OpenFile } {
    const existing = folderOf(this.#inode(parent)).get(name);
    if (existing !== undefined && (flags & openFlags.exclusive) !== 0) throw new Errno('EEXIST');
    // open(2) with O_CREAT: a folder can not be created by it, even for reading.
    if (existing?.inode.content.kind === 'folder') throw new Errno('EISDIR');
    const node =
      existing === undefined
        ? this.#make(parent, name, fileType.file | mode, { kind: 'file', data: this.newData() }, caller)
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
      this.#modify(inode);
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

  abstract read(file: OpenFile, offset: number, into: readonly Bytes[]): number | Promise<Bytes>;
  abstract write(file: OpenFile, offset: number, from: readonly Bytes[]): Awaitable<number>;
  abstract fsync(file: OpenFile, dataOnly: boolean): Awaitable<void>;
  abstract close(): Awaitable<void>;

  protected readData(file: OpenFile, offset: number, into: readonly Bytes[]): number | Promise<Bytes> {
    const { inode } = this.#files.get(file);
    const result = dataOf(inode).read(offset, into);
    this.#access(inode);
    return result;
  }

  protected writeData(file: OpenFile, offset: number, from: readonly Bytes[]): number {
    const { inode, appends } = this.#files.get(file);
    const data = dataOf(inode);
    const count = data.write(appends ? data.length : offset, from);
    this.#modify(inode);
    return count;
  }

  readdir(file: OpenFile, cookie: bigint, emit: EmitEntry): void {
    const { inode } = this.#files.get(file);
    const folder = folderOf(inode);
    const parent = folder.self?.parent;
    // A folder that was removed lists nothing, not even itself.
    if (parent === undefined) return;
    this.#access(inode);
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

  /** Complains of a handle that is none, which is a mistake of the caller. */
  protected checkOpen(file: OpenFile): void {
    this.openedInode(file);
  }

  protected openedInode(file: OpenFile): Inode {
    return this.#files.get(file).inode;
  }

  protected entryOf(node: Node): Entry {
    return this.#nodes.get(node);
  }

  getxattr(node: Node, name: Bytes): Bytes | undefined {
    return this.#inode(node).xattrs?.get(name);
  }

  setxattr(node: Node, name: Bytes, value: Bytes, flags: number): void {
    const inode = this.#inode(node);
    inode.xattrs ??= new Xattrs(this.space);
    inode.xattrs.set(name, value, flags);
    this.#touch(inode);
  }

  listxattr(node: Node): readonly Bytes[] {
    return this.#inode(node).xattrs?.names ?? [];
  }

  removexattr(node: Node, name: Bytes): void {
    const inode = this.#inode(node);
    if (inode.xattrs === undefined) throw new Errno('ENODATA');
    inode.xattrs.remove(name);
    this.#touch(inode);
  }

  statfs(): FilesystemStatistics {
    const { capacity, used } = this.space;
    const free = BigInt(Math.max(0, Math.floor((capacity - used) / statfsBlockSize)));
    return {
      type: this.#magic,
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

  #inode(node: Node): Inode {
    return this.#nodes.get(node).inode;
  }

  #newInode(ino: bigint, mode: number, content: Content, { uid, gid }: Caller): Inode {
    return new Inode(ino, mode, content, uid === noId ? 0 : uid, gid === noId ? 0 : gid, this.now());
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

  #freeIfOrphan(inode: Inode): void {
    if (!inode.isGone) return;
    if (inode.content.kind === 'file') inode.content.data.resize(0);
    inode.xattrs?.clear();
    this.changed(inode);
  }

  #access(inode: Inode): void {
    if (inode.access(this.now())) this.accessed(inode);
  }

  /** Notes a change of what is neither data nor the time of it. */
  #touch(inode: Inode): void {
    inode.ctime = this.now();
    this.changed(inode);
  }

  #modify(inode: Inode): void {
    inode.modified(this.now());
    this.changed(inode);
  }

  /** Refuses a name that is taken, in a folder that was removed, or beyond the limit. */
  protected checkFree(parent: Node, name: Bytes): void {
    const folder = folderOf(this.#inode(parent));
    checkLength(name);
    if (folder.get(name) !== undefined) throw new Errno('EEXIST');
    if (folder.self?.parent === undefined) throw new Errno('ENOENT');
    this.checkRoom();
  }

  #make(parent: Node, name: Bytes, mode: number, content: Content, caller: Caller): Node {
    this.checkFree(parent, name);
    const folder = this.#inode(parent);
    const inode = this.#newInode(this.inoFor(folder, name), mode, content, caller);
    this.created(inode);
    const entry = new Entry(inode, name.slice());
    // "." is a folder's second name.
    if (content.kind === 'folder') inode.nlink = 1;
    this.#attach(entry, folder);
    return this.#reference(entry);
  }

  /** Puts an entry that is in no folder into one. */
  #attach(entry: Entry, parent: Inode): void {
    this.insert(entry, parent);
    this.#modify(parent);
    this.attached(entry);
  }

  #detach(entry: Entry): void {
    const { parent } = entry;
    if (parent === undefined) throw new Error('an entry that is in no folder');
    this.detaching(entry);
    this.extract(entry, parent);
    this.#modify(parent);
  }

  /** Puts an entry into a folder, as if it had been there all along. */
  protected insert(entry: Entry, parent: Inode): void {
    folderOf(parent).add(entry);
    entry.parent = parent;
    entry.inode.nlink++;
    this.#names++;
    if (entry.inode.content.kind === 'folder') {
      entry.inode.content.folder.self = entry;
      parent.nlink++;
    }
  }

  /** Takes an entry out of its folder, as if it had never been there. */
  protected extract(entry: Entry, parent: Inode): void {
    folderOf(parent).remove(entry);
    entry.parent = undefined;
    entry.inode.nlink--;
    this.#names--;
    if (entry.inode.content.kind === 'folder') parent.nlink--;
  }

  /** Notes that the inode has lost a name for good. */
  protected dropName(inode: Inode): void {
    // An empty folder without a name has no "." either.
    if (inode.content.kind === 'folder') inode.nlink = 0;
    this.#touch(inode);
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
    // rename(2): two names of one file both stay.
    if (target.inode === source.inode) return;
    this.#checkNotBelow(target.inode, parent);
    const newParent = target.parent;
    const { name } = source;
    this.#detach(source);
    this.#detach(target);
    source.name = target.name;
    target.name = name;
    this.#attach(source, newParent);
    this.#attach(target, parent);
    this.#touch(source.inode);
    this.#touch(target.inode);
  }

  #change(inode: Inode, { mode, uid, gid, size, atime, mtime }: AttributeChanges): void {
    const now = this.now();
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
    this.changed(inode);
  }
}
