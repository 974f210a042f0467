// The shortest cases in which fuzzing has found something, each mended since; and a moment of fuzzing itself. `make fuzz`
// goes on from here, `make conformance` does so for longer.
import { afterAll, expect, test } from 'vitest';
import { fuzz, readCorpus, replay } from './fuzz.ts';
import { Worlds } from './worlds.ts';

const worlds = new Worlds();
afterAll(() => worlds.dispose());

test.each([...readCorpus(new URL('corpus', import.meta.url).pathname)])('%s breaks nothing', async (_name, found) => {
  expect(await replay(found, worlds)).toBeUndefined();
});

test('two thousand messages and two hundred rings break nothing', async () => {
  const found: unknown[] = [];
  // The same each time: what a test of every day says must not depend on luck.
  const { messages, rings } = await fuzz({
    seed: 1,
    isEnough: (counts) => counts.messages.messages >= 2000 && counts.rings.rings >= 200,
    onFound: (...each) => void found.push(each),
  });
  expect(found).toEqual([]);
  // Far more than errors of a session that never began.
  expect(messages.outcomes).toBeGreaterThan(300);
  expect(rings.outcomes).toBeGreaterThan(10);
});
