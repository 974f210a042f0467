// The conformance suite over IndexedDB.
import { storeSuite } from './store-suite.ts';
import { indexedDbStore } from './stores.ts';

storeSuite(indexedDbStore);
