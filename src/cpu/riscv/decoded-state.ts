// Decoded code as plain data, for a machine that is to start at once: decoding it anew takes longer than all else. It is this
// program's own, and no guest's: generated code follows it without looking.
import type { DecodedPages } from './decoded-pages.ts';
import { pseudoHandlers } from './handlers.ts';
import { entryBytes, pageSize } from './layout.ts';
import type { Registers } from './registers.ts';

export interface DecodedState {
  /** Pages of RAM, and how many decoded entries each has. */
  readonly pages: Int32Array<ArrayBuffer>;
  readonly counts: Int32Array<ArrayBuffer>;
  /** Three words for each entry: its number in the page, and the two that it is made of. */
  readonly entries: Int32Array<ArrayBuffer>;
}

const slots = pageSize / 2;
const entryWords = entryBytes / 4;
const handlerMask = 0xffff;
const translated = pseudoHandlers.indexOf('translated');

export function saveDecoded(decoded: DecodedPages, { words }: Registers): DecodedState {
  const places = [...decoded.places()];
  const counts = new Int32Array(places.length);
  const entries = new Int32Array(places.length * slots * 3);
  let length = 0;
  for (const [index, [, place]] of places.entries()) {
    const before = length;
    for (let slot = 0; slot < slots; slot += 1) {
      const at = place / 4 + slot * entryWords;
      const [first = 0, second = 0] = [words[at], words[at + 1]];
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
      const at = place + (entries[from] ?? 0) * entryWords;
      words[at] = entries[from + 1] ?? 0;
      words[at + 1] = entries[from + 2] ?? 0;
    }
  }
}
