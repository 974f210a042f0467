// A file of a share, or a whole folder as a tar archive, as a stream: what is large is never in memory as a whole.
import { createTarPacker } from 'modern-tar';
import type { ShareFiles } from 'vm9';
import { joinPath, nameOf } from './paths.ts';

/** Bytes that are read at a time. */
const pieceSize = 1024 * 1024;

export function fileStream(files: ShareFiles, path: string): ReadableStream<Uint8Array<ArrayBuffer>> {
  const pieces = piecesOf(files, path);
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => pieces.return(undefined).then(() => undefined),
  });
}

async function* piecesOf(files: ShareFiles, path: string): AsyncGenerator<Uint8Array<ArrayBuffer>, undefined> {
  const handle = await files.open(path, 'r');
  try {
    for (let at = 0; ;) {
      const piece = await handle.read(at, pieceSize);
      if (piece.length === 0) return undefined;
      at += piece.length;
      yield piece;
    }
  } finally {
    await handle.close();
  }
}

/** `folder` and all in it as a tar archive, its paths beginning with `name`. */
export function tarStream(files: ShareFiles, folder: string, name: string): ReadableStream<Uint8Array> {
  const { readable, controller } = createTarPacker();
  pack(files, folder, name, controller).then(
    () => controller.finalize(),
    (error: unknown) => controller.error(error),
  );
  return readable;
}

type Packer = ReturnType<typeof createTarPacker>['controller'];

async function pack(files: ShareFiles, path: string, name: string, packer: Packer): Promise<void> {
  const { type, mode, mtimeMs, uid, gid, size } = await files.lstat(path);
  const header = { name, mode: mode & 0o7777, mtime: new Date(mtimeMs), uid, gid, size: 0 };
  if (type === 'directory') {
    await packer.add({ ...header, name: `${name}/`, type: 'directory' }).close();
    const entries = await files.readdir(path);
    for (const entry of entries) await pack(files, joinPath(path, entry.name), `${name}/${entry.name}`, packer);
  } else if (type === 'symlink') {
    await packer.add({ ...header, type: 'symlink', linkname: await files.readlink(path) }).close();
  } else if (type === 'file') {
    await exactly(fileStream(files, path), size).pipeTo(packer.add({ ...header, size, type: 'file' }));
  }
  // Sockets, pipes and devices have no content that an archive could keep.
}

/** Cuts or fills a stream to `length` bytes: the guest may write into the file while it is read, and a header was written. */
function exactly(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  length: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let left = length;
  return stream.pipeThrough(
    new TransformStream({
      transform(piece, controller) {
        if (left === 0) return;
        const part = piece.subarray(0, left);
        left -= part.length;
        controller.enqueue(part);
      },
      flush(controller) {
        for (; left > 0; left -= Math.min(left, pieceSize))
          controller.enqueue(new Uint8Array(Math.min(left, pieceSize)));
      },
    }),
  );
}

/** Offers a stream as a file to keep: straight to the disk where the browser can do that. False where the user declined. */
export async function saveStream(name: string, open: () => ReadableStream<Uint8Array>): Promise<boolean> {
  if (window.showSaveFilePicker !== undefined) {
    try {
      const handle = await window.showSaveFilePicker({ suggestedName: name });
      await open().pipeTo(await handle.createWritable());
      return true;
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') return false;
      throw error;
    }
  }
  // A Blob that is made of a stream: browsers keep large ones on the disk.
  const blob = await new Response(open() as ReadableStream<Uint8Array<ArrayBuffer>>).blob();
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The download has begun with the click; it needs the address a moment longer.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  return true;
}

export function archiveName(path: string, tag: string): string {
  return path === '/' ? tag : nameOf(path);
}
