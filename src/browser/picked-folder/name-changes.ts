// Changes of names in a picked folder: on the host first, then in the overlay, one after another.
import { renameFlags } from '../../../devices/9p/backend.ts';
import type { Caller, Node, OpenFile } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { Entry } from '../../../devices/9p/memory/folder.ts';
import type { Inode } from '../../../devices/9p/memory/inode.ts';
import type { Bytes } from '../../../devices/ports.ts';
import { hostCall } from './host-errors.ts';
import type { HostFiles } from './host-files.ts';
import type { HostFolders } from './host-folders.ts';
import type { HostMoves } from './host-moves.ts';
import { dataOf } from './overlay.ts';
import type { Overlay } from './overlay.ts';
import type { Turns } from './turns.ts';

export interface NameChangesOptions {
  readonly overlay: Overlay;
  readonly folders: HostFolders;
  readonly files: HostFiles;
  readonly moves: HostMoves;
  readonly turns: Turns;
}

/** All methods are as those of `Backend`. */
export class NameChanges {
  readonly #overlay: Overlay;
  readonly #folders: HostFolders;
  readonly #files: HostFiles;
  readonly #moves: HostMoves;
  readonly #turns: Turns;

  constructor({ overlay, folders, files, moves, turns }: NameChangesOptions) {
    this.#overlay = overlay;
    this.#folders = folders;
    this.#files = files;
    this.#moves = moves;
    this.#turns = turns;
  }

  async mkdir(parent: Node, name: Bytes, mode: number, caller: Caller): Promise<Node> {
    return this.#make(parent, name, async (folder, hostName) => {
      const handle = await this.#folders.handle(folder);
      await hostCall(handle.getDirectoryHandle(hostName, { create: true }));
      const node = this.#overlay.mkdir(parent, name, mode, caller);
      this.#overlay.setHostName(this.#overlay.entry(node), hostName);
      return node;
    });
  }

  /** Creates a file that is not there. */
  async create(
    parent: Node,
    name: Bytes,
    flags: number,
    mode: number,
    caller: Caller,
  ): Promise<{ readonly node: Node; readonly file: OpenFile }> {
    return this.#make(parent, name, async (folder, hostName) => {
      const handle = await this.#folders.handle(folder);
      const stored = await hostCall((await hostCall(handle.getFileHandle(hostName, { create: true }))).getFile());
      // Somebody on the host was faster.
      if (stored.size > 0) {
        this.#folders.doubt(folder);
        throw new Errno('EEXIST');
      }
      const made = this.#overlay.create(parent, name, flags, mode, caller);
      const entry = this.#overlay.entry(made.node);
      this.#overlay.setHostName(entry, hostName);
      this.#files.noteStored(entry, stored);
      return made;
    });
  }

  /** Makes something that the host can not have. */
  async makeHere<T>(parent: Node, name: Bytes, make: () => T): Promise<T> {
    return this.#turns.take(async () => {
      const { inode: folder } = this.#overlay.entry(parent);
      await this.#folders.freshen(folder);
      this.#overlay.checkFree(folder, name);
      return make();
    });
  }

  async link(node: Node, parent: Node, name: Bytes): Promise<void> {
    const { inode } = this.#overlay.entry(node);
    const data = dataOf(inode);
    if (data === undefined) return this.makeHere(parent, name, () => this.#overlay.link(node, parent, name));
    if (inode.nlink === 0) throw new Errno('ENOENT');
    await this.#files.store(data);
    await this.#make(parent, name, (folder, hostName) =>
      data.turns.take(async () => {
        const [first] = data.names.keys();
        if (first === undefined) throw new Errno('ENOENT');
        const file = await this.#moves.copyFile(first, { folder, hostName, isFree: true });
        this.#overlay.link(node, parent, name);
        const added = this.#overlay.find(folder, name);
        if (added === undefined) throw new Error('a link that was just made');
        this.#overlay.setHostName(added, hostName);
        this.#files.noteStored(added, file);
      }),
    );
  }

  async unlink(parent: Node, name: Bytes, isFolder: boolean): Promise<void> {
    await this.#turns.take(async () => {
      const { inode: folder } = this.#overlay.entry(parent);
      await this.#folders.freshen(folder);
      const below = this.#overlay.find(folder, name);
      if (isFolder && below?.inode.content.kind === 'folder') await this.#folders.freshen(below.inode);
      const entry = this.#overlay.checkUnlink(folder, name, isFolder);
      await this.#removing(entry, async () => {
        if (this.#overlay.isOnHost(entry)) await this.#removeFromHost(folder, this.#overlay.hostNameOf(entry));
        this.#overlay.unlink(parent, name, isFolder);
      });
    });
  }

  async rename(parent: Node, name: Bytes, newParent: Node, newName: Bytes, flags: number): Promise<void> {
    if ((flags & renameFlags.exchange) !== 0) throw new Errno('EINVAL', 'a browser can not exchange names');
    await this.#turns.take(async () => {
      const { inode: folder } = this.#overlay.entry(parent);
      const { inode: newFolder } = this.#overlay.entry(newParent);
      await this.#folders.freshen(folder);
      if (newFolder !== folder) await this.#folders.freshen(newFolder);
      const there = this.#overlay.find(newFolder, newName);
      if (there?.inode.content.kind === 'folder') await this.#folders.freshen(there.inode);
      const { source, target } = this.#overlay.checkRename(folder, name, newFolder, newName, flags);
      const act = (): void => this.#overlay.rename(parent, name, newParent, newName, flags);
      if (target?.inode === source.inode) return;
      if (target === undefined) await this.#move(source, newFolder, undefined, newName, act);
      else await this.#removing(target, () => this.#move(source, newFolder, target, newName, act));
    });
  }

  /** Makes something under a name that the host gets too. */
  async #make<T>(parent: Node, name: Bytes, make: (folder: Inode, hostName: string) => Promise<T>): Promise<T> {
    const copy = name.slice();
    return this.#turns.take(async () => {
      const { inode: folder } = this.#overlay.entry(parent);
      await this.#folders.freshen(folder);
      this.#overlay.checkFree(folder, copy);
      const hostName = await this.#folders.freeName(folder, copy);
      return this.#folders.changing(folder, () => make(folder, hostName));
    });
  }

  /** Runs what takes a name from a file, which keeps its content for those who have it open. */
  async #removing(entry: Entry, remove: () => Promise<void>): Promise<void> {
    const data = dataOf(entry.inode);
    if (data === undefined) return remove();
    await data.turns.take(async () => {
      if (data.openings > 0 && data.names.size === 1) await data.preserveShown();
      await remove();
    });
  }

  async #removeFromHost(folder: Inode, hostName: string): Promise<void> {
    const handle = await this.#folders.handle(folder);
    await this.#folders.changing(folder, async () => {
      try {
        await hostCall(handle.removeEntry(hostName));
      } catch (error) {
        // The host was faster.
        if (!(error instanceof Errno) || error.code !== 'ENOENT') throw error;
      }
    });
  }

  async #move(
    source: Entry,
    newFolder: Inode,
    target: Entry | undefined,
    newName: Bytes,
    act: () => void,
  ): Promise<void> {
    const folder = source.parent;
    if (folder === undefined) throw new Errno('ENOENT');
    const replaced =
      target !== undefined && this.#overlay.isOnHost(target) ? this.#overlay.hostNameOf(target) : undefined;
    if (!this.#overlay.isOnHost(source)) {
      if (replaced !== undefined) await this.#removeFromHost(newFolder, replaced);
      act();
      return;
    }
    const hostName = replaced ?? (await this.#folders.freeName(newFolder, newName));
    const place = { folder: newFolder, hostName, isFree: replaced === undefined };
    await this.#folders.changing(folder, () =>
      this.#folders.changing(newFolder, async () => {
        const data = dataOf(source.inode);
        if (data === undefined) {
          if (replaced !== undefined) await this.#removeFromHost(newFolder, replaced);
          await this.#moves.moveFolder(source, place);
          act();
          this.#overlay.setHostName(source, hostName);
          return;
        }
        await data.turns.take(async () => {
          const file = await this.#moves.moveFile(source, place);
          act();
          this.#overlay.setHostName(source, hostName);
          this.#files.noteStored(source, file);
        });
      }),
    );
  }
}
