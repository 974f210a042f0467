// Which stretches of the data file are free.
import type { Place } from './medium.ts';

/** Stretches begin and end at multiples of this: small files take little, and the list of what is free stays short. */
const unit = 512;
/** Free stretches that are looked at for one that is large enough, before the file grows. */
const longestSearch = 64;

/** Bytes that a stretch takes which is to hold so many. */
export function allocated(length: number): number {
  return Math.ceil(length / unit) * unit;
}

export class Allocator {
  /** Free stretches below `end`, by rising start, none touching the next. */
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];
  /** Where the last search ended: pieces that are written together lie together. */
  #cursor = 0;
  /** Bytes of the file that are in use, with the gaps between. */
  end = 0;

  /** Begins anew with these places taken. They do not overlap. */
  reset(places: Iterable<Place>): void {
    const taken = Array.from(places).sort((one, other) => one.offset - other.offset);
    this.#starts.length = 0;
    this.#lengths.length = 0;
    this.#cursor = 0;
    this.end = 0;
    for (const { offset, length } of taken) {
      if (offset > this.end) {
        this.#starts.push(this.end);
        this.#lengths.push(offset - this.end);
      }
      this.end = Math.max(this.end, offset + allocated(length));
    }
  }

  /** Takes a stretch of so many bytes. Returns where it begins. */
  take(length: number): number {
    const wanted = allocated(length);
    const count = this.#starts.length;
    for (let step = 0; step < Math.min(count, longestSearch); step++) {
      const index = (this.#cursor + step) % count;
      const free = this.#lengths[index] as number;
      if (free < wanted) continue;
      const start = this.#starts[index] as number;
      this.#cursor = index;
      if (free === wanted) {
        this.#starts.splice(index, 1);
        this.#lengths.splice(index, 1);
      } else {
        this.#starts[index] = start + wanted;
        this.#lengths[index] = free - wanted;
      }
      return start;
    }
    // The next search goes on behind what this one has seen.
    if (count > 0) this.#cursor = (this.#cursor + longestSearch) % count;
    const start = this.end;
    this.end += wanted;
    return start;
  }

  /** Gives back a stretch that was taken. */
  release({ offset, length }: Place): void {
    const starts = this.#starts;
    const lengths = this.#lengths;
    let start = offset;
    let freed = allocated(length);
    let index = this.#firstFrom(offset);
    const before = index - 1;
    if (before >= 0 && (starts[before] as number) + (lengths[before] as number) === start) {
      start = starts[before] as number;
      freed += lengths[before] as number;
      starts.splice(before, 1);
      lengths.splice(before, 1);
      index = before;
    }
    if (starts[index] === start + freed) {
      freed += lengths[index] as number;
      starts.splice(index, 1);
      lengths.splice(index, 1);
    }
    if (start + freed === this.end) {
      this.end = start;
      return;
    }
    starts.splice(index, 0, start);
    lengths.splice(index, 0, freed);
  }

  /** The index of the first free stretch that begins at `offset` or behind. */
  #firstFrom(offset: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] as number) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
