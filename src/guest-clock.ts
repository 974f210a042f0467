// The guest's clock, set by the host's.
import type { Agent } from './agent.ts';
import type { Platform } from './platform.ts';

/** Milliseconds that a guest's clock may be behind, and how often it is set for that: a busy host may not do better. */
const clockError = 5;
const clockAttempts = 4;

/**
 * Linux takes whole seconds from the board's clock and adds half of one: times of the host's files would lie in its future.
 * The guest is behind by the time that the word takes, so it is told again where that was long; nobody waits for the answer to
 * that, for what the agent is asked next it does after it.
 */
export async function setClock(agent: Agent, platform: Platform): Promise<void> {
  if (await tellTime(agent, platform)) return;
  const tellAgain = async (): Promise<void> => {
    for (let attempt = 1; attempt < clockAttempts; attempt++) if (await tellTime(agent, platform)) return;
  };
  // A guest that is gone needs no clock.
  tellAgain().catch(() => undefined);
}

/** Whether it was told soon enough. */
async function tellTime(agent: Agent, platform: Platform): Promise<boolean> {
  const start = platform.now();
  await agent.setClock(BigInt(Date.now()) * 1_000_000n);
  return platform.now() - start < clockError;
}
