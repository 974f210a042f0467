// The requests that are kept for looking at, and those of them that pass the filter.
import type { RequestRecord } from './requests.ts';

export interface Filter {
  /** Words that must all occur in type, path, error or share. */
  readonly text: string;
  /** A message type, `Twalk`; empty for all. */
  readonly type: string;
  readonly errorsOnly: boolean;
}

export const everything: Filter = { text: '', type: '', errorsOnly: false };

export function matches({ share, path, event }: RequestRecord, { text, type, errorsOnly }: Filter): boolean {
  if (errorsOnly && event.error === undefined) return false;
  if (type !== '' && event.type !== type) return false;
  if (text === '') return true;
  const all = `${event.type} ${path} ${event.error ?? ''} ${share}`.toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

/** The newest requests, as many as `capacity`: at ten thousand a second a page must forget. */
export class RequestLog {
  readonly #capacity: number;
  #records: RequestRecord[] = [];
  #shown: RequestRecord[] = [];
  #filter = everything;
  readonly #types = new Set<string>();
  #forgotten = 0;

  constructor(capacity = 20_000) {
    this.#capacity = capacity;
  }

  /** Those that pass the filter, in the order they came. */
  get shown(): readonly RequestRecord[] {
    return this.#shown;
  }

  get length(): number {
    return this.#records.length;
  }

  /** How many were dropped to stay within the capacity. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** Message types that have come so far, sorted. */
  get types(): readonly string[] {
    return [...this.#types].sort();
  }

  get filter(): Filter {
    return this.#filter;
  }

  set filter(filter: Filter) {
    this.#filter = filter;
    this.#shown = this.#records.filter((record) => matches(record, filter));
  }

  add(record: RequestRecord): void {
    this.#records.push(record);
    this.#types.add(record.event.type);
    if (matches(record, this.#filter)) this.#shown.push(record);
    // A quarter at a time: shifting an array of this size for every request would cost more than the request.
    if (this.#records.length > this.#capacity * 1.25) this.#forget(this.#records.length - this.#capacity);
  }

  clear(): void {
    this.#records = [];
    this.#shown = [];
    this.#types.clear();
    this.#forgotten = 0;
  }

  #forget(count: number): void {
    this.#records = this.#records.slice(count);
    this.#forgotten += count;
    const oldest = this.#records[0]?.id ?? Infinity;
    const first = this.#shown.findIndex(({ id }) => id >= oldest);
    this.#shown = first === -1 ? [] : this.#shown.slice(first);
  }
}
