// Copies between memory of our own and guest RAM, which is shared. V8 moves shared memory in words only where both sides lie
// alike in them, and byte by byte otherwise, which takes four times as long: what does not lie alike goes over a piece of memory
// that lies like the guest's.
//
// Arrays of our own are taken to begin a word, as those with a buffer to themselves do: to ask each would cost 15 ns. One that
// does not is copied as rightly, and more slowly.
import type { Bytes } from '../ports.ts';

const wordLength = 8;
/** From this length on the second copy is cheaper than the bytes (measured in V8). */
const longCopy = 512;
/** Up to this length a loop over the bytes is faster than a view and a copy of it (measured in V8). */
const shortCopy = 32;

const betweenLength = 2 ** 16;
const between = new Uint8Array(betweenLength + wordLength);

function copyBytes(source: Bytes, from: number, target: Bytes, to: number, length: number): void {
  for (let i = 0; i < length; i++) target[to + i] = source[from + i] as number;
}

function copy(source: Bytes, from: number, target: Bytes, to: number, length: number): void {
  target.set(from === 0 && length === source.length ? source : source.subarray(from, from + length), to);
}

/** Copies by way of memory that lies in its words as the guest's does: at `place` in the first. */
function copyOver(place: number, source: Bytes, from: number, target: Bytes, to: number, length: number): void {
  for (let done = 0; done < length; done += betweenLength) {
    const piece = Math.min(betweenLength, length - done);
    copy(source, from + done, between, place, piece);
    copy(between, place, target, to + done, piece);
  }
}

/** Copies `length` bytes from `source` of our own to `target` in guest RAM, each from the given place on. */
export function copyToGuest(source: Bytes, from: number, target: Bytes, to: number, length: number): void {
  if (length <= shortCopy) return copyBytes(source, from, target, to, length);
  if (length < longCopy) return copy(source, from, target, to, length);
  const place = (target.byteOffset + to) & (wordLength - 1);
  if (place === (from & (wordLength - 1))) copy(source, from, target, to, length);
  else copyOver(place, source, from, target, to, length);
}

/** Copies `length` bytes from `source` in guest RAM to `target` of our own, each from the given place on. */
export function copyFromGuest(source: Bytes, from: number, target: Bytes, to: number, length: number): void {
  if (length <= shortCopy) return copyBytes(source, from, target, to, length);
  if (length < longCopy) return copy(source, from, target, to, length);
  const place = (source.byteOffset + from) & (wordLength - 1);
  if (place === (to & (wordLength - 1))) copy(source, from, target, to, length);
  else copyOver(place, source, from, target, to, length);
}
