// Remembers what the host can not hold: gathers what the guest changes, and puts it into the record store a moment later. The
// files themselves never depend on it.
import type { Entry } from '../../../devices/9p/memory/folder.ts';
import { keyOf } from '../../../devices/9p/memory/folder.ts';
import type { Inode } from '../../../devices/9p/memory/inode.ts';
import type { Log } from '../../../devices/ports.ts';
import type { After } from '../../sleep.ts';
import { HostData } from './host-data.ts';
import { RecordTable } from './records.ts';
import type { FileRecord, NameRecord, RecordStore } from './records.ts';

/** Milliseconds for which changes are gathered. */
const gatheringTime = 250;
/** The journal is written anew when it has so many times the records that count, and not before it has so many. */
const growthLimit = 4;
const leastForReplacing = 2000;

interface PendingName {
  readonly folder: bigint;
  readonly name: string;
  /** Undefined: it was removed. */
  readonly entry: Entry | undefined;
}

export class Sidecar {
  readonly table = new RecordTable();
  readonly #store: RecordStore;
  readonly #rootIno: bigint;
  readonly #after: After;
  readonly #log: Log;
  #files = new Set<Inode>();
  #names = new Map<string, PendingName>();
  /** Records in the store, those that do not count any more included. */
  #stored = 0;
  #committing: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(store: RecordStore, options: { readonly rootIno: bigint; readonly after: After; readonly log: Log }) {
    this.#store = store;
    this.#rootIno = options.rootIno;
    this.#after = options.after;
    this.#log = options.log;
  }

  async load(): Promise<void> {
    for (const records of await this.#store.load()) {
      this.table.add(records);
      this.#stored += records.names.length + records.files.length;
    }
  }

  /** Whether something waits for being stored. */
  get isBusy(): boolean {
    return this.#files.size > 0 || this.#names.size > 0 || this.#committing !== undefined;
  }

  /** Notes that the guest has changed a file. */
  note(inode: Inode): void {
    this.#files.add(inode);
    this.#schedule();
  }

  /** Notes that the guest has given a name, or that the state of the host's file is another. */
  noteName(entry: Entry): void {
    const { parent } = entry;
    if (parent === undefined) return;
    this.#names.set(...this.#pending(entry, parent, entry));
    this.#noteAbove(parent);
    this.note(entry.inode);
  }

  /** Notes that the guest takes a name away. */
  noteRemoval(entry: Entry): void {
    const { parent } = entry;
    if (parent === undefined) return;
    this.#names.set(...this.#pending(entry, parent, undefined));
    this.#schedule();
  }

  /** Stores what has changed. Rejects as the store does; nothing is forgotten then. */
  async commit(): Promise<void> {
    while (this.#committing !== undefined) await this.#committing;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (!this.isBusy) return;
    this.#committing = this.#write().finally(() => (this.#committing = undefined));
    await this.#committing;
  }

  async close(): Promise<void> {
    try {
      await this.commit();
    } finally {
      this.#cancelTimer?.();
      this.#store.close();
    }
  }

  #pending(entry: Entry, parent: Inode, present: Entry | undefined): [string, PendingName] {
    const name = keyOf(entry.name);
    return [`${parent.ino}/${name}`, { folder: parent.ino, name, entry: present }];
  }

  /** A record is found from the root down: the folders above need records too. */
  #noteAbove(folder: Inode): void {
    if (folder.content.kind !== 'folder' || this.table.file(folder.ino) !== undefined || this.#files.has(folder))
      return;
    this.#files.add(folder);
    const { self } = folder.content.folder;
    if (self !== undefined && folder.ino !== this.#rootIno) this.noteName(self);
  }

  #schedule(): void {
    this.#cancelTimer ??= this.#after(gatheringTime, () => {
      this.#cancelTimer = undefined;
      this.commit().catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.#log(`permissions, times and links of files cannot be remembered: ${reason}`);
      });
    });
  }

  async #write(): Promise<void> {
    const [files, names] = [this.#files, this.#names];
    this.#files = new Set();
    this.#names = new Map();
    const records = {
      files: Array.from(files)
        .filter((inode) => inode.nlink > 0)
        .map(fileRecord),
      names: Array.from(names.values(), nameRecord),
    };
    try {
      const count = records.files.length + records.names.length;
      if (this.#stored + count > Math.max(leastForReplacing, growthLimit * this.table.size)) {
        const whole = this.table.reachableFrom(this.#rootIno);
        await this.#store.replace({
          files: [...whole.files, ...records.files],
          names: [...whole.names, ...records.names],
        });
        this.#stored = whole.files.length + whole.names.length;
      } else await this.#store.append(records);
      this.#stored += count;
      this.table.add(records);
    } catch (error) {
      // What was noted meanwhile is newer.
      for (const inode of files) this.#files.add(inode);
      for (const [key, name] of names) if (!this.#names.has(key)) this.#names.set(key, name);
      throw error;
    }
  }
}

function nameRecord({ folder, name, entry }: PendingName): NameRecord {
  const record = { folder, name, ino: entry?.inode.ino };
  const content = entry?.inode.content;
  const stamp =
    entry !== undefined && content?.kind === 'file' && content.data instanceof HostData
      ? content.data.names.get(entry)
      : undefined;
  return { ...record, ...stamp };
}

function fileRecord({ ino, mode, uid, gid, atime, mtime, ctime, content, xattrs }: Inode): FileRecord {
  return {
    ino,
    mode,
    uid,
    gid,
    atime,
    mtime,
    ctime,
    ...(content.kind === 'link' && { target: new Uint8Array(content.target) }),
    ...(content.kind === 'special' && { rdev: content.rdev }),
    ...(xattrs !== undefined && {
      xattrs: xattrs.entries.map(({ name, value }) => ({ name: new Uint8Array(name), value: new Uint8Array(value) })),
    }),
  };
}
