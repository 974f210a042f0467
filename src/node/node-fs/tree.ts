// The names of the share that the guest holds, as far as it has walked. An entry is a name in a folder together with the
// identity of the file that it led to; no path is kept, so that a rename moves one entry and all below it follow.
import { fileType } from '../../../devices/9p/backend.ts';
import type { Node } from '../../../devices/9p/backend.ts';
import { Handles } from '../../../devices/9p/memory/handles.ts';
import type { FolderDescriptor } from './folder-descriptors.ts';
import type { HostName, HostStat } from './host.ts';
import { NodeRows } from './node-rows.ts';

export function typeOf({ mode }: HostStat): number {
  return Number(mode) & fileType.mask;
}

/** A file that the guest has open. */
export interface OpenedFile {
  /** -1 while it is closed for want of descriptors. */
  readonly fd: number;
  /** Opens it again if it was closed. Throws Errno. */
  opened(): number;
}

export class Entry {
  node = 0 as Node;
  name: HostName;
  /** Undefined for the root, and for a name that the guest has removed. */
  parent: Entry | undefined;
  readonly dev: bigint;
  readonly ino: bigint;
  /** `fileType` bits. */
  readonly type: number;
  children: Map<HostName, Entry> | undefined;
  /** Of a folder: what is kept of it, where folders are reached through descriptors. */
  folder: FolderDescriptor | undefined = undefined;
  /** By which the guest has it open: mostly one, and a Set of one costs 0.2 us. */
  #file: OpenedFile | undefined;
  #otherFiles: Set<OpenedFile> | undefined;

  constructor(name: HostName, parent: Entry | undefined, stat: HostStat) {
    this.name = name;
    this.parent = parent;
    this.dev = stat.dev;
    this.ino = stat.ino;
    this.type = typeOf(stat);
  }

  get isFolder(): boolean {
    return this.type === fileType.folder;
  }

  get isRoot(): boolean {
    return this.name === '';
  }

  /** Whether the guest has removed its name, or given it to another file. */
  get isGone(): boolean {
    return this.parent === undefined && !this.isRoot;
  }

  /** What the guest has open of it. */
  get files(): readonly OpenedFile[] {
    const first = this.#file === undefined ? [] : [this.#file];
    return this.#otherFiles === undefined ? first : [...first, ...this.#otherFiles];
  }

  /** A descriptor through which the guest has the file open; undefined where there is none. */
  get openDescriptor(): number | undefined {
    return this.files.find(({ fd }) => fd >= 0)?.fd;
  }

  opened(file: OpenedFile): void {
    if (this.#file === undefined) this.#file = file;
    else (this.#otherFiles ??= new Set()).add(file);
  }

  closed(file: OpenedFile): void {
    if (this.#file === file) this.#file = undefined;
    else this.#otherFiles?.delete(file);
  }

  /** Whether `stat` is of this entry's file. A number is used again for another file, but seldom for another type. */
  isSame(stat: HostStat): boolean {
    return stat.ino === this.ino && stat.dev === this.dev && typeOf(stat) === this.type;
  }
}

export class Tree {
  readonly root: Entry;
  readonly rows = new NodeRows();
  readonly #entries = new Handles<Entry, Node>('node');
  readonly #freed: (entry: Entry) => void;

  /** `freed` releases what an entry holds of the host when nobody refers to it any more. */
  constructor(root: HostStat, freed: (entry: Entry) => void) {
    this.#freed = freed;
    // One hold is ours: the root stays.
    this.root = this.#add(new Entry('' as HostName, undefined, root), root);
  }

  get size(): number {
    return this.#entries.count;
  }

  get(node: Node): Entry {
    return this.#entries.get(node);
  }

  find(parent: Entry, name: HostName): Entry | undefined {
    return parent.children?.get(name);
  }

  /** The names that lead to an entry from the root; undefined where one was removed by the guest. */
  pathOf(entry: Entry): readonly HostName[] | undefined {
    const names: HostName[] = [];
    let top = entry;
    for (; top.parent !== undefined; top = top.parent) names.push(top.name);
    return top.isRoot ? names.toReversed() : undefined;
  }

  /**
   * The entry of a name that leads to the file of `stat` now, with one more hold. An entry of another file that had the name
   * keeps its place in the tree, but is not found by its name any more.
   */
  reach(parent: Entry, name: HostName, stat: HostStat): Entry {
    const known = parent.children?.get(name);
    if (known?.isSame(stat) === true) {
      this.hold(known);
      return known;
    }
    const entry = this.#add(new Entry(name, parent, stat), stat);
    this.#attach(entry, parent, name);
    return entry;
  }

  /** One more of the holds of an entry: the guest's references, the entries below, and the open files. */
  hold({ node }: Entry): Node {
    this.retain(node);
    return node;
  }

  retain(node: Node): void {
    this.rows.hold(node);
  }

  forget(node: Node): void {
    if (this.rows.release(node) === 0) this.#free(this.get(node));
  }

  release(entry: Entry): void {
    this.forget(entry.node);
  }

  #free(entry: Entry): void {
    for (let gone = entry; ;) {
      const above: Entry | undefined = gone.parent;
      this.#unname(gone);
      this.#entries.remove(gone.node);
      this.#freed(gone);
      if (above === undefined || this.rows.release(above.node) > 0) return;
      gone = above;
    }
  }

  /** Takes the name from an entry. The entry lives on without one as long as it is held. */
  detach(entry: Entry): void {
    const { parent } = entry;
    if (parent === undefined) return;
    this.#unname(entry);
    entry.parent = undefined;
    this.rows.rename(entry);
    this.release(parent);
  }

  move(entry: Entry, parent: Entry, name: HostName): void {
    const from = entry.parent;
    this.#unname(entry);
    this.#attach(entry, parent, name);
    if (from !== undefined) this.release(from);
  }

  /** Two names have changed places. */
  exchange(parent: Entry, name: HostName, otherParent: Entry, otherName: HostName): void {
    const one = this.find(parent, name);
    const other = this.find(otherParent, otherName);
    if (one !== undefined) this.move(one, otherParent, otherName);
    if (other !== undefined) this.move(other, parent, name);
  }

  #add(entry: Entry, stat: HostStat): Entry {
    entry.node = this.#entries.add(entry);
    this.rows.add(entry.node, stat);
    return entry;
  }

  #unname(entry: Entry): void {
    const { parent, name } = entry;
    if (parent?.children?.get(name) === entry) parent.children.delete(name);
  }

  #attach(entry: Entry, parent: Entry, name: HostName): void {
    entry.parent = parent;
    entry.name = name;
    parent.children ??= new Map();
    parent.children.set(name, entry);
    this.rows.rename(entry);
    this.hold(parent);
  }
}
