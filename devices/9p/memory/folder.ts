// The names in a folder: found by name, and listed in an order that removals do not disturb.
import type { Bytes } from '../../ports.ts';
import type { EmitEntry } from '../backend.ts';
import type { Inode } from './inode.ts';
import { Listing } from './listing.ts';
import { NameTable } from './name-table.ts';

/** A name of an inode. Nodes are handles of these, and follow them from folder to folder. */
export class Entry {
  /** A tree that has handles of entries keeps it beside them as well: see `replaceInode` there. */
  inode: Inode;
  name: Bytes;
  /** The inode of the folder that it is in; itself for the root; undefined once removed. */
  parent: Inode | undefined = undefined;
  /** Its place in the listing. */
  cookie = 0;
  /** Its handle while referenced. */
  node = 0;
  references = 0;

  constructor(inode: Inode, name: Bytes) {
    this.inode = inode;
    this.name = name;
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

export class Folder {
  /** Its own name, where its ".." is found. */
  self: Entry | undefined = undefined;
  readonly #byName = new NameTable<Entry>();
  readonly #listing = new Listing<Entry>();
  /** Of the next entry that is added. */
  nextCookie = dotDotCookie + 1;

  get size(): number {
    return this.#byName.size;
  }

  get(name: Bytes): Entry | undefined {
    return this.#byName.get(name);
  }

  /** Adds an entry under its name, which must be free, at the end of the listing. */
  add(entry: Entry): void {
    this.restore(entry, this.nextCookie++);
  }

  /** Adds an entry, whose name must be free, with a cookie beyond those that are there. */
  restore(entry: Entry, cookie: number): void {
    entry.cookie = cookie;
    this.#byName.add(entry);
    this.#listing.add(entry, cookie);
  }

  remove(entry: Entry): void {
    this.#byName.remove(entry.name);
    this.#listing.remove(entry.cookie);
  }

  /** To be called when an entry leads to another inode. */
  update(entry: Entry): void {
    this.#listing.update(entry, entry.cookie);
  }

  /** The entries behind a cookie, in the order of the listing. */
  after(cookie: number): Generator<Entry, void> {
    return this.#listing.after(cookie);
  }

  /** Hands what a listing tells of the entries behind a cookie to `emit`, until that returns false. */
  list(cookie: number, emit: EmitEntry): void {
    this.#listing.list(cookie, emit);
  }
}
