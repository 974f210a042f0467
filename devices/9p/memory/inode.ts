// What a file is in memory, apart from its names.
import type { Bytes } from '../../ports.ts';
import type { Attributes } from '../backend.ts';
import { fileType } from '../backend.ts';
import type { Folder } from './folder.ts';
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
}

/** What the bytes of an inode are, by its type; devices, FIFOs and sockets have none. */
export type Content =
  | { readonly kind: 'file'; readonly data: FileData }
  | { readonly kind: 'folder'; readonly folder: Folder }
  | { readonly kind: 'link'; readonly target: Bytes }
  | { readonly kind: 'special'; readonly rdev: bigint };

const day = 86_400_000_000_000n;
/** Linux's page: what a transfer is best made of. */
const blockSize = 4096;
/** Bytes that a folder claims for an entry; there is no true number. */
const entrySize = 32;

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

export class Inode {
  /** One place in memory less to wait for than a bigint. */
  readonly number: number | bigint;
  readonly content: Content;
  /** A file's, also here: what is asked for most should be one step away. */
  readonly data: FileData | undefined;
  mode: number;
  nlink = 0;
  uid: number;
  gid: number;
  atime: bigint;
  mtime: bigint;
  ctime: bigint;
  /** Open files and nodes: without any, and without a name, the data is freed. */
  pins = 0;
  /** Undefined as long as there was none. */
  xattrs: Xattrs | undefined = undefined;

  constructor(ino: bigint, mode: number, content: Content, uid: number, gid: number, now: bigint) {
    this.number = smallest(ino);
    this.mode = mode;
    this.content = content;
    this.data = content.kind === 'file' ? content.data : undefined;
    this.uid = uid;
    this.gid = gid;
    this.atime = now;
    this.mtime = now;
    this.ctime = now;
  }

  get ino(): bigint {
    return big(this.number);
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
    return this.pins === 0 && this.nlink === 0;
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
    const { data } = this;
    return {
      ino: this.ino,
      mode: this.mode,
      nlink: this.nlink,
      uid: this.uid,
      gid: this.gid,
      rdev: data === undefined ? this.#rdev() : 0n,
      size: data === undefined ? this.#size() : data.length,
      blockSize,
      blocks: data === undefined ? 0 : data.allocated / 512,
      atime: this.atime,
      mtime: this.mtime,
      ctime: this.ctime,
    };
  }

  #rdev(): bigint {
    return this.content.kind === 'special' ? this.content.rdev : 0n;
  }

  /** Of what has no data. */
  #size(): number {
    const { content } = this;
    if (content.kind === 'folder') return content.folder.size * entrySize;
    return content.kind === 'link' ? content.target.length : 0;
  }
}
