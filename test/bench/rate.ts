// How often something can be done per second.
import { figure, spread, type Spread } from './report.ts';

/** Milliseconds that one sample lasts, and how many there are. */
const duration = 250;
const repetitions = 7;
/** Calls between two looks at the clock. */
const batch = 32;

export interface Rate {
  readonly name: string;
  readonly rate: Spread;
  readonly unit: string;
}

/** Calls `once` again and again. `worth` is what one call counts for. */
export function measureRate(name: string, once: () => void, worth = 1, unit = 'per s'): Rate {
  const samples: number[] = [];
  // The first sample is for V8 to compile in, and does not count.
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    const start = performance.now();
    let count = 0;
    let elapsed = 0;
    while (elapsed < duration) {
      for (let call = 0; call < batch; call++) once();
      count += batch;
      elapsed = performance.now() - start;
    }
    if (repetition > 0) samples.push((count / elapsed) * 1000 * worth);
  }
  return { name, rate: spread(samples), unit };
}

/** The cells of a rate: the least, the median and the greatest. */
export const rateTitles = ['minimum', 'median', 'maximum', '|'];
export const rateCells = ({ rate, unit }: Rate): string[] => [
  figure(rate.minimum),
  figure(rate.median),
  figure(rate.maximum),
  unit,
];

/** The same of what is done when its promise is: one after another. */
export async function measureRateLater(
  name: string,
  once: () => Promise<void>,
  worth = 1,
  unit = 'per s',
): Promise<Rate> {
  const samples: number[] = [];
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    const start = performance.now();
    let count = 0;
    let elapsed = 0;
    while (elapsed < duration) {
      for (let call = 0; call < batch; call++) await once();
      count += batch;
      elapsed = performance.now() - start;
    }
    if (repetition > 0) samples.push((count / elapsed) * 1000 * worth);
  }
  return { name, rate: spread(samples), unit };
}
