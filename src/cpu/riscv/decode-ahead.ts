// Decodes for a hart that has not run, in a thread that has nothing else to do: what a guest executes after it was resumed takes
// longer to decode than to run, because the decoder itself is not compiled yet.
import { DecodedPages } from './decoded-pages.ts';
import { decodePlaces, type DecodedPlaces } from './decoded-state.ts';
import { at } from './layout.ts';
import { Registers } from './registers.ts';

/** No cache holds anything of a hart that has not run. */
const noCaches = { flushPlace: () => undefined };

/**
 * Decodes what lies at these places of the hart's RAM, or as much of it as there is time for until the hart's thread waits (`at.awaited`),
 * for `DecodedPages.adopt`, which is given what this returns. Nobody else may decode into that memory meanwhile.
 */
export function decodeAhead(buffer: ArrayBufferLike, ramBytes: number, places: DecodedPlaces): Int32Array<ArrayBuffer> {
  const registers = new Registers(buffer);
  const decoded = new DecodedPages(registers, noCaches, ramBytes);
  decodePlaces(decoded, registers, places, () => Atomics.load(registers.words, at.awaited / 4) !== 0);
  return Int32Array.from(decoded.places(), ([ramPage]) => ramPage);
}
