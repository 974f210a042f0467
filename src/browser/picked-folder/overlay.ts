// The tree of names and files as the guest sees it. Files and folders are the host's, as far as they were looked at; links,
// special files, and what the host knows nothing of, are only here and in the records.
import { fileType } from '../../../devices/9p/backend.ts';
import type { Awaitable, Node, OpenFile } from '../../../devices/9p/backend.ts';
import { Entry, Folder, keyOf } from '../../../devices/9p/memory/folder.ts';
import { FileTree } from '../../../devices/9p/memory/file-tree.ts';
import { Inode } from '../../../devices/9p/memory/inode.ts';
import type { Content } from '../../../devices/9p/memory/inode.ts';
import { emptyTree, rootIno } from '../../../devices/9p/memory/name-tree.ts';
import { Xattrs } from '../../../devices/9p/memory/xattrs.ts';
import type { Bytes } from '../../../devices/ports.ts';
import type { EntryHandle } from './access.ts';
import type { HostData } from './host-data.ts';
import { guestNameOf, literalNameOf } from './host-names.ts';
import { inoOf } from './inode-numbers.ts';
import type { FileRecord, RecordTable } from './records.ts';
import type { Sidecar } from './sidecar.ts';

/** What the guest sees of files that it has not changed: the host does not say. */
const defaultModes = { file: fileType.file | 0o644, directory: fileType.folder | 0o755 } as const;
const nameLength = 255;
/** Bytes. Browsers do not say what room a disk has, and programs that ask before they write are to try. */
const claimedSpace = 2 ** 40;
/** Linux's magic number of 9P, for want of the host's. */
const magic = 0x0102_1997;

export interface OverlayOptions {
  /** Nanoseconds since 1970. */
  readonly now: () => bigint;
  readonly sidecar: Sidecar;
  readonly newData: () => HostData;
}

/** The data of an entry's file; undefined for what is no file. */
export function dataOf({ content }: Inode): HostData | undefined {
  return content.kind === 'file' ? (content.data as HostData) : undefined;
}

export function folderOf({ content }: Inode): Folder | undefined {
  return content.kind === 'folder' ? content.folder : undefined;
}

export class Overlay extends FileTree {
  readonly rootInode: Inode;
  readonly #sidecar: Sidecar;
  readonly #records: RecordTable;
  readonly #makeData: () => HostData;
  readonly #inodes = new Map<bigint, Inode>();
  /** Names on the host of files and folders that are there. */
  readonly #hostNames = new WeakMap<Entry, string>();
  readonly #mountedAt: bigint;

  constructor({ now, sidecar, newData }: OverlayOptions) {
    const tree = emptyTree(now(), 0o755);
    super({ now, space: { capacity: claimedSpace, used: 0 }, magic, ...tree });
    this.#sidecar = sidecar;
    this.#records = sidecar.table;
    this.#makeData = newData;
    this.#mountedAt = now();
    this.rootInode = tree.root;
    this.#inodes.set(rootIno, tree.root);
    const record = this.#records.file(rootIno);
    if (record !== undefined) this.#restore(tree.root, record);
  }

  /** The files and folders of a folder: what is on the host of it. */
  onHost(folder: Inode): Entry[] {
    return [...(folderOf(folder)?.after(0) ?? [])].filter((entry) => this.#hostNames.has(entry));
  }

  /** What has a name on the host; undefined where nothing is known of it. */
  onHostAs(folder: Inode, hostName: string): Entry | undefined {
    const names = [guestNameOf(hostName), literalNameOf(hostName)];
    const entries = names.map((name) => folderOf(folder)?.get(name));
    return entries.find((entry) => entry !== undefined && this.#hostNames.get(entry) === hostName);
  }

  isOnHost(entry: Entry): boolean {
    return this.#hostNames.has(entry);
  }

  hostNameOf(entry: Entry): string {
    const name = this.#hostNames.get(entry);
    if (name === undefined) throw new Error('an entry that is not on the host');
    return name;
  }

  setHostName(entry: Entry, name: string): void {
    this.#hostNames.set(entry, name);
  }

  /** Nanoseconds since 1970. */
  get time(): bigint {
    return this.now();
  }

  /** The link or special file that has the guest's name for what is on the host; undefined where there is none. */
  onlyHere(parent: Inode, hostName: string): Entry | undefined {
    const entry = folderOf(parent)?.get(guestNameOf(hostName));
    return entry === undefined || this.#hostNames.has(entry) ? undefined : entry;
  }

  find(folder: Inode, name: Bytes): Entry | undefined {
    return folderOf(folder)?.get(name);
  }

  /** The folder that an entry is in; undefined for the root and for what has no name. */
  above({ parent }: Entry): Entry | undefined {
    return parent === undefined || parent === this.rootInode ? undefined : folderOf(parent)?.self;
  }

  entry(node: Node): Entry {
    return this.entryOf(node);
  }

  inode(file: OpenFile): Inode {
    return this.openedInode(file);
  }

  override checkFree(parent: Inode, name: Bytes): void {
    super.checkFree(parent, name);
  }

  override checkUnlink(parent: Inode, name: Bytes, isFolder: boolean): Entry {
    return super.checkUnlink(parent, name, isFolder);
  }

  override checkRename(
    parent: Inode,
    name: Bytes,
    newParent: Inode,
    newName: Bytes,
    flags: number,
  ): { readonly source: Entry; readonly target: Entry | undefined } {
    return super.checkRename(parent, name, newParent, newName, flags);
  }

  /** Puts what the host has into a folder. Undefined where the guest can have no such name. */
  appear(parent: Inode, hostName: string, kind: EntryHandle['kind']): Entry | undefined {
    const folder = folderOf(parent);
    let name = guestNameOf(hostName);
    if (folder?.get(name) !== undefined) name = literalNameOf(hostName);
    if (name.length > nameLength || folder === undefined || folder.get(name) !== undefined) return undefined;
    const record = this.#records.name(parent.ino, keyOf(name));
    const file = record?.ino === undefined ? undefined : this.#records.file(record.ino);
    const type = defaultModes[kind] & fileType.mask;
    const isKnown = file !== undefined && (file.mode & fileType.mask) === type;
    const entry = new Entry(isKnown ? this.#known(file, kind) : this.#unknown(parent, name, kind), name);
    this.#hostNames.set(entry, hostName);
    this.insert(entry, parent);
    const { size, lastModified } = record ?? {};
    const stamp = isKnown && size !== undefined && lastModified !== undefined ? { size, lastModified } : undefined;
    dataOf(entry.inode)?.names.set(entry, stamp);
    return entry;
  }

  /** Puts the links and special files into a folder that the records have of it. */
  appearFromRecords(parent: Inode): void {
    const folder = folderOf(parent);
    for (const { name: key, ino } of this.#records.namesIn(parent.ino)) {
      const file = ino === undefined ? undefined : this.#records.file(ino);
      const type = (file?.mode ?? 0) & fileType.mask;
      if (file === undefined || type === fileType.file || type === fileType.folder) continue;
      const name = Uint8Array.from(key, (character) => character.charCodeAt(0));
      if (folder?.get(name) !== undefined) continue;
      const content: Content =
        file.target === undefined ? { kind: 'special', rdev: file.rdev ?? 0n } : { kind: 'link', target: file.target };
      this.insert(new Entry(this.#inodes.get(file.ino) ?? this.#made(file, content), name), parent);
    }
  }

  /** Takes away what the host does not have any more. Its record stays: it may come back, as when a program replaces it. */
  vanish(entry: Entry): void {
    const { parent, inode } = entry;
    if (parent === undefined) return;
    this.extract(entry, parent);
    dataOf(inode)?.names.delete(entry);
    parent.modified(this.now());
    if (inode.content.kind === 'folder' || inode.nlink === 0) this.dropName(inode);
  }

  /** Gives a file that the guest has not changed the permissions of another. */
  inherit(entry: Entry, permissions: Pick<Inode, 'mode' | 'uid' | 'gid'>): void {
    if (this.#records.file(entry.inode.ino) !== undefined) return;
    Object.assign(entry.inode, permissions);
    this.#sidecar.noteName(entry);
  }

  /** Gives an entry a file of its own, for the host has put another in the place of the one that it shared. */
  split(entry: Entry): void {
    const { parent, inode: shared } = entry;
    if (parent === undefined) return;
    const own = this.#unknown(parent, entry.name, 'file');
    own.mode = shared.mode;
    own.uid = shared.uid;
    own.gid = shared.gid;
    this.replaceInode(entry, own);
    dataOf(shared)?.names.delete(entry);
    dataOf(own)?.names.set(entry, undefined);
    this.#sidecar.noteName(entry);
    if (shared.nlink === 0) this.dropName(shared);
  }

  /** Gives a file a further name, which is on the host already. */
  addName(inode: Inode, parent: Inode, name: Bytes, hostName: string): Entry {
    const entry = new Entry(inode, name);
    this.#hostNames.set(entry, hostName);
    this.insert(entry, parent);
    this.attached(entry);
    return entry;
  }

  read(file: OpenFile, offset: number, into: readonly Bytes[]): number | Promise<Bytes> {
    return this.readData(file, offset, into);
  }

  write(file: OpenFile, offset: number, from: readonly Bytes[]): number {
    return this.writeData(file, offset, from);
  }

  fsync(file: OpenFile): Awaitable<void> {
    this.checkOpen(file);
    return this.#sidecar.commit();
  }

  close(): Promise<void> {
    return this.#sidecar.close();
  }

  protected newData(): HostData {
    return this.#makeData();
  }

  protected override inoFor({ ino }: Inode, name: Bytes): bigint {
    for (let attempt = 0; ; attempt++) {
      const number = inoOf(ino, name, attempt);
      if (!this.#inodes.has(number) && this.#records.file(number) === undefined) return number;
    }
  }

  protected override created(inode: Inode): void {
    this.#inodes.set(inode.ino, inode);
  }

  protected override changed(inode: Inode): void {
    if (inode.isGone) this.#inodes.delete(inode.ino);
    else this.#sidecar.note(inode);
  }

  protected override attached(entry: Entry): void {
    dataOf(entry.inode)?.names.set(entry, undefined);
    this.#sidecar.noteName(entry);
  }

  protected override detaching(entry: Entry): void {
    this.#sidecar.noteRemoval(entry);
    dataOf(entry.inode)?.names.delete(entry);
  }

  #contentOf(kind: EntryHandle['kind']): Content {
    return kind === 'file' ? { kind, data: this.#makeData() } : { kind: 'folder', folder: new Folder(this.rows) };
  }

  /** A file without a record. */
  #unknown(parent: Inode, name: Bytes, kind: EntryHandle['kind']): Inode {
    const ino = this.inoFor(parent, name);
    const inode = new Inode(this.rows, ino, defaultModes[kind], this.#contentOf(kind), 0, 0, this.#mountedAt);
    return this.#keep(inode);
  }

  /** The file of a record. */
  #known(record: FileRecord, kind: EntryHandle['kind']): Inode {
    const present = this.#inodes.get(record.ino);
    if (present !== undefined && present.nlink > 0 && kind === 'file') return present;
    const inode = this.#made(record, this.#contentOf(kind));
    return inode;
  }

  #made(record: FileRecord, content: Content): Inode {
    const inode = new Inode(this.rows, record.ino, record.mode, content, record.uid, record.gid, record.ctime);
    this.#restore(inode, record);
    return this.#keep(inode);
  }

  #keep(inode: Inode): Inode {
    // "." is a folder's second name.
    if (inode.content.kind === 'folder') inode.nlink = 1;
    this.#inodes.set(inode.ino, inode);
    return inode;
  }

  #restore(inode: Inode, { mode, uid, gid, atime, mtime, ctime, xattrs = [] }: FileRecord): void {
    Object.assign(inode, { mode, uid, gid, atime, mtime, ctime });
    if (xattrs.length === 0) return;
    inode.xattrs = new Xattrs(this.space);
    for (const { name, value } of xattrs) inode.xattrs.set(name, value, 0);
  }
}
