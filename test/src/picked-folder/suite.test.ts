// The conformance suite over a picked folder of the fake host: where files can be moved, where they must be copied, and where
// the file system does not tell cases apart.
import { backendSuite } from '../../backend-suite.ts';
import { capabilities, harness } from './mount.ts';

backendSuite('PickedFolderBackend', () => harness(), capabilities);
backendSuite('PickedFolderBackend where files can not be moved', () => harness({ copiesOnly: true }), capabilities);
backendSuite(
  'PickedFolderBackend on a host with few names',
  () => harness({ ignoresCase: true, refuses: /["*:<>?|\x01-\x1f]|[. ]$|\.lnk$|^con$/i }),
  capabilities,
);
