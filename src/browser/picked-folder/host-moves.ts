// Renames on the host. Browsers move files at best, never folders: the rest is copied, and the source removed once all of the
// copy is there. A crash in between leaves both; nothing is ever in neither place.
import { Errno } from '../../../devices/9p/errno.ts';
import type { Entry } from '../../../devices/9p/memory/folder.ts';
import type { Inode } from '../../../devices/9p/memory/inode.ts';
import type { Log } from '../../../devices/ports.ts';
import { isSameStamp, stampOf } from './access.ts';
import type { FileHandle, FileSnapshot, FileWriter, FolderHandle, Stamp } from './access.ts';
import { hostCall, isHostError, throwErrno } from './host-errors.ts';
import type { HostFiles } from './host-files.ts';
import { textOfPath } from './host-folders.ts';
import type { HostFolders } from './host-folders.ts';
import type { Overlay } from './overlay.ts';

/** Bytes of a piece of a copy. */
const pieceLength = 8 * 2 ** 20;

/** A place in a folder of the host. */
export interface Place {
  readonly folder: Inode;
  readonly hostName: string;
  /** Whether nothing has the name. */
  readonly isFree: boolean;
}

/** What was copied so far, by the entries of the source. */
interface Copies {
  readonly folders: Set<Entry>;
  readonly files: Map<Entry, { readonly source: Stamp; readonly file: FileSnapshot }>;
}

export interface HostMovesOptions {
  readonly overlay: Overlay;
  readonly folders: HostFolders;
  readonly files: HostFiles;
  readonly log: Log;
}

export class HostMoves {
  readonly #overlay: Overlay;
  readonly #folders: HostFolders;
  readonly #files: HostFiles;
  readonly #log: Log;

  constructor({ overlay, folders, files, log }: HostMovesOptions) {
    this.#overlay = overlay;
    this.#folders = folders;
    this.#files = files;
    this.#log = log;
  }

  /** Copies the host's file of an entry to a name, whose file it replaces. */
  async copyFile(entry: Entry, { folder, hostName, isFree }: Place): Promise<FileSnapshot> {
    const source = await hostCall((await this.#folders.fileHandle(entry)).getFile());
    const target = await this.#folders.handle(folder);
    return this.#folders.writing(folder, hostName, () => this.#copy(source, target, hostName, isFree));
  }

  /** Moves the host's file of an entry to a name, whose file it replaces. Returns the file at its new place. */
  async moveFile(entry: Entry, place: Place): Promise<FileSnapshot> {
    const handle = await this.#folders.fileHandle(entry);
    const target = await this.#folders.handle(place.folder);
    if (await this.#moveByBrowser(handle, target, place.hostName)) {
      return hostCall((await hostCall(target.getFileHandle(place.hostName))).getFile());
    }
    const before = await hostCall(handle.getFile());
    const file = await this.copyFile(entry, place);
    await this.#removeSource(entry, stampOf(before));
    return file;
  }

  /** Moves the host's folder of an entry to a name that is free. */
  async moveFolder(entry: Entry, { folder, hostName }: Omit<Place, 'isFree'>): Promise<void> {
    const { inode, parent } = entry;
    if (parent === undefined) throw new Errno('ENOENT');
    await this.#lookAtAll(inode);
    await this.#files.withoutStores(async () => {
      const copies: Copies = { folders: new Set(), files: new Map() };
      const target = await this.#folders.handle(folder);
      try {
        await this.#copyFolder(inode, await hostCall(target.getDirectoryHandle(hostName, { create: true })), copies);
      } catch (error) {
        await this.#undo(target, hostName, inode, copies);
        throw error;
      }
      await this.#removeFolder(entry, parent, copies);
      for (const [moved, { file }] of copies.files) this.#files.noteStored(moved, file);
      this.#folders.moved(inode);
    });
  }

  /** Whether the browser could do it. */
  async #moveByBrowser(handle: FileHandle, target: FolderHandle, hostName: string): Promise<boolean> {
    if (handle.move === undefined) return false;
    try {
      await handle.move(target, hostName);
      return true;
    } catch (error) {
      if (isHostError(error, 'NotFoundError', 'QuotaExceededError')) throwErrno(error);
      if (!(error instanceof Error)) throw error;
      // Not on this file system, or not over a file that is there: each browser has other words for it.
      return false;
    }
  }

  /** Fetches what a folder holds, all the way down, so that times and numbers outlive the copies. */
  async #lookAtAll(folder: Inode): Promise<void> {
    await this.#folders.refresh(folder);
    for (const entry of this.#overlay.onHost(folder)) {
      if (entry.inode.content.kind === 'folder') await this.#lookAtAll(entry.inode);
      else await this.#files.look(entry);
    }
  }

  async #copyFolder(folder: Inode, target: FolderHandle, copies: Copies): Promise<void> {
    for (const entry of this.#overlay.onHost(folder)) {
      const hostName = this.#overlay.hostNameOf(entry);
      if (entry.inode.content.kind === 'folder') {
        const below = await hostCall(target.getDirectoryHandle(hostName, { create: true }));
        copies.folders.add(entry);
        await this.#copyFolder(entry.inode, below, copies);
        continue;
      }
      const source = await hostCall((await this.#folders.fileHandle(entry)).getFile());
      copies.files.set(entry, { source: stampOf(source), file: await this.#copy(source, target, hostName, true) });
    }
  }

  async #copy(source: FileSnapshot, folder: FolderHandle, hostName: string, isFree: boolean): Promise<FileSnapshot> {
    const target = await hostCall(folder.getFileHandle(hostName, { create: true }));
    try {
      await this.#write(source, await hostCall(target.createWritable()));
    } catch (error) {
      if (isFree) await hostCall(folder.removeEntry(hostName));
      throw error;
    }
    return hostCall(target.getFile());
  }

  async #write(source: FileSnapshot, writer: FileWriter): Promise<void> {
    try {
      for (let at = 0; at < source.size; at += pieceLength) {
        const piece = source.slice(at, Math.min(at + pieceLength, source.size));
        const data = new Uint8Array(await hostCall(piece.arrayBuffer()));
        await hostCall(writer.write({ type: 'write', position: at, data }));
      }
      await hostCall(writer.close());
    } catch (error) {
      await writer.abort();
      throw error;
    }
  }

  /** Removes what was copied, if it still is what was copied. */
  async #removeSource(entry: Entry, copied: Stamp): Promise<void> {
    const { parent } = entry;
    if (parent === undefined) throw new Error('a name that is in no folder');
    const present = await hostCall((await this.#folders.fileHandle(entry)).getFile());
    const path = textOfPath(this.#folders.pathOf(entry));
    if (!isSameStamp(copied, present)) {
      this.#log(`${path} was changed on the host while the guest renamed it: the host's version stays where it was`);
      this.#folders.doubt(parent);
      return;
    }
    await hostCall((await this.#folders.handle(parent)).removeEntry(this.#overlay.hostNameOf(entry)));
  }

  async #removeFolder(entry: Entry, parent: Inode, copies: Copies): Promise<void> {
    const path = textOfPath(this.#folders.pathOf(entry));
    try {
      for (const [copied, { source }] of copies.files) await this.#removeSource(copied, source);
      await this.#removeFolders(entry, parent);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      // The copy is whole. What is left comes back under the old name.
      this.#folders.doubt(parent);
      this.#log(`${path} was renamed, but some of it could not be removed from its old place: ${error.message}`);
    }
  }

  async #removeFolders(entry: Entry, parent: Inode): Promise<void> {
    for (const below of this.#overlay.onHost(entry.inode)) {
      if (below.inode.content.kind === 'folder') await this.#removeFolders(below, entry.inode);
    }
    await hostCall((await this.#folders.handle(parent)).removeEntry(this.#overlay.hostNameOf(entry)));
  }

  /** Takes back a copy that could not be finished: only what was made for it. */
  async #undo(target: FolderHandle, hostName: string, folder: Inode, made: Copies): Promise<void> {
    const remove = async (from: Inode, below: FolderHandle): Promise<void> => {
      for (const entry of this.#overlay.onHost(from)) {
        const name = this.#overlay.hostNameOf(entry);
        if (entry.inode.content.kind === 'folder') {
          if (!made.folders.has(entry)) continue;
          await remove(entry.inode, await below.getDirectoryHandle(name));
          await below.removeEntry(name);
        } else if (made.files.has(entry)) await below.removeEntry(name);
      }
    };
    try {
      await remove(folder, await target.getDirectoryHandle(hostName));
      await target.removeEntry(hostName);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log(`${hostName} is a copy that could not be finished, nor be removed again: ${reason}`);
    }
  }
}
