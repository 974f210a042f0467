// Which bytes of a file: ranges that do not touch each other, in order.

export interface Range {
  readonly start: number;
  readonly end: number;
}

export class Ranges {
  #ranges: Range[] = [];

  get all(): readonly Range[] {
    return this.#ranges;
  }

  clear(): void {
    this.#ranges = [];
  }

  add(start: number, end: number): void {
    if (start >= end) return;
    const last = this.#ranges.at(-1);
    // What is written is mostly written in order.
    if (last === undefined || start > last.end) {
      this.#ranges.push({ start, end });
      return;
    }
    if (start >= last.start) {
      if (end > last.end) this.#ranges[this.#ranges.length - 1] = { start: last.start, end };
      return;
    }
    const first = this.#firstEndingFrom(start);
    let from = start;
    let to = end;
    let next = first;
    for (; next < this.#ranges.length; next++) {
      const range = this.#ranges[next] as Range;
      if (range.start > end) break;
      from = Math.min(from, range.start);
      to = Math.max(to, range.end);
    }
    this.#ranges.splice(first, next - first, { start: from, end: to });
  }

  /** Takes away everything from `end` on. */
  cut(end: number): void {
    const kept = this.#firstEndingFrom(end + 1);
    const crossing = this.#ranges[kept];
    this.#ranges.length = kept;
    if (crossing !== undefined && crossing.start < end) this.#ranges.push({ start: crossing.start, end });
  }

  /** What of `start` to `end` is in no range. */
  gaps(start: number, end: number): Range[] {
    const found: Range[] = [];
    let at = start;
    for (let i = this.#firstEndingFrom(start); at < end; i++) {
      const range = this.#ranges[i];
      if (range === undefined || range.start >= end) {
        found.push({ start: at, end });
        break;
      }
      if (range.start > at) found.push({ start: at, end: range.start });
      at = Math.max(at, range.end);
    }
    return found;
  }

  /** The place of the first range that ends at `position` or behind it. */
  #firstEndingFrom(position: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle] as Range).end >= position) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
