// A share whose files are in IndexedDB: named in the main thread, opened in the VM's worker.
import type { ShareSource } from '../../vm-options.ts';

const kind = 'indexeddb';

export interface IndexedDbSource extends ShareSource {
  readonly kind: typeof kind;
  /** Which files: each name has its own. */
  readonly name: string;
}

/** Files that stay in the browser, in IndexedDB, for the `source` of a share: there again on the next visit. */
export function indexedDb({ name }: { readonly name: string }): IndexedDbSource {
  return { kind, name };
}

export function isIndexedDb(source: ShareSource): source is IndexedDbSource {
  return source.kind === kind;
}
