// What a walk has to know of an entry, in a row of one array: how often it is referenced, and whose name it is. So finding a name
// that was not asked for long waits for no object of it. The number of the row is the node: a handle of the entry.

/** 32-bit words of a row, and its columns. `references`: twice their count, and 1 more while the entry is in a folder. */
const width = 2;
const column = { references: 0, inode: 1 } as const;
const fewestRows = 64;

interface RowOwner {
  /** 0 where it has none. */
  row: number;
}

export class EntryRows<T extends RowOwner> {
  /** Rows that are referenced. */
  referenced = 0;
  #words = new Int32Array(fewestRows * width);
  /** By row. Nothing has row 0, which is all zeros. */
  readonly #owners: (T | undefined)[] = [undefined];
  readonly #free: number[] = [];

  /** Notes that the entry is in a folder; gives it a row where it has none. */
  place(owner: T, inode: number): void {
    if (owner.row === 0) owner.row = this.#add(owner);
    const at = width * owner.row;
    this.#words[at + column.references] = (this.#words[at + column.references] as number) | 1;
    this.#words[at + column.inode] = inode;
  }

  /** Notes that the entry is in no folder. The row goes, unless it is referenced. */
  displace(owner: T): void {
    const at = width * owner.row;
    this.#words[at + column.references] = (this.#words[at + column.references] as number) & ~1;
    this.#removeIfUnused(owner.row);
  }

  owner(row: number): T {
    const owner = this.#owners[row];
    if (owner === undefined) throw new Error(`no entry has row ${row}`);
    return owner;
  }

  /** The row of the entry's inode. It complains of a row that nobody has a reference to: that is a mistake of the caller. */
  inode(row: number): number {
    const at = width * row;
    if (!((this.#words[at + column.references] as number) > 1)) throw new Error(`node ${row} does not exist`);
    return this.#words[at + column.inode] as number;
  }

  setInode(row: number, inode: number): void {
    this.#words[width * row + column.inode] = inode;
  }

  isReferenced(row: number): boolean {
    return (this.#words[width * row + column.references] as number) > 1;
  }

  /** Adds a reference. Returns the row of the inode if it is the first one, else 0. */
  retain(row: number): number {
    const at = width * row;
    const before = this.#words[at + column.references] as number;
    this.#words[at + column.references] = before + 2;
    if (before > 1) return 0;
    this.referenced++;
    return this.#words[at + column.inode] as number;
  }

  /** Takes away a reference. Returns the row of the inode if it was the last one, else 0. An entry in no folder loses its row then. */
  release(row: number): number {
    const inode = this.inode(row);
    const at = width * row;
    const left = (this.#words[at + column.references] as number) - 2;
    this.#words[at + column.references] = left;
    if (left > 1) return 0;
    this.referenced--;
    if (left === 0) this.#removeIfUnused(row);
    return inode;
  }

  #add(owner: T): number {
    const row = this.#free.pop() ?? this.#owners.length;
    if (width * row === this.#words.length) {
      const larger = new Int32Array(2 * this.#words.length);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#owners[row] = owner;
    return row;
  }

  #removeIfUnused(row: number): void {
    const words = this.#words;
    const at = width * row;
    if (words[at + column.references] !== 0) return;
    words[at + column.inode] = 0;
    this.owner(row).row = 0;
    this.#owners[row] = undefined;
    this.#free.push(row);
  }
}
