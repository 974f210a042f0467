// A map whose keys go and come again. V8's Map keeps what was deleted in the chain of its hash until it grows, so a key that
// comes back again and again in a large map costs more each time: 100 us with 100,000 entries beside it. Here a key stays,
// with nothing under it, and the map is made anew once most of it is that.
export class LastingMap<K, V extends object> {
  #map = new Map<K, V | undefined>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(key: K): boolean {
    return this.#map.get(key) !== undefined;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  set(key: K, value: V): void {
    if (this.#map.get(key) === undefined) this.#size++;
    this.#map.set(key, value);
  }

  delete(key: K): void {
    if (this.#map.get(key) === undefined) return;
    this.#size--;
    this.#map.set(key, undefined);
    // Each removal pays for a step of this.
    if (this.#map.size > 2 * this.#size + fewest) this.#map = new Map(this.#live());
  }

  /** The keys that have values. What is deleted meanwhile may still come. */
  *keys(): Generator<K, void> {
    for (const [key] of this.#live()) yield key;
  }

  *#live(): Generator<[K, V], void> {
    for (const [key, value] of this.#map) if (value !== undefined) yield [key, value];
  }
}

/** So many empty keys are nothing to clear away. */
const fewest = 64;
