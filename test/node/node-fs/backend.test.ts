// The conformance suite over a folder of the host, through descriptors and by paths.
import { backendSuite } from '../../backend-suite.ts';
import { capabilities, SharedFolder } from './shared-folder.ts';

backendSuite('NodeFsBackend', () => new SharedFolder(), capabilities);
backendSuite('NodeFsBackend where there is no /proc', () => new SharedFolder({ walk: 'portable' }), capabilities);
