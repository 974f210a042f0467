// The files of the host behind those of the overlay: looks at them, and stores of what the guest has changed. A file is stored
// as a whole, so that nobody ever sees half of a change. When host and guest have changed a file at the same time, the host's
// keeps the name, and the guest's goes on under a name beside it.
import type { OutsideChange } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import { keyOf } from '../../../devices/9p/memory/folder.ts';
import type { Entry } from '../../../devices/9p/memory/folder.ts';
import type { Inode } from '../../../devices/9p/memory/inode.ts';
import type { Space } from '../../../devices/9p/memory/sparse-data.ts';
import type { Log } from '../../../devices/ports.ts';
import type { After } from '../../sleep.ts';
import { isSameStamp, stampOf } from './access.ts';
import type { FileHandle, FileSnapshot, FileWriter, Stamp } from './access.ts';
import { conflictName } from './conflict-name.ts';
import { HostData } from './host-data.ts';
import { hostCall, isHostError } from './host-errors.ts';
import { textOfPath } from './host-folders.ts';
import type { HostFolders } from './host-folders.ts';
import { dataOf, folderOf } from './overlay.ts';
import type { Overlay } from './overlay.ts';
import type { Sidecar } from './sidecar.ts';
import { ChunkCache } from './snapshots.ts';

/** Milliseconds after which a change of an open file is stored without fsync or close. */
const expiry = 5000;
/** Bytes of a piece of a store. */
const pieceLength = 4 * 2 ** 20;
/** Bytes of the host's files in memory. */
const cacheLimit = 64 * 2 ** 20;
/** Milliseconds in which another change of a file may leave its time as it was: what the coarsest file system resolves. */
const coarsestTime = 2000;
/** Milliseconds after which a store looks again whether the host has changed the file meanwhile. */
const longStore = 50;
const perMillisecond = 1_000_000n;

/** Thrown where the host has changed the file that is being stored. */
class Conflict extends Error {}

export interface HostFilesOptions {
  readonly overlay: () => Overlay;
  readonly folders: () => HostFolders;
  readonly sidecar: Sidecar;
  /** Milliseconds of any clock that only goes forward. */
  readonly clock: () => number;
  readonly after: After;
  readonly log: Log;
  /** Hears of what others have changed. */
  readonly changed: (change: OutsideChange) => void;
}

export class HostFiles {
  /** Files whose changes the host has not got yet. */
  readonly dirty = new Set<HostData>();
  /** Bytes of changes that wait in memory. */
  readonly space: Space = { capacity: Infinity, used: 0 };
  readonly #options: HostFilesOptions;
  readonly #cache = new ChunkCache(cacheLimit);
  /** Files of which the user knows already that they cannot be stored. */
  readonly #lamented = new Set<HostData>();
  #cancelTimer: (() => void) | undefined;
  /** Resolves when no folder is being moved. */
  #gate: Promise<unknown> = Promise.resolve();
  readonly #stores = new Set<Promise<unknown>>();

  constructor(options: HostFilesOptions) {
    this.#options = options;
  }

  newData(): HostData {
    return new HostData(
      this.space,
      this.#cache,
      (data) => this.#soiled(data),
      (data) => this.#lookAgain(data),
    );
  }

  isFresh(data: HostData): boolean {
    return data.isDirty || this.#options.clock() - data.checkedAt <= this.#folders.freshTime;
  }

  /** Looks at the host's file of an entry again. Throws Errno. */
  async look(entry: Entry): Promise<void> {
    const data = dataOf(entry.inode);
    if (data === undefined) return;
    const { version } = data;
    const file = await this.#snapshotOf(entry);
    // What the guest has changed meanwhile is for the store to compare.
    if (data.isDirty || data.version !== version || entry.parent === undefined || dataOf(entry.inode) !== data) return;
    this.#show(entry, data, file);
  }

  /** Notes the file that was just made or stored for an entry. */
  noteStored(entry: Entry, file: FileSnapshot): void {
    const data = dataOf(entry.inode);
    data?.names.set(entry, stampOf(file));
    if (data !== undefined) this.#checked(data);
    this.#options.sidecar.noteName(entry);
  }

  /** Stores what the guest has changed, if it has a name. Throws Errno, with everything kept that is not stored. */
  async store(data: HostData): Promise<void> {
    await this.#gate;
    const storing = data.turns.take(() => this.#store(data));
    this.#stores.add(storing);
    try {
      await storing;
    } finally {
      this.#stores.delete(storing);
    }
  }

  /** Stores everything, as far as possible. Throws the first error. */
  async storeAll(): Promise<void> {
    const outcomes = await Promise.allSettled(Array.from(this.dirty, (data) => this.store(data)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  /** Runs `action` while nothing is stored: paths change. */
  async withoutStores<T>(action: () => Promise<T>): Promise<T> {
    const moving = Promise.allSettled([...this.#stores, this.#gate]).then(action);
    this.#gate = moving.catch(() => undefined);
    return moving;
  }

  close(): void {
    this.#cancelTimer?.();
  }

  get #folders(): HostFolders {
    return this.#options.folders();
  }

  get #overlay(): Overlay {
    return this.#options.overlay();
  }

  #checked(data: HostData): void {
    data.checkedAt = this.#options.clock();
    data.seenAt = Number(this.#overlay.time / perMillisecond);
  }

  async #snapshotOf(entry: Entry): Promise<FileSnapshot> {
    try {
      return await hostCall((await this.#folders.fileHandle(entry)).getFile());
    } catch (error) {
      // Gone, or no file any more.
      if (
        error instanceof Errno &&
        (error.code === 'ENOENT' || error.code === 'ESTALE') &&
        entry.parent !== undefined
      ) {
        this.#folders.doubt(entry.parent);
        throw new Errno('ENOENT', 'the host has removed the file');
      }
      throw error;
    }
  }

  #show(entry: Entry, shared: HostData, file: FileSnapshot): void {
    const known = shared.names.get(entry);
    if (isSameStamp(known, file)) {
      const isSure = shared.seenAt - file.lastModified > coarsestTime;
      shared.show(file, isSure);
      this.#checked(shared);
      return;
    }
    // The host has changed one of several names: it knows nothing of the others.
    if (known !== undefined && shared.names.size > 1) this.#overlay.split(entry);
    const data = dataOf(entry.inode);
    if (data === undefined) throw new Error('a file without data');
    data.show(file, false);
    data.names.set(entry, stampOf(file));
    const { inode } = entry;
    inode.mtime = BigInt(file.lastModified) * perMillisecond;
    inode.ctime = inode.mtime;
    if (known === undefined) inode.atime = inode.mtime;
    else this.#options.changed({ type: 'changed', path: this.#folders.pathOf(entry) });
    this.#checked(data);
  }

  async #lookAgain(data: HostData): Promise<FileSnapshot> {
    const [entry] = data.names.keys();
    if (entry === undefined) throw new Errno('EIO', 'the host has removed the file');
    const file = await this.#snapshotOf(entry);
    if (!data.isDirty && dataOf(entry.inode) === data) this.#show(entry, data, file);
    return file;
  }

  #soiled(data: HostData): void {
    this.dirty.add(data);
    this.#cancelTimer ??= this.#options.after(expiry, () => {
      this.#cancelTimer = undefined;
      void this.#storeExpired();
    });
  }

  async #storeExpired(): Promise<void> {
    for (const data of this.dirty) {
      try {
        await this.store(data);
      } catch (error) {
        if (!(error instanceof Errno)) throw error;
        const [entry] = data.names.keys();
        const path = entry === undefined ? 'a file' : textOfPath(this.#folders.pathOf(entry));
        if (!this.#lamented.has(data)) this.#options.log(`${path} cannot be stored yet: ${error.message}`);
        this.#lamented.add(data);
        this.#soiled(data);
      }
    }
  }

  async #store(data: HostData): Promise<void> {
    const { version } = data;
    let file: FileSnapshot | undefined;
    if (data.isDirty) for (const entry of Array.from(data.names.keys())) file = await this.#storeName(entry, data);
    if (file !== undefined) data.stored(version, file);
    // What has no name is nobody's any more.
    if (data.isDirty && data.names.size > 0) return;
    this.dirty.delete(data);
    this.#lamented.delete(data);
  }

  async #storeName(entry: Entry, data: HostData): Promise<FileSnapshot> {
    const { parent } = entry;
    if (parent === undefined) throw new Error('a name that is in no folder');
    const hostName = this.#overlay.hostNameOf(entry);
    try {
      const file = await this.#folders.writing(parent, hostName, () => this.#writeTo(entry, data));
      this.noteStored(entry, file);
      return file;
    } catch (error) {
      if (error instanceof Errno && error.code === 'ENOENT') {
        await this.#makeAgain(entry, parent, data);
        return this.#storeName(entry, data);
      }
      const isReplaced = error instanceof Errno && error.code === 'ESTALE';
      if (!(error instanceof Conflict) && !isReplaced) throw error;
      return this.#storeName(await this.#setAside(entry, parent, data), data);
    }
  }

  async #writeTo(entry: Entry, data: HostData): Promise<FileSnapshot> {
    return this.#write(await this.#folders.fileHandle(entry), data, data.names.get(entry));
  }

  /** Makes the file of an entry again, which the host has removed. */
  async #makeAgain(entry: Entry, parent: Inode, data: HostData): Promise<void> {
    const path = textOfPath(this.#folders.pathOf(entry));
    this.#options.log(`${path} was removed on the host while the guest was changing it: it is made again`);
    await data.preserveShown();
    data.names.set(entry, undefined);
    const folder = await this.#folders.handle(parent, true);
    const hostName = this.#overlay.hostNameOf(entry);
    await this.#folders.changing(parent, () => hostCall(folder.getFileHandle(hostName, { create: true })));
  }

  /** Writes the guest's changes over the file, if it still is as `known`. */
  async #write(handle: FileHandle, data: HostData, known: Stamp | undefined): Promise<FileSnapshot> {
    const start = this.#options.clock();
    const before = await hostCall(handle.getFile());
    if (known !== undefined && !isSameStamp(known, before)) throw new Conflict();
    const keepExistingData = data.showsHost;
    const writer = await hostCall(handle.createWritable({ keepExistingData }));
    try {
      await hostCall(this.#writeChanges(writer, data, keepExistingData ? before.size : 0));
      const isLong = this.#options.clock() - start > longStore;
      if (isLong && !isSameStamp(stampOf(before), await hostCall(handle.getFile()))) throw new Conflict();
      await hostCall(writer.close());
    } catch (error) {
      // A writer that has failed is closed already.
      await writer.abort().catch((reason: unknown) => {
        if (!isHostError(reason, 'InvalidStateError', 'TypeError')) throw reason;
      });
      throw error;
    }
    return hostCall(handle.getFile());
  }

  async #writeChanges(writer: FileWriter, data: HostData, kept: number): Promise<void> {
    const { showing, length, ranges } = data.changes;
    let end = Math.min(kept, showing);
    if (end < kept) await writer.truncate(end);
    for (const range of ranges) {
      for (let at = range.start; at < range.end; at += pieceLength) {
        const bytes = data.written(at, Math.min(at + pieceLength, range.end));
        await writer.write({ type: 'write', position: at, data: bytes });
      }
      end = Math.max(end, range.end);
    }
    if (end !== length) await writer.truncate(length);
  }

  /** Lets the host's file keep the name, and gives the guest's one beside it. Returns the new name's entry. */
  async #setAside(entry: Entry, parent: Inode, data: HostData): Promise<Entry> {
    await data.preserveShown();
    const taken = (name: Uint8Array): boolean => folderOf(parent)?.get(name) !== undefined;
    const name = conflictName(entry.name, this.#overlay.time, taken);
    const hostName = await this.#folders.freeName(parent, name);
    const folder = await this.#folders.handle(parent);
    await this.#folders.changing(parent, () => hostCall(folder.getFileHandle(hostName, { create: true })));
    const path = textOfPath(this.#folders.pathOf(entry));
    const aside = this.#overlay.addName(entry.inode, parent, name, hostName);
    this.#overlay.split(entry);
    this.#folders.doubt(parent);
    this.#options.changed({ type: 'changed', path: this.#folders.pathOf(entry) });
    this.#options.changed({ type: 'created', path: this.#folders.pathOf(aside) });
    this.#options.log(
      `${path} was changed on the host and in the guest at the same time: the host's version has kept the name, the guest's is ${keyOf(name)}`,
    );
    return aside;
  }
}
