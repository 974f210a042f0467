// Files and folders of the computer, by drag and drop or picked, into a share.
import type { ShareFiles } from 'vm9';
import { joinPath } from './paths.ts';

/** A file to be written, or an empty folder to be made, at a path relative to the target. */
export interface Upload {
  readonly path: string;
  readonly file: File | undefined;
}

export interface UploadProgress {
  readonly path: string;
  /** Bytes written so far, of all files. */
  readonly bytes: number;
}

/** Bytes that are read and written at a time. */
const pieceSize = 1024 * 1024;

/** What was dropped. The entries must be taken at once, while the event is being handled; they are read later. */
export function droppedUploads(transfer: DataTransfer): AsyncIterable<Upload> {
  const items = Array.from(transfer.items).filter(({ kind }) => kind === 'file');
  const taken = items.map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  return uploadsOf(taken);
}

async function* uploadsOf(
  taken: readonly { readonly entry: FileSystemEntry | null; readonly file: File | null }[],
): AsyncIterable<Upload> {
  for (const { entry, file } of taken) {
    if (entry !== null) yield* walk(entry, entry.name);
    else if (file !== null) yield { path: file.name, file };
  }
}

async function* walk(entry: FileSystemEntry, path: string): AsyncIterable<Upload> {
  if (isFileEntry(entry)) {
    yield { path, file: await new Promise<File>((resolve, reject) => entry.file(resolve, reject)) };
    return;
  }
  if (!isFolderEntry(entry)) return;
  yield { path, file: undefined };
  const reader = entry.createReader();
  for (;;) {
    // It gives a hundred at a time, and none at the end.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return;
    for (const child of entries) yield* walk(child, `${path}/${child.name}`);
  }
}

function isFileEntry(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isFolderEntry(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

/** What was chosen with a file input; those of a folder know their path in it. */
export async function* pickedUploads(list: Iterable<File>): AsyncIterable<Upload> {
  for (const file of list) {
    yield { path: file.webkitRelativePath === '' ? file.name : file.webkitRelativePath, file };
  }
}

/** Writes all of `uploads` under `folder`. Resolves with how many files that were. */
export async function upload(
  files: ShareFiles,
  folder: string,
  uploads: AsyncIterable<Upload>,
  { onProgress, signal }: { readonly onProgress: (progress: UploadProgress) => void; readonly signal: AbortSignal },
): Promise<number> {
  let count = 0;
  let bytes = 0;
  const made = new Set<string>();
  for await (const { path, file } of uploads) {
    signal.throwIfAborted();
    const target = joinPath(folder, path);
    const above = file === undefined ? target : target.slice(0, target.lastIndexOf('/')) || '/';
    if (!made.has(above)) {
      await files.mkdir(above, { recursive: true });
      made.add(above);
    }
    if (file === undefined) continue;
    const handle = await files.open(target, 'w');
    try {
      for (let at = 0; at < file.size; at += pieceSize) {
        signal.throwIfAborted();
        onProgress({ path, bytes });
        const piece = new Uint8Array(await file.slice(at, at + pieceSize).arrayBuffer());
        await handle.write(at, piece);
        bytes += piece.length;
      }
    } finally {
      await handle.close();
    }
    count += 1;
  }
  return count;
}
