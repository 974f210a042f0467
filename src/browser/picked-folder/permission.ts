// What the user lets a page do with a folder.
import type { AccessMode, FolderHandle, Permission } from './access.ts';

/** `handle` is one that the page has kept. Without `readOnly`, the permission to write counts. */
export interface PermissionRequest {
  readonly readOnly?: boolean;
}

function modeOf({ readOnly = false }: PermissionRequest): AccessMode {
  return { mode: readOnly ? 'read' : 'readwrite' };
}

/** What the page may do with a folder now, without asking anybody. */
export async function folderPermission(handle: FolderHandle, request: PermissionRequest = {}): Promise<Permission> {
  // Where there is nothing to ask, nothing is refused.
  return (await handle.queryPermission?.(modeOf(request))) ?? 'granted';
}

/**
 * Asks the user to let the page use a folder that was picked on an earlier visit. Browsers ask only in answer to a click or a
 * key: call it in a listener of one, before anything is awaited.
 */
export async function requestFolderPermission(
  handle: FolderHandle,
  request: PermissionRequest = {},
): Promise<Permission> {
  return (await handle.requestPermission?.(modeOf(request))) ?? 'granted';
}
