// A share whose files are in the origin private file system: named in the main thread, opened in the VM's worker.
import type { ShareSource } from '../../vm-options.ts';

const kind = 'opfs';

export interface OpfsSource extends ShareSource {
  readonly kind: typeof kind;
  /** Which files: each name has its own. */
  readonly name: string;
}

/** Files that stay in the browser, in its private file system, for the `source` of a share: there again on the next visit. */
export function opfs({ name }: { readonly name: string }): OpfsSource {
  return { kind, name };
}

export function isOpfs(source: ShareSource): source is OpfsSource {
  return source.kind === kind;
}
