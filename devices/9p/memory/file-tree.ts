// A tree in memory as a backend: its nodes and open files, attributes, data and listings, over the names and inodes of
// name-tree.ts. Where the data of files is, and whether any of it outlives the process, is the business of the classes that
// extend this one.
import type { Bytes } from '../../ports.ts';
import { fileType, openFlags } from '../backend.ts';
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
import { dotCookie, dotDotCookie, Folder } from './folder.ts';
import type { Entry } from './folder.ts';
import { Handles } from './handles.ts';
import type { Content, FileData, Inode } from './inode.ts';
import { folderOf, maximumNames, nameLength, NameTree } from './name-tree.ts';
import type { TreeState } from './name-tree.ts';
import type { Space } from './sparse-data.ts';
import { Xattrs } from './xattrs.ts';

const statfsBlockSize = 4096;
const dotName = Uint8Array.of(0x2e);
const dotDotName = Uint8Array.of(0x2e, 0x2e);

export interface FileTreeOptions extends TreeState {
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

export abstract class FileTree extends NameTree implements Backend {
  protected readonly space: Space;
  readonly #magic: number;
  readonly #files = new Handles<Open, OpenFile>('open file');

  constructor({ now, space, magic, ...state }: FileTreeOptions) {
    super(now, state);
    this.space = space;
    this.#magic = magic;
  }

  /** Makes the data of a new file. */
  protected abstract newData(): FileData;

  /** Hears of each access that has set atime. */
  protected accessed(_inode: Inode): void {}

  /** Nodes that are referenced and files that are open, for those who look for leaks. */
  get handleCount(): number {
    return this.rows.entries.referenced + this.#files.count;
  }

  /** Bytes that file data takes. */
  get usedSpace(): number {
    return this.space.used;
  }

  root(): Node {
    return this.#reference(this.rootEntry.row);
  }

  retain(node: Node): void {
    this.#inodeRow(node);
    this.rows.entries.retain(node);
  }

  forget(node: Node): void {
    const inode = this.rows.entries.release(node);
    if (inode === 0 || !this.rows.inodes.pin(inode, -1)) return;
    this.freeIfGone(this.rows.inodes.owner(inode));
  }

  lookup(parent: Node, name: Bytes): Node | undefined {
    const folder = this.rows.inodes.folder(this.#inodeRow(parent));
    if (folder === -1) throw new Errno('ENOTDIR');
    const row = folder === 0 ? 0 : this.rows.names.get(folder, name);
    return row === 0 ? undefined : this.#reference(row);
  }

  parent(node: Node): Node {
    const { parent } = this.entryOf(node);
    const self = parent === undefined ? undefined : folderOf(parent).self;
    // Of a folder that the host has removed with all that is in it there may be no row any more.
    if (self === undefined || self.row === 0) throw new Errno('ENOENT');
    return this.#reference(self.row);
  }

  name(node: Node): Bytes {
    const entry = this.entryOf(node);
    if (entry === this.rootEntry) throw new Errno('EBUSY');
    if (entry.parent === undefined) throw new Errno('ENOENT');
    return entry.name;
  }

  getattr(node: Node): Attributes {
    return this.rows.inodes.attributes(this.#inodeRow(node));
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
    const folder = new Folder(this.rows);
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
    this.addLink(this.#inode(node), this.#inode(parent), name);
  }

  unlink(parent: Node, name: Bytes, isFolder: boolean): void {
    this.removeName(this.#inode(parent), name, isFolder);
  }

  rename(parent: Node, name: Bytes, newParent: Node, newName: Bytes, flags: number): void {
    this.moveName(this.#inode(parent), name, this.#inode(newParent), newName, flags);
  }

  create(parent: Node, name: Bytes, flags: number, mode: number, caller: Caller): { node: Node; file: OpenFile } {
    const existing = folderOf(this.#inode(parent)).get(name);
    if (existing !== undefined && (flags & openFlags.exclusive) !== 0) throw new Errno('EEXIST');
    // open(2) with O_CREAT: a folder can not be created by it, even for reading.
    if (existing?.inode.content.kind === 'folder') throw new Errno('EISDIR');
    const node =
      existing === undefined
        ? this.#make(parent, name, fileType.file | mode, { kind: 'file', data: this.newData() }, caller)
        : this.#reference(existing.row);
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
      inode.xattrs?.removeCapabilities();
      this.modify(inode);
    }
    inode.pin();
    return this.#files.add({ inode, appends: (flags & openFlags.append) !== 0 });
  }

  release(file: OpenFile): void {
    const { inode } = this.#files.remove(file);
    inode.unpin();
    this.freeIfGone(inode);
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
    inode.xattrs?.removeCapabilities();
    this.modify(inode);
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
    if (after < dotCookie && !emit({ name: dotName, cookie: BigInt(dotCookie), ino: inode.ino, type })) return;
    if (after < dotDotCookie && !emit({ name: dotDotName, cookie: BigInt(dotDotCookie), ino: parent.ino, type }))
      return;
    folder.list(after, emit);
  }

  /** Complains of a handle that is none, which is a mistake of the caller. */
  protected checkOpen(file: OpenFile): void {
    this.openedInode(file);
  }

  protected openedInode(file: OpenFile): Inode {
    return this.#files.get(file).inode;
  }

  /** Gives an entry, which stays where it is, another inode. */
  protected replaceInode(entry: Entry, inode: Inode): void {
    const replaced = entry.inode;
    entry.inode = inode;
    if (entry.parent !== undefined) folderOf(entry.parent).update(entry);
    else this.rows.entries.setInode(entry.row, inode.row);
    replaced.nlink--;
    inode.nlink++;
    if (!this.rows.entries.isReferenced(entry.row)) return;
    replaced.unpin();
    inode.pin();
  }

  protected entryOf(node: Node): Entry {
    this.#inodeRow(node);
    return this.rows.entries.owner(node);
  }

  getxattr(node: Node, name: Bytes): Bytes | undefined {
    return this.#inode(node).xattrs?.get(name);
  }

  setxattr(node: Node, name: Bytes, value: Bytes, flags: number): void {
    const inode = this.#inode(node);
    inode.xattrs ??= new Xattrs(this.space);
    inode.xattrs.set(name, value, flags);
    this.touch(inode);
  }

  listxattr(node: Node): readonly Bytes[] {
    return this.#inode(node).xattrs?.names ?? [];
  }

  removexattr(node: Node, name: Bytes): void {
    const inode = this.#inode(node);
    if (inode.xattrs === undefined) throw new Errno('ENODATA');
    inode.xattrs.remove(name);
    this.touch(inode);
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
      filesFree: BigInt(maximumNames - this.names),
      fsid: 0n,
      nameLength,
    };
  }

  /** Complains of a node that is none, which is a mistake of the caller. */
  #inodeRow(node: Node): number {
    return this.rows.entries.inode(node);
  }

  #inode(node: Node): Inode {
    return this.rows.inodes.owner(this.#inodeRow(node));
  }

  #reference(row: number): Node {
    const inode = this.rows.entries.retain(row);
    if (inode !== 0) this.rows.inodes.pin(inode, 1);
    return row as Node;
  }

  #access(inode: Inode): void {
    if (inode.access(this.now())) this.accessed(inode);
  }

  #make(parent: Node, name: Bytes, mode: number, content: Content, caller: Caller): Node {
    return this.#reference(this.makeInode(this.#inode(parent), name, mode, content, caller).row);
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
    const isGiven = (uid !== undefined || gid !== undefined) && inode.content.kind !== 'folder';
    if (size !== undefined || isGiven) inode.xattrs?.removeCapabilities();
    if (atime !== undefined) inode.atime = atime === 'now' ? now : atime;
    if (mtime !== undefined) inode.mtime = mtime === 'now' ? now : mtime;
    inode.ctime = now;
    this.changed(inode);
  }
}
