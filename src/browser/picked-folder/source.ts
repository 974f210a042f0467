// A share whose files are in a folder of the user's computer: picked in the page, opened in the VM's worker.
import type { ShareSource } from '../../vm-options.ts';
import type { FolderHandle } from './access.ts';

const kind = 'picked-folder';

export interface PickedFolderSource extends ShareSource {
  readonly kind: typeof kind;
  readonly handle: FolderHandle;
}

/**
 * A folder of the user's computer, for the `source` of a share: what `showDirectoryPicker` or a dropped folder gives. Where
 * the browser has not been allowed to write to it, the share is read-only. Default name: the folder's.
 */
export function pickedFolder(handle: FolderHandle, { name }: { readonly name?: string } = {}): PickedFolderSource {
  return { kind, handle, name: name ?? handle.name };
}

export function isPickedFolder(source: ShareSource): source is PickedFolderSource {
  return source.kind === kind;
}
