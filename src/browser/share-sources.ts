// Opens the sources of shares in the VM's worker, by their kinds.
import type { Backend } from '../../devices/9p/backend.ts';
import { VmError } from '../errors.ts';
import { isMemory } from '../memory-share.ts';
import type { ShareSource } from '../vm-options.ts';
import { isIndexedDb } from './indexeddb/source.ts';
import { isOpfs } from './opfs/source.ts';
import type { PickedFolderHost } from './picked-folder/open.ts';
import { isPickedFolder } from './picked-folder/source.ts';
import { isStorage } from './storage/source.ts';

/** Whether its files are in a store of the browser's. */
export function isStored(source: ShareSource): boolean {
  return isIndexedDb(source) || isOpfs(source) || isStorage(source);
}

/** Throws VmError 'bad-option' for a kind that browsers do not have, 'bad-file' for what cannot be opened. */
export async function openShare(source: ShareSource, host: PickedFolderHost): Promise<Backend> {
  // What a page has no use for it need not fetch.
  if (isIndexedDb(source) || isOpfs(source) || isStorage(source)) {
    const { openIndexedDb, openOpfs, openStorage } = await import('./stores.ts');
    if (isIndexedDb(source)) return openIndexedDb(source, host);
    return isOpfs(source) ? openOpfs(source, host) : openStorage(source, host);
  }
  if (isPickedFolder(source)) {
    const { openPickedFolder } = await import('./picked-folder/open.ts');
    return openPickedFolder(source, host);
  }
  if (isMemory(source)) {
    const { MemoryBackend } = await import('../../devices/9p/memory.ts');
    return new MemoryBackend(host);
  }
  throw new VmError('bad-option', `a share of kind ${source.kind} has no meaning in a browser`);
}
