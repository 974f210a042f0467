// Processes of shares that are killed at random moments, between any two calls to the host and within them. KILL_SEED repeats
// a run; VM9_SCALE=full kills two thousand of each kind.
import { expect, it } from 'vitest';
import { killAgainAndAgain } from '../node/node-fs/killed.ts';
import { capabilities } from '../node/node-fs/shared-folder.ts';

const count = process.env['VM9_SCALE'] === 'full' ? 2000 : 100;
const seed = Number(process.env['KILL_SEED'] ?? Date.now() % 2 ** 31);
/** Owners are the host's in the last two, which only root may give away. */
const models =
  process.getuid?.() === 0 ? (['default', 'mapped', 'passthrough', 'none'] as const) : (['default', 'mapped'] as const);

it.runIf(capabilities.xattrs).each(models)(
  `${count} killed processes of security=%s leave what was done, and nothing half made`,
  async (model) => {
    console.log(`KILL_SEED=${seed}`);
    const { killed, during } = await killAgainAndAgain(model, seed, count);
    const kinds = [...during].map(([kind, number]) => `${number} ${kind}`).join(', ');
    console.log(`security=${model}: ${killed} killed; under way were ${kinds}`);
    expect(killed).toBeGreaterThan(count / 2);
  },
);
