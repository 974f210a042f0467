// What becomes of word from the host: it is never believed, only taken as a reason to look. So the guest's own changes, of
// which the browser tells too, come to nothing.
import type { OutsideChange } from '../../../devices/9p/backend.ts';
import { Errno } from '../../../devices/9p/errno.ts';
import type { Entry } from '../../../devices/9p/memory/folder.ts';
import type { Inode } from '../../../devices/9p/memory/inode.ts';
import type { FolderHandle } from './access.ts';
import type { HostData } from './host-data.ts';
import type { HostFiles } from './host-files.ts';
import { swapName } from './host-folders.ts';
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

/** A place on the host where something has changed. */
interface ChangedPlace {
  readonly type: keyof typeof changeTypes;
  readonly path: readonly string[];
}

/** A place on the host, as far as the overlay knows it. */
interface Found {
  /** The deepest known folder above it. */
  readonly folder: Inode;
  /** Names from there down. */
  readonly rest: readonly string[];
  readonly entry: Entry | undefined;
}

type Permissions = Pick<Inode, 'type' | 'mode' | 'uid' | 'gid'>;

function permissionsOf({ type, mode, uid, gid }: Inode): Permissions {
  return { type, mode, uid, gid };
}

export class OutsideChanges {
  readonly #overlay: Overlay;
  readonly #folders: HostFolders;
  readonly #files: HostFiles;
  readonly #changed: (change: OutsideChange) => void;
  readonly #isWatched: () => boolean;
  #stop: (() => void) | undefined;
  readonly #turns: Turns;
  /** Everything that was heard so far, and the looks for it. */
  #looks: Promise<void> = Promise.resolve();
  /** Files whose look is still to come. */
  readonly #looking = new Set<Entry>();

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
    const places = placesOf(change);
    // While the guest changes names, what it has changed is not known for the guest's yet.
    const taken = this.#turns.take(() => this.#take(places));
    this.#looks = Promise.all([this.#looks, taken]).then(() => undefined);
  }

  async #take(places: readonly ChangedPlace[]): Promise<void> {
    const moved = places.length > 1 ? this.#find(places[0]?.path ?? []).entry?.inode : undefined;
    // Now: its numbers are gone once its last name is.
    const permissions = moved && permissionsOf(moved);
    for (const place of places) if (this.#isSurprise(place)) await this.#refresh(place);
    const { path = [] } = places.at(-1) ?? {};
    if (permissions !== undefined) this.#inherit(path, permissions);
    const { entry } = this.#find(path);
    const data = entry === undefined ? undefined : dataOf(entry.inode);
    if (entry === undefined || data === undefined) return;
    data.checkedAt = -Infinity;
    if (this.#isWatched()) this.#looks = Promise.all([this.#looks, this.#look(entry, data)]).then(() => undefined);
  }

  /** Whether the place is not as the guest's own changes, and the looks so far, have left it. */
  #isSurprise({ type, path }: ChangedPlace): boolean {
    const { folder, rest, entry } = this.#find(path);
    if (!this.#folders.isKnown(folder)) return this.#isWatched();
    return type === 'disappeared' ? entry !== undefined : entry === undefined && rest.length > 0;
  }

  async #refresh({ type, path }: ChangedPlace): Promise<void> {
    const { folder } = this.#find(path);
    this.#folders.doubt(folder);
    if (!this.#isWatched() && type !== 'appeared') return;
    try {
      if (this.#folders.isKnown(folder)) await this.#folders.refresh(folder);
    } catch (error) {
      ignoreErrno(error);
    }
    const { folder: present, rest } = this.#find(path);
    // Whoever watches wants to know of folders too that the guest has never been in.
    if (!this.#folders.isKnown(present)) this.#tell(type, present, rest);
  }

  /** Looks at a file, once for all that was told of it until then. */
  async #look(entry: Entry, data: HostData): Promise<void> {
    if (this.#looking.has(entry)) return;
    this.#looking.add(entry);
    try {
      // A store that is under way is the guest's change.
      await data.turns.take(() => {
        this.#looking.delete(entry);
        return this.#files.look(entry);
      });
    } catch (error) {
      ignoreErrno(error);
    }
  }

  /** Gives a file that the host has renamed the permissions that the guest gave it under its old name. */
  #inherit(path: readonly string[], { type, mode, uid, gid }: Permissions): void {
    const { entry } = this.#find(path);
    if (entry !== undefined && entry.inode.type === type) this.#overlay.inherit(entry, { mode, uid, gid });
  }

  #tell(type: ChangedPlace['type'], folder: Inode, rest: readonly string[]): void {
    const self = folderOf(folder)?.self;
    const above = self === undefined ? [] : this.#folders.pathOf(self);
    this.#changed({ type: changeTypes[type], path: [...above, ...rest.map(guestNameOf)] });
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

  #doubtAll(folder: Inode): void {
    this.#folders.doubt(folder);
    for (const { inode } of folderOf(folder)?.after(0) ?? []) {
      const data = dataOf(inode);
      if (data !== undefined) data.checkedAt = -Infinity;
      if (inode.content.kind === 'folder') this.#doubtAll(inode);
    }
  }
}

/** What is gone by now is for the next look at its folder. */
function ignoreErrno(error: unknown): void {
  if (!(error instanceof Errno)) throw error;
}

/** Swap files, through which the browser writes, are no files of the host's. */
function placesOf({ type, relativePathComponents: to, relativePathMovedFrom: from }: HostChange): ChangedPlace[] {
  if (type === 'unknown' || type === 'errored' || isSwapFile(to)) return [];
  if (type !== 'moved') return [{ type, path: to }];
  if (from === undefined || from === null || isSwapFile(from)) return [{ type: 'appeared', path: to }];
  return [
    { type: 'disappeared', path: from },
    { type: 'appeared', path: to },
  ];
}

function isSwapFile(path: readonly string[]): boolean {
  return swapName.test(path.at(-1) ?? '');
}
