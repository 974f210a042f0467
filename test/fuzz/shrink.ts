// Makes a case that breaks something as short as it gets while it still breaks the same thing.
import type { Violation } from './violation.ts';

/**
 * `run` gives the violation of the steps, if there is one; `simpler` gives what a step could be instead, simplest first.
 * Steps go in ever smaller blocks (delta debugging), then one by one until nothing more can go.
 */
export async function shrink<Step>(
  steps: readonly Step[],
  wanted: Violation,
  run: (steps: readonly Step[]) => Promise<Violation | undefined>,
  simpler: (step: Step) => readonly Step[],
): Promise<readonly Step[]> {
  let best = steps;
  const tryInstead = async (candidate: readonly Step[]): Promise<boolean> => {
    if ((await run(candidate))?.what !== wanted.what) return false;
    best = candidate;
    return true;
  };
  for (let hasShrunk = true; hasShrunk;) {
    hasShrunk = false;
    for (let block = best.length; block >= 1; block = Math.floor(block / 2)) {
      for (let at = 0; at < best.length;) {
        if (await tryInstead([...best.slice(0, at), ...best.slice(at + block)])) hasShrunk = true;
        else at += block;
      }
    }
    for (let at = 0; at < best.length; at++) {
      for (const step of simpler(best[at] as Step)) {
        if (await tryInstead(best.with(at, step))) {
          hasShrunk = true;
          break;
        }
      }
    }
  }
  return best;
}
