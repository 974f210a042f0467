// Files in memory that another process can have as they are, with their numbers, times and places in listings.
import type { OpenFile } from '../../devices/9p/backend.ts';
import { Entry, Folder } from '../../devices/9p/memory/folder.ts';
import { FileTree } from '../../devices/9p/memory/file-tree.ts';
import { Inode, type Content } from '../../devices/9p/memory/inode.ts';
import { emptyTree, type TreeState } from '../../devices/9p/memory/name-tree.ts';
import { Rows } from '../../devices/9p/memory/rows.ts';
import { SparseData, type Space } from '../../devices/9p/memory/sparse-data.ts';
import type { Bytes } from '../../devices/ports.ts';

/** A clock that stands still: what the host looks at when a machine goes on must not show. */
const now = (): bigint => 1_700_000_000_000_000_000n;
const tmpfsMagic = 0x0102_1994;

interface InodeRecord {
  readonly ino: bigint;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly times: readonly [bigint, bigint, bigint];
  readonly content:
    | { readonly kind: 'file'; readonly bytes: Uint8Array; readonly allocated: number }
    | { readonly kind: 'folder'; readonly nextCookie: number; readonly entries: readonly EntryRecord[] }
    | { readonly kind: 'link'; readonly target: Uint8Array }
    | { readonly kind: 'special'; readonly rdev: bigint };
}

interface EntryRecord {
  readonly name: Uint8Array;
  readonly cookie: number;
  readonly ino: bigint;
}

export interface PortableTree {
  readonly nextIno: bigint;
  readonly names: number;
  readonly root: bigint;
  readonly inodes: readonly InodeRecord[];
}

export class PortableMemory extends FileTree {
  private constructor(space: Space, state: TreeState) {
    super({ now, space, magic: tmpfsMagic, ...state });
  }

  /** `tree`: default none but an empty folder. */
  static of(tree?: PortableTree): PortableMemory {
    const space = { capacity: 2 ** 30, used: 0 };
    return new PortableMemory(space, tree === undefined ? emptyTree(now(), 0o755) : treeState(tree, space));
  }

  /** Files without a name are not in it. */
  get portable(): PortableTree {
    const inodes = new Map<bigint, InodeRecord>();
    recordInode(this.rootEntry.inode, inodes);
    return { nextIno: this.nextIno, names: this.names, root: this.rootEntry.inode.ino, inodes: [...inodes.values()] };
  }

  read(file: OpenFile, offset: number, into: readonly Bytes[]): number {
    return this.readData(file, offset, into) as number;
  }

  write(file: OpenFile, offset: number, from: readonly Bytes[]): number {
    return this.writeData(file, offset, from);
  }

  fsync(file: OpenFile): void {
    this.checkOpen(file);
  }

  close(): void {}

  protected newData(): SparseData {
    return new SparseData(this.space);
  }
}

function recordInode(inode: Inode, known: Map<bigint, InodeRecord>): void {
  const { ino, mode, uid, gid, atime, mtime, ctime, xattrs } = inode;
  if (known.has(ino)) return;
  if (xattrs !== undefined) throw new Error(`inode ${ino} has extended attributes, which no guest here was to set`);
  const entries = inode.content.kind === 'folder' ? [...inode.content.folder.after(0)] : [];
  known.set(ino, { ino, mode, uid, gid, times: [atime, mtime, ctime], content: recordContent(inode.content, entries) });
  for (const entry of entries) recordInode(entry.inode, known);
}

function recordContent(content: Content, entries: readonly Entry[]): InodeRecord['content'] {
  switch (content.kind) {
    case 'file': {
      const bytes = new Uint8Array(content.data.length);
      void content.data.read(0, [bytes]);
      return { kind: 'file', bytes, allocated: content.data.allocated };
    }
    case 'folder': {
      const records = entries.map(({ name, cookie, inode }) => ({ name, cookie, ino: inode.ino }));
      return { kind: 'folder', nextCookie: content.folder.nextCookie, entries: records };
    }
    case 'link':
      return { kind: 'link', target: content.target };
    default:
      return content;
  }
}

function treeState({ root, nextIno, names, inodes }: PortableTree, space: Space): TreeState {
  const rows = new Rows();
  const made = new Map(inodes.map((record) => [record.ino, inodeOf(rows, record, space)]));
  const get = (ino: bigint): Inode => {
    const inode = made.get(ino);
    if (inode === undefined) throw new Error(`no inode ${ino}`);
    return inode;
  };
  for (const { ino, content } of inodes) {
    if (content.kind !== 'folder') continue;
    const inode = get(ino);
    // "." and what leads to it: of the root nothing else does.
    inode.nlink += ino === root ? 2 : 1;
    for (const { name, cookie, ino: below } of content.entries) {
      const entry = new Entry(get(below), name);
      entry.parent = inode;
      entry.inode.nlink += 1;
      if (inode.content.kind === 'folder') inode.content.folder.restore(entry, cookie);
      if (entry.inode.content.kind !== 'folder') continue;
      entry.inode.content.folder.self = entry;
      inode.nlink += 1;
    }
    if (inode.content.kind === 'folder') inode.content.folder.nextCookie = content.nextCookie;
  }
  return { rows, root: get(root), nextIno, names };
}

function inodeOf(
  rows: Rows,
  { ino, mode, uid, gid, times: [atime, mtime, ctime], content }: InodeRecord,
  space: Space,
): Inode {
  const inode = new Inode(rows, ino, mode, contentOf(rows, content, space), uid, gid, ctime);
  inode.atime = atime;
  inode.mtime = mtime;
  return inode;
}

function contentOf(rows: Rows, content: InodeRecord['content'], space: Space): Content {
  switch (content.kind) {
    case 'file': {
      const data = new SparseData(space);
      if (content.bytes.length > 0) data.write(0, [content.bytes]);
      // The guest sees it as blocks.
      if (data.allocated !== content.allocated) throw new Error('a file that takes other room than it took');
      return { kind: 'file', data };
    }
    case 'folder':
      return { kind: 'folder', folder: new Folder(rows) };
    default:
      return content;
  }
}
