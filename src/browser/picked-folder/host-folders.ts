// The folders of the host behind those of the overlay: their handles, and what is in them. A folder is listed as a whole, for
// the browser finds no name without regard to its case where the host's file system does not tell cases apart.
import type { Entry } from '../../../devices/9p/memory/folder.ts';
import type { Inode } from '../../../devices/9p/memory/inode.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { OutsideChange } from '../../../devices/9p/backend.ts';
import type { Bytes, Log } from '../../../devices/ports.ts';
import type { EntryHandle, FileHandle, FolderHandle } from './access.ts';
import { hostCall, isHostError, throwErrno } from './host-errors.ts';
import { foldedName, hostNamesFor } from './host-names.ts';
import { folderOf } from './overlay.ts';
import type { Overlay } from './overlay.ts';

/** How often a folder may be changed while it is being listed. */
const mostAttempts = 8;
/** Behind the name of a file while the browser writes to it (Chromium); the file itself changes only at the end. */
export const swapName = /^(.*?)(\.\d+)?\.crswap$/s;

interface FolderState {
  handle: FolderHandle | undefined;
  /** Milliseconds of the host's clock; -Infinity: never, or it is known to be out of date. */
  listedAt: number;
  /** Whether it was ever listed. */
  isKnown: boolean;
  /** The guest's changes so far, and how many are under way. */
  changes: number;
  changing: number;
  listing: Promise<void> | undefined;
  /** The names as a file system has them that does not tell cases apart; some may be gone. Undefined: to be made. */
  folded: Set<string> | undefined;
  /** Names on the host of files that are being written to. */
  readonly writing: Map<string, number>;
}

interface KnownHandle {
  readonly folder: FolderHandle;
  readonly name: string;
  readonly handle: FileHandle;
}

export interface HostFoldersOptions {
  readonly root: FolderHandle;
  readonly overlay: Overlay;
  /** Milliseconds of any clock that only goes forward. */
  readonly clock: () => number;
  readonly log: Log;
  /** Hears of what others have changed. */
  readonly changed: (change: OutsideChange) => void;
  /** Whether the guest has changes of the file, or of a file below the folder, that the host has not got yet. */
  readonly isNeeded: (entry: Entry) => boolean;
}

export class HostFolders {
  /** Milliseconds for which a look at the host serves. */
  freshTime: number;
  readonly #overlay: Overlay;
  readonly #clock: () => number;
  readonly #log: Log;
  readonly #changed: (change: OutsideChange) => void;
  readonly #isNeeded: (entry: Entry) => boolean;
  readonly #states = new WeakMap<Inode, FolderState>();
  readonly #fileHandles = new WeakMap<Entry, KnownHandle>();

  constructor(freshTime: number, { root, overlay, clock, log, changed, isNeeded }: HostFoldersOptions) {
    this.freshTime = freshTime;
    this.#overlay = overlay;
    this.#clock = clock;
    this.#log = log;
    this.#changed = changed;
    this.#isNeeded = isNeeded;
    this.#state(overlay.rootInode).handle = root;
  }

  /** Whether it is a folder that has to be looked at again. What has no name any more is as it is. */
  isStale(inode: Inode): boolean {
    if (inode.content.kind !== 'folder' || inode.nlink === 0) return false;
    return this.#clock() - this.#state(inode).listedAt > this.freshTime;
  }

  /** Looks at it again if that has to be. Throws Errno. */
  async freshen(inode: Inode): Promise<void> {
    if (this.isStale(inode)) await this.refresh(inode);
  }

  /** Whether the folder was ever listed. */
  isKnown(folder: Inode): boolean {
    return this.#state(folder).isKnown;
  }

  /** Notes that what is known of a folder may not hold any more. */
  doubt(folder: Inode): void {
    this.#state(folder).listedAt = -Infinity;
  }

  /** The folder's handle. `restores`: it is made again where the host has lost it. Throws Errno. */
  async handle(folder: Inode, restores = false): Promise<FolderHandle> {
    const state = this.#state(folder);
    if (state.handle !== undefined && !restores) return state.handle;
    const self = folderOf(folder)?.self;
    if (state.handle !== undefined && folder === this.#overlay.rootInode) return state.handle;
    if (self?.parent === undefined) throw new Errno('ENOENT', 'the folder was removed');
    const parent = await this.handle(self.parent, restores);
    state.handle = await hostCall(parent.getDirectoryHandle(this.#overlay.hostNameOf(self), { create: restores }));
    return state.handle;
  }

  /** A handle for the file of an entry; that it is there shows when it is used. Throws Errno. */
  async fileHandle(entry: Entry): Promise<FileHandle> {
    if (entry.parent === undefined) throw new Errno('ENOENT', 'the file was removed');
    const folder = await this.handle(entry.parent);
    const name = this.#overlay.hostNameOf(entry);
    // Handles are paths: one serves as long as the path is the same.
    const known = this.#fileHandles.get(entry);
    if (known?.folder === folder && known.name === name) return known.handle;
    const handle = await hostCall(folder.getFileHandle(name));
    this.#fileHandles.set(entry, { folder, name, handle });
    return handle;
  }

  /** Looks at the folder again. Throws Errno. */
  refresh(folder: Inode): Promise<void> {
    const state = this.#state(folder);
    state.listing ??= this.#list(folder, state).finally(() => (state.listing = undefined));
    return state.listing;
  }

  /** Runs a change of the host's folder by the guest; a listing that is under way starts again. */
  async changing<T>(folder: Inode, action: () => Promise<T>): Promise<T> {
    const state = this.#state(folder);
    state.changes++;
    state.changing++;
    try {
      return await action();
    } finally {
      state.changing--;
    }
  }

  /** Runs a store of a file, whose swap file is no file of the host's. */
  async writing<T>(folder: Inode, hostName: string, action: () => Promise<T>): Promise<T> {
    const { writing } = this.#state(folder);
    writing.set(hostName, (writing.get(hostName) ?? 0) + 1);
    try {
      return await action();
    } finally {
      const left = (writing.get(hostName) ?? 1) - 1;
      if (left === 0) writing.delete(hostName);
      else writing.set(hostName, left);
    }
  }

  /** A name that the guest's new name can have on the host without touching what is there. Throws Errno EINVAL, EEXIST. */
  async freeName(folder: Inode, name: Bytes): Promise<string> {
    const state = this.#state(folder);
    const handle = await this.handle(folder);
    for (const hostName of hostNamesFor(name)) {
      // Most names are like no other, and need no look.
      if (!this.#isLikeAnother(state, folder, hostName) && !isOdd(hostName)) return hostName;
      try {
        await handle.getFileHandle(hostName);
      } catch (error) {
        if (isHostError(error, 'NotFoundError')) return hostName;
        if (!isHostError(error, 'TypeError', 'TypeMismatchError')) throwErrno(error);
      }
    }
    throw new Errno('EINVAL', 'the host can have no file of this name');
  }

  /** Notes that a folder has moved: the handles of all below lead to where it was. */
  moved(folder: Inode): void {
    this.#state(folder).handle = undefined;
    for (const { inode } of folderOf(folder)?.after(0) ?? []) if (inode.content.kind === 'folder') this.moved(inode);
  }

  /** Names from the root down. */
  pathOf(entry: Entry): Bytes[] {
    const path: Bytes[] = [];
    for (let at: Entry | undefined = entry; at?.parent !== undefined && at.inode !== this.#overlay.rootInode;) {
      path.unshift(at.name);
      at = folderOf(at.parent)?.self;
    }
    return path;
  }

  #state(folder: Inode): FolderState {
    let state = this.#states.get(folder);
    if (state === undefined) {
      state = {
        handle: undefined,
        listedAt: -Infinity,
        isKnown: false,
        changes: 0,
        changing: 0,
        listing: undefined,
        folded: undefined,
        writing: new Map(),
      };
      this.#states.set(folder, state);
    }
    return state;
  }

  #isLikeAnother(state: FolderState, folder: Inode, hostName: string): boolean {
    state.folded ??= new Set(
      Array.from(this.#overlay.onHost(folder), (entry) => foldedName(this.#overlay.hostNameOf(entry))),
    );
    const folded = foldedName(hostName);
    if (state.folded.has(folded)) return true;
    state.folded.add(folded);
    return false;
  }

  async #list(folder: Inode, state: FolderState): Promise<void> {
    for (let attempt = 1; attempt <= mostAttempts; attempt++) {
      const { changes, changing } = state;
      const names = await this.#namesOnHost(folder, state);
      // A name that was made or removed meanwhile may be on the list or not.
      if (state.changes !== changes || changing > 0) continue;
      this.#reconcile(folder, names, !state.isKnown);
      state.isKnown = true;
      state.listedAt = this.#clock();
      state.folded = undefined;
      return;
    }
  }

  async #namesOnHost(folder: Inode, { writing }: FolderState): Promise<Map<string, EntryHandle>> {
    const names = new Map<string, EntryHandle>();
    const handle = await this.handle(folder);
    try {
      for await (const [name, found] of handle.entries()) {
        const written = swapName.exec(name)?.[1];
        if (written === undefined || !writing.has(written)) names.set(name, found);
      }
    } catch (error) {
      if (isHostError(error, 'NotFoundError')) this.#lost(folder);
      throwErrno(error);
    }
    return names;
  }

  /** The host does not have the folder any more. */
  #lost(folder: Inode): void {
    const self = folderOf(folder)?.self;
    if (self?.parent !== undefined && self.parent !== folder) this.doubt(self.parent);
  }

  #reconcile(folder: Inode, names: Map<string, EntryHandle>, isNew: boolean): void {
    const present = new Set<string>();
    for (const entry of this.#overlay.onHost(folder)) {
      const { kind } = entry.inode.content;
      const hostName = this.#overlay.hostNameOf(entry);
      const found = names.get(hostName);
      const isSame = found !== undefined && (found.kind === 'file') === (kind === 'file');
      if (isSame || this.#isNeeded(entry)) {
        present.add(hostName);
        continue;
      }
      const path = this.pathOf(entry);
      this.#overlay.vanish(entry);
      this.#changed({ type: 'removed', path });
    }
    for (const [hostName, found] of names) {
      if (!present.has(hostName)) this.#appear(folder, hostName, found, isNew);
    }
    if (isNew) this.#overlay.appearFromRecords(folder);
    else if (names.size !== present.size) folder.modified(this.#overlay.time);
  }

  #appear(folder: Inode, hostName: string, found: EntryHandle, isNew: boolean): void {
    const shadowed = this.#overlay.onlyHere(folder, hostName);
    if (shadowed !== undefined) {
      const path = this.pathOf(shadowed);
      this.#overlay.vanish(shadowed);
      this.#log(`${textOfPath(path)}: the host has a file of this name now, which takes the place of the guest's link`);
    }
    const entry = this.#overlay.appear(folder, hostName, found.kind);
    if (entry === undefined) {
      this.#log(`${hostName}: the guest can have no file of this name`);
      return;
    }
    const { handle } = this.#state(folder);
    if (found.kind === 'file' && handle !== undefined) {
      this.#fileHandles.set(entry, { folder: handle, name: hostName, handle: found as FileHandle });
    }
    if (!isNew) this.#changed({ type: 'created', path: this.pathOf(entry) });
  }
}

const ordinaryName = /^[\w.+@-]([\w .+@=,-]*[\w+@=,-])?$/;
/** Endings and names that browsers keep from pages, and devices of old. */
const reservedName = /\.(lnk|url|local|scf|ini|db)$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** Whether the browser or some file system may refuse the name. */
function isOdd(hostName: string): boolean {
  return !ordinaryName.test(hostName) || reservedName.test(hostName);
}

/** For people. */
export function textOfPath(path: readonly Bytes[]): string {
  return path.map((name) => new TextDecoder().decode(new Uint8Array(name))).join('/');
}
