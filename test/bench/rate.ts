// How often something can be done per second.
import type { Awaitable } from '../../devices/9p/backend.ts';
import { figure, spread, type Spread } from './report.ts';

/** Milliseconds that one sample lasts, and how many there are. */
const duration = 250;
export const repetitions = 7;
/** Calls between two looks at the clock. */
const batch = 32;

export interface Rate {
  readonly name: string;
  readonly rate: Spread;
  readonly unit: string;
}

/** What can be done again and again. */
export interface Load {
  readonly name: string;
  readonly once: () => void;
  /** What one call counts for; 1 without it. */
  readonly worth?: number | undefined;
  /** 'per s' without it. */
  readonly unit?: string | undefined;
}

/** Calls per second. */
function sample(once: () => void): number {
  const start = performance.now();
  let count = 0;
  let elapsed = 0;
  while (elapsed < duration) {
    for (let call = 0; call < batch; call++) once();
    count += batch;
    elapsed = performance.now() - start;
  }
  return (count / elapsed) * 1000;
}

/** Measures several by turns, so that what changes meanwhile, in the machine or a file system, changes for all. */
export function measureInTurn(loads: readonly Load[]): Rate[] {
  const samples = loads.map((): number[] => []);
  // The first round is for V8 to compile in, and does not count.
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    for (const [index, { once, worth = 1 }] of loads.entries()) {
      const rate = sample(once) * worth;
      if (repetition > 0) samples[index]!.push(rate);
    }
  }
  return loads.map(({ name, unit = 'per s' }, index) => ({ name, rate: spread(samples[index]!), unit }));
}

/** Calls `once` again and again. `worth` is what one call counts for. */
export function measureRate(name: string, once: () => void, worth = 1, unit = 'per s'): Rate {
  return measureInTurn([{ name, once, worth, unit }])[0]!;
}

/** The cells of a rate: the least, the median and the greatest. */
export const rateTitles = ['minimum', 'median', 'maximum', '|'];
export const rateCells = ({ rate, unit }: Rate): string[] => [
  figure(rate.minimum),
  figure(rate.median),
  figure(rate.maximum),
  unit,
];

/** Milliseconds of the processor that the process has used, by which other programs on the machine matter less. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The same of what may have to be waited for, one after another: calls per second of the processor. */
export async function sampleLater(once: () => Awaitable<void>): Promise<number> {
  const start = processorTime();
  let count = 0;
  let elapsed = 0;
  while (elapsed < duration) {
    for (let call = 0; call < batch; call++) {
      const later = once();
      if (later !== undefined) await later;
    }
    count += batch;
    elapsed = processorTime() - start;
  }
  return (count / elapsed) * 1000;
}
