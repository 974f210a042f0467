// Files that outlive the process: the tree in memory, its changes in a journal, its data on a medium. Changes are committed
// in groups: soon after the first, at once for fsync.
import { openFlags } from '../../devices/9p/backend.ts';
import type { Awaitable, Node, OpenFile } from '../../devices/9p/backend.ts';
import { Errno } from '../../devices/9p/errno.ts';
import { FileTree } from '../../devices/9p/memory/file-tree.ts';
import type { Entry } from '../../devices/9p/memory/folder.ts';
import type { Inode } from '../../devices/9p/memory/inode.ts';
import { emptyTree } from '../../devices/9p/memory/name-tree.ts';
import type { TreeState } from '../../devices/9p/memory/name-tree.ts';
import type { Bytes, Log } from '../../devices/ports.ts';
import type { After } from '../sleep.ts';
import { Journal } from './journal.ts';
import type { Medium } from './medium.ts';
import { rewriteWorn } from './rewrite.ts';
import { Replay } from './replay.ts';
import { StoreError } from './store-error.ts';
import { StoredData } from './stored-data.ts';
import { Volume } from './volume.ts';

/** Milliseconds from a change to its commit: with the commit's own time, less than a second. */
const commitDelay = 400;
/** Milliseconds until a commit that has failed is tried again. */
const retryDelay = 1000;
const mebibyte = 2 ** 20;
const defaultSnapshotAfter = 8 * mebibyte;
/** Bytes by which the files may grow or shrink before the medium is asked again how much room it has. */
const measureAfter = 64 * mebibyte;
/** Linux's magic number of ext4, which has what this has. */
const magic = 0xef53;

export interface StoreOptions {
  readonly medium: Medium;
  /** Nanoseconds since 1970. */
  readonly now: () => bigint;
  readonly after: After;
  readonly log: Log;
  /** Permissions of the root folder when it is made. Default 0755. */
  readonly rootMode?: number;
  /** Bytes of the journal behind a snapshot before the next one is made; at least as many as it has. Default 8 MiB. */
  readonly snapshotAfter?: number;
}

/** Mounts what is on the medium: an empty folder where there is nothing. Throws StoreError. */
export async function openStore(options: StoreOptions): Promise<StoredBackend> {
  const { medium, now, rootMode } = options;
  const space = { capacity: Infinity, used: 0 };
  const volume = new Volume(medium, space);
  const frames = await medium.open();
  const replay = new Replay(volume);
  for (const frame of frames) replay.apply(frame);
  await medium.adopt(replay.places());
  const isNew = frames.length === 0;
  const state = isNew ? emptyTree(now(), rootMode ?? 0o755) : replay.state;
  const journal = new Journal(volume, frames, options.snapshotAfter ?? defaultSnapshotAfter);
  const backend = new StoredBackend(options, volume, journal, state, isNew);
  await backend.measure();
  // So that whatever is there later has something to stand on.
  if (isNew) await journal.commit(true);
  return backend;
}

export class StoredBackend extends FileTree {
  readonly #volume: Volume;
  readonly #journal: Journal;
  readonly #root: Inode;
  readonly #after: After;
  readonly #log: Log;
  /** Files whose writes are to be stored before they are answered. */
  readonly #synchronous = new Set<OpenFile>();
  #cancelTimer: (() => void) | undefined;
  /** The medium has no room: until a commit succeeds nothing is taken that would need more. */
  #full = false;
  /** Bytes of the files when the medium was last asked for its room. */
  #measuredAt = 0;
  /** Whether a failure has been told. */
  #told = false;
  #closed = false;

  constructor({ now, after, log }: StoreOptions, volume: Volume, journal: Journal, state: TreeState, isNew: boolean) {
    super({ now, space: volume.space, magic, ...state });
    this.#volume = volume;
    this.#journal = journal;
    this.#after = after;
    this.#log = log;
    if (isNew) volume.changes.inodes.set(state.root, false);
    this.#root = state.root;
    journal.tree = () => ({ root: state.root, nextIno: this.nextIno });
  }

  /** Whether a commit is due or under way: both come through the event loop. */
  get busy(): boolean {
    return this.#cancelTimer !== undefined || this.#journal.committing;
  }

  /** Asks the medium how much room it has. */
  async measure(): Promise<void> {
    const { space, medium } = this.#volume;
    const available = await medium.available();
    this.#measuredAt = space.used;
    space.capacity = space.used + available;
  }

  override open(node: Node, flags: number): OpenFile {
    const file = super.open(node, flags);
    if ((flags & (openFlags.sync | openFlags.dsync)) !== 0) this.#synchronous.add(file);
    return file;
  }

  override release(file: OpenFile): void {
    this.#synchronous.delete(file);
    super.release(file);
  }

  read(file: OpenFile, offset: number, into: readonly Bytes[]): number | Promise<Bytes> {
    return this.readData(file, offset, into);
  }

  write(file: OpenFile, offset: number, from: readonly Bytes[]): Awaitable<number> {
    if (this.#full) throw new Errno('ENOSPC');
    const count = this.writeData(file, offset, from);
    if (this.#synchronous.has(file)) return afterwards(this.#commit(true), count);
    const { dirtyBytes, medium } = this.#volume;
    if (dirtyBytes <= medium.dirtyLimit) return count;
    return afterwards(this.#relieve(dirtyBytes > 2 * medium.dirtyLimit), count);
  }

  fsync(file: OpenFile, _dataOnly: boolean): Awaitable<void> {
    this.checkOpen(file);
    return this.#commit(true);
  }

  /** Throws StoreError 'unsaved' where the last changes could not be stored. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopTimer();
    try {
      await this.#commit(true);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new StoreError('unsaved', `the last changes could not be stored: ${reason}`, { cause: error });
    } finally {
      await this.#volume.medium.close();
    }
  }

  protected newData(): StoredData {
    return new StoredData(this.#volume);
  }

  protected override checkRoom(): void {
    if (this.#full) throw new Errno('ENOSPC');
    super.checkRoom();
  }

  protected override created(inode: Inode): void {
    this.#volume.changes.inodes.set(inode, false);
    this.#startTimer(commitDelay);
  }

  protected override changed(inode: Inode): void {
    this.accessed(inode);
    this.#startTimer(commitDelay);
  }

  /** The time of an access waits for a commit that something else is the reason of. */
  protected override accessed(inode: Inode): void {
    const { inodes } = this.#volume.changes;
    if (!inodes.has(inode)) inodes.set(inode, inode.nlink > 0);
  }

  protected override attached(entry: Entry): void {
    const { entries } = this.#volume.changes;
    if (!entries.has(entry)) entries.set(entry, undefined);
  }

  protected override detaching(entry: Entry): void {
    const { entries } = this.#volume.changes;
    const { parent, name } = entry;
    if (parent === undefined) throw new Error('an entry that is in no folder');
    if (!entries.has(entry)) entries.set(entry, { folder: parent, name });
    // While it has its name still: the journal knows it.
    this.accessed(entry.inode);
  }

  #startTimer(delay: number): void {
    if (this.#cancelTimer !== undefined || this.#closed) return;
    this.#cancelTimer = this.#after(delay, () => {
      this.#cancelTimer = undefined;
      this.#commitUnasked();
    });
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** Stores what has changed by now. Errno where the medium refuses: nothing is lost, and it is tried again. */
  #commit(strict: boolean): Awaitable<void> {
    let result: Awaitable<void>;
    try {
      result = this.#journal.commit(strict);
    } catch (error) {
      throw this.#failed(error);
    }
    if (result === undefined) return this.#succeeded();
    return result.then(
      () => this.#succeeded(),
      (error: unknown) => {
        throw this.#failed(error);
      },
    );
  }

  #succeeded(): void {
    const { changes, space } = this.#volume;
    const isStale = this.#full || Math.abs(space.used - this.#measuredAt) > measureAfter;
    this.#full = false;
    this.#told = false;
    if (changes.isEmpty) this.#stopTimer();
    if (this.#closed) return;
    if (isStale) void this.measure();
    if (rewriteWorn(this.#volume, this.#root)) this.#startTimer(commitDelay);
  }

  #failed(error: unknown): unknown {
    if (!(error instanceof Errno)) return error;
    if (error.code === 'ENOSPC') this.#full = true;
    this.#startTimer(retryDelay);
    return error;
  }

  /** A commit that nobody waits for. */
  #commitUnasked(): void {
    const tell = (error: unknown): void => {
      if (!(error instanceof Errno)) throw error;
      if (!this.#told) this.#log(`changes are not stored yet, and kept in memory: ${error.message}`);
      this.#told = true;
    };
    try {
      const result = this.#commit(false);
      if (result instanceof Promise) result.catch(tell);
    } catch (error) {
      tell(error);
    }
  }

  /** Makes room for more changes. */
  #relieve(mustWait: boolean): Awaitable<void> {
    // What was written is taken, whatever becomes of the commit: a failure is told to the next who asks for more.
    const tell = (error: unknown): void => {
      if (!(error instanceof Errno)) throw error;
    };
    try {
      const result = this.#journal.relieve();
      if (result === undefined) return undefined;
      const told = result.then(
        () => this.#succeeded(),
        (error: unknown) => tell(this.#failed(error)),
      );
      return mustWait ? told : undefined;
    } catch (error) {
      tell(this.#failed(error));
      return undefined;
    }
  }
}

function afterwards(wait: Awaitable<void>, count: number): Awaitable<number> {
  return wait === undefined ? count : wait.then(() => count);
}
