// What the machine itself takes longer for when there is more memory to read from: a yardstick for whatever is looked up there.
import { scattered } from './growth-load.ts';
import { measureRate, type Rate } from './rate.ts';

/** Reads between two looks at what has to be measured. */
const steps = 64;

interface Place {
  next: Place | undefined;
  /** Makes it as large as it is to be. */
  readonly rest: readonly number[];
}

/**
 * Measures one read of a place in memory of which the last read has told, as no processor can do it before: among `count` objects
 * of `size` bytes, of as many of them and in the same order as a load asks for things.
 */
export function measureRead(count: number, size: number): Rate {
  const places = Array.from({ length: count }, (): Place => ({
    next: undefined,
    rest: Array.from({ length: Math.floor(size / 8) }, () => 0),
  }));
  const chosen = [...new Set(scattered(count))].map((index) => places[index]!);
  for (const [index, place] of chosen.entries()) place.next = chosen[(index + 1) % chosen.length];
  let place = chosen[0];
  const walk = (): void => {
    for (let step = 0; step < steps; step++) place = place?.next;
  };
  const rate = measureRate('one read', walk, steps);
  if (place === undefined || places.length !== count) throw new Error('the places are no ring');
  return rate;
}
