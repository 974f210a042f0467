// The 9P server alone, with the memory backend in the same thread: requests and bytes per second, beside the goals.
import { MemoryBackend } from '../../devices/9p/memory.ts';
import { rateCells, rateTitles } from './rate.ts';
import { figure, figureOrNone, print, table } from './report.ts';
import { measureServer } from './server-load.ts';

/** Rates that are wanted, in the units of the load. A Twalk comes with a Tclunk, which the goal does not count. */
const goals: Readonly<Record<string, number>> = {
  Tgetattr: 500_000,
  'Twalk of one name, Tclunk': 300_000,
  'Tread of 512 KB into pages': 4_000,
};

const rates = await measureServer(new MemoryBackend({ now: () => 1_700_000_000_000_000_000n }));
for (const name of Object.keys(goals)) {
  if (!rates.some((rate) => rate.name === name)) throw new Error(`the load has no ${name}`);
}
print(
  table(
    ['', ...rateTitles, 'goal', 'median / goal'],
    rates.map((rate) => {
      const goal = goals[rate.name];
      return [
        rate.name,
        ...rateCells(rate),
        figureOrNone(goal),
        goal === undefined ? '' : figure(rate.rate.median / goal),
      ];
    }),
  ),
);
