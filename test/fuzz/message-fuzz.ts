// Cases of messages one after another. Feedback is what a client sees: a case in which a message was answered in a way, on a
// kind of fid and behind a message, as never before is kept, and later cases begin like one that was kept. Coverage of lines
// was the alternative: taking it from V8 costs more than the ten or so messages that it would be taken for, and every line
// of the server is reached within seconds anyway; what is rare is a state behind them.
import { Dice } from './dice.ts';
import type { MessageCase, MessageStep, SendStep, WorldName } from './message-case.ts';
import { MessageRunner } from './message-run.ts';
import { ampleRoom, MessageSource } from './message-source.ts';
import { shrink } from './shrink.ts';
import { violationOf } from './violation.ts';
import type { Violation } from './violation.ts';
import type { World, Worlds } from './worlds.ts';

/** The most messages of a case. */
const longestCase = 200;
/** The most cases that are kept to begin others with. */
const mostKept = 400;
/** A beginning that is kept is at most as long as this. */
const longestBeginning = 40;

export interface MessageCounts {
  messages: number;
  cases: number;
  /** Ways in which messages were answered, see above. */
  outcomes: number;
}

export class MessageFuzzer {
  readonly counts: MessageCounts = { messages: 0, cases: 0, outcomes: 0 };
  readonly #dice: Dice;
  readonly #worlds: Worlds;
  readonly #seen = new Set<number>();
  readonly #kept = new Map<WorldName, (readonly MessageStep[])[]>();
  #steps: MessageStep[] = [];

  constructor(seed: number, worlds: Worlds) {
    this.#dice = new Dice(seed);
    this.#worlds = worlds;
  }

  /** Runs one case in a world. Returns it as short as possible if it broke something. */
  async next(world: WorldName): Promise<{ readonly found: MessageCase; readonly violation: Violation } | undefined> {
    this.counts.cases++;
    try {
      await this.#run(world);
      return undefined;
    } catch (error) {
      const violation = violationOf(error);
      const run = async (steps: readonly MessageStep[]): Promise<Violation | undefined> =>
        replayMessages({ kind: 'messages', world, steps }, this.#worlds);
      const steps = await shrink(this.#steps, violation, run, simpler);
      return { found: { kind: 'messages', note: violation.what, world, steps }, violation };
    }
  }

  async #run(name: WorldName): Promise<void> {
    const steps: MessageStep[] = [];
    this.#steps = steps;
    await inWorld(this.#worlds.make(name), async (runner) => this.#fill(name, steps, runner));
    this.counts.outcomes = this.#seen.size;
  }

  async #fill(name: WorldName, steps: MessageStep[], runner: MessageRunner): Promise<void> {
    const dice = this.#dice;
    let isNew = false;
    runner.onOutcome = (outcome) => {
      if (this.#seen.has(outcome)) return;
      this.#seen.add(outcome);
      isNew = true;
    };
    const take = async (step: MessageStep): Promise<void> => {
      steps.push(step);
      if (step.do === 'send') this.counts.messages++;
      await runner.step(step);
      if (isNew && steps.length <= longestBeginning) this.#keep(name, steps.slice());
      isNew = false;
    };
    for (const step of this.#beginning(name)) await take(step);
    const source = new MessageSource(dice, name);
    const length = dice.between(20, longestCase);
    while (steps.length < length) await take(source.next(runner.model));
    await runner.end(steps.length % 2 === 0);
  }

  #keep(world: WorldName, steps: readonly MessageStep[]): void {
    const kept = this.#kept.get(world) ?? [];
    this.#kept.set(world, kept);
    if (kept.length < mostKept) kept.push(steps);
    else kept[this.#dice.below(mostKept)] = steps;
  }

  /** How a case begins: with one that was kept, a step left out or doubled here and there; or with nothing. */
  #beginning(world: WorldName): readonly MessageStep[] {
    const dice = this.#dice;
    const kept = this.#kept.get(world) ?? [];
    if (kept.length === 0 || dice.once(2)) return [];
    return dice.pick(kept).flatMap((step) => (dice.once(20) ? [] : dice.once(20) ? [step, step] : [step]));
  }
}

async function inWorld(world: World, run: (runner: MessageRunner) => Promise<void>): Promise<void> {
  try {
    await run(new MessageRunner(world));
  } catch (error) {
    await world.abandon();
    throw error;
  }
}

/** Runs a case as it is written; gives what it broke. */
export async function replayMessages({ world, steps }: MessageCase, worlds: Worlds): Promise<Violation | undefined> {
  try {
    await inWorld(worlds.make(world), async (runner) => {
      for (const step of steps) await runner.step(step);
      await runner.end(steps.length % 2 === 0);
    });
    return undefined;
  } catch (error) {
    return violationOf(error);
  }
}

function simpler(step: MessageStep): readonly MessageStep[] {
  if (step.do !== 'send') return [];
  const { spoiled, shorter, cuts, ...plain } = step;
  const simple: SendStep[] = [];
  if (spoiled !== undefined || shorter !== undefined || cuts !== undefined) simple.push(plain);
  if (cuts !== undefined) simple.push({ ...plain, ...(spoiled && { spoiled }), ...(shorter && { shorter }) });
  if (step.room !== ampleRoom) simple.push({ ...step, room: ampleRoom });
  if (step.tag !== 0) simple.push({ ...step, tag: 0 });
  for (const [name, value] of Object.entries(step.body))
    if (value instanceof Uint8Array && value.length > 0)
      simple.push({ ...step, body: { ...step.body, [name]: new Uint8Array(0) } });
  if (step.data !== undefined && step.data.length > 1)
    simple.push({ ...step, data: step.data.slice(0, 1), body: { ...step.body, count: 1 } });
  return simple;
}
