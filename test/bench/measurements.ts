// One quantity, measured again and again of several things in several places by turns.
import { figure, geometricMean, spreadOrNone, type Spread } from './report.ts';

/** What tells of speed: seconds, for example, of which less is faster, or how many there were in a second. */
export class Measurements {
  readonly #faster: 'less' | 'more';
  readonly #samples = new Map<string, number[]>();

  constructor(faster: 'less' | 'more' = 'less') {
    this.#faster = faster;
  }

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
    if (own === undefined || others === undefined) return undefined;
    return this.#faster === 'less' ? others.median / own.median : own.median / others.median;
  }

  /** A sentence on the speeds of all `names`; undefined where they were not all measured. */
  describeSpeeds(place: string, other: string, names: readonly string[]): string | undefined {
    const speeds = names.flatMap((name) => this.speed(place, other, name) ?? []);
    if (speeds.length < names.length) return undefined;
    return describeRatios(names.map((name, index) => [name, speeds[index]!]));
  }
}

/** A sentence on what was measured of each name. */
export function describeRatios(ratios: readonly (readonly [name: string, ratio: number])[]): string {
  const all = ratios.map(([, value]) => value);
  const least = Math.min(...all);
  const [name] = ratios[all.indexOf(least)]!;
  return `geometric mean **${figure(geometricMean(all))}**, the least ${figure(least)} (${name})`;
}
