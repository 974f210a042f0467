// A file in the origin private file system as a drive or an overlay: named in the main thread, opened in the VM's worker.
import type { DriveSource } from '../../vm-drives.ts';

const kind = 'opfs-file';

export interface OpfsFileSource extends DriveSource {
  readonly kind: typeof kind;
  readonly name: string;
  /** Bytes that a file has which is made now. */
  readonly size?: number;
}

/**
 * A file that stays in the browser, for the `overlay` of a drive, or for its `source`: an empty disk of `size` bytes where
 * there is none of that name.
 */
export function opfsFile({ name, size }: { readonly name: string; readonly size?: number }): OpfsFileSource {
  return { kind, name, key: name, ...(size !== undefined && { size }) };
}

export function isOpfsFile(source: DriveSource): source is OpfsFileSource {
  return source.kind === kind;
}
