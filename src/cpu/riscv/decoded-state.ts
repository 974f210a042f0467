// Decoded code as plain data, for a machine that is to start at once: decoding it anew takes longer than all else. It is this
// program's own, and no guest's: generated code follows it without looking.
import type { DecodedPages } from './decoded-pages.ts';
import { pseudoHandlers } from './handlers.ts';
import { at, entryBytes, heatBytes, heatShift, pageSize } from './layout.ts';
import type { Registers } from './registers.ts';

export interface DecodedState {
  /** Pages of RAM, and how many runs of entries each has. */
  readonly pages: Int32Array<ArrayBuffer>;
  readonly counts: Int32Array<ArrayBuffer>;
  /** Two words for each run: the number of its first entry in the page, and how many entries it has. */
  readonly runs: Int32Array<ArrayBuffer>;
  /** The entries of the runs, one behind another, of two words each. In a run are some that are not decoded, which are zeros. */
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
const none = -1;
export const placesBytes = slots / 8;
const entryWords = entryBytes / 4;
/** Entries that are not decoded, between two runs, for which it pays to make them one: an instruction of four bytes has one. */
const smallGap = 3;
const handlerMask = 0xffff;
const undecoded = pseudoHandlers.indexOf('undecoded');
const translated = pseudoHandlers.indexOf('translated');

export function saveDecoded(decoded: DecodedPages, { words }: Registers): DecodedState {
  const places = [...decoded.places()];
  const counts = new Int32Array(places.length);
  const entries = new Int32Array(places.length * slots * entryWords);
  let length = 0;
  const runs: number[] = [];
  for (const [index, [, place]] of places.entries()) {
    const before = runs.length;
    let begin = 0;
    // No run of this page is open where it is none.
    let end = none;
    const close = (): void => void (end !== none && runs.push(begin, end - begin));
    for (let slot = 0; slot < slots; slot += 1) {
      const word = place / 4 + slot * entryWords;
      const [first = 0, second = 0] = [words[word], words[word + 1]];
      // A region is not there in another hart: its first instruction is decoded when it is come by. What belongs to that stays,
      // as where a region is dropped: it may be part of a sequence that begins before it.
      const kept = (first & handlerMask) === translated ? first & ~handlerMask : first;
      if (kept === 0 && second === 0) continue;
      if (end === none || slot - end > smallGap) {
        close();
        begin = slot;
      } else {
        // Those between are zeros.
        length += (slot - end) * entryWords;
      }
      entries[length++] = kept;
      entries[length++] = second;
      end = slot + 1;
    }
    close();
    counts[index] = (runs.length - before) / 2;
  }
  const pages = Int32Array.from(places, ([ramPage]) => ramPage);
  return { pages, counts, runs: Int32Array.from(runs), entries: entries.slice(0, length) };
}

/** For a hart whose RAM is as it was, that has decoded nothing. */
export function restoreDecoded(decoded: DecodedPages, { words }: Registers, state: DecodedState): void {
  const { pages, counts, runs, entries } = state;
  let run = 0;
  let from = 0;
  for (let index = 0; index < pages.length; index += 1) {
    const place = decoded.placeFor(pages[index] ?? 0) / 4;
    const end = run + (counts[index] ?? 0) * 2;
    for (; run < end; run += 2) {
      const to = from + (runs[run + 1] ?? 0) * entryWords;
      // Entry by entry took longer than all else here: this runs once, in code that nobody has compiled.
      words.set(entries.subarray(from, to), place + (runs[run] ?? 0) * entryWords);
      from = to;
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
