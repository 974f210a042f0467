// Puts pieces of data together to records that IndexedDB is quick with.
import type { Bytes } from '../../../devices/ports.ts';
import type { Place } from '../../store/medium.ts';

/** A record of data: one piece, or many small ones. */
export interface Pack {
  readonly number: number;
  /** All of its buffer. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Chromium keeps values below 64 KiB in its table, and others in files of their own: worth it for larger ones only. */
const inlineLength = 60 * 1024;
const packLength = 2 ** 20;
/** Together at least so many bytes go to packs of `packLength`; fewer stay inline. */
const largeFrom = 4 * inlineLength;

/** Makes packs with consecutive numbers from `first` on. */
export function gatherPacks(
  pieces: readonly Bytes[],
  first: number,
): { readonly packs: readonly Pack[]; readonly places: readonly Place[] } {
  let total = 0;
  for (const { length } of pieces) if (length < largeFrom) total += length;
  const limit = total < largeFrom ? inlineLength : packLength;
  const packs: Pack[] = [];
  const places: Place[] = [];
  let open: Bytes[] = [];
  let openLength = 0;
  let openPlaces: number[] = [];

  const close = (): void => {
    if (open.length === 0) return;
    const bytes = new Uint8Array(openLength);
    const number = first + packs.length;
    let offset = 0;
    for (const [index, piece] of open.entries()) {
      bytes.set(piece, offset);
      places[openPlaces[index] as number] = { pack: number, offset, length: piece.length };
      offset += piece.length;
    }
    packs.push({ number, bytes });
    open = [];
    openLength = 0;
    openPlaces = [];
  };

  for (const [index, piece] of pieces.entries()) {
    if (piece.length >= largeFrom) {
      const number = first + packs.length + (open.length > 0 ? 1 : 0);
      close();
      places[index] = { pack: number, offset: 0, length: piece.length };
      packs.push({ number, bytes: wholeBuffer(piece) });
      continue;
    }
    if (openLength + piece.length > limit) close();
    open.push(piece);
    openPlaces.push(index);
    openLength += piece.length;
  }
  close();
  return { packs, places };
}

/** A value is stored with all of its buffer, and only of memory that is not shared. */
function wholeBuffer(piece: Bytes): Uint8Array<ArrayBuffer> {
  const isWhole = piece.buffer instanceof ArrayBuffer && piece.buffer.byteLength === piece.length;
  return isWhole ? (piece as Uint8Array<ArrayBuffer>) : new Uint8Array(piece);
}
