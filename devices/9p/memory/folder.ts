// The names in a folder: found by name, and listed in an order that removals do not disturb.
import type { Bytes } from '../../ports.ts';
import type { EmitEntry } from '../backend.ts';
import type { Inode } from './inode.ts';
import { Listing } from './listing.ts';
import type { Rows } from './rows.ts';

/** A name of an inode. Nodes are the numbers of its row, and follow it from folder to folder. */
export class Entry {
  /** Also in its row: see `replaceInode`. */
  inode: Inode;
  /** The inode of the folder that it is in; itself for the root; undefined once removed. */
  parent: Inode | undefined = undefined;
  /** Its place in the listing. */
  cookie = 0;
  /** Of those of entries; 0 while it is in no folder and not referenced. */
  row = 0;
  /** While it is in a folder its place among the tree's names: as an object each would take 200 bytes. */
  #name: Bytes | number;

  /** Takes over `name`. */
  constructor(inode: Inode, name: Bytes) {
    this.inode = inode;
    this.#name = name;
  }

  get name(): Bytes {
    return typeof this.#name === 'number' ? this.inode.rows.names.at(this.#name) : this.#name;
  }

  /** While it is in a folder. */
  get place(): number {
    return this.#name as number;
  }

  /** Only while it is in no folder. */
  set name(name: Bytes) {
    this.#name = name;
  }

  /** Its name is among the tree's. */
  keptAt(place: number): void {
    this.#name = place;
  }
}

/** A key that is equal for equal bytes. By eights: one call for each byte takes four times as long. */
export function keyOf(name: Bytes): string {
  let key = '';
  let i = 0;
  for (; i + 8 <= name.length; i += 8) {
    key += String.fromCharCode(
      name[i] as number,
      name[i + 1] as number,
      name[i + 2] as number,
      name[i + 3] as number,
      name[i + 4] as number,
      name[i + 5] as number,
      name[i + 6] as number,
      name[i + 7] as number,
    );
  }
  for (; i < name.length; i++) key += String.fromCharCode(name[i] as number);
  return key;
}

/** Cookies of "." and "..", which are no entries. */
export const dotCookie = 1;
export const dotDotCookie = 2;

/** Bytes that a folder claims for an entry; there is no true number. */
const entrySize = 32;

export class Folder {
  /** Its own name, where its ".." is found. */
  self: Entry | undefined = undefined;
  /** Of the next entry that is added. */
  nextCookie = dotDotCookie + 1;
  /** Names. */
  size = 0;
  readonly #rows: Rows;
  readonly #listing = new Listing<Entry>();
  /** In the table of names; 0 as long as there are none of it, so that a folder that is gone has nothing in common with others. */
  #number = 0;
  #inode: Inode | undefined;

  /** `rows`: those of the tree. */
  constructor(rows: Rows) {
    this.#rows = rows;
  }

  /** Whose folder it is. */
  bind(inode: Inode): void {
    this.#inode = inode;
    this.#tell();
  }

  get(name: Bytes): Entry | undefined {
    const row = this.#number === 0 ? 0 : this.#rows.names.get(this.#number, name);
    return row === 0 ? undefined : this.#rows.entries.owner(row);
  }

  /** Adds an entry under its name, which must be free, at the end of the listing. */
  add(entry: Entry): void {
    this.restore(entry, this.nextCookie++);
  }

  /** Adds an entry, whose name must be free, with a cookie beyond those that are there. */
  restore(entry: Entry, cookie: number): void {
    entry.cookie = cookie;
    this.#rows.entries.place(entry, entry.inode.row);
    if (this.size++ === 0) this.#number = this.#rows.addFolder();
    entry.keptAt(this.#rows.names.add(this.#number, entry.name, entry.row));
    this.#listing.add(entry, cookie);
    this.#tell();
  }

  /** Takes out an entry, which must be in it under that name. */
  remove(entry: Entry, name: Bytes): void {
    this.#rows.names.remove(this.#number, name);
    entry.name = name;
    if (--this.size === 0) {
      this.#rows.removeFolder(this.#number);
      this.#number = 0;
    }
    this.#listing.remove(entry.cookie);
    this.#rows.entries.displace(entry);
    this.#tell();
  }

  /** To be called when an entry leads to another inode. */
  update(entry: Entry): void {
    this.#rows.entries.setInode(entry.row, entry.inode.row);
    this.#listing.update(entry, entry.cookie);
  }

  /** The entries behind a cookie, in the order of the listing. */
  after(cookie: number): Generator<Entry, void> {
    return this.#listing.after(cookie);
  }

  /** Hands what a listing tells of the entries behind a cookie to `emit`, until that returns false. */
  list(cookie: number, emit: EmitEntry): void {
    this.#listing.list(cookie, emit, this.#rows.names);
  }

  #tell(): void {
    this.#inode?.filled(this.size * entrySize, this.#number);
  }
}
