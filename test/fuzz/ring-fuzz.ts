// Cases of rings one after another.
import type { TransportName } from '../transports.ts';
import { Dice } from './dice.ts';
import type { RingCase, RingStep } from './ring-case.ts';
import { RingRunner, runRings } from './ring-run.ts';
import { RingSource } from './ring-source.ts';
import { shrink } from './shrink.ts';
import { violationOf } from './violation.ts';
import type { Violation } from './violation.ts';

/** The most steps of a case. */
const longestCase = 150;

export interface RingCounts {
  /** Queues that were set up and notified. */
  rings: number;
  cases: number;
  /** Kinds of chains, of faults, and of answers. */
  outcomes: number;
}

export class RingFuzzer {
  readonly counts: RingCounts = { rings: 0, cases: 0, outcomes: 0 };
  readonly #dice: Dice;
  readonly #seen = new Set<string>();

  constructor(seed: number) {
    this.#dice = new Dice(seed);
  }

  /** Runs one case. Returns it as short as possible if it broke something. */
  async next(): Promise<{ readonly found: RingCase; readonly violation: Violation } | undefined> {
    const waits = this.#dice.once(3);
    const transport = this.#dice.pick<TransportName>(['mmio', 'pci']);
    const steps: RingStep[] = [];
    this.counts.cases++;
    try {
      await this.#run(waits, transport, steps);
      return undefined;
    } catch (error) {
      const violation = violationOf(error);
      const run = async (candidate: readonly RingStep[]): Promise<Violation | undefined> =>
        replayRings({ kind: 'rings', waits, transport, steps: candidate });
      const shortest = await shrink(steps, violation, run, () => []);
      return { found: { kind: 'rings', note: violation.what, waits, transport, steps: shortest }, violation };
    }
  }

  async #run(waits: boolean, transport: TransportName, steps: RingStep[]): Promise<void> {
    const runner = new RingRunner(waits, transport);
    const source = new RingSource(this.#dice, transport);
    runner.onOutcome = (outcome) => void this.#seen.add(outcome);
    const length = this.#dice.between(10, longestCase);
    let batch = source.start();
    while (steps.length < length) {
      for (const step of batch) {
        steps.push(step);
        await runner.step(step);
      }
      batch = source.next();
    }
    await runner.end();
    this.counts.rings += runner.rings;
    this.counts.outcomes = this.#seen.size;
  }
}

/** Runs a case as it is written; gives what it broke. */
export async function replayRings(ringCase: RingCase): Promise<Violation | undefined> {
  try {
    await runRings(ringCase);
    return undefined;
  } catch (error) {
    return violationOf(error);
  }
}
