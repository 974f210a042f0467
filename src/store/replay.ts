// Makes the tree anew from the frames of the journal.
import { fileType } from '../../devices/9p/backend.ts';
import { Entry, Folder } from '../../devices/9p/memory/folder.ts';
import { rootIno } from '../../devices/9p/memory/name-tree.ts';
import type { TreeState } from '../../devices/9p/memory/name-tree.ts';
import { Inode } from '../../devices/9p/memory/inode.ts';
import type { Content } from '../../devices/9p/memory/inode.ts';
import { Rows } from '../../devices/9p/memory/rows.ts';
import { Xattrs } from '../../devices/9p/memory/xattrs.ts';
import type { Frame } from './frame.ts';
import type { Place } from './medium.ts';
import { readRecords } from './records.ts';
import type { Body, RecordHandlers } from './records.ts';
import { StoreError } from './store-error.ts';
import { StoredData } from './stored-data.ts';
import type { Volume } from './volume.ts';

type Attributes = Omit<Body<'file'>, 'length'>;

function damaged(what: string): StoreError {
  return new StoreError('damaged', `the journal contradicts itself: ${what}`);
}

export class Replay {
  readonly #volume: Volume;
  readonly #rows = new Rows();
  readonly #inodes = new Map<number, Inode>();
  readonly #handlers: RecordHandlers = {
    next: ({ ino }) => {
      this.#nextIno = ino;
    },
    removed: ({ folder, name }) => this.#remove(this.#folder(folder), name),
    gone: ({ ino }) => this.#end(ino),
    file: (body) => {
      const inode = this.#put(body, () => ({ kind: 'file', data: new StoredData(this.#volume) }));
      dataOf(inode).length = body.length;
    },
    folder: (body) => {
      const { content } = this.#put(body, () => ({ kind: 'folder', folder: new Folder(this.#rows) }));
      if (content.kind === 'folder') content.folder.nextCookie = body.nextCookie;
    },
    link: (body) => void this.#put(body, () => ({ kind: 'link', target: body.target })),
    special: (body) => void this.#put(body, () => ({ kind: 'special', rdev: BigInt.asUintN(64, body.rdev) })),
    xattr: ({ ino, name, value }) => {
      const inode = this.#inode(ino);
      inode.xattrs ??= new Xattrs(this.#volume.space);
      inode.xattrs.set(name, value, 0);
    },
    cut: ({ ino, number }) => dataOf(this.#inode(ino)).restore(number, 0, undefined),
    chunk: ({ ino, number, length, pack, offset, stored }) => {
      dataOf(this.#inode(ino)).restore(number, length, { pack, offset, length: stored });
    },
    entry: (body) => this.#enter(body),
  };
  #nextIno = 0;
  #names = 0;

  constructor(volume: Volume) {
    this.#volume = volume;
  }

  /** Throws StoreError 'damaged' for what does not hold together. */
  apply(frame: Frame): void {
    if (frame.kind === 'snapshot' && this.#inodes.size > 0) throw damaged('a snapshot behind other commits');
    readRecords(frame.payload, this.#handlers);
  }

  /** The tree after the last frame. */
  get state(): TreeState {
    const root = this.#inode(Number(rootIno));
    return { rows: this.#rows, root, nextIno: BigInt(this.#nextIno), names: this.#names };
  }

  /** Places of all data. */
  *places(): Generator<Place, void> {
    for (const { content } of this.#inodes.values()) {
      if (content.kind !== 'file') continue;
      for (const { place } of (content.data as StoredData).chunks) if (place !== undefined) yield place;
    }
  }

  #inode(ino: number): Inode {
    const inode = this.#inodes.get(ino);
    if (inode === undefined) throw damaged(`there is no inode ${ino}`);
    return inode;
  }

  #folder(ino: number): Inode & { readonly content: { readonly kind: 'folder'; readonly folder: Folder } } {
    const inode = this.#inode(ino);
    if (inode.content.kind !== 'folder') throw damaged(`inode ${ino} is no folder`);
    return inode as Inode & { readonly content: { readonly kind: 'folder'; readonly folder: Folder } };
  }

  /** The inode with these attributes, made with a content where it is new. */
  #put({ ino, mode, uid, gid, atime, mtime, ctime }: Attributes, content: () => Content): Inode {
    let inode = this.#inodes.get(ino);
    if (inode === undefined) {
      inode = new Inode(this.#rows, BigInt(ino), mode, content(), uid, gid, ctime);
      // "." is a folder's second name, and the root's first as well.
      if (inode.content.kind === 'folder') inode.nlink = ino === Number(rootIno) ? 2 : 1;
      this.#inodes.set(ino, inode);
    } else if ((mode & fileType.mask) !== inode.type) throw damaged(`inode ${ino} changes its type`);
    inode.mode = mode;
    inode.uid = uid;
    inode.gid = gid;
    inode.atime = atime;
    inode.mtime = mtime;
    inode.ctime = ctime;
    // They follow, where there are any.
    inode.xattrs?.clear();
    return inode;
  }

  #enter({ folder: folderIno, cookie, name, ino }: Body<'entry'>): void {
    const folder = this.#folder(folderIno);
    const inode = this.#inode(ino);
    if (folder.content.folder.get(name) !== undefined) throw damaged(`folder ${folderIno} has a name twice`);
    const entry = new Entry(inode, name);
    entry.parent = folder;
    folder.content.folder.restore(entry, cookie);
    inode.nlink++;
    this.#names += inode.nameCost;
    if (inode.content.kind !== 'folder') return;
    inode.content.folder.self = entry;
    folder.nlink++;
  }

  #remove(folder: Inode & { readonly content: { readonly folder: Folder } }, name: Uint8Array): void {
    const entry = folder.content.folder.get(name);
    if (entry === undefined) throw damaged(`folder ${folder.ino} has not the name it is to lose`);
    folder.content.folder.remove(entry, name);
    entry.inode.nlink--;
    this.#names -= entry.inode.nameCost;
    if (entry.inode.content.kind === 'folder') folder.nlink--;
  }

  #end(ino: number): void {
    const inode = this.#inode(ino);
    this.#inodes.delete(ino);
    inode.xattrs?.clear();
    if (inode.content.kind === 'file') {
      const data = dataOf(inode);
      for (const { number } of data.chunks) data.restore(number, 0, undefined);
    }
    if (inode.isGone) inode.retire();
  }
}

function dataOf({ ino, content }: Inode): StoredData {
  if (content.kind !== 'file') throw damaged(`inode ${ino} is no file`);
  return content.data as StoredData;
}
