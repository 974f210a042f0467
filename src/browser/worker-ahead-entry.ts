// The dedicated worker of a page's machine, where it is started before the page's program is there. Named after a cache of booted
// machines it reads that, for the page, while its own program is on its way: in the page each piece would wait for what is drawn.
import { readBootedAhead, type AheadMessage } from './boot-cache/read.ts';

postMessage({ type: 'begun' } satisfies AheadMessage);

const early: unknown[] = [];
const keep = ({ data }: MessageEvent): void => void early.push(data);
addEventListener('message', keep);

// Not a static import: Chromium keeps the compiled form of what is imported like this, and of nothing that comes with the script.
import('./worker-entry.ts').then(() => {
  removeEventListener('message', keep);
  for (const data of early) dispatchEvent(new MessageEvent('message', { data }));
}, reportError);

if (name !== '') {
  // The machine goes on from there, with a folder that is stored: what both take is wanted as soon as the program has come.
  for (const wanted of [import('./stores.ts'), import('../snapshot/worker-side.ts')]) wanted.catch(() => undefined);
  readBootedAhead(name).then(
    (booted) => postMessage({ type: 'booted', booted } satisfies AheadMessage, booted ? [booted.bytes.buffer] : []),
    // The page tries itself, and tells why it cannot be.
    () => postMessage({ type: 'unread' } satisfies AheadMessage),
  );
}
