// The conformance suite over a folder of the host: through descriptors, with and without the native calls, and by paths.
import { backendSuite } from '../../backend-suite.ts';
import { capabilities, hasNative, plainCapabilities, SharedFolder } from './shared-folder.ts';

if (hasNative) backendSuite('NodeFsBackend with native calls', () => new SharedFolder(), capabilities);
backendSuite('NodeFsBackend', () => new SharedFolder({ native: false }), plainCapabilities);
backendSuite('NodeFsBackend where there is no /proc', () => new SharedFolder({ walk: 'portable' }), plainCapabilities);
