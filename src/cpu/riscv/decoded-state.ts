// Decoded code as plain data, for a machine that is to start at once: decoding it anew takes longer than all else. It is this
// program's own, and no guest's: generated code follows it without looking.
import type { DecodedPages } from './decoded-pages.ts';
import { pseudoHandlers } from './handlers.ts';
import { at, entryBytes, heatBytes, heatShift, pageSize } from './layout.ts';
import type { Registers } from './registers.ts';

export interface DecodedState {
  /** Pages of RAM, and how many decoded entries each has. */
  readonly pages: Int32Array<ArrayBuffer>;
  readonly counts: Int32Array<ArrayBuffer>;
  /** Three words for each entry: its number in the page, and the two that it is made of. */
  readonly entries: Int32Array<ArrayBuffer>;
}

/** Which places of RAM are decoded: only where to look, so that anybody may have written it. */
export interface DecodedPlaces {
  /** Pages of RAM, those first in which most was jumped to. */
  readonly pages: Int32Array<ArrayBuffer>;
  /** For each page `placesBytes`, a bit for every two bytes of it. */
  readonly places: Uint8Array<ArrayBuffer>;
}

const slots = pageSize / 2;
export const placesBytes = slots / 8;
const entryWords = entryBytes / 4;
const handlerMask = 0xffff;
const undecoded = pseudoHandlers.indexOf('undecoded');
const translated = pseudoHandlers.indexOf('translated');

export function saveDecoded(decoded: DecodedPages, { words }: Registers): DecodedState {
  const places = [...decoded.places()];
  const counts = new Int32Array(places.length);
  const entries = new Int32Array(places.length * slots * 3);
  let length = 0;
  for (const [index, [, place]] of places.entries()) {
    const before = length;
    for (let slot = 0; slot < slots; slot += 1) {
      const word = place / 4 + slot * entryWords;
      const [first = 0, second = 0] = [words[word], words[word + 1]];
      // A region is not there in another hart: its first instruction is decoded when it is come by. What belongs to that stays,
      // as where a region is dropped: it may be part of a sequence that begins before it.
      const kept = (first & handlerMask) === translated ? first & ~handlerMask : first;
      if (kept === 0 && second === 0) continue;
      entries[length++] = slot;
      entries[length++] = kept;
      entries[length++] = second;
    }
    counts[index] = (length - before) / 3;
  }
  const pages = Int32Array.from(places, ([ramPage]) => ramPage);
  return { pages, counts, entries: entries.slice(0, length) };
}

/** For a hart whose RAM is as it was, that has decoded nothing. */
export function restoreDecoded(decoded: DecodedPages, { words }: Registers, state: DecodedState): void {
  const { pages, counts, entries } = state;
  let from = 0;
  for (let index = 0; index < pages.length; index += 1) {
    const place = decoded.placeFor(pages[index] ?? 0) / 4;
    const end = from + (counts[index] ?? 0) * 3;
    for (; from < end; from += 3) {
      const word = place + (entries[from] ?? 0) * entryWords;
      words[word] = entries[from + 1] ?? 0;
      words[word + 1] = entries[from + 2] ?? 0;
    }
  }
}

export function saveDecodedPlaces(decoded: DecodedPages, { halves }: Registers): DecodedPlaces {
  const all = [...decoded.places()].map(([ramPage, place]) => ({ ramPage, place, jumps: jumpsTo(halves, place) }));
  all.sort((one, other) => other.jumps - one.jumps);
  const places = new Uint8Array(all.length * placesBytes);
  for (const [index, { place }] of all.entries()) {
    for (let slot = 0; slot < slots; slot += 1) {
      if (halves[(place + slot * entryBytes) >>> 1] === undecoded) continue;
      const byte = index * placesBytes + (slot >>> 3);
      places[byte] = (places[byte] ?? 0) | (1 << (slot & 7));
    }
  }
  return { pages: Int32Array.from(all, ({ ramPage }) => ramPage), places };
}

/** How much the entries of a decoded page, and those that share their counts, were jumped to. */
function jumpsTo(halves: Registers['halves'], place: number): number {
  const first = (place >>> heatShift) >>> 1;
  let sum = 0;
  for (let slot = 0; slot < slots; slot += 1) sum += halves[at.heat / 2 + ((first + slot) & (heatBytes / 2 - 1))] ?? 0;
  return sum;
}

/** Decodes there, a page at a time, `until` that is true. Places where there is no code do no harm: nobody goes there. */
export function decodePlaces(
  decoded: DecodedPages,
  { halves }: Registers,
  { pages, places }: DecodedPlaces,
  until: () => boolean,
): void {
  for (const [index, ramPage] of pages.entries()) {
    if (until()) return;
    const place = decoded.placeFor(ramPage);
    for (let slot = 0; slot < slots; slot += 1) {
      const byte = places[index * placesBytes + (slot >>> 3)] ?? 0;
      const entry = place + slot * entryBytes;
      if (((byte >>> (slot & 7)) & 1) !== 0 && halves[entry >>> 1] === undecoded) decoded.decodeAt(entry);
    }
  }
}
