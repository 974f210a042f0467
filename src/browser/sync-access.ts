/** Whether OPFS can be used as a store needs it. Older browsers have it without synchronous access; an address without https has none. */
export function hasSyncAccess(): boolean {
  return typeof FileSystemFileHandle !== 'undefined' && 'createSyncAccessHandle' in FileSystemFileHandle.prototype;
}
