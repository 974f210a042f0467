// A share whose files stay in the browser, wherever it keeps them best.
import type { ShareSource } from '../../vm-options.ts';

const kind = 'storage';

export interface StorageSource extends ShareSource {
  readonly kind: typeof kind;
  /** Which files: each name has its own. */
  readonly name: string;
}

/**
 * Files that stay in the browser, for the `source` of a share: in its private file system (OPFS) where that can be used, else
 * in IndexedDB; and where they were kept before, if they were. A `log` event tells which.
 */
export function storage({ name }: { readonly name: string }): StorageSource {
  return { kind, name };
}

export function isStorage(source: ShareSource): source is StorageSource {
  return source.kind === kind;
}
