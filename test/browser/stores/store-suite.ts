// The conformance suite over a store of the browser.
import { backendSuite } from '../../backend-suite.ts';
import { freshName } from './stores.ts';
import type { BrowserStore } from './stores.ts';

export function storeSuite(store: BrowserStore): void {
  backendSuite(
    store.label,
    async () => {
      const name = freshName();
      const backend = await store.open(name);
      return {
        backend,
        handles: () => backend.handleCount(),
        dispose: async () => {
          await backend.close();
          await store.remove(name);
        },
      };
    },
    {
      timeTolerance: 0n,
      chown: true,
      specials: true,
      setIds: true,
      exchange: true,
      changesOrphans: true,
      xattrs: true,
    },
  );
}
