// The part of the File System Access interfaces (WICG File System Access, WHATWG File System) that a picked folder is used
// through. The browser's own types lack some of it (permissions, `move`, the observer), and tests put a folder of their own
// behind it.

/** What `requestPermission` asks for. */
export interface AccessMode {
  readonly mode: 'read' | 'readwrite';
}

export type Permission = 'granted' | 'denied' | 'prompt';

export interface EntryHandle {
  readonly kind: 'file' | 'directory';
  readonly name: string;
}

export interface FolderHandle extends EntryHandle {
  readonly kind: 'directory';
  entries(): AsyncIterable<[string, EntryHandle]>;
  getDirectoryHandle(name: string, options?: { readonly create?: boolean }): Promise<FolderHandle>;
  getFileHandle(name: string, options?: { readonly create?: boolean }): Promise<FileHandle>;
  removeEntry(name: string): Promise<void>;
  isSameEntry(other: FolderHandle): Promise<boolean>;
  /** Absent where the browser gives folders without asking. */
  queryPermission?(mode: AccessMode): Promise<Permission>;
  /** Only in a page, and only in answer to a click or key. */
  requestPermission?(mode: AccessMode): Promise<Permission>;
}

export interface FileHandle extends EntryHandle {
  readonly kind: 'file';
  getFile(): Promise<FileSnapshot>;
  /** What is written counts from `close` on, all of it at once. */
  createWritable(options?: { readonly keepExistingData?: boolean }): Promise<FileWriter>;
  /** Replaces what has the name. Absent in some browsers, refused by some file systems. */
  move?(folder: FolderHandle, name: string): Promise<void>;
}

/** Bytes that can be had when they are wanted, as of a Blob. */
export interface FileSlice {
  readonly size: number;
  arrayBuffer(): Promise<ArrayBuffer>;
  slice(start: number, end: number): FileSlice;
}

/** A file as it was at a moment. Its bytes can be read until the file changes. */
export interface FileSnapshot extends FileSlice {
  /** Milliseconds since 1970. */
  readonly lastModified: number;
}

export interface FileWriter {
  write(chunk: {
    readonly type: 'write';
    readonly position: number;
    /** No view of shared memory. */
    readonly data: Uint8Array<ArrayBuffer>;
  }): Promise<void>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
  /** Leaves the file as it was. */
  abort(): Promise<void>;
}

/** What two looks at an unchanged file have in common. */
export interface Stamp {
  readonly size: number;
  readonly lastModified: number;
}

export function stampOf({ size, lastModified }: FileSnapshot): Stamp {
  return { size, lastModified };
}

export function isSameStamp(one: Stamp | undefined, other: Stamp): boolean {
  return one?.size === other.size && one.lastModified === other.lastModified;
}
