// The conformance suite over OPFS.
import { storeSuite } from './store-suite.ts';
import { opfsStore } from './stores.ts';

storeSuite(opfsStore);
