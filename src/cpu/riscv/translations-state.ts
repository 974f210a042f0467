// What the translation caches hold, as plain data. Linux clears accessed bits without a fence, so a hart that came back
// without its translations would set bits that one without an interruption does not: a counted run has to be the same run.
import type { DecodedPages } from './decoded-pages.ts';
import {
  addressSpaces,
  at,
  cacheBytes,
  cacheCount,
  cacheKind,
  decodedRamPage,
  endOfFilled,
  lastFilled,
  pageSize,
  ramOffset,
  slotBytes,
  slotFields,
  spaceCaches,
} from './layout.ts';
import type { Registers } from './registers.ts';
import type { TranslationCaches } from './translation-caches.ts';

export interface TranslationsState {
  /** satp of each address space that has caches, in two halves, and when it was entered last. */
  satp: Int32Array<ArrayBuffer>;
  entered: Float64Array<ArrayBuffer>;
  /** The present one. */
  space: number;
  private: boolean;
  /** Pieces of a page of 512 GiB may be cached. */
  anyLargest: boolean;
  /** Words of the superpages' bits that are not 0, each behind its index. */
  superpages: Int32Array<ArrayBuffer>;
  /** Five words for each slot, in the order in which they were filled: cache, place in it, address in two halves, page of RAM. */
  slots: Int32Array<ArrayBuffer>;
  /** Pages of RAM that are code: stores to them are not cached. */
  code: Int32Array<ArrayBuffer>;
}

const slotWords = 5;
const page = slotFields.place >>> 2;
const filled = slotFields.filled >>> 2;

export function saveTranslations(
  caches: TranslationCaches,
  registers: Registers,
  pages: DecodedPages,
): TranslationsState {
  const superpages: number[] = [];
  // A hart that has not run is asked for its state, too, before each resumption.
  if (caches.anySuperpages) {
    for (const [index, word] of caches.superpages.entries()) if (word !== 0) superpages.push(index, word);
  }
  return {
    satp: caches.satp.slice(),
    entered: caches.entered.slice(),
    space: caches.entered.indexOf(Math.max(...caches.entered)),
    private: caches.private,
    anyLargest: caches.anyLargest,
    superpages: Int32Array.from(superpages),
    slots: saveSlots(registers),
    code: pages.codePages(),
  };
}

/** Puts back what `saveTranslations` returned. The mode's caches are to be selected after it. */
export function restoreTranslations(
  caches: TranslationCaches,
  registers: Registers,
  pages: DecodedPages,
  state: TranslationsState,
): void {
  caches.flush();
  caches.satp.set(state.satp);
  caches.entered.set(state.entered);
  caches.entries = Math.max(...caches.entered);
  caches.private = state.private;
  caches.anyLargest = state.anyLargest;
  for (let pair = 0; pair + 1 < state.superpages.length; pair += 2) {
    caches.superpages[state.superpages[pair] ?? 0] = state.superpages[pair + 1] ?? 0;
    caches.anySuperpages = true;
  }
  const ramPages = (registers.buffer.byteLength - ramOffset) / pageSize;
  for (const ramPage of state.code) if (ramPage >= 0 && ramPage < ramPages) pages.placeFor(ramPage);
  restoreSlots(registers, pages, state.slots);
  registers.setWord(at.space, spaceCaches(Math.min(Math.max(state.space, 0), addressSpaces - 1)));
}

/** The slots of all caches. */
function saveSlots({ words }: Registers): Int32Array<ArrayBuffer> {
  const slots: number[] = [];
  for (let index = 0; index < cacheCount; index += 1) {
    const cache = at.caches + index * cacheBytes;
    const inCache: number[][] = [];
    for (
      let slot = words[(cache + lastFilled) >>> 2] ?? endOfFilled;
      slot !== endOfFilled;
      slot = words[(slot >>> 2) + filled] ?? endOfFilled
    ) {
      const word = slot >>> 2;
      const place = words[word + page] ?? 0;
      // A slot that was emptied alone has no place, and stays in the list.
      const isFetch = index % 3 === cacheKind.fetch;
      const ramPage =
        place === 0 ? -1 : isFetch ? (words[(place + decodedRamPage) >>> 2] ?? 0) : (place - ramOffset) / pageSize;
      if (ramPage >= 0) {
        inCache.push([index, (slot - cache) / slotBytes, words[word] ?? 0, words[word + 1] ?? 0, ramPage]);
      }
    }
    slots.push(...inCache.reverse().flat());
  }
  return Int32Array.from(slots);
}

/** Fills the slots of empty caches. Slots that are none, and pages that RAM does not have, are left out. */
function restoreSlots(registers: Registers, pages: DecodedPages, slots: Int32Array<ArrayBuffer>): void {
  const { words } = registers;
  const ramPages = (registers.buffer.byteLength - ramOffset) / pageSize;
  for (let from = 0; from + slotWords <= slots.length; from += slotWords) {
    const [index = 0, number = 0, low = 0, high = 0, ramPage = 0] = slots.subarray(from, from + slotWords);
    if (index < 0 || index >= cacheCount || number < 0 || number * slotBytes >= lastFilled) continue;
    if (ramPage < 0 || ramPage >= ramPages) continue;
    const cache = at.caches + index * cacheBytes;
    const word = (cache + number * slotBytes) >>> 2;
    if (words[word + filled] === 0) {
      words[word + filled] = words[(cache + lastFilled) >>> 2] ?? endOfFilled;
      words[(cache + lastFilled) >>> 2] = cache + number * slotBytes;
    }
    words[word] = low & -pageSize;
    words[word + 1] = high;
    const kind = index % 3;
    // Given away again by a later one, where a record has more code than there is room for: that flushes this slot.
    if (kind === cacheKind.fetch) words[word + page] = pages.placeFor(ramPage);
    else words[word + page] = ramOffset + ramPage * pageSize;
    if (kind === cacheKind.write) pages.noteWritten(ramPage);
  }
}
