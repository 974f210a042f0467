// The package's entry in browsers: the API of src/index.ts with what only browsers have.
import { Vm } from '../vm.ts';
import { browserPlatform, type BrowserVmOptions } from './platform.ts';

export * from '../index.ts';
export { readBootedAhead } from './boot-cache/read.ts';
export type { AheadMessage, BootedAhead } from './boot-cache/read.ts';
export { browserCache } from './boot-cache/source.ts';
export type { BrowserCacheOptions } from './boot-cache/source.ts';
export type { ImageSources } from './images.ts';
export { indexedDb } from './indexeddb/source.ts';
export type { IndexedDbSource } from './indexeddb/source.ts';
export { opfs } from './opfs/source.ts';
export type { OpfsSource } from './opfs/source.ts';
export { opfsFile } from './opfs-disk/source.ts';
export type { OpfsFileSource } from './opfs-disk/source.ts';
export { folderPermission, requestFolderPermission } from './picked-folder/permission.ts';
export type { PermissionRequest } from './picked-folder/permission.ts';
export { pickedFolder } from './picked-folder/source.ts';
export type { PickedFolderSource } from './picked-folder/source.ts';
export { storage } from './storage/source.ts';
export type { StorageSource } from './storage/source.ts';
export type { BrowserVmOptions, WorkerSource } from './platform.ts';

/** Makes a VM whose machine runs in a dedicated worker. Nothing runs before `start`. Throws VmError 'bad-option'. */
export function createVm(options: BrowserVmOptions = {}): Vm {
  return new Vm(browserPlatform(options), options);
}
