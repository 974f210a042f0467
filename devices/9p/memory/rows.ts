// What is in arrays of a tree, rather than in objects of its inodes and entries.
import { EntryRows } from './entry-rows.ts';
import type { Entry } from './folder.ts';
import { InodeRows } from './inode-rows.ts';
import type { Inode } from './inode.ts';
import { Names } from './names.ts';

export class Rows {
  readonly inodes = new InodeRows<Inode>();
  readonly entries = new EntryRows<Entry>();
  readonly names = new Names((entry, place) => this.entries.owner(entry).keptAt(place));
  readonly #freeFolders: number[] = [];
  #folders = 0;

  /** A number for a folder in `names`. */
  addFolder(): number {
    return this.#freeFolders.pop() ?? ++this.#folders;
  }

  /** Of the folder there are no names any more. */
  removeFolder(number: number): void {
    this.#freeFolders.push(number);
  }
}
