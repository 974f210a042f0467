// Messages in guest memory lie scattered over segments, cut anywhere. A byte of a request is copied at most once: the
// guest runs on, and could change it between two looks.
import type { Bytes } from '../ports.ts';
import { copyFromGuest, copyToGuest } from './guest-copy.ts';

export function totalLength(segments: readonly Bytes[]): number {
  let total = 0;
  for (let i = 0; i < segments.length; i++) total += (segments[i] as Bytes).length;
  return total;
}

/** Copies `length` bytes at `offset` of the segments, which must have them, to the place `to` of `target`. */
export function gather(segments: readonly Bytes[], offset: number, length: number, target: Bytes, to: number): void {
  let start = offset;
  let copied = 0;
  for (let i = 0; copied < length && i < segments.length; i++) {
    const segment = segments[i] as Bytes;
    const piece = Math.min(length - copied, segment.length - start);
    if (piece > 0) {
      copyFromGuest(segment, start, target, to + copied, piece);
      copied += piece;
      start = 0;
    } else {
      start -= segment.length;
    }
  }
}

/** Copies the first `length` bytes of `source` to `offset` of the segments, which must have room for them. */
export function scatter(source: Bytes, length: number, segments: readonly Bytes[], offset: number): void {
  let start = offset;
  let copied = 0;
  for (let i = 0; copied < length && i < segments.length; i++) {
    const segment = segments[i] as Bytes;
    const piece = Math.min(length - copied, segment.length - start);
    if (piece > 0) {
      copyToGuest(source, copied, segment, start, piece);
      copied += piece;
      start = 0;
    } else {
      start -= segment.length;
    }
  }
}

/** The `length` bytes at `offset` of the segments, as segments of their own: no byte is copied. */
export function slice(segments: readonly Bytes[], offset: number, length: number): readonly Bytes[] {
  const pieces: Bytes[] = [];
  let start = offset;
  let left = length;
  for (const segment of segments) {
    if (left === 0) break;
    if (start >= segment.length) {
      start -= segment.length;
      continue;
    }
    const piece = Math.min(left, segment.length - start);
    pieces.push(piece === segment.length ? segment : segment.subarray(start, start + piece));
    left -= piece;
    start = 0;
  }
  return pieces;
}
