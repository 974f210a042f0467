// One quantity, measured again and again of several things in several places by turns.
import { figure, geometricMean, spreadOrNone, type Spread } from './report.ts';

/** The less the faster: seconds, for example. */
export class Measurements {
  readonly #samples = new Map<string, number[]>();

  /** `value` is undefined where it is not known, and not counted. */
  add(place: string, name: string, value: number | undefined): void {
    if (value === undefined) return;
    const key = `${place} ${name}`;
    this.#samples.set(key, [...(this.#samples.get(key) ?? []), value]);
  }

  /** Forgets everything: what was measured so far was for warming up. */
  clear(): void {
    this.#samples.clear();
  }

  /** Undefined where nothing was measured. */
  of(place: string, name: string): Spread | undefined {
    return spreadOrNone(this.#samples.get(`${place} ${name}`) ?? []);
  }

  /** How many times as fast `place` is as `other`, by the medians; undefined where one of them was not measured. */
  speed(place: string, other: string, name: string): number | undefined {
    const [own, others] = [this.of(place, name), this.of(other, name)];
    return own && others && others.median / own.median;
  }

  /** A sentence on the speeds of all `names`; undefined where they were not all measured. */
  describeSpeeds(place: string, other: string, names: readonly string[]): string | undefined {
    const speeds = names.flatMap((name) => this.speed(place, other, name) ?? []);
    if (speeds.length < names.length) return undefined;
    const least = Math.min(...speeds);
    return `geometric mean **${figure(geometricMean(speeds))}**, the least ${figure(least)} (${names[speeds.indexOf(least)]})`;
  }
}
