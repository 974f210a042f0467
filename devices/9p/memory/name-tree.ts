// Names and inodes in memory: hard links, renames, orphans, and the times and link counts that go with them. Who refers to
// them from outside is file-tree.ts's; whether any of it outlives the process is the business of the classes that hear of
// each change.
import type { Bytes } from '../../ports.ts';
import { fileType, noId, renameFlags } from '../backend.ts';
import type { Caller } from '../backend.ts';
import { Errno } from '../errno.ts';
import { Entry, Folder } from './folder.ts';
import { Inode } from './inode.ts';
import type { Content } from './inode.ts';
import { Rows } from './rows.ts';

/** The most names. Each costs about 450 bytes with its inode. */
export const maximumNames = 1 << 21;
export const nameLength = 255;
export const rootIno = 1n;

/** What a tree starts with. */
export interface TreeState {
  readonly rows: Rows;
  /** The root folder, with everything below. */
  readonly root: Inode;
  /** The number of the next new inode. */
  readonly nextIno: bigint;
  /** Names in all folders. */
  readonly names: number;
}

/** A tree of one empty folder. */
export function emptyTree(now: bigint, mode: number): TreeState {
  const rows = new Rows();
  const content = { kind: 'folder', folder: new Folder(rows) } as const;
  const inode = new Inode(rows, rootIno, fileType.folder | mode, content, 0, 0, now);
  inode.nlink = 2;
  return { rows, root: inode, nextIno: rootIno + 1n, names: 0 };
}

/** ENOTDIR for what is none. */
export function folderOf({ content }: Inode): Folder {
  if (content.kind !== 'folder') throw new Errno('ENOTDIR');
  return content.folder;
}

function checkLength(name: Bytes): void {
  if (name.length > nameLength) throw new Errno('ENAMETOOLONG');
}

function checkReplaceable(moved: Inode, replaced: Inode): void {
  if (replaced.content.kind !== 'folder') {
    if (moved.content.kind === 'folder') throw new Errno('ENOTDIR');
    return;
  }
  if (moved.content.kind !== 'folder') throw new Errno('EISDIR');
  if (replaced.content.folder.size > 0) throw new Errno('ENOTEMPTY');
}

export abstract class NameTree {
  protected readonly now: () => bigint;
  protected readonly rows: Rows;
  protected readonly rootEntry: Entry;
  #nextIno: bigint;
  #names: number;

  /** `now`: nanoseconds since 1970. */
  constructor(now: () => bigint, { rows, root, nextIno, names }: TreeState) {
    this.now = now;
    this.rows = rows;
    this.#nextIno = nextIno;
    this.#names = names;
    this.rootEntry = new Entry(root, new Uint8Array(0));
    this.rootEntry.parent = root;
    // In no folder, but there to stay.
    rows.entries.place(this.rootEntry, root.row);
    folderOf(root).self = this.rootEntry;
  }

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

  /** Hears of each entry that was put into a folder. */
  protected attached(_entry: Entry): void {}

  /** Hears of each entry that is about to be taken out of its folder. */
  protected detaching(_entry: Entry): void {}

  /** The number of the next new inode. */
  protected get nextIno(): bigint {
    return this.#nextIno;
  }

  /** Names in all folders. */
  protected get names(): number {
    return this.#names;
  }

  /** Refuses a name that is taken, in a folder that was removed, or beyond the limit. */
  protected checkFree(parent: Inode, name: Bytes): void {
    const folder = folderOf(parent);
    checkLength(name);
    if (folder.get(name) !== undefined) throw new Errno('EEXIST');
    if (folder.self?.parent === undefined) throw new Errno('ENOENT');
    this.checkRoom();
  }

  /** The entry that `removeName` would remove. Throws as `Backend.unlink` does. */
  protected checkUnlink(parent: Inode, name: Bytes, isFolder: boolean): Entry {
    const entry = folderOf(parent).get(name);
    if (entry === undefined) throw new Errno('ENOENT');
    const { content } = entry.inode;
    if (isFolder && content.kind !== 'folder') throw new Errno('ENOTDIR');
    if (!isFolder && content.kind === 'folder') throw new Errno('EISDIR');
    if (content.kind === 'folder' && content.folder.size > 0) throw new Errno('ENOTEMPTY');
    return entry;
  }

  /** The entry that `moveName` would move, and the one that it would replace. Throws as `Backend.rename` does. */
  protected checkRename(
    parent: Inode,
    name: Bytes,
    newParent: Inode,
    newName: Bytes,
    flags: number,
  ): { readonly source: Entry; readonly target: Entry | undefined } {
    const source = folderOf(parent).get(name);
    const target = folderOf(newParent).get(newName);
    checkLength(newName);
    if (source === undefined) throw new Errno('ENOENT');
    if (folderOf(newParent).self?.parent === undefined) throw new Errno('ENOENT');
    this.#checkNotBelow(source.inode, newParent);
    if (target === undefined || (flags & renameFlags.exchange) !== 0) return { source, target };
    if ((flags & renameFlags.noReplace) !== 0) throw new Errno('EEXIST');
    if (target.inode !== source.inode) checkReplaceable(source.inode, target.inode);
    return { source, target };
  }

  /** Makes an inode with one name. */
  protected makeInode(parent: Inode, name: Bytes, mode: number, content: Content, { uid, gid }: Caller): Entry {
    this.checkFree(parent, name);
    const ino = this.inoFor(parent, name);
    const inode = new Inode(this.rows, ino, mode, content, uid === noId ? 0 : uid, gid === noId ? 0 : gid, this.now());
    this.created(inode);
    const entry = new Entry(inode, name);
    // "." is a folder's second name.
    if (content.kind === 'folder') inode.nlink = 1;
    this.#attach(entry, parent);
    return entry;
  }

  /** Gives an inode one more name. */
  protected addLink(inode: Inode, parent: Inode, name: Bytes): void {
    if (inode.content.kind === 'folder') throw new Errno('EPERM');
    if (inode.nlink === 0) throw new Errno('ENOENT');
    this.checkFree(parent, name);
    this.#attach(new Entry(inode, name), parent);
    this.touch(inode);
  }

  protected removeName(parent: Inode, name: Bytes, isFolder: boolean): void {
    const entry = this.checkUnlink(parent, name, isFolder);
    this.#detach(entry, name);
    this.dropName(entry.inode);
  }

  protected moveName(parent: Inode, name: Bytes, newParent: Inode, newName: Bytes, flags: number): void {
    const { source, target } = this.checkRename(parent, name, newParent, newName, flags);
    if ((flags & renameFlags.exchange) !== 0) return this.#exchange(source, target, parent);
    if (target !== undefined) {
      // rename(2): two names of one file both stay.
      if (target.inode === source.inode) return;
      this.#detach(target, newName);
      this.dropName(target.inode);
    }
    this.#detach(source, name);
    source.name = newName;
    this.#attach(source, newParent);
    this.touch(source.inode);
  }

  /** Puts an entry into a folder, as if it had been there all along. */
  protected insert(entry: Entry, parent: Inode): void {
    folderOf(parent).add(entry);
    entry.parent = parent;
    entry.inode.nlink++;
    this.#names += entry.inode.nameCost;
    if (entry.inode.content.kind === 'folder') {
      entry.inode.content.folder.self = entry;
      parent.nlink++;
    }
  }

  /** Takes an entry out of its folder, as if it had never been there. `name`: its own, where it is at hand. */
  protected extract(entry: Entry, parent: Inode, name = entry.name): void {
    folderOf(parent).remove(entry, name);
    entry.parent = undefined;
    entry.inode.nlink--;
    this.#names -= entry.inode.nameCost;
    if (entry.inode.content.kind === 'folder') parent.nlink--;
  }

  /** Notes that the inode has lost a name for good. */
  protected dropName(inode: Inode): void {
    // An empty folder without a name has no "." either.
    if (inode.content.kind === 'folder') inode.nlink = 0;
    this.touch(inode);
    this.freeIfGone(inode);
  }

  /** Notes a change of what is neither data nor the time of it. */
  protected touch(inode: Inode): void {
    inode.ctime = this.now();
    this.changed(inode);
  }

  /** Notes a change of the content. */
  protected modify(inode: Inode): void {
    inode.modified(this.now());
    this.changed(inode);
  }

  /** Frees the data of an inode that has lost its last name or its last pin, if it has neither now. */
  protected freeIfGone(inode: Inode): void {
    if (!inode.isGone) return;
    if (inode.content.kind === 'file') inode.content.data.resize(0);
    inode.xattrs?.clear();
    this.changed(inode);
    inode.retire();
  }

  /** Puts an entry that is in no folder into one. */
  #attach(entry: Entry, parent: Inode): void {
    this.insert(entry, parent);
    this.modify(parent);
    this.attached(entry);
  }

  #detach(entry: Entry, name = entry.name): void {
    const { parent } = entry;
    if (parent === undefined) throw new Error('an entry that is in no folder');
    this.detaching(entry);
    this.extract(entry, parent, name);
    this.modify(parent);
  }

  /** Refuses to move a folder into itself or below. */
  #checkNotBelow(moved: Inode, folder: Inode): void {
    for (let above: Inode | undefined = folder; above !== undefined; above = folderOf(above).self?.parent) {
      if (above === moved) throw new Errno('EINVAL');
      if (above === this.rootEntry.inode) return;
    }
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
    this.touch(source.inode);
    this.touch(target.inode);
  }
}
