// What keeps files in the browser, as a page fetches it: in one piece.
export { openIndexedDb } from './indexeddb/open.ts';
export { openOpfs } from './opfs/open.ts';
export { openStorage } from './storage/open.ts';
