// Messages in guest memory lie scattered over segments, cut anywhere. A byte of a request is copied at most once: the
// guest runs on, and could change it between two looks.
import type { Bytes } from '../ports.ts';

/** Below this length a loop over the bytes is faster than a view and a copy of it (measured in V8). */
const shortCopy = 32;

export function totalLength(segments: readonly Bytes[]): number {
  let total = 0;
  for (const segment of segments) total += segment.length;
  return total;
}

function copy(source: Bytes, from: number, target: Bytes, to: number, length: number): void {
  if (length > shortCopy) {
    target.set(source.subarray(from, from + length), to);
    return;
  }
  for (let i = 0; i < length; i++) target[to + i] = source[from + i] as number;
}

type Direction = 'into segments' | 'out of segments';

/** Copies between `length` bytes at `offset` of the segments, which must have them, and the place `at` of `memory`. */
function transfer(
  direction: Direction,
  segments: readonly Bytes[],
  offset: number,
  length: number,
  memory: Bytes,
  at: number,
): void {
  let start = offset;
  let copied = 0;
  for (const segment of segments) {
    if (copied === length) return;
    if (start >= segment.length) {
      start -= segment.length;
      continue;
    }
    const piece = Math.min(length - copied, segment.length - start);
    if (direction === 'into segments') copy(memory, at + copied, segment, start, piece);
    else copy(segment, start, memory, at + copied, piece);
    copied += piece;
    start = 0;
  }
}

/** Copies `length` bytes at `offset` of the segments, which must have them, to the place `to` of `target`. */
export function gather(segments: readonly Bytes[], offset: number, length: number, target: Bytes, to: number): void {
  transfer('out of segments', segments, offset, length, target, to);
}

/** Copies the first `length` bytes of `source` to `offset` of the segments, which must have room for them. */
export function scatter(source: Bytes, length: number, segments: readonly Bytes[], offset: number): void {
  transfer('into segments', segments, offset, length, source, 0);
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
