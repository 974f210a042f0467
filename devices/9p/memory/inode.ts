// What a file is in memory, apart from its names.
import type { Bytes } from '../../ports.ts';
import type { Attributes } from '../backend.ts';
import { fileType } from '../backend.ts';
import type { Folder } from './folder.ts';
import { column, timeColumn } from './inode-rows.ts';
import type { Rows } from './rows.ts';
import type { Xattrs } from './xattrs.ts';

/** The bytes of a file, wherever they are. Operations take effect in the order of the calls. */
export interface FileData {
  /** Bytes of the file. */
  readonly length: number;
  /** Bytes that it takes where it is stored. */
  readonly allocated: number;
  /** As `Backend.read`. */
  read(offset: number, into: readonly Bytes[]): number | Promise<Bytes>;
  /** Writes the pieces from `offset` on. Returns the count, less than all when space ran out; ENOSPC when there was none. */
  write(offset: number, from: readonly Bytes[]): number;
  /** Sets the length: cuts off, or adds a hole. */
  resize(length: number): void;
  /** If it is there, the data tells the inode its length and what it takes by `sized`: now, and whenever they change. */
  bind?(inode: Inode): void;
}

/** What the bytes of an inode are, by its type; devices, FIFOs and sockets have none. */
export type Content =
  | { readonly kind: 'file'; readonly data: FileData }
  | { readonly kind: 'folder'; readonly folder: Folder }
  | { readonly kind: 'link'; readonly target: Bytes }
  | { readonly kind: 'special'; readonly rdev: bigint };

const whole = new BigUint64Array(1);
const words = new Uint32Array(whole.buffer);

// By words, because `BigInt` and `Number` are calls in V8.

/** A number that takes no memory of its own in V8, where it is so small. */
function smallest(number: bigint): number | bigint {
  whole[0] = number;
  return words[1] === 0 && (words[0] as number) < 2 ** 31 ? (words[0] as number) : number;
}

function big(number: number | bigint): bigint {
  if (typeof number !== 'number') return number;
  words[0] = number;
  words[1] = 0;
  return whole[0] as bigint;
}

const day = 86_400_000_000_000n;
/** Units of st_blocks. */
const blockLength = 512;

/**
 * Its numbers are in a row. Once nothing leads to it the row is another's: then it is an inode without names and pins, all its
 * numbers but its own are 0, and setting them does nothing.
 */
export class Inode {
  /** Also in its row, but this it keeps. */
  readonly #number: number | bigint;
  readonly content: Content;
  /** Of those of inodes; 0 once nothing leads to it. */
  row: number;
  /** Undefined as long as there was none. */
  xattrs: Xattrs | undefined = undefined;
  readonly rows: Rows;

  /** `rows`: those of the tree. */
  constructor(rows: Rows, ino: bigint, mode: number, content: Content, uid: number, gid: number, now: bigint) {
    this.#number = smallest(ino);
    this.content = content;
    this.rows = rows;
    this.row = rows.inodes.add(this, ino, mode, uid, gid, now);
    if (content.kind === 'file') content.data.bind?.(this);
    if (content.kind === 'folder') content.folder.bind(this);
    if (content.kind === 'link') this.sized(content.target.length, 0);
  }

  get ino(): bigint {
    return big(this.#number);
  }

  get mode(): number {
    return this.rows.inodes.get(this.row, column.mode);
  }

  set mode(value: number) {
    if (this.row !== 0) this.rows.inodes.set(this.row, column.mode, value);
  }

  get nlink(): number {
    return this.rows.inodes.get(this.row, column.nlink);
  }

  set nlink(value: number) {
    if (this.row !== 0) this.rows.inodes.set(this.row, column.nlink, value);
  }

  get uid(): number {
    return this.rows.inodes.get(this.row, column.uid);
  }

  set uid(value: number) {
    if (this.row !== 0) this.rows.inodes.set(this.row, column.uid, value);
  }

  get gid(): number {
    return this.rows.inodes.get(this.row, column.gid);
  }

  set gid(value: number) {
    if (this.row !== 0) this.rows.inodes.set(this.row, column.gid, value);
  }

  get atime(): bigint {
    return this.rows.inodes.time(this.row, timeColumn.atime);
  }

  set atime(value: bigint) {
    if (this.row !== 0) this.rows.inodes.setTime(this.row, timeColumn.atime, value);
  }

  get mtime(): bigint {
    return this.rows.inodes.time(this.row, timeColumn.mtime);
  }

  set mtime(value: bigint) {
    if (this.row !== 0) this.rows.inodes.setTime(this.row, timeColumn.mtime, value);
  }

  get ctime(): bigint {
    return this.rows.inodes.time(this.row, timeColumn.ctime);
  }

  set ctime(value: bigint) {
    if (this.row !== 0) this.rows.inodes.setTime(this.row, timeColumn.ctime, value);
  }

  get type(): number {
    return this.mode & fileType.mask;
  }

  /** As how many names each of its names counts: the target of a link stays in memory as names do, about 500 bytes each. */
  get nameCost(): number {
    return this.content.kind === 'link' ? 1 + Math.floor(this.content.target.length / 512) : 1;
  }

  /** Whether nothing leads to it any more. */
  get isGone(): boolean {
    return this.rows.inodes.get(this.row, column.nlink) === 0 && this.rows.inodes.get(this.row, column.pins) === 0;
  }

  /** Gives the row of one that is gone to others. */
  retire(): void {
    if (this.row !== 0) this.rows.inodes.remove(this.row);
    this.row = 0;
  }

  /** An open file or a node refers to it. */
  pin(): void {
    this.rows.inodes.pin(this.row, 1);
  }

  /** One of those does not any more. */
  unpin(): void {
    this.rows.inodes.pin(this.row, -1);
  }

  /** The data has that length, and takes so many bytes. */
  sized(length: number, allocated: number): void {
    if (this.row !== 0) this.rows.inodes.setSize(this.row, length, Math.ceil(allocated / blockLength));
  }

  /** The folder claims that length, and has that number in the table of names. */
  filled(length: number, number: number): void {
    if (this.row !== 0) this.rows.inodes.setFolder(this.row, length, number);
  }

  /** Notes a change of the content. */
  modified(now: bigint): void {
    this.mtime = now;
    this.ctime = now;
  }

  /**
   * Notes a read, as seldom as Linux's relatime does: when a change came after the last one, or once a day. Returns whether
   * it did.
   */
  access(now: bigint): boolean {
    const isDue = this.atime <= this.mtime || this.atime <= this.ctime || now - this.atime >= day;
    if (isDue) this.atime = now;
    return isDue;
  }

  attributes(): Attributes {
    return this.rows.inodes.attributes(this.row);
  }

  get rdev(): bigint {
    return this.content.kind === 'special' ? this.content.rdev : 0n;
  }

  get size(): number {
    return this.content.kind === 'file' ? this.content.data.length : 0;
  }

  get blocks(): number {
    return this.content.kind === 'file' ? Math.ceil(this.content.data.allocated / blockLength) : 0;
  }
}
