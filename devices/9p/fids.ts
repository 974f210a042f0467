// The client's names for files: one table per session. A fid holds one reference to a node, and the file once opened.
import { fileType, noId, openFlags } from './backend.ts';
import type { Backend, Caller, Node, OpenFile } from './backend.ts';
import { Errno } from './errno.ts';
import { noFid } from './messages.ts';

/**
 * The most fids of one session. Linux keeps one for every cached name; a guest of 1 GiB can cache about a million. Each
 * costs the host about 300 bytes.
 */
export const maximumFids = 1 << 20;

export class Fid {
  node: Node;
  /** `fileType` bits; a file never changes them. */
  type: number;
  /** Who attached, without a group. */
  readonly caller: Caller;
  file: OpenFile | undefined;
  /** `openFlags.accessMode` bits of the open file. */
  access = 0;

  constructor(node: Node, mode: number, caller: Caller) {
    this.node = node;
    this.type = mode & fileType.mask;
    this.caller = caller;
  }

  get isFolder(): boolean {
    return this.type === fileType.folder;
  }

  /** The caller of a message that names a group. */
  callerWith(gid: number): Caller {
    return { uid: this.caller.uid, gid };
  }
}

/** Tattach's uid: none means the user who mounted, which is root. */
export function callerOf(uid: number): Caller {
  return { uid: uid === noId ? 0 : uid, gid: noId };
}

export class FidTable {
  readonly #fids = new Map<number, Fid>();
  readonly #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  get size(): number {
    return this.#fids.size;
  }

  get(number: number): Fid {
    const fid = this.#fids.get(number);
    if (fid === undefined) throw new Errno('EBADF', `no fid ${number}`);
    return fid;
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

  /** The open file of a fid, which is no folder and was not opened in the access mode `refused`. */
  transferable(number: number, refused: number): OpenFile {
    const fid = this.get(number);
    if (fid.file === undefined || fid.access === refused)
      throw new Errno('EBADF', `fid ${number} is not open for this`);
    if (fid.isFolder) throw new Errno('EISDIR');
    return fid.file;
  }

  readable(number: number): OpenFile {
    return this.transferable(number, openFlags.writeOnly);
  }

  writable(number: number): OpenFile {
    return this.transferable(number, openFlags.readOnly);
  }

  /** Refuses a number that is taken or can not be had. */
  requireFree(number: number): void {
    if (number === noFid) throw new Errno('EBADF', 'the fid that stands for none');
    if (this.#fids.has(number)) throw new Errno('EBADF', `fid ${number} is in use`);
    if (this.#fids.size >= maximumFids) throw new Errno('ENFILE', `more than ${maximumFids} fids`);
  }

  add(number: number, fid: Fid): void {
    this.requireFree(number);
    this.#fids.set(number, fid);
  }

  /** Takes the fid out of the table; what it holds is the caller's to release. */
  remove(number: number): Fid {
    const fid = this.get(number);
    this.#fids.delete(number);
    return fid;
  }

  /** Removes a fid, if there, and releases what it holds. For the end of a session: nobody is left to be told of errors. */
  drop(number: number): void {
    const fid = this.#fids.get(number);
    if (fid === undefined) return;
    this.#fids.delete(number);
    if (fid.file !== undefined) this.#release(fid.file);
    this.#backend.forget(fid.node);
  }

  dropAllBut(kept: (number: number) => boolean): void {
    for (const number of this.#fids.keys()) if (!kept(number)) this.drop(number);
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
