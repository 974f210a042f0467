// Hostile messages and rings in numbers. FUZZ_SEED repeats a run; VM9_SCALE=full runs ten million messages and a million
// rings. What is found is written beside the results, as short as it gets; it belongs into test/fuzz/corpus.
import { expect, it } from 'vitest';
import { fuzz, keepCase } from '../fuzz/fuzz.ts';
import { usedMemory } from '../used-memory.ts';

const isFull = process.env['VM9_SCALE'] === 'full';
const wanted = isFull ? 10_000_000 : 250_000;
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
/** Bytes that the process may have more at the end than after a fifth: what the fuzzer itself keeps to begin cases with. */
const mostGrowth = 64 * 2 ** 20;

it(`${wanted.toLocaleString('en')} messages and a tenth as many rings break nothing`, async () => {
  console.log(`FUZZ_SEED=${seed}`);
  const found: string[] = [];
  let early: number | undefined;
  const start = performance.now();
  const { messages, rings } = await fuzz({
    seed,
    isEnough: (counts) => {
      if (counts.messages.messages >= wanted / 5) early ??= usedMemory();
      return found.length > 5 || (counts.messages.messages >= wanted && counts.rings.rings >= wanted / 10);
    },
    onFound: (broken, violation) =>
      void found.push(`${violation.message}\n${keepCase('dist/test-results/fuzz', broken)}`),
  });
  const seconds = Math.round((performance.now() - start) / 1000);
  console.log(
    `${messages.messages} messages, answered in ${messages.outcomes} ways; ${rings.rings} rings, ` +
      `${rings.outcomes} kinds of chains and faults; ${seconds} s`,
  );
  expect(found).toEqual([]);
  expect(usedMemory() - (early ?? 0)).toBeLessThan(mostGrowth);
});
