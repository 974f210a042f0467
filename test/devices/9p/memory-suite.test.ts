// The conformance suite over memory.
import { backendSuite } from '../../backend-suite.ts';
import { memory } from './backends.ts';

backendSuite(
  'MemoryBackend',
  () => {
    const backend = memory();
    return { backend, handles: () => backend.handleCount, dispose: () => backend.close() };
  },
  { timeTolerance: 0n, chown: true, specials: true, setIds: true, exchange: true, changesOrphans: true, xattrs: true },
);
