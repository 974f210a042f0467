// Writes anew what is left in packs that are mostly waste, so that they can be thrown away.
import type { Inode } from '../../devices/9p/memory/inode.ts';
import { chunksOf, inodesBelow } from './tree.ts';
import type { Volume } from './volume.ts';

/** Bytes that are written anew with one commit. */
const atOnce = 4 * 2 ** 20;

/** Fetches chunks, to be written with the next commit. Returns whether there are any. */
export function rewriteWorn(volume: Volume, root: Inode): boolean {
  const worn = volume.medium.worn?.();
  if (worn === undefined || worn.size === 0) return false;
  let length = 0;
  for (const inode of inodesBelow(root)) {
    for (const chunk of chunksOf(inode)) {
      const { place } = chunk;
      if (place === undefined || chunk.dirty || !worn.has(place.pack)) continue;
      length += chunk.length;
      if (volume.loadNow(chunk)) volume.soil(chunk, chunk.length);
      else {
        volume.await(chunk, {
          run: () => {
            if (!chunk.dirty && !chunk.gone) volume.soil(chunk, chunk.length);
          },
          // There is no hurry: the next commit looks again.
          fail: () => undefined,
        });
      }
      if (length >= atOnce) return true;
    }
  }
  return length > 0;
}
