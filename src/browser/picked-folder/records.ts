// What the host's file system can not hold, as it is kept beside it: records of names and of files, each the last word about
// its subject. A name's record is found by the number of its folder, so that a folder that moves takes its own along.

/** What a name leads to. */
export interface NameRecord {
  /** Number of the folder. */
  readonly folder: bigint;
  /** Bytes as characters. */
  readonly name: string;
  /** The number of the file; undefined: there is no record of the name any more. */
  readonly ino: bigint | undefined;
  /** The state of the host's file that the file's record goes with; absent for what is on no host. */
  readonly size?: number;
  readonly lastModified?: number;
}

/** Attributes, as in `Attributes`, and content that the host has no place for. */
export interface FileRecord {
  readonly ino: bigint;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly atime: bigint;
  readonly mtime: bigint;
  readonly ctime: bigint;
  /** A symbolic link's. */
  readonly target?: Uint8Array<ArrayBuffer>;
  /** A device file's. */
  readonly rdev?: bigint;
  readonly xattrs?: readonly { readonly name: Uint8Array<ArrayBuffer>; readonly value: Uint8Array<ArrayBuffer> }[];
}

export interface Records {
  readonly names: readonly NameRecord[];
  readonly files: readonly FileRecord[];
}

/** Where records are kept: what is appended counts after what is there. */
export interface RecordStore {
  load(): Promise<readonly Records[]>;
  append(records: Records): Promise<void>;
  /** Puts records in the place of all others, or fails and changes nothing. */
  replace(records: Records): Promise<void>;
  close(): void;
}

/** The records of one folder in memory. */
export class RecordTable {
  readonly #names = new Map<bigint, Map<string, NameRecord>>();
  readonly #files = new Map<bigint, FileRecord>();
  #nameCount = 0;

  get size(): number {
    return this.#nameCount + this.#files.size;
  }

  add({ names, files }: Records): void {
    for (const record of files) this.#files.set(record.ino, record);
    for (const record of names) this.#addName(record);
  }

  file(ino: bigint): FileRecord | undefined {
    return this.#files.get(ino);
  }

  name(folder: bigint, name: string): NameRecord | undefined {
    return this.#names.get(folder)?.get(name);
  }

  namesIn(folder: bigint): Iterable<NameRecord> {
    return this.#names.get(folder)?.values() ?? [];
  }

  /** Records that are reached from a folder. */
  reachableFrom(root: bigint): Records {
    const names: NameRecord[] = [];
    const files = new Map<bigint, FileRecord>();
    const folders = [root];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      const own = this.#files.get(folder);
      if (own !== undefined) files.set(folder, own);
      for (const record of this.namesIn(folder)) {
        names.push(record);
        if (record.ino === undefined || files.has(record.ino)) continue;
        const file = this.#files.get(record.ino);
        if (file !== undefined) files.set(record.ino, file);
        if (this.#names.has(record.ino)) folders.push(record.ino);
      }
    }
    return { names, files: [...files.values()] };
  }

  #addName(record: NameRecord): void {
    let folder = this.#names.get(record.folder);
    if (folder === undefined) this.#names.set(record.folder, (folder = new Map()));
    this.#nameCount -= folder.size;
    if (record.ino === undefined) folder.delete(record.name);
    else folder.set(record.name, record);
    this.#nameCount += folder.size;
  }
}
