// What becomes of word from the host: it is never believed, only taken as a reason to look. So the guest's own changes, of
// which the browser tells too, come to nothing.
import type { OutsideChange } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { Entry } from '../../../devices/9p/memory/folder.ts';
import type { Inode } from '../../../devices/9p/memory/inode.ts';
import type { FolderHandle } from './access.ts';
import type { HostFiles } from './host-files.ts';
import type { HostFolders } from './host-folders.ts';
import { guestNameOf } from './host-names.ts';
import type { HostChange, Observe } from './observer.ts';
import { dataOf, folderOf } from './overlay.ts';
import type { Overlay } from './overlay.ts';
import type { Turns } from './turns.ts';

/** Milliseconds for which a look at the host serves: where nobody tells of changes, and where the browser does. */
export const freshTime = { alone: 100, observed: 10_000 } as const;

const changeTypes = { appeared: 'created', disappeared: 'removed', modified: 'changed' } as const;

export interface OutsideChangesOptions {
  readonly overlay: Overlay;
  readonly folders: HostFolders;
  readonly files: HostFiles;
  /** Hears of what others have changed. */
  readonly changed: (change: OutsideChange) => void;
  /** Changes of names by the guest: a look waits until they are made. */
  readonly turns: Turns;
  /** Whether anybody wants to know at once. */
  readonly isWatched: () => boolean;
}

/** A place on the host, as far as the overlay knows it. */
interface Found {
  /** The deepest known folder above it. */
  readonly folder: Inode;
  /** Names from there down. */
  readonly rest: readonly string[];
  readonly entry: Entry | undefined;
}

export class OutsideChanges {
  readonly #overlay: Overlay;
  readonly #folders: HostFolders;
  readonly #files: HostFiles;
  readonly #changed: (change: OutsideChange) => void;
  readonly #isWatched: () => boolean;
  #stop: (() => void) | undefined;
  readonly #turns: Turns;
  /** The last look that is to be taken. */
  #looks: Promise<void> = Promise.resolve();

  constructor({ overlay, folders, files, changed, turns, isWatched }: OutsideChangesOptions) {
    this.#overlay = overlay;
    this.#folders = folders;
    this.#files = files;
    this.#changed = changed;
    this.#turns = turns;
    this.#isWatched = isWatched;
  }

  /** Whether the browser tells of changes. */
  get isObserving(): boolean {
    return this.#stop !== undefined;
  }

  async start(root: FolderHandle, observe: Observe): Promise<void> {
    this.#stop = await observe(root, (changes) => {
      for (const change of changes) this.#hear(change);
    });
    if (this.#stop !== undefined) this.#folders.freshTime = freshTime.observed;
  }

  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  /** Resolves when what was heard so far has been looked at. */
  settled(): Promise<void> {
    return this.#looks;
  }

  #hear(change: HostChange): void {
    if (change.type === 'errored') {
      this.stop();
      this.#folders.freshTime = freshTime.alone;
      return;
    }
    if (change.type === 'unknown') return this.#doubtAll(this.#overlay.rootInode);
    const { type, relativePathMovedFrom: from, relativePathComponents: to } = change;
    const paths = [...(from === undefined || from === null ? [] : [from]), to];
    const [before] = paths.map((path) => this.#doubt(path));
    if (type !== 'moved' && !this.#isWatched()) return;
    const moved = type === 'moved' ? before?.inode : undefined;
    this.#looks = this.#turns.take(async () => {
      for (const path of paths) await this.#look(type, path);
      if (moved !== undefined) this.#inherit(to, moved);
    });
  }

  /** Looks at a place that has changed, so that whoever watches hears of it. */
  async #look(type: HostChange['type'], path: readonly string[]): Promise<void> {
    try {
      const { folder } = this.#find(path);
      if (this.#folders.isKnown(folder)) await this.#folders.refresh(folder);
      const { folder: present, rest, entry } = this.#find(path);
      // Whoever watches wants to know of folders too that the guest has never been in.
      if (!this.#folders.isKnown(present)) this.#tell(type, present, rest);
      const data = entry === undefined ? undefined : dataOf(entry.inode);
      // A store that is under way is the guest's change.
      if (entry !== undefined && data !== undefined) await data.turns.take(() => this.#files.look(entry));
    } catch (error) {
      // What is gone again by now is for the next look.
      if (!(error instanceof Errno)) throw error;
    }
  }

  /** Gives a file that the host has renamed the permissions that the guest gave it under its old name. */
  #inherit(path: readonly string[], { type, mode, uid, gid }: Inode): void {
    const { entry } = this.#find(path);
    if (entry !== undefined && entry.inode.type === type) this.#overlay.inherit(entry, { mode, uid, gid });
  }

  #tell(type: HostChange['type'], folder: Inode, rest: readonly string[]): void {
    const self = folderOf(folder)?.self;
    const above = self === undefined ? [] : this.#folders.pathOf(self);
    const path = [...above, ...rest.map(guestNameOf)];
    if (type !== 'moved' && type !== 'unknown' && type !== 'errored') this.#changed({ type: changeTypes[type], path });
  }

  #find(path: readonly string[]): Found {
    let folder = this.#overlay.rootInode;
    for (const [depth, hostName] of path.entries()) {
      const rest = path.slice(depth);
      const entry = this.#overlay.onHostAs(folder, hostName);
      if (rest.length === 1 || entry?.inode.content.kind !== 'folder') return { folder, rest, entry };
      folder = entry.inode;
    }
    return { folder, rest: [], entry: undefined };
  }

  /** Returns what the place was known to have. */
  #doubt(path: readonly string[]): Entry | undefined {
    const { folder, entry } = this.#find(path);
    this.#folders.doubt(folder);
    const data = entry === undefined ? undefined : dataOf(entry.inode);
    if (data !== undefined) data.checkedAt = -Infinity;
    return entry;
  }

  #doubtAll(folder: Inode): void {
    this.#folders.doubt(folder);
    for (const { inode } of folderOf(folder)?.after(0) ?? []) {
      const data = dataOf(inode);
      if (data !== undefined) data.checkedAt = -Infinity;
      if (inode.content.kind === 'folder') this.#doubtAll(inode);
    }
  }
}
