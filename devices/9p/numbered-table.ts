// A table by numbers that somebody else chooses. Whoever takes the least that is free, as Linux does, is served by an array: one
// place in memory for each look. What lies far from the others goes to a map, so that the array has at most two places for each
// number that was ever there at once.
import { LastingMap } from './lasting-map.ts';

/** Below this number everything is in the array. */
const alwaysNear = 256;

export class NumberedTable<V extends object> {
  readonly #near: (V | undefined)[] = [];
  #nearCount = 0;
  /** What was beyond the array when it was added. */
  readonly #far = new LastingMap<number, V>();

  get size(): number {
    return this.#nearCount + this.#far.size;
  }

  has(number: number): boolean {
    return this.get(number) !== undefined;
  }

  get(number: number): V | undefined {
    const near = number < this.#near.length ? this.#near[number] : undefined;
    return near === undefined && this.#far.size > 0 ? this.#far.get(number) : near;
  }

  set(number: number, value: V): void {
    const isBeyond = number >= this.#near.length && number >= alwaysNear + 2 * this.size;
    if (isBeyond || (this.#far.size > 0 && this.#far.has(number))) {
      this.#far.set(number, value);
      return;
    }
    while (this.#near.length <= number) this.#near.push(undefined);
    if (this.#near[number] === undefined) this.#nearCount++;
    this.#near[number] = value;
  }

  delete(number: number): void {
    if (number >= this.#near.length || this.#near[number] === undefined) {
      this.#far.delete(number);
      return;
    }
    this.#near[number] = undefined;
    this.#nearCount--;
  }

  /** The numbers that have values. What is deleted meanwhile may still come. */
  *keys(): Generator<number, void> {
    for (let number = 0; number < this.#near.length; number++) if (this.#near[number] !== undefined) yield number;
    yield* this.#far.keys();
  }
}
