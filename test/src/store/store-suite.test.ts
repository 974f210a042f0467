// The conformance suite over the durable core, on media that answer at once and on media that take their time.
import { backendSuite } from '../../backend-suite.ts';
import { Disk } from './fake-medium.ts';
import { mount } from './stores.ts';

const capabilities = {
  timeTolerance: 0n,
  chown: true,
  specials: true,
  setIds: true,
  exchange: true,
  changesOrphans: true,
  xattrs: true,
};

for (const [name, options] of [
  ['a slow medium', { slow: true, cacheLimit: 10_000, dirtyLimit: 50_000 }],
  ['a fast medium', { slow: false, cacheLimit: 10_000, dirtyLimit: 50_000 }],
] as const) {
  backendSuite(
    `StoredBackend on ${name}`,
    async () => {
      const { store } = await mount(new Disk(), { ...options, chunkLength: 16_384 });
      return { backend: store, handles: () => store.handleCount, dispose: () => store.close() };
    },
    capabilities,
  );
}
