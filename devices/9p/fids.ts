// The client's names for files: one table per session. A fid holds one reference to a node, and the file once opened; or it
// stands for an extended attribute that is read or set, and for nothing else.
import type { Bytes } from '../ports.ts';
import { fileType, noId, openFlags } from './backend.ts';
import type { Backend, Caller, Node, OpenFile } from './backend.ts';
import { Errno } from './errno.ts';
import { NumberedTable } from './numbered-table.ts';
import type { FidLocks } from './locks.ts';
import { noFid } from './messages.ts';
import { KnownSizes } from './stale-ends.ts';
import type { Reading } from './stale-ends.ts';
import { XattrReading } from './xattr.ts';
import type { XattrSetting } from './xattr.ts';

/**
 * The most fids of one session. Linux keeps one for every cached name; a guest of 1 GiB can cache about a million. Each
 * costs the host about 300 bytes.
 */
export const maximumFids = 1 << 20;
/** The most fids of one session that hold an attribute, up to 64 KiB each. Linux keeps one for the length of a system call. */
export const maximumXattrFids = 1024;

/** Room for nodes from the beginning. */
const fewestNodes = 256;

/** Its fields are only declared, because walks make so many: see Request. */
export class Fid {
  /** What it stands for is changed by its table alone, which keeps a copy. */
  declare readonly node: Node;
  declare readonly file: OpenFile | undefined;
  /** `fileType` bits; a file never changes them. */
  declare readonly type: number;
  /** Who attached, without a group. */
  declare readonly caller: Caller;
  /** What the file was opened with, as it would be opened again. */
  declare flags: number;
  /** `openFlags.accessMode` bits of the open file. */
  declare access: number;
  /** The number of the open file. */
  declare ino: bigint;
  /** Of an open file that is no folder. */
  declare reading: Reading | undefined;
  /** Of an open folder: the entry that was listed last. */
  declare listed: { readonly cookie: bigint; readonly name: Bytes } | undefined;
  /** Where a listing goes on that began before a snapshot: its cookie there, and that of here. */
  declare moved: { readonly from: bigint; readonly to: bigint } | undefined;
  /** Undefined until one is asked for. */
  declare locks: FidLocks | undefined;

  constructor(node: Node, mode: number, caller: Caller, file?: OpenFile) {
    this.node = node;
    this.file = file;
    this.type = mode & fileType.mask;
    this.caller = caller;
    this.flags = 0;
    this.access = 0;
    this.ino = 0n;
    this.reading = undefined;
    this.listed = undefined;
    this.moved = undefined;
    this.locks = undefined;
  }

  get isFolder(): boolean {
    return this.type === fileType.folder;
  }

  /** The caller of a message that names a group. */
  callerWith(gid: number): Caller {
    return { uid: this.caller.uid, gid };
  }
}

type ChangingFid = { -readonly [M in keyof Fid]: Fid[M] };

export type OpenFid = Fid & { readonly file: OpenFile };

function isOpen(fid: Fid): fid is OpenFid {
  return fid.file !== undefined;
}

/** Of a session that went on from a snapshot: its file is not there any more, or is another. The client can only let it go. */
export class LostFid {
  readonly isLost = true;
}

/** What a number of the client's stands for. */
export type FidEntry = Fid | XattrReading | XattrSetting | LostFid;

/** Tattach's uid: none means the user who mounted, which is root. */
export function callerOf(uid: number): Caller {
  return { uid: uid === noId ? 0 : uid, gid: noId };
}

/** Why a fid is not one of a file. */
export function noFile(number: number, fid: FidEntry | undefined): Errno {
  if (fid instanceof LostFid) return new Errno('ESTALE', 'its file was not there when the snapshot was resumed');
  return new Errno('EBADF', fid === undefined ? `no fid ${number}` : 'a fid of an attribute');
}

export class FidTable {
  readonly knownSizes = new KnownSizes();
  readonly #fids = new NumberedTable<FidEntry>();
  /**
   * Nodes of the fids that are of files which are not open; 0 of all others. What is asked for most needs no more than that, and
   * of 100,000 fids it fits into a processor's cache.
   */
  #nodes = new Int32Array(fewestNodes);
  readonly #backend: Backend;
  #xattrs = 0;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  get size(): number {
    return this.#fids.size;
  }

  /** The node of a fid whose file is not open, as far as there is one at hand; else 0, and `get` knows more. */
  unopened(number: number): Node | 0 {
    return number < this.#nodes.length ? (this.#nodes[number] as Node) : 0;
  }

  /** A fid of a file or folder. */
  get(number: number): Fid {
    const fid = this.#fids.get(number);
    if (!(fid instanceof Fid)) throw noFile(number, fid);
    return fid;
  }

  /** A fid's attribute, if it stands for one. */
  xattr(number: number): XattrReading | XattrSetting | undefined {
    const fid = this.#fids.get(number);
    return fid instanceof Fid || fid instanceof LostFid ? undefined : fid;
  }

  /** A fid of a folder, open or not. */
  folder(number: number): Fid {
    const fid = this.get(number);
    if (!fid.isFolder) throw new Errno('ENOTDIR');
    return fid;
  }

  /** The open file of a fid. */
  opened(number: number): OpenFile {
    const { file } = this.get(number);
    if (file === undefined) throw new Errno('EBADF', `fid ${number} is not open`);
    return file;
  }

  openedFolder(number: number): OpenFile {
    if (!this.get(number).isFolder) throw new Errno('ENOTDIR');
    return this.opened(number);
  }

  /** An open fid of what is no folder and was not opened in the access mode `refused`. */
  transferable(number: number, refused: number): OpenFid {
    const fid = this.get(number);
    if (!isOpen(fid) || fid.access === refused) throw new Errno('EBADF', `fid ${number} is not open for this`);
    if (fid.isFolder) throw new Errno('EISDIR');
    return fid;
  }

  readable(number: number): OpenFid {
    return this.transferable(number, openFlags.writeOnly);
  }

  writable(number: number): OpenFid {
    return this.transferable(number, openFlags.readOnly);
  }

  /** Refuses a number that is taken or can not be had. */
  requireFree(number: number): void {
    if (number === noFid) throw new Errno('EBADF', 'the fid that stands for none');
    if (this.#fids.has(number)) throw new Errno('EBADF', `fid ${number} is in use`);
    if (this.#fids.size >= maximumFids) throw new Errno('ENFILE', `more than ${maximumFids} fids`);
  }

  /** Refuses one more attribute. */
  requireXattrRoom(): void {
    if (this.#xattrs >= maximumXattrFids) throw new Errno('ENFILE', `more than ${maximumXattrFids} fids of attributes`);
  }

  add(number: number, fid: Fid | XattrReading): void {
    this.requireFree(number);
    if (!(fid instanceof Fid)) {
      this.requireXattrRoom();
      this.#xattrs++;
    }
    this.#fids.set(number, fid);
    if (fid instanceof Fid) this.#note(number, fid);
  }

  /** A fid that is not open stands for another file, with that mode, from now on; the references are the caller's business. */
  move(number: number, node: Node, mode: number): void {
    const fid: ChangingFid = this.get(number);
    fid.node = node;
    fid.type = mode & fileType.mask;
    this.#note(number, fid);
  }

  /** A fid is open from now on. */
  open(number: number, file: OpenFile): void {
    const fid: ChangingFid = this.get(number);
    fid.file = file;
    this.#note(number, fid);
  }

  /** For session-state.ts. */
  get all(): NumberedTable<FidEntry> {
    return this.#fids;
  }

  /** From now on the fid stands for an attribute of its file, whose reference goes over. */
  turnInto(number: number, setting: XattrSetting): void {
    this.requireXattrRoom();
    this.#xattrs++;
    this.#fids.set(number, setting);
    this.#note(number, undefined);
  }

  /** Takes the fid out of the table; what it holds is the caller's to release. */
  remove(number: number): FidEntry {
    const fid = this.#fids.get(number);
    if (fid === undefined) throw new Errno('EBADF', `no fid ${number}`);
    this.#fids.delete(number);
    this.#note(number, undefined);
    if (!(fid instanceof Fid || fid instanceof LostFid)) this.#xattrs--;
    return fid;
  }

  /** Removes a fid, if there, and releases what it holds. For the end of a session: nobody is left to be told of errors. */
  drop(number: number): void {
    if (!this.#fids.has(number)) return;
    const fid = this.remove(number);
    if (fid instanceof XattrReading || fid instanceof LostFid) return;
    if (fid instanceof Fid && fid.file !== undefined) this.#release(fid.file);
    this.#backend.forget(fid.node);
  }

  dropAllBut(kept: (number: number) => boolean): void {
    for (const number of this.#fids.keys()) if (!kept(number)) this.drop(number);
  }

  #note(number: number, fid: Fid | undefined): void {
    const node = fid === undefined || fid.file !== undefined ? 0 : fid.node;
    if (number >= this.#nodes.length) {
      // What is far from the others is not at hand.
      if (node === 0 || number >= 2 * this.#nodes.length || number >= fewestNodes + 2 * this.size) return;
      const larger = new Int32Array(2 * this.#nodes.length);
      larger.set(this.#nodes);
      this.#nodes = larger;
    }
    this.#nodes[number] = node;
  }

  #release(file: OpenFile): void {
    const ignoreErrno = (error: unknown): void => {
      if (!(error instanceof Errno)) throw error;
    };
    try {
      const released = this.#backend.release(file);
      if (released instanceof Promise) void released.catch(ignoreErrno);
    } catch (error) {
      ignoreErrno(error);
    }
  }
}
