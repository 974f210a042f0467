// The numbers of all inodes of a tree, each inode's in a row of one array. In a large share a request waits for memory that was not
// read for long more than for anything else; as members of objects its numbers would be in six places (the inode, its data, bigints
// for its number and times), and there would be more pages than the processor knows the addresses of.
import { fileType } from '../backend.ts';
import type { Attributes } from '../backend.ts';

/** What an inode tells that is in no row. */
interface RowOwner {
  readonly size: number;
  /** Units of 512 bytes. */
  readonly blocks: number;
  readonly rdev: bigint;
}

/** 32-bit words of a row: 64 bytes, which are one line of a processor's cache, or parts of two. */
const width = 16;
/** Columns, in words. `pins`: open files and nodes; `folder`: of a folder, which has no blocks, its number in the table of names. */
export const column = { nlink: 0, pins: 1, mode: 2, uid: 3, gid: 4, blocks: 5, folder: 5 } as const;
/** Columns of times, in units of 64 bits. */
export const timeColumn = { atime: 5, mtime: 6, ctime: 7 } as const;
const longColumn = { size: 3, ino: 4, ...timeColumn } as const;
const longWidth = width / 2;

/** In the column of the size: the owner tells it. */
export const askOwner = -1;

/** Linux's page: what a transfer is best made of. */
const blockSize = 4096;
const fewestRows = 64;

export type Column = (typeof column)[keyof typeof column];
export type TimeColumn = (typeof timeColumn)[keyof typeof timeColumn];

function isFolder(mode: number): boolean {
  return (mode & fileType.mask) === fileType.folder;
}

export class InodeRows<T extends RowOwner> {
  #words = new Uint32Array(fewestRows * width);
  #doubles = new Float64Array(this.#words.buffer);
  #times = new BigInt64Array(this.#words.buffer);
  #numbers = new BigUint64Array(this.#words.buffer);
  /** By row. Nothing has row 0, which is all zeros. */
  readonly #owners: (T | undefined)[] = [undefined];
  readonly #free: number[] = [];

  /** Returns the row. All times are `now`; there are no names and no pins, and the owner tells the size. */
  add(owner: T, ino: bigint, mode: number, uid: number, gid: number, now: bigint): number {
    const row = this.#free.pop() ?? this.#owners.length;
    if (width * row === this.#words.length) this.#grow();
    this.#owners[row] = owner;
    const words = this.#words;
    const at = width * row;
    // Every column: the row may have been another's.
    words[at + column.nlink] = 0;
    words[at + column.pins] = 0;
    words[at + column.blocks] = 0;
    words[at + column.mode] = mode;
    words[at + column.uid] = uid;
    words[at + column.gid] = gid;
    const times = this.#times;
    const longAt = longWidth * row;
    this.#numbers[longAt + longColumn.ino] = ino;
    this.#doubles[longAt + longColumn.size] = askOwner;
    times[longAt + longColumn.atime] = now;
    times[longAt + longColumn.mtime] = now;
    times[longAt + longColumn.ctime] = now;
    return row;
  }

  /** Nobody may use the row any more. */
  remove(row: number): void {
    this.#owners[row] = undefined;
    this.#free.push(row);
  }

  owner(row: number): T {
    const owner = this.#owners[row];
    if (owner === undefined) throw new Error(`no inode has row ${row}`);
    return owner;
  }

  get(row: number, at: Column): number {
    return this.#words[width * row + at] as number;
  }

  set(row: number, at: Column, value: number): void {
    this.#words[width * row + at] = value;
  }

  time(row: number, at: TimeColumn): bigint {
    return this.#times[longWidth * row + at] as bigint;
  }

  setTime(row: number, at: TimeColumn, value: bigint): void {
    this.#times[longWidth * row + at] = value;
  }

  /** Adds to the pins, or takes away. Returns whether nothing leads to the inode any more. */
  pin(row: number, count: 1 | -1): boolean {
    const words = this.#words;
    const at = width * row;
    const pins = (words[at + column.pins] as number) + count;
    words[at + column.pins] = pins;
    return pins === 0 && words[at + column.nlink] === 0;
  }

  setSize(row: number, size: number, blocks: number): void {
    this.#doubles[longWidth * row + longColumn.size] = size;
    this.#words[width * row + column.blocks] = blocks;
  }

  setFolder(row: number, size: number, number: number): void {
    this.setSize(row, size, number);
  }

  /** The number of a folder in the table of names, 0 of an empty one; -1 of what is none. */
  folder(row: number): number {
    return isFolder(this.get(row, column.mode)) ? this.get(row, column.folder) : -1;
  }

  attributes(row: number): Attributes {
    const words = this.#words;
    const times = this.#times;
    const at = width * row;
    const longAt = longWidth * row;
    const size = this.#doubles[longAt + longColumn.size] as number;
    const mode = words[at + column.mode] as number;
    const owner = size === askOwner ? this.owner(row) : undefined;
    return {
      ino: this.#numbers[longAt + longColumn.ino] as bigint,
      mode,
      nlink: words[at + column.nlink] as number,
      uid: words[at + column.uid] as number,
      gid: words[at + column.gid] as number,
      rdev: owner === undefined ? 0n : owner.rdev,
      size: owner === undefined ? size : owner.size,
      blockSize,
      blocks: owner !== undefined ? owner.blocks : isFolder(mode) ? 0 : (words[at + column.blocks] as number),
      atime: times[longAt + longColumn.atime] as bigint,
      mtime: times[longAt + longColumn.mtime] as bigint,
      ctime: times[longAt + longColumn.ctime] as bigint,
    };
  }

  #grow(): void {
    const larger = new Uint32Array(2 * this.#words.length);
    larger.set(this.#words);
    this.#words = larger;
    this.#doubles = new Float64Array(larger.buffer);
    this.#times = new BigInt64Array(larger.buffer);
    this.#numbers = new BigUint64Array(larger.buffer);
  }
}
