// make fuzz SECONDS=N SEED=N: fuzzes for a while, and writes what it finds into the corpus, where `make test` finds it.
import { keepCase, fuzz } from './fuzz.ts';

const [corpus = 'corpus', seconds = '', seed = ''] = process.argv.slice(2);
const length = Number(seconds || 60);
const chosen = Number(seed || Date.now() % 2 ** 31);
/** The most cases that are written: what is found all the time has been found. */
const mostFound = 20;

process.stdout.write(`FUZZ_SEED=${chosen}, ${length} s\n`);
const start = performance.now();
const names = new Set<string>();
const counts = await fuzz({
  seed: chosen,
  isEnough: ({ found }) => performance.now() - start >= length * 1000 || found >= mostFound,
  onFound: (found, violation) => {
    const name = keepCase(corpus, found);
    if (names.has(name)) return;
    names.add(name);
    process.stdout.write(`${violation.message.split('\n').slice(0, 4).join('\n')}\n  kept in ${corpus}/${name}\n`);
  },
});
const { messages, rings } = counts;
process.stdout.write(
  `${messages.messages} messages in ${messages.cases} cases, answered in ${messages.outcomes} ways; ` +
    `${rings.rings} rings in ${rings.cases} cases, ${rings.outcomes} kinds of chains and faults; ` +
    `${names.size} new cases\n`,
);
process.exitCode = names.size > 0 ? 1 : 0;
